"""What the revenue metrics should say of a random company, told customer by customer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from oracle_deals import cents, rate_of
from oracle_rollup import Fact, Key, Measured, Times, next_month, published, ratio

DIMENSIONS = tuple((name,) for name in ("segment", "industry", "region", "owner", "team"))
Rows = Mapping[str, Sequence[Mapping[str, Any]]]
Values = dict[str, dict[Key, dict[str, Any]]]
GAINS = ("new", "expansion", "reactivation")


class Books:
    """Every customer's stock and movements, month by month."""

    def __init__(self, rows: Rows, times: Times) -> None:
        self.rows, self.times = rows, times
        self.customers = [row["customer_id"] for row in rows["customers"]]
        self.months: list[date] = []
        month = min(row["valid_from_on"] for row in rows["subscription_periods"]).replace(day=1)
        while month <= times.today:
            self.months.append(month)
            month = next_month(month)
        self.closed = [month for month in self.months if next_month(month) <= times.today]
        self.local = {
            (row["customer_id"], month): self._local(row["customer_id"], month)
            for row in rows["customers"]
            for month in self.months
        }
        self.lines = {
            row["customer_id"]: self._lines(row["customer_id"]) for row in rows["customers"]
        }

    def _local(self, customer: str, month: date) -> dict[str, Decimal]:
        """Currency -> what is in force on the month's last day, or today."""
        day = min(next_month(month) - timedelta(days=1), self.times.now.date())
        found: dict[str, Decimal] = defaultdict(Decimal)
        for period in self.rows["subscription_periods"]:
            if period["customer_id"] == customer and self._is_in_force(period, day):
                found[period["currency"]] += Decimal(period["monthly_amount"])
        return {currency: amount for currency, amount in found.items() if amount > 0}

    def _is_in_force(self, period: Mapping[str, Any], day: date) -> bool:
        customer = next(
            row for row in self.rows["customers"] if row["customer_id"] == period["customer_id"]
        )
        if period["status"] not in ("active", "past_due"):
            return False
        ends = [period["valid_to_on"]]
        ends += [row["_deleted_at"] and row["_deleted_at"].date() for row in (period, customer)]
        if period["status"] == "past_due":
            grace = timedelta(days=self.times.settings.billing.past_due_days)
            ends.append(period["valid_from_on"] + grace)
        # An end that lies ahead is not known, but it does not lie before `day` either.
        return period["valid_from_on"] <= day and all(end is None or end > day for end in ends)

    def value(self, customer: str, month: date) -> tuple[Decimal, bool]:
        """Worth in base currency, and whether all of it could be valued."""
        total, known = Decimal(0), True
        for currency, amount in self.local[customer, month].items():
            rate = rate_of(self.rows, currency, month)
            known = known and rate is not None
            total += cents(amount * rate) if rate is not None else 0
        return total, known

    def has(self, customer: str, month: date) -> bool:
        """Does the customer pay at the end of the month?"""
        return bool(self.local.get((customer, month)))

    def at(self, customer: str, month: date) -> tuple[Decimal, bool]:
        """As `value`, and nothing before the first month."""
        return self.value(customer, month) if self.has(customer, month) else (Decimal(0), True)

    def places(self, month: date) -> list[tuple[str, date]]:
        """The periods whose stock this month's is: itself, and the quarter that it ends."""
        found = [("month", month)]
        start, end = self.times.period(month, "quarter")
        if next_month(month) == end or month == self.months[-1]:
            found.append(("quarter", start))
        return found

    def _lines(self, customer: str) -> dict[date, dict[str, Any]]:
        """Month -> opening, closing and movements, from the first paying month."""
        lines: dict[date, dict[str, Any]] = {}
        opening, was_known, before = Decimal(0), True, None
        for month in self.closed:
            local = self.local[customer, month]
            if not lines and not local:
                continue
            closing, known = self.value(customer, month)
            moves = self._moves(customer, month, before, opening, closing, known and was_known)
            if "new" in moves and lines:
                moves["reactivation"] = moves.pop("new")
            lines[month] = {
                "opening": opening,
                "closing": closing,
                "known": known,
                "was_known": was_known,
                **moves,
            }
            opening, was_known, before = closing, known, month
        return lines

    def _moves(
        self,
        customer: str,
        month: date,
        before: date | None,
        opening: Decimal,
        closing: Decimal,
        is_known: bool,
    ) -> dict[str, Decimal]:
        change = closing - opening
        if not is_known:
            return {"restatement": change}
        if opening == 0 or closing == 0:
            return {"new" if closing else "churn": change} if change else {}
        assert before is not None
        fx = Decimal(0)
        for currency, amount in self.local[customer, before].items():
            if currency in self.local[customer, month]:
                old, new = (rate_of(self.rows, currency, each) for each in (before, month))
                assert old is not None and new is not None
                fx += cents(amount * new) - cents(amount * old)
        rest = change - fx
        return {"fx": fx, "expansion" if rest > 0 else "contraction": rest}


