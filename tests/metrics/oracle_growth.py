"""What growth, averages, cohorts and bookings should say, told customer by customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from oracle_deals import MONEY, deals_of
from oracle_revenue import DIMENSIONS, GAINS, Books, books_of, who_is
from oracle_rollup import Fact, Key, Measured, Times, next_month, published, ratio

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
Values = dict[str, dict[Key, dict[str, Any]]]
ZERO = Decimal(0)
FLOWS = ("month", "quarter")


def expected(rows: Rows, times: Times) -> Values:
    """metric -> (grain, period, dimensions) -> value."""
    books = books_of(rows, times)
    return (
        _average(books) | _moved(books) | _grown(books) | _cohorts(books) | _bookings(rows, times)
    )


def _per_customer(group: Sequence[Mapping[str, Any]]) -> Measured:
    return ratio(sum(row["amount"] for row in group), len(group), len(group))


def _average(books: Books) -> Values:
    stock, arrived = [], []
    for customer in books.lines:
        who = who_is(books.rows, customer)
        for month in books.months:
            if not books.local[customer, month]:
                continue
            amount, known = books.value(customer, month)
            for place in books.places(month):
                why = None if known else "missing_rate"
                stock.append(Fact(None, who, why, {"amount": amount}, place))
        for month, line in books.lines[customer].items():
            if line.get("new"):
                arrived.append(Fact(month, who, None, {"amount": line["new"]}))
    return {
        "arpa": published(stock, books.times, _per_customer, DIMENSIONS),
        "arpa_new": published(arrived, books.times, _per_customer, DIMENSIONS, grains=FLOWS),
    }


def _moved(books: Books) -> Values:
    months, moves = [], []
    for customer, lines in books.lines.items():
        who = who_is(books.rows, customer)
        for month, line in lines.items():
            why = None if line["known"] and line["was_known"] else "missing_rate"
            gained = sum((line.get(name, ZERO) for name in GAINS), ZERO)
            lost = -line.get("churn", ZERO) - line.get("contraction", ZERO)
            if gained + lost > 0 or why:
                months.append(Fact(month, who, why, {"gained": gained, "lost": lost}))
            for name in (*GAINS, "churn", "contraction", "restatement"):
                if line.get(name):
                    reason = "missing_rate" if name == "restatement" else None
                    named = who | {"movement": name}
                    moves.append(Fact(month, named, reason, {"amount": line[name]}))

    def quick(group: Sequence[Mapping[str, Any]]) -> Measured:
        lost = sum(row["lost"] for row in group)
        return ratio(sum(row["gained"] for row in group), lost, len(group))

    def yearly(group: Sequence[Mapping[str, Any]]) -> Measured:
        total = 12 * sum(row["amount"] for row in group)
        return Measured(total, None, total, len(group))

    by_movement = (("movement",), *DIMENSIONS)
    return {
        "quick_ratio": published(months, books.times, quick, DIMENSIONS, grains=FLOWS),
        "net_new_arr": published(moves, books.times, yearly, by_movement, grains=FLOWS),
    }


def _grown(books: Books) -> Values:
    spans: list[tuple[str, tuple[str, date], date, date]] = []
    for month in books.closed:
        spans.append(("revenue_growth", ("month", month), _earlier(month, 1), month))
        spans.append(("revenue_growth_yearly", ("month", month), _earlier(month, 12), month))
        start, end = books.times.period(month, "quarter")
        if next_month(month) == end:
            spans.append(("revenue_growth", ("quarter", start), _earlier(month, 3), month))
    facts: dict[str, list[Fact]] = {"revenue_growth": [], "revenue_growth_yearly": []}
    for metric, place, before, last in spans:
        for customer in books.lines:
            if books.has(customer, before) or books.has(customer, last):
                then, was_known = books.at(customer, before)
                now, known = books.at(customer, last)
                why = None if known and was_known else "missing_rate"
                who = who_is(books.rows, customer)
                facts[metric].append(Fact(None, who, why, {"then": then, "now": now}, place))

    def measure(group: Sequence[Mapping[str, Any]]) -> Measured:
        then = sum(row["then"] for row in group)
        return ratio(sum(row["now"] for row in group) - then, then, len(group))

    return {
        metric: published(placed, books.times, measure, DIMENSIONS)
        for metric, placed in facts.items()
    }


def _earlier(month: date, months: int) -> date:
    place = month.year * 12 + month.month - 1 - months
    return date(place // 12, place % 12 + 1, 1)


def _cohorts(books: Books) -> Values:
    facts = []
    for customer in books.lines:
        paid = [month for month in books.months if books.has(customer, month)]
        if not paid:
            continue
        then, was_known = books.at(customer, paid[0])
        for month in (month for month in books.months if month >= paid[0]):
            now, known = books.at(customer, month)
            age = (month.year - paid[0].year) * 12 + month.month - paid[0].month
            # A text: an age of nothing is an age.
            dimensions = {
                "age_months": str(age),
                "segment": who_is(books.rows, customer)["segment"],
            }
            weighs = {"then": then, "now": now, "is_closed": month in books.closed}
            why = None if known and was_known else "missing_rate"
            facts.append(Fact(None, dimensions, why, weighs, ("month", paid[0])))

    def money(group: Sequence[Mapping[str, Any]]) -> Measured:
        then = sum(row["then"] for row in group)
        is_closed = all(row["is_closed"] for row in group)
        return ratio(sum(row["now"] for row in group), then, len(group), is_settled=is_closed)

    def logos(group: Sequence[Mapping[str, Any]]) -> Measured:
        is_closed = all(row["is_closed"] for row in group)
        kept = sum(1 for row in group if row["now"] > 0)
        return ratio(kept, len(group), len(group), is_settled=is_closed)

    dimensions = (("segment", "age_months"), ("age_months",))
    found = {}
    for metric, measure in (("cohort_retention", money), ("cohort_retention_logo", logos)):
        values = published(facts, books.times, measure, dimensions, grains=("month",))
        found[metric] = {key: value for key, value in values.items() if key[2] != "{}"}
    return found


def _bookings(rows: Rows, times: Times) -> Values:
    won = [deal for deal in deals_of(rows, times) if deal["is_won"]]

    def of(kinds: tuple[str, ...]) -> dict[Key, dict[str, Any]]:
        facts = []
        for deal in won:
            why = None if deal["why"] == "renewal" else deal["why"]
            other = None if deal["kind"] in kinds else deal["kind"]
            facts.append(
                Fact(
                    times.day(deal["closed_at"]),
                    deal["dimensions"],
                    why or deal["why_money"] or other,
                    {"amount": deal["worth"]},
                )
            )
        return published(facts, times, _sum, MONEY)

    return {
        "bookings": of(("new", "expansion", "renewal", "other")),
        "bookings_new_business": of(("new", "expansion")),
    }


def _sum(group: Sequence[Mapping[str, Any]]) -> Measured:
    total = sum(row["amount"] for row in group)
    return Measured(total, None, total, len(group))
