"""Campaigns, responses to them, goals.

Belongs here: these rows. Does not: what the targets are (`world.quotas`), leads (`people.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

from revops_pipelines.sandbox.dynamics.company import Company
from revops_pipelines.sandbox.dynamics.ids import guid
from revops_pipelines.sandbox.dynamics.people import People, Record
from revops_pipelines.sandbox.dynamics.shapes import OWN
from revops_pipelines.sandbox.dynamics.shelf import Row
from revops_pipelines.sandbox.dynamics.story import Change, Ref, epoch_ms, in_order, moment_of
from revops_pipelines.sandbox.world.fx import BASE_CURRENCY
from revops_pipelines.sandbox.world.marketing_shapes import Program
from revops_pipelines.sandbox.world.quotas import RAISED_AFTER, Target, quotas

TYPES = {
    "Online Advertising": 1,
    "Tradeshow": 3,
    "Webinar": OWN,
    "Content": OWN + 1,
    "Email Send": OWN + 2,
    "Partner": OWN + 3,
    "Nurture": OWN + 4,
    "Web Request": OWN + 5,
}
PROPOSED, LAUNCHED, COMPLETED = 0, 2, 3
REVENUE = 1


def campaigns(company: Company) -> Iterator[Row]:
    """The marketing programs, as campaigns that start, cost and end."""
    for program in company.world.marketing.programs:
        yield Row(program.program_id, in_order(_campaign(company, program)))


def _campaign(company: Company, program: Program) -> Iterator[Change]:
    made = program.created_at * 1_000
    starts = datetime.fromtimestamp(program.starts_at, UTC)
    ends = datetime.fromtimestamp(program.ends_at, UTC)
    planned = Decimal(sum(cost.amount for cost in program.costs))
    yield Change(
        made,
        {
            "name": program.name,
            "codename": f"CMP-{program.program_id}",
            "typecode": TYPES[program.channel],
            "proposedstart": starts,
            "proposedend": ends,
            "statecode": 0,
            "statuscode": PROPOSED,
            "ownerid": company.user(0),
            **company.priced(
                BASE_CURRENCY, starts.date(), budgetedcost=planned, totalactualcost=Decimal(0)
            ),
        },
    )
    yield Change(
        max(made, program.starts_at * 1_000), {"statuscode": LAUNCHED, "actualstart": starts}
    )
    yield Change(program.ends_at * 1_000, {"statuscode": COMPLETED, "actualend": ends})
    spent = Decimal(0)
    for cost in sorted(program.costs, key=lambda cost: cost.seen_at):
        spent += cost.amount
        yield Change(
            max(made, cost.seen_at * 1_000),
            {"totalactualcost": spent, "totalactualcost_base": spent},
        )


def responses(people: People) -> Iterator[Row]:
    """A response for each raised hand: to what brought the person, later to the website."""
    for record in people.records:
        person = record.person
        if record.contact.kind not in ("primary", "former") or person.raised_at is None:
            continue
        at = epoch_ms(person.raised_at)
        yield from _response(people, record, at, people.campaign_of(person, at), 2)
        if person.raised_again_at is not None:
            yield from _response(
                people, record, epoch_ms(person.raised_again_at), people.website(), 3
            )


def _response(people: People, record: Record, at: int, to: Ref, place: int) -> Iterator[Row]:
    person = record.person
    if record.gone is not None and record.gone <= at:
        return
    values = {
        "subject": f"Response to {to.name}",
        "activitytypecode": "campaignresponse",
        "regardingobjectid": to,
        "receivedon": moment_of(at),
        "firstname": person.first_name,
        "lastname": person.last_name,
        "emailaddress": record.contact.email,
        "responsecode": 1,
        "channeltypecode": OWN,
        "statecode": 1,
        "statuscode": 2,
        "ownerid": people.company.queue,
        "createdby": people.company.machine(101),
    }
    yield Row(record.number + place, [Change(at, values)], record.gone)


def goals(company: Company) -> Iterator[Row]:
    """What each seller is to win in a quarter."""
    metric = Ref("metric", guid("metric", REVENUE), "Revenue")
    for number, (user, target) in enumerate(quotas(company.world), 1):
        first = target.quarter
        values = {
            "title": f"{user.name} {first:%Y}-Q{(first.month + 2) // 3}",
            "goalownerid": company.user(user.index),
            "ownerid": company.user(user.index),
            "metricid": metric,
            "goalstartdate": target.begins_at,
            "goalenddate": _last_day(target),
            "isamount": True,
            "isfiscalperiodgoal": False,
            "statecode": 0,
            "statuscode": 0,
            **company.priced(BASE_CURRENCY, first, targetmoney=Decimal(target.amount)),
        }
        story = [Change(max(company.made, epoch_ms(target.set_at)), values)]
        if target.raised_to is not None:
            raised = company.priced(BASE_CURRENCY, first, targetmoney=Decimal(target.raised_to))
            story.append(Change(epoch_ms(target.set_at + RAISED_AFTER), raised))
        gone = target.withdrawn_at
        yield Row(number, story, None if gone is None else epoch_ms(gone))


def _last_day(target: Target) -> datetime:
    """Midnight of the quarter's last day, as a goal ends."""
    return target.ends_at.replace(hour=0, minute=0, second=0, microsecond=0)


def metrics(company: Company) -> Iterator[Row]:
    """What goals are measured by."""
    yield Row(REVENUE, [Change(company.made, {"name": "Revenue", "statecode": 0, "statuscode": 1})])