_KEPT: list[tuple[Rows, Times, Books]] = []


def books_of(rows: Rows, times: Times) -> Books:
    """The books of these rows; kept, because several oracles read them."""
    for known, then, books in _KEPT:
        if known is rows and then is times:
            return books
    _KEPT.append((rows, times, Books(rows, times)))
    return _KEPT[-1][2]


def expected(rows: Rows, times: Times) -> Values:
    """metric -> (grain, period, dimensions) -> value."""
    books = books_of(rows, times)
    return _stock(books) | _flows(books) | _churn(books) | _retention(books)


def movements(rows: Rows, times: Times) -> set[tuple[Any, ...]]:
    """Every row of the detail table."""
    found: set[tuple[Any, ...]] = set()
    for customer, lines in Books(rows, times).lines.items():
        for month, line in lines.items():
            moved = {name: line[name] for name in _NAMES if line.get(name)}
            for name, amount in (moved or {"none": Decimal(0)}).items():
                found.add((month, customer, name, amount, line["opening"], line["closing"]))
    return found


_NAMES = (*GAINS, "contraction", "churn", "fx", "restatement")


def who_is(rows: Rows, customer: str | None) -> dict[str, Any]:
    """The dimensions of a customer; none is known of nobody."""
    record = next((row for row in rows["customers"] if row["customer_id"] == customer), {})
    company = next(
        (row for row in rows["accounts"] if row["account_id"] == record.get("account_id")), {}
    )
    owner = company.get("owner_id")
    team = next((user["team"] for user in rows["users"] if user["user_id"] == owner), None)
    return {
        **{
            name: record.get(name) or company.get(name)
            for name in ("segment", "industry", "region")
        },
        "owner": owner,
        "team": team,
    }


def _stock(books: Books) -> Values:
    facts, by_currency = [], []
    for row in books.rows["customers"]:
        who = who_is(books.rows, row["customer_id"])
        for month in books.months:
            local = books.local[row["customer_id"], month]
            rates = {currency: rate_of(books.rows, currency, month) for currency in local}
            values = [(name, rate and cents(local[name] * rate)) for name, rate in rates.items()]
            known = [value for _, value in values if value is not None]
            for place in books.places(month):
                for currency, value in values:
                    why = "missing_rate" if value is None else None
                    named = who | {"currency": currency}
                    by_currency.append(Fact(None, named, why, {"amount": value}, place))
                    if why:
                        facts.append(Fact(None, who, why, {}, place))
                if known:
                    facts.append(Fact(None, who, None, {"amount": sum(known)}, place))
    found = {}
    for name, times_a_year in (("mrr", 1), ("arr", 12)):

        def measure(group: Any, times_a_year: int = times_a_year) -> Measured:
            total = times_a_year * sum(row["amount"] for row in group)
            return Measured(total, None, total, len(group))

        currencies = published(by_currency, books.times, measure, (("currency",),))
        found[name] = published(facts, books.times, measure, DIMENSIONS) | {
            key: value for key, value in currencies.items() if key[2] != "{}"
        }
    return found


def _flows(books: Books) -> Values:
    facts = []
    for customer, lines in books.lines.items():
        who = who_is(books.rows, customer)
        for month, line in lines.items():
            facts += [
                Fact(month, who | {"movement": name}, None, {"amount": line[name]})
                for name in _NAMES
                if line.get(name)
            ]

    def measure(group: Any) -> Measured:
        total = sum(row["amount"] for row in group)
        return Measured(total, None, total, len(group))

    dimensions = (("movement",), *DIMENSIONS)
    grains = ("month", "quarter")
    return {"mrr_movements": published(facts, books.times, measure, dimensions, grains=grains)}


