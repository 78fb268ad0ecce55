"""A slow and plain reading of past revenue from what Stripe serves, to prove that it can be read.

Written apart from the connector and from the truth: it looks at one day at a time and knows only
subscriptions, bills with their lines, waiting invoice items, prices and coupons.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

Stripe = dict[str, list[dict[str, Any]]]
PAST_DUE_DAYS = 30
YEARLY_PARTS = {"month": Decimal(12), "year": Decimal(1), "week": Decimal(52), "day": Decimal(365)}


def end_of(day: date) -> int:
    """The last second of a UTC day."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) + 86_399


def day_of(at: int) -> date:
    return datetime.fromtimestamp(at, UTC).date()


def half_up(amount: Decimal, step: str) -> Decimal:
    return amount.quantize(Decimal(step), ROUND_HALF_UP)


@dataclass(frozen=True)
class Mark:
    """From `start` an item is this line; `line` null when it was credited and not charged again."""

    start: int
    order: tuple[int, int, int]
    line: dict[str, Any] | None
    is_void: bool


class Replay:
    """What each subscription item was on a day."""

    def __init__(self, stripe: Stripe) -> None:
        self.prices = {each["id"]: each for each in stripe["prices"]}
        self.coupons = {each["id"]: each for each in stripe["coupons"]}
        self.subscriptions = {each["id"]: each for each in stripe["subscriptions"]}
        self.bills: dict[str, list[dict[str, Any]]] = {}
        self.marks: dict[tuple[str, str], list[Mark]] = {}
        for bill in sorted(stripe["invoices"], key=lambda each: each["created"]):
            if bill["parent"] is not None:
                owner = bill["parent"]["subscription_details"]["subscription"]
                self.bills.setdefault(owner, []).append(bill)
                for place, line in enumerate(bill["lines"]["data"]):
                    self._mark(line, bill, place)
        for item in stripe["invoiceitems"]:
            self._mark_waiting(item)

    def _mark(self, line: dict[str, Any], bill: dict[str, Any], place: int) -> None:
        parent = line["parent"]["subscription_item_details"]
        if parent is None or self._price(line)["recurring"]["usage_type"] == "metered":
            return
        is_credit = parent["proration"] and (
            line["amount"] < 0 or parent["proration_details"]["credited_items"] is not None
        )
        mark = Mark(
            line["period"]["start"],
            # Of one second the charge decides, then the later bill.
            (0 if is_credit else 1, bill["created"], place),
            None if is_credit else line,
            bill["status"] == "void",
        )
        key = (parent["subscription"], parent["subscription_item"])
        self.marks.setdefault(key, []).append(mark)

    def _mark_waiting(self, item: dict[str, Any]) -> None:
        if item["invoice"] is not None or not item["proration"]:
            return
        details = item["parent"]["subscription_details"]
        order = (0 if item["amount"] < 0 else 1, item["date"], 0)
        line = None if item["amount"] < 0 else item
        key = (details["subscription"], details["subscription_item"])
        self.marks.setdefault(key, []).append(Mark(item["period"]["start"], order, line, False))

    def state(self, owner: str, item: str, day: date, now: int) -> tuple[str, Decimal] | None:
        """(status, worth a month) at the end of a day; null when it was not there."""
        subscription = self.subscriptions[owner]
        if subscription["status"] in ("incomplete", "incomplete_expired"):
            return None
        at = min(end_of(day), now)
        ended = subscription["ended_at"]
        if ended is not None and ended <= at:
            return None
        past = [mark for mark in self.marks[owner, item] if mark.start <= at]
        if not past:
            return None
        mark = max(past, key=lambda each: (each.start, each.order))
        if mark.line is None or mark.line["period"]["end"] <= at:
            return None
        if (subscription["trial_end"] or 0) > at:
            return "trialing", Decimal(0)
        worth = self._worth(mark.line, subscription["currency"])
        return self._status(owner, mark, worth, day, at), worth

    def _status(self, owner: str, mark: Mark, worth: Decimal, day: date, at: int) -> str:
        if worth == 0:
            return "free"
        if mark.is_void:
            return "paused"
        owing = [
            bill["status_transitions"]["finalized_at"]
            for bill in self.bills[owner]
            if bill["collection_method"] == "charge_automatically" and self._owes(bill, at)
        ]
        if not owing:
            return "active"
        waited = day - day_of(min(owing))
        return "past_due" if waited < timedelta(days=PAST_DUE_DAYS) else "unpaid"

    @staticmethod
    def _owes(bill: dict[str, Any], at: int) -> bool:
        done = bill["status_transitions"]
        return (
            bill["amount_due"] > 0
            and done["finalized_at"] is not None
            and done["finalized_at"] <= at
            and (done["paid_at"] is None or done["paid_at"] > at)
            and done["voided_at"] is None
        )

    def _price(self, line: dict[str, Any]) -> dict[str, Any]:
        return self.prices[line["pricing"]["price_details"]["price"]]

    def _worth(self, line: dict[str, Any], currency: str) -> Decimal:
        price = self._price(line)
        gross = half_up(Decimal(price["unit_amount_decimal"]) * line["quantity"], "1")
        if "proration" in line or line["parent"]["subscription_item_details"]["proration"]:
            off = sum((self._off(gross, each) for each in line["discounts"]), Decimal(0))
        else:
            off = Decimal(sum(each["amount"] for each in line["discount_amounts"]))
        interval = price["recurring"]
        yearly = (gross - off) * YEARLY_PARTS[interval["interval"]] / interval["interval_count"]
        return half_up(yearly / 12 / (1 if currency == "jpy" else 100), "0.01")

    def _off(self, gross: Decimal, discount: dict[str, Any]) -> Decimal:
        coupon = self.coupons[discount["source"]["coupon"]]
        return half_up(gross * Decimal(str(coupon["percent_off"])) / 100, "1")
