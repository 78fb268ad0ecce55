"""Opportunities and what belongs to them: closes, products, stakeholders.

Belongs here: these rows, changed as a deal moves. Does not: audits of them (`audits.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

from revops_pipelines.sandbox.dynamics.company import Company
from revops_pipelines.sandbox.dynamics.ids import (
    CONTACT_ORIGINS,
    STEP_NAMES,
    guid,
    pipeline_value,
)
from revops_pipelines.sandbox.dynamics.people import People
from revops_pipelines.sandbox.dynamics.shapes import OWN
from revops_pipelines.sandbox.dynamics.shelf import Row
from revops_pipelines.sandbox.dynamics.story import Change, Ref, epoch_ms, in_order
from revops_pipelines.sandbox.world.deal_paths import StageChange
from revops_pipelines.sandbox.world.deals import LOST_REASONS, Deal

KIND_PLACES = {"new": 0, "expansion": 1, "renewal": 2}
PRODUCTS = {
    "new": (1, "Platform licence"),
    "expansion": (2, "Extra seats"),
    "renewal": (3, "Renewal"),
}
STAKEHOLDER, OF_STAKEHOLDER = 1, 2
# A deal's identifiers are 29 apart; these rows take the numbers behind it.
_CLOSES, _PEOPLE, _MIRRORED, _PRODUCT = 1, 10, 15, 20
_MOST_CLOSES = _PEOPLE - _CLOSES


class Opportunities:
    """The opportunities, in order of number."""

    name = "opportunity"

    def __init__(self, people: People) -> None:
        self._people = people
        self._company = people.company
        self.deals = people.world.deals

    def __len__(self) -> int:
        return len(self.deals)

    def number(self, position: int) -> int:
        """The number in its identifier."""
        return int(self.deals[position].hubspot_id)

    def gone(self, position: int) -> int | None:
        """When it was deleted."""
        return gone(self.deals[position])

    def moments(self, position: int) -> list[int]:
        """When it was made and changed."""
        return [change.at for change in self.story(position)]

    def story(self, position: int) -> list[Change]:
        """Its changes."""
        return in_order(self._changes(self.deals[position]))

    def _changes(self, deal: Deal) -> Iterator[Change]:
        born = epoch_ms(deal.created_at)
        yield Change(
            born,
            {
                "name": deal.name,
                "new_dealtype": OWN + KIND_PLACES[deal.kind],
                "new_termmonths": deal.term_months,
                "createdby": self._company.user(deal.owners[0][1]),
                "estimatedvalue": None,
            },
        )
        yield from self._customer(deal, born)
        for change in deal.stages:
            yield Change(epoch_ms(change.at), self._stage(change, deal))
        for at, amount in deal.amounts:
            values = self._company.priced(deal.currency, at.date(), estimatedvalue=amount)
            yield Change(epoch_ms(at), values)
        for at, index in deal.owners:
            yield Change(epoch_ms(at), {"ownerid": self._company.user(index)})
        yield from _dates(deal)

    def _customer(self, deal: Deal, born: int) -> Iterator[Change]:
        yield from self._company.account_then(deal.account_index, born, "parentaccountid")
        yield from self._company.account_then(deal.account_index, born, "customerid")
        if not deal.people:
            return
        record = self._people.main(deal.people[0])
        if record.contact_at is None or record.contact_at > born:
            return
        yield Change(born, {"parentcontactid": record.person_row})
        if deal.kind == "new" and record.contact.origin not in CONTACT_ORIGINS:
            yield Change(born, {"originatingleadid": record.lead})
        if record.gone is not None:
            at = max(born, record.gone)
            yield Change(at, {"parentcontactid": None, "originatingleadid": None})

    def _stage(self, change: StageChange, deal: Deal) -> dict[str, object]:
        stage, pipeline = change.stage, change.pipeline
        values: dict[str, object] = {"new_pipeline": pipeline_value(pipeline.id)}
        if not stage.is_closed:
            place = {"0.8": 2, "0.9": 3}.get(stage.probability, 1)
            return values | {
                "stepname": STEP_NAMES[pipeline.id, stage.id],
                "closeprobability": int(Decimal(stage.probability) * 100),
                "msdyn_forecastcategory": OWN + place,
                "statecode": 0,
                "statuscode": 1,
                "actualvalue": None,
                "actualvalue_base": None,
                "actualclosedate": None,
            }
        if stage.is_won:
            amount = deal.amount_at(change.at)
            # Setting one amount converts all of them at the day's rate.
            priced = self._company.priced(
                deal.currency, change.at.date(), actualvalue=amount, estimatedvalue=amount
            )
            return (
                values
                | priced
                | {
                    "statecode": 1,
                    "statuscode": 3,
                    "closeprobability": 100,
                    "msdyn_forecastcategory": OWN + 5,
                }
            )
        reason = 4
        if deal.lost_reason is not None:
            reason = OWN + LOST_REASONS.index(deal.lost_reason)
        return values | {
            "statecode": 2,
            "statuscode": reason,
            "closeprobability": 0,
            "msdyn_forecastcategory": OWN + 6,
        }


def gone(deal: Deal) -> int | None:
    """When the deal was deleted."""
    return None if deal.deleted_at is None else epoch_ms(deal.deleted_at)


def _dates(deal: Deal) -> Iterator[Change]:
    """Expected days while open; closing sets the actual one, which is set back now and then."""
    closed = [change.at for change in deal.stages if change.stage.is_closed]
    for at, day in deal.close_dates:
        values: dict[str, date] = {"estimatedclosedate": day}
        is_open = not any(moment <= at for moment in closed) or _reopened(deal, at)
        if not is_open:
            values["actualclosedate"] = day
        yield Change(epoch_ms(at), values)


def _reopened(deal: Deal, at: datetime) -> bool:
    last = deal.stages_at(at)[-1]
    return not last.stage.is_closed


def closes(company: Company, deals: Sequence[Deal]) -> Iterator[Row]:
    """An activity for each time that a deal was closed."""
    for deal in deals:
        ended = [change for change in deal.stages if change.stage.is_closed]
        for place, change in enumerate(ended[:_MOST_CLOSES]):
            at = epoch_ms(change.at)
            won = change.stage.is_won
            amount = deal.amount_at(change.at) if won else None
            values = {
                "subject": "Opportunity Won" if won else "Opportunity Lost",
                "activitytypecode": "opportunityclose",
                "opportunityid": _ref(deal),
                "opportunitystatecode": 1 if won else 2,
                "actualend": change.at,
                "statecode": 1,
                "statuscode": 2,
                "ownerid": company.user(
                    [user for since, user in deal.owners if since <= change.at][-1]
                ),
                **company.priced(deal.currency, change.at.date(), actualrevenue=amount),
            }
            yield Row(int(deal.hubspot_id) + _CLOSES + place, [Change(at, values)], _with(deal, at))


def lines(company: Company, deals: Sequence[Deal]) -> Iterator[Row]:
    """One product a deal, at the deal's price."""
    for deal in deals:
        number, product = PRODUCTS[deal.kind]
        story = []
        for at, amount in deal.amounts:
            if amount is not None:
                values = {
                    "productdescription": product,
                    "quantity": Decimal(1),
                    "opportunityid": _ref(deal),
                    "productid": Ref("product", guid("product", number), product),
                    "ownerid": company.user(deal.owners[0][1]),
                    **company.priced(
                        deal.currency, at.date(), priceperunit=amount, extendedamount=amount
                    ),
                }
                story.append(Change(epoch_ms(at), values))
        if story:
            yield Row(int(deal.hubspot_id) + _PRODUCT, story, _with(deal, story[0].at))


