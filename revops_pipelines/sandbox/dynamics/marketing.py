"""Campaigns, responses to them, goals.

Belongs here: these rows. Goals are no part of the world: each seller has one a quarter, worked out
from the team. Does not: leads (`people.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from revops_pipelines.sandbox.dynamics.company import Company
from revops_pipelines.sandbox.dynamics.ids import guid
from revops_pipelines.sandbox.dynamics.people import People, Record
from revops_pipelines.sandbox.dynamics.shapes import OWN
from revops_pipelines.sandbox.dynamics.shelf import Row
from revops_pipelines.sandbox.dynamics.story import Change, Ref, epoch_ms, in_order, moment_of
from revops_pipelines.sandbox.world.company import TEAMS
from revops_pipelines.sandbox.world.fx import BASE_CURRENCY
from revops_pipelines.sandbox.world.marketing_shapes import Program

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
# A seller's target of a quarter, in dollars, by the team's place.
_TARGETS = (260_000, 220_000, 180_000, 180_000, 140_000)


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
    """What each seller is to win in a quarter, set a week before it begins."""
    world = company.world
    metric = Ref("metric", guid("metric", REVENUE), "Revenue")
    places = {team.name: place for place, team in enumerate(TEAMS)}
    for quarter, (first, after) in enumerate(_quarters(world.start.date(), world.end.date())):
        begins = datetime(first.year, first.month, first.day, tzinfo=UTC)
        for user in world.users:
            if user.left_at is not None and user.left_at <= begins:
                continue
            made = max(company.made, epoch_ms(begins - timedelta(days=7)))
            values = {
                "title": f"{user.name} {first:%Y}-Q{(first.month + 2) // 3}",
                "goalownerid": company.user(user.index),
                "ownerid": company.user(user.index),
                "metricid": metric,
                "goalstartdate": begins,
                "goalenddate": datetime(after.year, after.month, after.day, tzinfo=UTC)
                - timedelta(days=1),
                "isamount": True,
                "isfiscalperiodgoal": False,
                "statecode": 0,
                "statuscode": 0,
                **company.priced(
                    BASE_CURRENCY, first, targetmoney=Decimal(_TARGETS[places[user.team]])
                ),
            }
            yield Row(1 + quarter * 10_000 + user.index, [Change(made, values)])


def metrics(company: Company) -> Iterator[Row]:
    """What goals are measured by."""
    yield Row(REVENUE, [Change(company.made, {"name": "Revenue", "statecode": 0, "statuscode": 1})])


def _quarters(start: date, end: date) -> Iterator[tuple[date, date]]:
    first = date(start.year, (start.month - 1) // 3 * 3 + 1, 1)
    while first < end:
        after = date(first.year + (first.month + 2) // 12, (first.month + 2) % 12 + 1, 1)
        yield first, after
        first = after
