"""Campaigns and their members as Salesforce shows them.

Belongs here: marketing's programs with what they cost, and who became a member. Does not: people.

Marketing's system writes a member for each program that a person entered, as its sync would.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from revops_pipelines.sandbox.salesforce import ids
from revops_pipelines.sandbox.salesforce.people import People
from revops_pipelines.sandbox.salesforce.staff import BASE, INTEGRATION
from revops_pipelines.sandbox.salesforce.story import Change, born_with, day_text, epoch_ms
from revops_pipelines.sandbox.salesforce.table import Listed
from revops_pipelines.sandbox.world.marketing_shapes import PROGRESSION, Program

Row = tuple[int, Sequence[Change], int | None]


def campaigns(people: People) -> Listed:
    """The Campaigns, by program."""
    return Listed("Campaign", [_campaign(each) for each in people.world.marketing.programs])


def members(people: People) -> Listed:
    """The CampaignMembers: once per person and campaign."""
    return Listed("CampaignMember", list(_members(people)))


def _campaign(program: Program) -> Row:
    starts, ends = program.starts_at * 1_000, program.ends_at * 1_000
    created = min(program.created_at * 1_000, starts)
    values = {
        "Name": program.name,
        "Type": program.channel,
        "Status": "Planned",
        "StartDate": day_text(starts),
        "EndDate": day_text(ends),
        "BudgetedCost": float(sum(cost.amount for cost in program.costs)),
        "ActualCost": 0.0,
        "IsActive": True,
        "NumberOfLeads": 0,
        "OwnerId": INTEGRATION,
        "CurrencyIsoCode": BASE,
    }
    later = [
        Change(starts, {"Status": "In Progress"}, INTEGRATION),
        Change(ends, {"Status": "Completed", "IsActive": False}, INTEGRATION),
    ]
    spent = 0.0
    for cost in sorted(program.costs, key=lambda cost: cost.seen_at):
        spent += cost.amount
        later.append(Change(cost.seen_at * 1_000, {"ActualCost": spent}, INTEGRATION))
    return program.program_id, born_with(Change(created, values, INTEGRATION), later), None


def _members(people: People) -> Iterator[Row]:
    world = people.world
    person_of = {lead.lead_id: lead.person_index for lead in world.marketing.leads}
    position_of = {
        contact.person_index: position
        for position, contact in enumerate(world.contacts)
        if contact.kind == "primary"
    }
    known: set[tuple[int, int]] = set()
    for activity in world.marketing.activities:
        program, person = activity.value_id, person_of.get(activity.lead_id)
        if activity.type_id != PROGRESSION or program is None or person is None:
            continue
        if (program, person) in known:
            continue
        known.add((program, person))
        # Marketing may know somebody a moment before the CRM does.
        at = max(activity.at, -(-epoch_ms(world.people[person].created_at) // 1_000)) * 1_000
        gone = people.gone(world.people[person])
        if gone is None or at < gone:
            yield _member(people, len(known), (program, person), position_of[person], at)


def _member(people: People, number: int, link: tuple[int, int], position: int, at: int) -> Row:
    program, person = link
    steps = people.steps(position)
    values = {
        "CampaignId": ids.record_id("Campaign", program),
        "LeadId": None if people.is_direct[person] else ids.lead_id(person),
        "Status": "Responded",
        "HasResponded": True,
        "FirstRespondedDate": day_text(at),
        "CurrencyIsoCode": BASE,
    }
    later = []
    for since, id_ in steps:
        is_contact = id_ is not None and id_.startswith(ids.PREFIXES["Contact"])
        moved = {
            "ContactId": id_ if is_contact else None,
            "LeadOrContactId": id_,
            "Type": "Contact" if is_contact else "Lead",
        }
        if id_ is not None:
            later.append(Change(since, moved, INTEGRATION, is_silent=True))
    gone = people.gone(people.world.people[person])
    return number, born_with(Change(at, values, INTEGRATION), later), gone
