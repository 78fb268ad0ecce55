"""What hangs on opportunities: history, contact roles, line items, splits; and the stages.

Belongs here: rows derived from an opportunity's own changes. Does not: those changes (`deals.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from revops_pipelines.sandbox.salesforce import ids
from revops_pipelines.sandbox.salesforce.catalog import list_price, product_of
from revops_pipelines.sandbox.salesforce.children import Child, Children, FieldHistory
from revops_pipelines.sandbox.salesforce.deals import Opportunities, forecast
from revops_pipelines.sandbox.salesforce.staff import AUTOMATED
from revops_pipelines.sandbox.salesforce.story import Change, epoch_ms
from revops_pipelines.sandbox.salesforce.table import Listed, Records
from revops_pipelines.sandbox.world.deal_paths import PIPELINES
from revops_pipelines.sandbox.world.world import World

TRACKED = {
    "StageName": "StageName",
    "Amount": "Amount",
    "CloseDate": "CloseDate",
    "OwnerId": "Owner",
    "RecordTypeId": "RecordType",
}
SHOWN_IN_HISTORY = ("StageName", "Amount", "CloseDate")
ROLES = ("Decision Maker", "Economic Buyer", "Evaluator", "Business User")
FIELD_HISTORY_BASE = 4_000_000_000
REVENUE_SPLIT = ids.record_id("OpportunitySplitType", 1)
RECORD_TYPES = ("New Business", "Renewals and Expansion")


class DealRows:
    """The children of opportunities."""

    def __init__(self, world: World, deals: Opportunities) -> None:
        self._world = world
        self._deals = deals

    def history(self) -> Children:
        """OpportunityHistory."""
        return Children("OpportunityHistory", len(self._deals), self._history)

    def field_history(self) -> Children:
        """OpportunityFieldHistory."""
        names = {ids.user_id(user.hubspot_id): user.name for user in self._world.users}
        for pipeline, name in zip(PIPELINES, RECORD_TYPES, strict=True):
            names[ids.record_type_id(pipeline.id)] = name
        told = FieldHistory(
            self._deals, "OpportunityId", self._deals.id, TRACKED, names.__getitem__
        ).told
        return Children("OpportunityFieldHistory", len(self._deals), told, FIELD_HISTORY_BASE)

    def roles(self) -> Children:
        """OpportunityContactRole."""
        return Children("OpportunityContactRole", len(self._deals), self._roles)

    def items(self) -> Children:
        """OpportunityLineItem."""
        return Children("OpportunityLineItem", len(self._deals), self._items)

    def splits(self) -> Children:
        """OpportunitySplit."""
        return Children("OpportunitySplit", len(self._deals), self._splits)

    def _history(self, position: int) -> list[Child]:
        gone = self._deals.gone(position)
        rows: list[Child] = []
        state: dict[str, Any] = {}
        for change in self._deals.story(position):
            before = dict(state)
            state.update(change.values)
            moved = any(state.get(name) != before.get(name) for name in SHOWN_IN_HISTORY)
            if moved and not (gone is not None and change.at > gone):
                rows.append(([self._entry(position, change, before, state)], gone))
        return rows

    def _entry(
        self, position: int, change: Change, before: dict[str, Any], state: dict[str, Any]
    ) -> Change:
        same = ("StageName", "Amount", "ExpectedRevenue", "CloseDate", "Probability")
        values = {
            "OpportunityId": self._deals.id(position),
            **{name: state.get(name) for name in same},
            "ForecastCategory": state.get("ForecastCategory"),
            "PrevAmount": before.get("Amount"),
            "PrevCloseDate": before.get("CloseDate"),
            "CurrencyIsoCode": state.get("CurrencyIsoCode"),
        }
        return Change(change.at, values, change.by)

    def _roles(self, position: int) -> list[Child]:
        deal = self._world.deals[position]
        at = epoch_ms(deal.created_at)
        gone = self._deals.gone(position)
        by = self._deals.story(position)[0].by
        return [
            (
                [
                    Change(
                        at,
                        {
                            "OpportunityId": self._deals.id(position),
                            "ContactId": ids.contact_id(person),
                            "Role": ROLES[(person + order) % len(ROLES)],
                            "IsPrimary": order == 0,
                            "CurrencyIsoCode": deal.currency,
                        },
                        by,
                    )
                ],
                gone,
            )
            for order, person in enumerate(deal.people)
        ]

    def _items(self, position: int) -> list[Child]:
        """One line of the whole amount, from when the deal was first priced."""
        deal = self._world.deals[position]
        account = self._world.accounts[deal.account_index]
        product = product_of(account.segment, deal.kind)
        story: list[Change] = []
        for change in self._deals.story(position):
            amount = change.values.get("Amount")
            if not amount:
                continue
            values = {"UnitPrice": amount, "TotalPrice": amount}
            if not story:
                values |= {
                    "OpportunityId": self._deals.id(position),
                    "PricebookEntryId": product.entry_id(deal.currency),
                    "Product2Id": product.id,
                    "ProductCode": product.code,
                    "Name": f"{deal.name} {product.name}"[:376],
                    "SortOrder": 1,
                    "CurrencyIsoCode": deal.currency,
                    "Quantity": 1.0,
                    "ListPrice": list_price(product, deal.currency),
                }
            story.append(Change(change.at, values, change.by))
        return [(story, self._deals.gone(position))] if story else []

    def _splits(self, position: int) -> list[Child]:
        """All of it to the owner."""
        story: list[Change] = []
        for change in self._deals.story(position):
            values: dict[str, Any] = {}
            if "OwnerId" in change.values:
                values["SplitOwnerId"] = change.values["OwnerId"]
            if "Amount" in change.values:
                values["SplitAmount"] = change.values["Amount"]
            if not story:
                values |= {
                    "OpportunityId": self._deals.id(position),
                    "SplitPercentage": 100.0,
                    "SplitTypeId": REVENUE_SPLIT,
                    "CurrencyIsoCode": change.values["CurrencyIsoCode"],
                }
            if values:
                story.append(Change(change.at, values, change.by))
        return [(story, self._deals.gone(position))]


def stages(world: World) -> Iterator[Records]:
    """OpportunityStage, RecordType and OpportunitySplitType."""
    began = epoch_ms(world.start)
    yield Listed("OpportunityStage", list(_stages(began)))
    yield Listed("RecordType", list(_record_types(began)))
    kinds = (("Revenue", "Revenue", True), ("Overlay", "Overlay", False))
    rows = []
    for number, (label, name, validated) in enumerate(kinds, 1):
        values = {
            "MasterLabel": label,
            "DeveloperName": name,
            "IsActive": True,
            "IsTotalValidated": validated,
            "SplitField": "Amount",
        }
        rows.append((number, [Change(began, values, AUTOMATED)], None))
    yield Listed("OpportunitySplitType", rows)


Row = tuple[int, Sequence[Change], int | None]


def _stages(began: int) -> Iterator[Row]:
    number = 0
    for pipeline in PIPELINES:
        for stage in pipeline.stages:
            number += 1
            category, name = forecast(stage)
            values = {
                "MasterLabel": stage.label,
                "ApiName": stage.label,
                "IsActive": True,
                "SortOrder": number,
                "IsClosed": stage.is_closed,
                "IsWon": stage.is_won,
                "ForecastCategory": category,
                "ForecastCategoryName": name,
                "DefaultProbability": round(float(stage.probability) * 100, 1),
                "Description": None,
            }
            yield 100 + number, [Change(began, values, AUTOMATED)], None


def _record_types(began: int) -> Iterator[Row]:
    for number, name in enumerate(RECORD_TYPES, 1):
        values = {
            "Name": name,
            "DeveloperName": name.replace(" ", "_"),
            "SobjectType": "Opportunity",
            "IsActive": True,
            "BusinessProcessId": f"019Qy00000000{number:02d}AAA",
        }
        yield number, [Change(began, values, AUTOMATED)], None
