"""Terms from Stripe's bills and schedules: few records in, exact terms out."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from test_stripe_ledger import (
    MONTHLY,
    QUARTERLY,
    YEARLY,
    Offered,
    at,
    invoice,
    item,
    line,
    offered,
    price,
    subscription,
    tables,
)

__all__ = ["offered", "tables"]

Term = tuple[Any, ...]
Terms = Callable[..., list[Term]]


@pytest.fixture
def terms(offered: Offered, tables: duckdb.DuckDBPyConnection) -> Terms:
    """(starts, ends, ended, renews on, a year's worth) of every term, in order."""

    def read(**records: list[Any]) -> list[Term]:
        offered("contracts", **records)
        names = [column[0] for column in tables.description or ()]
        wanted = ("starts_on", "ends_on", "ended_on", "renewal_on", "annual_amount", "signed_at")
        rows = [dict(zip(names, row, strict=True)) for row in offered("contracts")]
        return [
            (
                *(row[name] and row[name].isoformat() for name in wanted[:4]),
                row["annual_amount"],
                row["signed_at"] and row["signed_at"].date().isoformat(),
            )
            for row in sorted(rows, key=str)
        ]

    return read


def running(of: dict[str, Any], start: str, end: str, **other: Any) -> dict[str, Any]:
    return item("si_1", of, **other) | {
        "current_period_start": at(start),
        "current_period_end": at(end),
    }


def test_every_renewal_is_a_term_of_its_own(terms: Terms) -> None:
    year = price("p", "120000", YEARLY)
    bills = [
        invoice(at(start), line(year, 120_000, at(start), at(end)))
        for start, end in (("2024-06-10", "2025-06-10"), ("2025-06-10", "2026-06-10"))
    ]
    found = terms(
        subscriptions=[subscription(running(year, "2026-06-10", "2027-06-10"))],
        prices=[year],
        invoices=bills,
    )
    worth = Decimal("1200.00")
    assert found == [
        ("2024-06-10", "2025-06-10", None, "2025-06-10", worth, None),
        ("2025-06-10", "2026-06-10", None, "2026-06-10", worth, None),
        ("2026-06-10", "2027-06-10", None, "2027-06-10", worth, None),
    ]


def test_who_is_billed_by_the_month_has_no_terms(terms: Terms) -> None:
    month = price("p", "1000", MONTHLY)
    bill = invoice(at("2026-05-10"), line(month, 1000, at("2026-05-10"), at("2026-06-10")))
    owner = subscription(running(month, "2026-06-10", "2026-07-10"))
    assert terms(subscriptions=[owner], prices=[month], invoices=[bill]) == []


def test_several_years_are_one_term(terms: Terms) -> None:
    years = price("p", "360000", ("year", 3))
    owner = subscription(running(years, "2025-01-10", "2028-01-10"))
    assert terms(subscriptions=[owner], prices=[years]) == [
        ("2025-01-10", "2028-01-10", None, "2028-01-10", Decimal("1200.00"), None)
    ]


def test_prorations_are_inside_a_term(terms: Terms) -> None:
    quarter = price("p", "30000", QUARTERLY)
    more = line(quarter, 9_000, at("2026-04-15"), at("2026-07-10"), quantity=2, proration=True)
    found = terms(
        subscriptions=[subscription(running(quarter, "2026-04-10", "2026-07-10", quantity=2))],
        prices=[quarter],
        invoices=[
            invoice(at("2026-04-10"), line(quarter, 30_000, at("2026-04-10"), at("2026-07-10"))),
            invoice(at("2026-04-15"), more),
        ],
    )
    assert found == [("2026-04-10", "2026-07-10", None, "2026-07-10", Decimal("1200.00"), None)]


def test_discounts_are_off_and_use_does_not_count(terms: Terms) -> None:
    year, use = price("p", "120000", YEARLY), price("u", "1", YEARLY)
    use["recurring"]["usage_type"] = "metered"
    start, end = at("2026-01-10"), at("2027-01-10")
    off = [{"amount": 20_000, "discount": "di_1"}]
    found = terms(
        subscriptions=[subscription(running(year, "2026-01-10", "2027-01-10"))],
        prices=[year, use],
        invoices=[
            invoice(
                start,
                line(year, 120_000, start, end, discount_amounts=off),
                line(use, 777, at("2025-01-10"), start, key="si_2"),
            )
        ],
    )
    assert found == [("2026-01-10", "2027-01-10", None, "2027-01-10", Decimal("1000.00"), None)]


def test_a_trial_is_no_term(terms: Terms) -> None:
    year = price("p", "120000", YEARLY)
    trial = {"status": "trialing", "trial_start": at("2026-03-10"), "trial_end": at("2026-07-10")}
    owner = subscription(running(year, "2026-03-10", "2026-07-10"), **trial)
    assert terms(subscriptions=[owner], prices=[year]) == []


def test_who_leaves_early_and_who_leaves_at_the_end(terms: Terms) -> None:
    year = price("p", "120000", YEARLY)
    lives = [
        subscription(running(year, "2026-01-10", "2027-01-10"), key=key, **ending)
        for key, ending in (
            ("early", {"status": "canceled", "ended_at": at("2026-04-10")}),
            ("asked", {"cancel_at_period_end": True}),
            ("never", {"status": "incomplete_expired"}),
        )
    ]
    found = terms(subscriptions=lives, prices=[year])
    assert [row[:4] for row in found] == [
        ("2026-01-10", "2027-01-10", None, None),
        ("2026-01-10", "2027-01-10", "2026-04-10", None),
    ]


def test_a_new_interval_begins_another_term(terms: Terms) -> None:
    year, quarter = price("p", "120000", YEARLY), price("q", "30000", QUARTERLY)
    bill = invoice(at("2026-01-10"), line(year, 120_000, at("2026-01-10"), at("2027-01-10")))
    owner = subscription(running(quarter, "2026-05-10", "2026-08-10"))
    found = terms(subscriptions=[owner], prices=[year, quarter], invoices=[bill])
    assert [row[:4] for row in found] == [
        ("2026-01-10", "2027-01-10", "2026-05-10", "2027-01-10"),
        ("2026-05-10", "2026-08-10", None, "2026-08-10"),
    ]


def schedule(start: str, end: str, of: dict[str, Any], **other: Any) -> dict[str, Any]:
    phase = {"start_date": at(start), "end_date": at(end), "currency": "usd"}
    return {
        "id": "sub_sched_1",
        "customer": "cus_1",
        "subscription": "sub_1",
        "status": "active",
        "end_behavior": "release",
        "created": at("2026-01-02"),
        "canceled_at": None,
        "phases": [phase | {"items": [{"price": of["id"], "quantity": 2}]}],
    } | other


def test_a_schedule_that_cancels_at_its_end_is_one_term(terms: Terms) -> None:
    """Two years, billed each year: the bill in the middle is no renewal."""
    year = price("p", "120000", YEARLY)
    bill = invoice(at("2026-01-10"), line(year, 120_000, at("2026-01-10"), at("2027-01-10")))
    records = {
        "subscriptions": [subscription(running(year, "2026-01-10", "2027-01-10"))],
        "prices": [year],
        "invoices": [bill],
    }
    fixed = schedule("2026-01-10", "2028-01-10", year, end_behavior="cancel")
    found = terms(**records, subscription_schedules=[fixed])
    assert found == [("2026-01-10", "2028-01-10", None, None, Decimal("1200.00"), "2026-01-02")]


def test_a_schedule_that_releases_says_nothing_of_terms(terms: Terms) -> None:
    year = price("p", "120000", YEARLY)
    owner = subscription(running(year, "2026-01-10", "2027-01-10"))
    loose = schedule("2026-01-10", "2026-09-10", year)
    found = terms(subscriptions=[owner], prices=[year], subscription_schedules=[loose])
    assert [row[:2] for row in found] == [("2026-01-10", "2027-01-10")]


def test_what_is_signed_and_not_started(terms: Terms) -> None:
    year = price("p", "120000", YEARLY)
    waits = schedule("2026-08-10", "2027-08-10", year, status="not_started", subscription=None)
    gone = waits | {"id": "sub_sched_2", "status": "canceled", "canceled_at": at("2026-02-10")}
    found = terms(prices=[year], subscription_schedules=[waits, gone])
    assert found == [
        ("2026-08-10", "2027-08-10", None, "2027-08-10", Decimal("2400.00"), "2026-01-02")
    ]
