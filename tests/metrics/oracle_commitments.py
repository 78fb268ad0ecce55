"""What committed_arr should say, told month by month."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from oracle_deals import cents, rate_of
from oracle_revenue import DIMENSIONS, Books, books_of
from oracle_rollup import Fact, Key, Measured, Times, next_month, published
from oracle_terms import DAY, NEVER, Agreements, agreements_of
from whole_rows import whole

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
Part = tuple[str, str | None, Decimal | None, str | None]


def expected(rows: Rows, times: Times) -> dict[str, dict[Key, dict[str, Any]]]:
    """metric -> (grain, period, dimensions) -> value."""
    books, found = books_of(rows, times), agreements_of(rows, times)
    facts = []
    for month in books.months:
        last = min(next_month(month) - DAY, found.today)
        parts = [
            *_in_force(books, month),
            *_ending(found, month, last),
            *_waiting(books, found, month, last),
        ]
        for part, customer, amount, why in parts:
            dimensions = found.who(customer) | {"part": part}
            facts += [
                Fact(None, dimensions, why, {"amount": amount}, place)
                for place in books.places(month)
            ]

    def measure(group: Sequence[Mapping[str, Any]]) -> Measured:
        total = sum(row["amount"] for row in group)
        return Measured(total, None, total, len(group))

    dimensions = (("part",), *DIMENSIONS)
    return {"committed_arr": published(facts, times, measure, dimensions)}


def end_of(times: Times, month: date) -> datetime:
    """The instant at which the month ends, naive UTC."""
    zone = ZoneInfo(times.settings.company.time_zone)
    midnight = datetime.combine(next_month(month), time.min, zone)
    return midnight.astimezone(UTC).replace(tzinfo=None)


def _is_known(times: Times, moment: datetime | None, month: date) -> bool:
    """Had it happened by the end of the month?"""
    return moment is not None and moment <= times.now and moment < end_of(times, month)


def _in_force(books: Books, month: date) -> Iterator[Part]:
    for customer in books.customers:
        worths = [
            (rate_of(books.rows, currency, month), amount)
            for currency, amount in books.local[customer, month].items()
        ]
        valued = [cents(amount * rate) for rate, amount in worths if rate is not None]
        if valued:
            yield "in_force", customer, 12 * sum(valued, Decimal(0)), None
        for rate, _ in worths:
            if rate is None:
                yield "in_force", customer, None, "missing_rate"


def _ending(found: Agreements, month: date, last: date) -> Iterator[Part]:
    for row in whole(found.rows, "subscriptions"):
        ended = row["ended_on"] or NEVER
        if ended <= last or not _is_known(found.times, row["cancel_requested_at"], month):
            continue
        for currency, amount in found.worth(row["subscription_id"], last).items():
            rate = rate_of(found.rows, currency, month)
            worth = None if rate is None else -12 * cents(amount * rate)
            why = "missing_rate" if rate is None else None
            yield "scheduled_end", found.payer[row["subscription_id"]], worth, why


def _waiting(books: Books, found: Agreements, month: date, last: date) -> Iterator[Part]:
    def party(row: Mapping[str, Any]) -> str | None:
        customer = found.customers.get(row["customer_id"], {})
        return row.get("account_id") or customer.get("account_id") or row["customer_id"]

    taken = {
        party({"customer_id": customer})
        for customer in books.customers
        if books.has(customer, month)
    }
    taken |= {
        party(row)
        for row in found.contracts
        if row["starts_on"] <= last and (row["ended_on"] or row["ends_on"] or NEVER) > last
    }
    for row in found.contracts:
        if row["starts_on"] <= last or not _is_known(found.times, row["signed_at"], month):
            continue
        known = min(end_of(found.times, month), found.times.now)
        if row["_deleted_at"] is not None and row["_deleted_at"] < known:
            continue
        rate = rate_of(found.rows, row["currency"], month)
        reasons = (
            (party(row) in taken, "follows_what_runs"),
            (row["annual_amount"] is None, "no_amount"),
            (rate is None, "missing_rate"),
        )
        why = next((reason for holds, reason in reasons if holds), None)
        worth = None if why else cents(row["annual_amount"] * rate)
        yield "not_started", row["customer_id"], worth, why
