"""What customers cost to win: what CAC and payback should say, told line by line of the books."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from oracle_deals import cents, rate_of
from oracle_revenue import books_of
from oracle_rollup import Fact, Key, Measured, Times, next_month, published, ratio

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
Values = dict[str, dict[Key, dict[str, Any]]]
GRAINS = ("month", "quarter")


class Economics:
    """Costs by the month that they are for, and who came and who paid in it."""

    def __init__(self, rows: Rows, times: Times) -> None:
        self.rows, self.times = rows, times
        self.books = books_of(rows, times)
        self.costs = [
            cost for cost in _costs(rows, times) if next_month(cost["for"]) <= times.today
        ]
        counted = [cost for cost in self.costs if cost["why"] is None]
        self.loaded = {cost["for"] for cost in counted if cost["in_books"]}
        self.new = [
            (month, customer, line["new"])
            for customer, lines in self.books.lines.items()
            for month, line in lines.items()
            if "new" in line
        ]
        self.margin = times.settings.economics.gross_margin_share

    def why(self, cost: Mapping[str, Any]) -> str | None:
        """Why a line is no part of the fully loaded cost."""
        return cost["why"] or (None if cost["for"] in self.loaded else "no_books")

    def stock(self) -> Iterable[tuple[date, str, Decimal | None]]:
        """(closed month, customer, what is paid at its end); None for each unvalued currency."""
        for month in self.books.closed:
            for row in self.rows["customers"]:
                worth = []
                for currency, amount in self.books.local[row["customer_id"], month].items():
                    rate = rate_of(self.rows, currency, month)
                    if rate is None:
                        yield month, row["customer_id"], None
                    else:
                        worth.append(cents(amount * rate))
                if worth:
                    yield month, row["customer_id"], sum(worth, Decimal(0))


def _costs(rows: Rows, times: Times) -> Iterable[dict[str, Any]]:
    lag = times.settings.economics.cac_lag_months
    lines = [
        dict(row) | {"in_books": True, "media": (row["kind"] or "").lower() == "media"}
        for row in rows["expenses"]
        if row["department"] in ("marketing", "sales")
    ]
    lines += [
        dict(row) | {"in_books": False, "media": True, "department": "marketing", "kind": "media"}
        for row in rows["marketing_spend"]
    ]
    known = [line for line in lines if line["spent_on"] <= times.today]
    booked = {
        line["spent_on"].replace(day=1)
        for line in known
        if line["in_books"] and line["media"] and not _is_deleted(line, times)
    }
    for line in known:
        month = line["spent_on"].replace(day=1)
        rate = rate_of(rows, line["currency"], month)
        shown = month
        for _ in range(lag):
            shown = next_month(shown)
        why = "missing_rate" if rate is None else None
        if not line["in_books"] and month in booked:
            why = "in_the_books"
        yield {
            "for": shown,
            "in_books": line["in_books"],
            "media": line["media"],
            "department": line["department"],
            "kind": (line["kind"] or "unknown").lower(),
            "channel": "books" if line["in_books"] else line["channel"],
            "worth": rate and cents(Decimal(line["amount"]) * rate),
            "why": "deleted" if _is_deleted(line, times) else why,
        }


def _is_deleted(row: Mapping[str, Any], times: Times) -> bool:
    gone = row.get("_deleted_at")
    return gone is not None and gone <= times.now


def expected(rows: Rows, times: Times) -> Values:
    """metric -> (grain, period, dimensions) -> value."""
    economics = Economics(rows, times)
    return _cac(economics) | _payback(economics)


def _cac(economics: Economics) -> Values:
    times = economics.times
    all_of = [(cost, economics.why(cost)) for cost in economics.costs]
    media = [(cost, cost["why"]) for cost in economics.costs if cost["media"]]
    found: Values = {}
    for name, costs, parts in (
        ("cac", all_of, ("department", "kind")),
        ("cac_paid", media, ("channel",)),
    ):
        facts = [Fact(cost["for"], {}, why, {"cost": cost["worth"]}) for cost, why in costs]
        facts += [Fact(month, {}, None, {"new": 1}) for month, _, _ in economics.new]
        found[name] = published(facts, times, per_customer, (), grains=GRAINS)
        for part in parts:
            found[name] |= _parted(economics, costs, part)
    return found


def _parted(
    economics: Economics, costs: Sequence[tuple[Mapping[str, Any], str | None]], part: str
) -> dict[Key, dict[str, Any]]:
    """A part of the cost over all new customers of the months in which that part was spent."""
    facts = [Fact(cost["for"], cost, why, {"cost": cost["worth"]}) for cost, why in costs]
    spent = {(cost["for"], cost[part]) for cost, why in costs if why is None}
    facts += [
        Fact(month, {part: member}, None, {"new": 1})
        for month, _, _ in economics.new
        for spent_for, member in spent
        if spent_for == month
    ]
    values = published(facts, economics.times, per_customer, ((part,),), grains=GRAINS)
    return {key: value for key, value in values.items() if key[2] != "{}"}


def per_customer(group: Sequence[Mapping[str, Any]]) -> Measured:
    """What was spent, by who was won."""
    costs = [row["cost"] for row in group if "cost" in row]
    won = sum(row.get("new", 0) for row in group)
    if not costs:
        return Measured(None, won, None, won)
    return ratio(sum(costs, Decimal(0)), won, won)


def _payback(economics: Economics) -> Values:
    facts = [
        Fact(cost["for"], {}, economics.why(cost), {"cost": cost["worth"]})
        for cost in economics.costs
    ]
    facts += [Fact(month, {}, None, {"new": 1, "pays": pays}) for month, _, pays in economics.new]
    facts += [
        Fact(month, {}, "missing_rate" if worth is None else None, {"mrr": worth})
        for month, _, worth in economics.stock()
    ]
    margin = Fraction(economics.margin)

    def of_all(group: Sequence[Mapping[str, Any]]) -> Measured:
        cac = per_customer(group)
        paying = [row["mrr"] for row in group if "mrr" in row]
        profit = Fraction(sum(paying)) * margin / len(paying) if paying else None
        if cac.value is None or not profit:
            return Measured(cac.value, profit, None, cac.n)
        return ratio(cac.value, profit, cac.n)

    def of_new(group: Sequence[Mapping[str, Any]]) -> Measured:
        cac = per_customer(group)
        profit = Fraction(sum(row.get("pays", 0) for row in group)) * margin
        if cac.numerator is None:
            return Measured(None, profit, None, cac.n)
        return ratio(cac.numerator, profit, cac.n)

    return {
        name: published(facts, economics.times, measure, (), grains=GRAINS)
        for name, measure in (("cac_payback", of_all), ("cac_payback_new", of_new))
    }
