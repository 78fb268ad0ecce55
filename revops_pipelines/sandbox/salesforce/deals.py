"""Opportunities as Salesforce shows them.

Belongs here: an opportunity's fields, changed as it moves, and its kinds of stages. Does not: what
hangs on it (`deal_rows.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from revops_pipelines.sandbox.salesforce import ids
from revops_pipelines.sandbox.salesforce.people import LEAD_SOURCES
from revops_pipelines.sandbox.salesforce.staff import AUTOMATED, user_of
from revops_pipelines.sandbox.salesforce.story import Change, born_with, epoch_ms, moments_of
from revops_pipelines.sandbox.world.deal_paths import Stage, StageChange
from revops_pipelines.sandbox.world.deals import Deal
from revops_pipelines.sandbox.world.world import World

TYPES = {"new": "New Business", "expansion": "Expansion", "renewal": "Renewal"}
MOST_KEPT = 4_096
STANDARD_PRICE_BOOK = ids.record_id("Pricebook2", 1)
# What an opportunity's stage is to the forecast: (ForecastCategory, ForecastCategoryName).
LIKELY = {"0.8": ("BestCase", "Best Case"), "0.9": ("Forecast", "Commit")}


class Opportunities:
    """The Opportunities, in order of id."""

    sobject = "Opportunity"

    def __init__(self, world: World) -> None:
        self._world = world
        # A deal is asked for again by each of the objects that hang on it.
        self._told_once = lru_cache(MOST_KEPT)(self._story)

    def __len__(self) -> int:
        return len(self._world.deals)

    def number(self, position: int) -> int:
        """The number in its id."""
        return position + 1

    def id(self, position: int) -> str:
        """Its id."""
        return ids.opportunity_id(self._world.deals[position].hubspot_id)

    def gone(self, position: int) -> int | None:
        """When it was deleted."""
        deleted = self._world.deals[position].deleted_at
        return None if deleted is None else epoch_ms(deleted)

    def archived(self, position: int) -> int | None:
        """Never."""
        return None

    def moments(self, position: int) -> Sequence[int]:
        """When it appeared and changed."""
        return moments_of(self.story(position))

    def story(self, position: int) -> Sequence[Change]:
        """Its changes."""
        return self._told_once(position)

    def _story(self, position: int) -> Sequence[Change]:
        deal = self._world.deals[position]
        first = Change(epoch_ms(deal.created_at), self._beginning(deal), self._by(deal, None))
        told = born_with(first, self._told(deal))
        return [*_expecting(told)]

    def _beginning(self, deal: Deal) -> dict[str, Any]:
        account = self._world.accounts[deal.account_index]
        channel = self._world.people[deal.people[0]].channel if deal.people else "offline"
        return {
            "AccountId": ids.account_id(account.hubspot_id),
            "IsPrivate": False,
            "Name": deal.name,
            "Type": TYPES[deal.kind],
            "LeadSource": LEAD_SOURCES[channel],
            "CurrencyIsoCode": deal.currency,
            "HasOpportunityLineItem": any(amount for _, amount in deal.amounts),
            "Pricebook2Id": STANDARD_PRICE_BOOK,
            "ContactId": ids.contact_id(deal.people[0]) if deal.people else None,
            "Contract_Term_Months__c": float(deal.term_months),
        }

    def _told(self, deal: Deal) -> Iterator[Change]:
        for change in deal.stages:
            values = _stage(change, deal)
            yield Change(epoch_ms(change.at), values, self._by(deal, change.at))
        for at, amount in deal.amounts:
            yield Change(epoch_ms(at), {"Amount": money(amount)}, self._by(deal, at))
        for at, expected in deal.close_dates:
            yield Change(epoch_ms(at), {"CloseDate": expected.isoformat()}, self._by(deal, at))
        for at, index in deal.owners:
            yield Change(epoch_ms(at), {"OwnerId": user_of(self._world, index)}, AUTOMATED)
        gone = self._world.accounts[deal.account_index].is_deleted_at
        if gone is not None:
            yield Change(epoch_ms(gone), {"AccountId": None}, AUTOMATED, is_silent=True)

    def _by(self, deal: Deal, at: datetime | None) -> str:
        """Whoever owns it then changes it."""
        owners = [user for since, user in deal.owners if at is None or since <= at]
        return user_of(self._world, owners[0 if at is None else -1])


def money(amount: Decimal | None) -> float | None:
    """An amount as JSON's number."""
    return None if amount is None else float(amount)


def forecast(stage: Stage) -> tuple[str, str]:
    """Category and its name."""
    if stage.is_closed:
        return ("Closed", "Closed") if stage.is_won else ("Omitted", "Omitted")
    return LIKELY.get(stage.probability, ("Pipeline", "Pipeline"))


def _stage(change: StageChange, deal: Deal) -> dict[str, Any]:
    stage = change.stage
    category, name = forecast(stage)
    lost = stage.is_closed and not stage.is_won
    return {
        "RecordTypeId": ids.record_type_id(change.pipeline.id),
        "StageName": stage.label,
        "Probability": round(float(stage.probability) * 100, 1),
        "IsClosed": stage.is_closed,
        "IsWon": stage.is_won,
        "ForecastCategory": category,
        "ForecastCategoryName": name,
        "LastStageChangeDate": epoch_ms(change.at),
        "Loss_Reason__c": deal.lost_reason if lost else None,
    }


def _expecting(story: Sequence[Change]) -> Iterator[Change]:
    """With the revenue to be expected, which Salesforce computes."""
    amount: float | None = None
    probability = 0.0
    for change in story:
        values = change.values
        if "Amount" in values or "Probability" in values:
            amount = values.get("Amount", amount)
            probability = values.get("Probability", probability)
            expected = None if amount is None else round(amount * probability / 100, 2)
            values = {**values, "ExpectedRevenue": expected}
        yield Change(change.at, values, change.by, change.is_silent)