def _churn(books: Books) -> Values:
    opened, moved = [], []
    for customer, lines in books.lines.items():
        who = who_is(books.rows, customer)
        for month, line in lines.items():
            why = None if line["known"] and line["was_known"] else "missing_rate"
            if line["opening"] > 0:
                lost = {"reason": reason_of(books, customer, month) if line.get("churn") else None}
                opened.append(Fact(month, who, why, line | lost))
            if line["opening"] > 0 or line["closing"] > 0:
                moved.append(Fact(month, who, why, line))

    def of(facts: list[Fact], measure: Any) -> dict[Key, dict[str, Any]]:
        return published(facts, books.times, measure, DIMENSIONS, grains=("month",))

    return {
        "logo_churn": of(opened, _lost),
        "logo_churn_voluntary": of(opened, _lost_for("voluntary")),
        "logo_churn_involuntary": of(opened, _lost_for("involuntary")),
        "logo_churn_annual": of(opened, _for_a_year(_lost)),
        "gross_mrr_churn": of(opened, _rate_of("churn", "contraction")),
        "gross_mrr_churn_voluntary": of(opened, _share_lost_for("voluntary", "contraction")),
        "gross_mrr_churn_involuntary": of(opened, _share_lost_for("involuntary")),
        "gross_mrr_churn_annual": of(opened, _for_a_year(_rate_of("churn", "contraction"))),
        "net_mrr_churn": of(opened, _rate_of("churn", "contraction", "expansion")),
        "net_mrr_churn_annual": of(
            opened, _for_a_year(_rate_of("churn", "contraction", "expansion"))
        ),
        "revenue_after_churn": of(moved, _remaining),
    }


def _lost(group: Sequence[Mapping[str, Any]]) -> Measured:
    return ratio(sum(1 for row in group if row.get("churn")), len(group), len(group))


def _lost_for(reason: str) -> Any:
    def measure(group: Sequence[Mapping[str, Any]]) -> Measured:
        lost = sum(1 for row in group if row["reason"] == reason)
        return ratio(lost, len(group), len(group))

    return measure


def _for_a_year(monthly: Any) -> Any:
    """The same measure, its rate kept up for twelve months."""

    def measure(group: Sequence[Mapping[str, Any]]) -> Measured:
        month = monthly(group)
        year = None if month.value < -1 else 1 - (1 - month.value) ** 12
        return Measured(month.numerator, month.denominator, year, month.n)

    return measure


def _share_lost_for(reason: str, *names: str) -> Any:
    """Revenue of customers lost for a reason, and of movements that go with it."""

    def measure(group: Sequence[Mapping[str, Any]]) -> Measured:
        lost = -sum(row.get("churn", Decimal(0)) for row in group if row["reason"] == reason)
        lost -= sum(row.get(name, Decimal(0)) for row in group for name in names)
        return ratio(lost, sum(row["opening"] for row in group), len(group))

    return measure


def _rate_of(*names: str) -> Any:
    def measure(group: Sequence[Mapping[str, Any]]) -> Measured:
        lost = -sum(row.get(name, Decimal(0)) for row in group for name in names)
        return ratio(lost, sum(row["opening"] for row in group), len(group))

    return measure


def _remaining(group: Sequence[Mapping[str, Any]]) -> Measured:
    names = ("opening", *GAINS, "contraction", "churn")
    total = sum(row.get(name, Decimal(0)) for row in group for name in names)
    return Measured(total, None, total, len(group))


def reason_of(books: Books, customer: str, month: date) -> str | None:
    """Why a customer left in a month."""
    end = next_month(month)
    said = {
        row["cancel_reason"]
        for row in books.rows["subscriptions"]
        if row["customer_id"] == customer
        and row["ended_on"] is not None
        and month <= row["ended_on"] < end
    }
    stopped = {
        period["status"]
        for period in books.rows["subscription_periods"]
        if period["customer_id"] == customer
        and period["valid_from_on"] < end
        and (period["valid_to_on"] is None or period["valid_to_on"] >= end)
    }
    if "involuntary" in said:
        return "involuntary"
    if "voluntary" in said:
        return "voluntary"
    if "unpaid" in stopped:
        return "involuntary"
    return "voluntary" if "paused" in stopped else None


def _retention(books: Books) -> Values:
    facts = []
    for customer, lines in books.lines.items():
        who = who_is(books.rows, customer)
        for month, line in lines.items():
            present = month.replace(year=month.year + 1)
            now = lines.get(present)
            if now is None or not (line["closing"] > 0 or not line["known"]):
                continue
            why = None if line["known"] and now["known"] else "missing_rate"
            facts.append(Fact(present, who, why, {"then": line["closing"], "now": now["closing"]}))

    def net(group: Any) -> Measured:
        then = sum(row["then"] for row in group)
        return ratio(sum(row["now"] for row in group), then, len(group))

    def gross(group: Any) -> Measured:
        then = sum(row["then"] for row in group)
        return ratio(sum(min(row["then"], row["now"]) for row in group), then, len(group))

    return {
        name: published(facts, books.times, measure, DIMENSIONS, grains=("month",))
        for name, measure in (("net_revenue_retention", net), ("gross_revenue_retention", gross))
    }
