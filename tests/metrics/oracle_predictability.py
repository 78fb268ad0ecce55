"""What revenue_predictability should say, told month by month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import sqrt
from typing import Any

from oracle_deals import cents, rate_of
from oracle_revenue import DIMENSIONS, Books, books_of
from oracle_rollup import Fact, Key, Measured, Times, next_month, published, ratio
from oracle_terms import DAY, Agreements, agreements_of
from whole_rows import whole

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
Values = dict[str, dict[Key, dict[str, Any]]]
SEGMENT = (("segment",),)
YEAR = 12


def expected(rows: Rows, times: Times) -> Values:
    """metric -> (grain, period, dimensions) -> value."""
    books, found = books_of(rows, times), agreements_of(rows, times)
    return (
        {"revenue_predictability": _steadiness(books, found)}
        | {"revenue_predictability_recurring": _recurring(rows, times, found)}
        | {"revenue_predictability_cover": _cover(books, found)}
    )


def _told(books: Books, found: Agreements, month: date) -> dict[Any, list[Decimal]]:
    """Segment -> forecast and actual; a segment is told once anything valued in it has begun."""
    last = next_month(month) - DAY
    days = (last - timedelta(days=books.times.settings.forecasting.horizon_days), last)
    told: dict[Any, list[Decimal]] = {}
    for subscription, payer in found.payer.items():
        begun = {currency for first, _, currency, _ in found.stays[subscription] if first <= last}
        for currency in begun:
            rate = rate_of(books.rows, currency, month)
            if rate is None:
                continue
            values = told.setdefault(found.who(payer)["segment"], [Decimal(0), Decimal(0)])
            for place, day in enumerate(days):
                values[place] += found.worth(subscription, day).get(currency, Decimal(0)) * rate
    return told


def _steadiness(books: Books, found: Agreements) -> dict[Key, dict[str, Any]]:
    told = {month: _told(books, found, month) for month in books.closed}
    totals, segments = [], []
    for month in (month for month in told if told[month]):
        for other in (other for other in told if _months(other, month) in range(YEAR)):
            if not told[other]:
                continue
            whole = [sum(values) for values in zip(*told[other].values(), strict=True)]
            totals.append(_reached(month, {"segment": None}, *whole))
            segments += [
                _reached(month, {"segment": segment}, *values)
                for segment, values in told[other].items()
            ]
    total = published(totals, books.times, _steady, (), grains=("month",))
    parts = published(segments, books.times, _steady, SEGMENT, grains=("month",))
    return total | {key: value for key, value in parts.items() if key[2] != "{}"}


def _months(earlier: date, later: date) -> int:
    return (later.year - earlier.year) * 12 + later.month - earlier.month


def _reached(month: date, dimensions: Mapping[str, Any], forecast: Any, actual: Any) -> Fact:
    if forecast <= 0:
        return Fact(None, dimensions, "nothing_in_force", {}, ("month", month))
    reached = float(actual) / float(forecast)
    return Fact(None, dimensions, None, {"reached": reached}, ("month", month))


def _steady(group: Sequence[Mapping[str, Any]]) -> Measured:
    count = len(group)
    mean = sum(row["reached"] for row in group) / count
    is_whole = count == YEAR
    if count < 2:
        return Measured(None, Fraction(mean), None, count, is_whole)
    spread = sqrt(sum((row["reached"] - mean) ** 2 for row in group) / (count - 1))
    share = None if mean == 0 else Fraction((mean - spread) / mean)
    return Measured(Fraction(mean - spread), Fraction(mean), share, count, is_whole)


def _recurring(rows: Rows, times: Times, found: Agreements) -> dict[Key, dict[str, Any]]:
    invoices = {row["invoice_id"]: row for row in whole(rows, "invoices")}
    facts = []
    for line in whole(rows, "invoice_lines"):
        invoice = invoices.get(line["invoice_id"])
        if invoice is None or not found.is_past(invoice["issued_at"]):
            continue
        day = times.day(invoice["issued_at"])
        rate = rate_of(rows, line["currency"], day.replace(day=1))
        reasons = (
            (found.is_past(invoice["_deleted_at"]), "deleted"),
            (found.is_past(invoice["voided_at"]), "voided"),
            (rate is None, "missing_rate"),
        )
        why = next((reason for holds, reason in reasons if holds), None)
        weighs = {}
        if rate is not None:
            net = Decimal(line["amount"]) - Decimal(line["discount_amount"] or 0)
            is_recurring = line["subscription_id"] is not None
            weighs = {"amount": _half_up(net * rate), "is_recurring": is_recurring}
        facts.append(Fact(day, found.who(invoice["customer_id"]), why, weighs))

    def measure(group: Sequence[Mapping[str, Any]]) -> Measured:
        recurring = sum((row["amount"] for row in group if row["is_recurring"]), Decimal(0))
        return ratio(recurring, sum(row["amount"] for row in group), len(group))

    return published(facts, times, measure, DIMENSIONS, grains=("month", "quarter"))


def _half_up(amount: Decimal) -> Decimal:
    """Half a cent away from nothing."""
    return cents(amount) if amount >= 0 else -cents(-amount)


def _cover(books: Books, found: Agreements) -> dict[Key, dict[str, Any]]:
    facts = []
    for month in books.months:
        last = min(next_month(month) - DAY, found.today)
        running = [
            term
            for term in found.terms
            if term["starts_on"] <= last < (term["ended_on"] or term["ends_on"])
        ]
        for subscription, payer in found.payer.items():
            party = found.customers.get(payer, {}).get("account_id") or payer
            ends = [
                term["ends_on"]
                for term in running
                if term["subscription_id"] == subscription
                or (term["subscription_id"] is None and term["party"] == party)
            ]
            days = max(0, (max(ends) - last).days - 1) if ends else 0
            for currency, amount in found.worth(subscription, last).items():
                rate = rate_of(books.rows, currency, month)
                why = "missing_rate" if rate is None else None
                weighs = {}
                if rate is not None:
                    weighs = {"amount": cents(amount * rate), "days": min(days, 365)}
                facts.append(Fact(None, found.who(payer), why, weighs, ("month", month)))

    def measure(group: Sequence[Mapping[str, Any]]) -> Measured:
        covered = sum(row["amount"] * row["days"] for row in group)
        return ratio(covered, sum(row["amount"] * 365 for row in group), len(group))

    return published(facts, books.times, measure, DIMENSIONS, grains=("month",))