def products(company: Company) -> Iterator[Row]:
    """What is sold."""
    for number, name in PRODUCTS.values():
        values = {"name": name, "productnumber": f"NB-{number}", "statecode": 0, "statuscode": 1}
        yield Row(number, [Change(company.made, values)])


def roles(company: Company) -> Iterator[Row]:
    """What one row can be to another."""
    for number, name in ((STAKEHOLDER, "Stakeholder"), (OF_STAKEHOLDER, "Opportunity")):
        yield Row(number, [Change(company.made, {"name": name, "statecode": 0, "statuscode": 1})])


def stakeholders(people: People) -> Iterator[Row]:
    """People of each deal; Dataverse keeps every connection twice, once in each direction."""
    company = people.company
    stakeholder = Ref("connectionrole", guid("connectionrole", STAKEHOLDER), "Stakeholder")
    deal_role = Ref("connectionrole", guid("connectionrole", OF_STAKEHOLDER), "Opportunity")
    for deal in people.world.deals:
        for place, index in enumerate(deal.people):
            record = people.main(index)
            at = epoch_ms(deal.created_at)
            if record.contact_at is None or record.contact_at > at:
                continue
            ends = min((t for t in (record.gone, gone(deal)) if t is not None), default=None)
            there, back = _ref(deal), record.person_row
            for start, ends_at, mine, yours, is_master, base in (
                (there, back, deal_role, stakeholder, True, _PEOPLE),
                (back, there, stakeholder, deal_role, False, _MIRRORED),
            ):
                values = {
                    "name": ends_at.name,
                    "record1id": start,
                    "record2id": ends_at,
                    "record1roleid": mine,
                    "record2roleid": yours,
                    "ismaster": is_master,
                    "statecode": 0,
                    "statuscode": 1,
                    "ownerid": company.user(deal.owners[0][1]),
                }
                number = int(deal.hubspot_id) + base + place
                yield Row(number, [Change(at, values)], None if ends is None else max(at, ends))


def _ref(deal: Deal) -> Ref:
    return Ref("opportunity", guid("opportunity", int(deal.hubspot_id)), deal.name)


def _with(deal: Deal, born: int) -> int | None:
    """What belongs to a deal goes with it."""
    ends = gone(deal)
    return None if ends is None else max(born, ends)
