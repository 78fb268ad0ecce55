"""MRR under every policy, customer by customer and month by month, in plain Python.

Written from what the vendors publish and the metric's header: the rules stand here a second time.
A month is valued by looking at what is in force on its last day, or today.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from typing import Any

from oracle_deals import cents, rate_of
from oracle_rollup import Fact, Measured, Times, next_month, published

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
Row = Mapping[str, Any]
CAUSES = ("statuses", "discounts", "month_length", "exchange")
YEARLY = (("year", 1), ("year", 2), ("month", 12))


@dataclass(frozen=True)
class Rules:
    """A policy; `grace` is None where past due counts until the end."""

    grace: int | None
    paused: bool = False
    asked: bool = False
    discounts: str = "monthly_amount"
    yearly: str = "monthly_amount"
    weeks: Fraction = Fraction(52, 12)
    days: Fraction = Fraction(365, 12)
    exchange: str = "month"


def policies_of(grace: int) -> dict[str, Rules]:
    """Every policy, where the company's own grace is so many days."""
    lasting, recurring = "lasting_monthly_amount", "recurring_monthly_amount"
    return {
        "ours": Rules(grace),
        "stripe": Rules(None, paused=True, asked=True, discounts=lasting, yearly=lasting),
        "chartmogul": Rules(None, paused=True, exchange="service_start"),
        "profitwell": Rules(grace, exchange="purchase"),
        "chargebee": Rules(None, discounts=recurring, yearly=lasting),
        "revenuecat": Rules(grace, weeks=Fraction(4), days=Fraction(30), exchange="service_start"),
    }


def steps_of(policy: Rules, ours: Rules) -> list[Rules]:
    """Ours, then with one cause after the other replaced by the policy's."""
    statuses = replace(ours, grace=policy.grace, paused=policy.paused, asked=policy.asked)
    discounts = replace(statuses, discounts=policy.discounts, yearly=policy.yearly)
    return [ours, statuses, discounts, replace(policy, exchange=ours.exchange), policy]


class Valuer:
    """Values customers under any rules."""

    def __init__(self, rows: Rows, times: Times) -> None:
        self.rows, self.times = rows, times
        self.periods: dict[str, list[Row]] = defaultdict(list)
        for period in sorted(rows["subscription_periods"], key=lambda row: row["valid_from_on"]):
            self.periods[period["customer_id"]].append(period)
        self.asked = {
            row["subscription_id"]: row["cancel_requested_at"].date()
            for row in rows["subscriptions"]
            if row["cancel_requested_at"] is not None and row["cancel_requested_at"] <= times.now
        }
        self.deleted = {row["customer_id"]: row.get("_deleted_at") for row in rows["customers"]}
        self.rates: dict[tuple[str, date], Decimal | None] = {}
        self.values: dict[tuple[str, date, Rules], tuple[Decimal, bool]] = {}
        first = min(row["valid_from_on"] for row in rows["subscription_periods"]).replace(day=1)
        self.months = [first]
        while (following := next_month(self.months[-1])) <= times.today:
            self.months.append(following)

    def rate(self, currency: str, month: date) -> Decimal | None:
        """Kept: there are few."""
        key = (currency, month)
        if key not in self.rates:
            self.rates[key] = rate_of(self.rows, currency, month)
        return self.rates[key]

    def value(self, customer: str, month: date, rules: Rules) -> tuple[Decimal, bool]:
        """Worth in base currency of what can be valued, and whether that is all; kept."""
        key = (customer, month, rules)
        if key not in self.values:
            self.values[key] = self._value(customer, month, rules)
        return self.values[key]

    def _value(self, customer: str, month: date, rules: Rules) -> tuple[Decimal, bool]:
        day = min(next_month(month) - timedelta(days=1), self.times.now.date())
        local: dict[str, dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for period in self.periods[customer]:
            if period["valid_from_on"] > day:
                break  # They are in order.
            amount = self._amount(period, rules) if self._counts(period, day, rules) else Decimal(0)
            if amount > 0:
                local[period["currency"]][self._rate_month(period, month, rules)] += amount
        total, is_known = Decimal(0), True
        for currency, by_month in local.items():
            rates = {each: self.rate(currency, each) for each in by_month}
            if None in rates.values():
                is_known = False
                continue
            total += sum(cents(amount * (rates[each] or 0)) for each, amount in by_month.items())
        return total, is_known

    def _counts(self, period: Row, day: date, rules: Rules) -> bool:
        status = period["status"]
        ends = [period["valid_to_on"]]
        ends += [
            at and at.date() for at in (period["_deleted_at"], self.deleted[period["customer_id"]])
        ]
        if rules.asked:
            ends.append(self.asked.get(period["subscription_id"]))
        if status == "past_due" and rules.grace is not None:
            ends.append(period["valid_from_on"] + timedelta(days=rules.grace))
        wanted = status in ("active", "past_due", "free")
        wanted = wanted or (status == "unpaid" and rules.grace is None)
        wanted = wanted or (status == "paused" and rules.paused)
        began = period["valid_from_on"] <= day
        return wanted and began and all(end is None or end > day for end in ends)

    @staticmethod
    def _amount(period: Row, rules: Rules) -> Decimal:
        every = (period.get("billing_interval"), period.get("billing_interval_count"))
        name = rules.yearly if every in YEARLY else rules.discounts
        amount = period.get(name)
        amount = Decimal(period["monthly_amount"] if amount is None else amount)
        factor = {"week": rules.weeks / Fraction(52, 12), "day": rules.days / Fraction(365, 12)}
        exact = Fraction(amount) * 100 * factor.get(every[0] or "", Fraction(1)) + Fraction(1, 2)
        whole = Decimal(exact.numerator // exact.denominator)
        return whole.quantize(Decimal(1), ROUND_FLOOR) / 100

    def _rate_month(self, period: Row, month: date, rules: Rules) -> date:
        if period["currency"] == "USD" or rules.exchange == "month":
            return month
        paid = [row for row in self.periods[period["customer_id"]] if row["status"] != "trialing"]
        own = [row for row in paid if row["subscription_id"] == period["subscription_id"]]
        if rules.exchange == "purchase":
            return min(row["valid_from_on"] for row in own).replace(day=1)
        return self._term(
            period, [row for row in own if row["item_id"] == period["item_id"]], month
        )

    def _term(self, period: Row, rows: Sequence[Row], month: date) -> date:
        """The month in which the term began that runs at the month's end."""
        every = (period.get("billing_interval"), period.get("billing_interval_count"))
        if every[0] is None:
            return month
        anchor = period["valid_from_on"]
        for row in reversed([row for row in rows if row["valid_from_on"] < anchor]):
            if (row.get("billing_interval"), row.get("billing_interval_count")) != every:
                break
            anchor = row["valid_from_on"]
        last = next_month(month) - timedelta(days=1)
        found = anchor
        for start in _terms(anchor, *every):
            if start > last:
                return found.replace(day=1)
            found = start
        raise AssertionError("terms go on forever")


def _terms(anchor: date, unit: str, count: int) -> Iterator[date]:
    """The first days of all terms; those by months as first days of these."""
    start = anchor
    if unit in ("day", "week"):
        while True:
            yield start
            start += timedelta(days=count * (7 if unit == "week" else 1))
    start = anchor.replace(day=1)
    while True:
        yield start
        for _ in range(count * (12 if unit == "year" else 1)):
            start = next_month(start)


_KEPT: list[tuple[Rows, Valuer]] = []


def valuer_of(rows: Rows, times: Times) -> Valuer:
    """Kept, because several tests read it."""
    for known, valuer in _KEPT:
        if known is rows:
            return valuer
    _KEPT.append((rows, Valuer(rows, times)))
    return _KEPT[-1][1]


def bridge(rows: Rows, times: Times) -> dict[tuple[date, str, str, str], Decimal]:
    """(month, customer, policy, cause) -> amount, as the detail table has it."""
    valuer = valuer_of(rows, times)
    known = policies_of(times.settings.billing.past_due_days)
    found = {}
    for customer in valuer.periods:
        for month in valuer.months:
            for name, policy in known.items():
                values = [
                    valuer.value(customer, month, step) for step in steps_of(policy, known["ours"])
                ]
                for cause, before, after in zip(CAUSES, values, values[1:], strict=False):
                    if before[0] != after[0]:
                        found[month, customer, name, cause] = after[0] - before[0]
                if not values[-1][1]:
                    found[month, customer, name, "missing_rate"] = Decimal(0)
    return found


def expected(rows: Rows, times: Times) -> dict[str, Any]:
    """metric -> (grain, period, dimensions) -> value."""
    valuer = valuer_of(rows, times)
    facts, selected = [], []
    for name, policy in policies_of(times.settings.billing.past_due_days).items():
        for customer in valuer.periods:
            for month in valuer.months:
                amount, is_known = valuer.value(customer, month, policy)
                for place in _places(valuer, month):
                    made = []
                    if not is_known:
                        made.append(Fact(None, {"policy": name}, "missing_rate", {}, place))
                    if amount:
                        made.append(Fact(None, {"policy": name}, None, {"amount": amount}, place))
                    facts += made
                    selected += made if name == times.settings.billing.policy else []

    def measure(group: Sequence[Row]) -> Measured:
        total = sum(row["amount"] for row in group)
        return Measured(total, None, total, len(group))

    shown = published(facts, times, measure, (("policy",),))
    return {
        "mrr_by_policy": {key: value for key, value in shown.items() if key[2] != "{}"}
        | published(selected, times, measure, ())
    }


def _places(valuer: Valuer, month: date) -> list[tuple[str, date]]:
    start, end = valuer.times.period(month, "quarter")
    is_last = next_month(month) == end or month == valuer.months[-1]
    return [("month", month), *([("quarter", start)] if is_last else [])]
