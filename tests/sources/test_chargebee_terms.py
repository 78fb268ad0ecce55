"""Terms of Chargebee's subscriptions, agreed or billed for: few records in, exact terms out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from chargebee_warehouse import NAME
from test_chargebee_offers import Offered, at, moment, offered, site, subscription

__all__ = ["offered", "site"]

Terms = Callable[..., list[tuple[Any, ...]]]
YEAR = {"id": "gold-year", "period": 1, "period_unit": "year", "status": "active"}
MONTH = {"id": "gold-month", "period": 1, "period_unit": "month", "status": "active"}
AGREED = {
    "id": "ct_1",
    "contract_start": at("2026-01-10"),
    "contract_end": at("2028-01-10"),
    "action_at_term_end": "renew",
    "cancellation_cutoff_period": 30,
    "total_contract_value": 285_600,
    "total_contract_value_before_tax": 240_000,
}


@pytest.fixture
def terms(offered: Offered) -> Terms:
    """(starts, ends, ended, renews on, a year's worth) of every term, in order."""

    def read(**records: list[Any]) -> list[tuple[Any, ...]]:
        names = ("starts_on", "ends_on", "ended_on", "renewal_on", "annual_amount")
        rows = offered("contracts", item_prices=[YEAR, MONTH], **records)
        found = [
            tuple(value.isoformat() if isinstance(value, date) else value for value in picked)
            for picked in ([row[name] for name in names] for row in rows)
        ]
        return sorted(found, key=str)

    return read


def billed(start: str, end: str, amount: int = 120_000, **other: Any) -> dict[str, Any]:
    """A paid bill of one full period, or of what `other` says of its line."""
    entry = {"id": f"li_{start}", "subscription_id": "s1", "entity_id": "gold-year"}
    entry |= {"date_from": at(start), "date_to": at(end), "amount": amount, "quantity": 1}
    entry |= {"entity_type": "plan_item_price"} | other
    return {
        "id": f"INV-{start}",
        "customer_id": "c1",
        "subscription_id": "s1",
        "status": "paid",
        "recurring": True,
        "currency_code": "USD",
        "date": at(start),
        "line_items": [entry],
    }


def life(**other: Any) -> dict[str, Any]:
    """A subscription since 2025, without a trial."""
    began = {name: at("2025-01-10") for name in ("created_at", "started_at", "activated_at")}
    return subscription(**(began | {"trial_start": None, "trial_end": None} | other))


def test_an_agreed_term_with_its_notice(offered: Offered) -> None:
    assert offered("contracts", subscriptions=[subscription(contract_term=AGREED)]) == [
        {
            "contract_id": f"{NAME}:s1:2026-01-10",
            "customer_id": f"{NAME}:c1",
            "subscription_id": f"{NAME}:s1",
            "signed_at": None,
            "starts_on": date(2026, 1, 10),
            "ends_on": date(2028, 1, 10),
            "ended_on": None,
            "renewal_on": date(2028, 1, 10),
            "notice_on": date(2027, 12, 11),
            "annual_amount": Decimal("1200.00"),
            "currency": "USD",
            "auto_renews": True,
            "source": NAME,
            "source_id": "s1:2026-01-10",
            "_updated_at": moment("2026-06-24"),
            "_deleted_at": None,
        }
    ]


def test_a_contract_that_will_not_renew(terms: Terms) -> None:
    term = AGREED | {"action_at_term_end": "cancel"}
    assert [row[1:4] for row in terms(subscriptions=[subscription(contract_term=term)])] == [
        ("2028-01-10", None, None)
    ]


def test_terms_before_the_present_one_are_counted_from_the_start(terms: Terms) -> None:
    year = {"contract_start": at("2027-01-10"), "contract_end": at("2028-01-10")}
    found = terms(subscriptions=[life(contract_term=AGREED | year)])
    assert [row[:4] for row in found] == [
        ("2025-01-10", "2026-01-10", None, "2026-01-10"),
        ("2026-01-10", "2027-01-10", None, "2027-01-10"),
        ("2027-01-10", "2028-01-10", None, "2028-01-10"),
    ]
    apart = {"contract_start": at("2026-09-01"), "contract_end": at("2027-09-01")}
    found = terms(subscriptions=[life(contract_term=AGREED | apart)])
    assert [row[:2] for row in found] == [("2026-09-01", "2027-09-01")]


def test_bills_inside_an_agreed_term_are_no_terms(terms: Terms) -> None:
    found = terms(
        subscriptions=[subscription(contract_term=AGREED)],
        invoices=[billed("2026-01-10", "2027-01-10")],
    )
    assert [row[:2] for row in found] == [("2026-01-10", "2028-01-10")]


def test_periods_billed_in_full_are_terms(terms: Terms) -> None:
    found = terms(
        subscriptions=[
            life(current_term_start=at("2026-01-10"), current_term_end=at("2027-01-10"))
        ],
        invoices=[
            billed("2025-01-10", "2026-01-10"),
            billed("2025-06-10", "2026-01-10", amount=70_000),
            billed("2026-01-10", "2027-01-10", discount_amount=20_000),
        ],
    )
    assert found == [
        ("2025-01-10", "2026-01-10", None, "2026-01-10", Decimal("1200.00")),
        ("2026-01-10", "2027-01-10", None, "2027-01-10", Decimal("1000.00")),
    ]


def test_months_and_trials_are_no_terms(terms: Terms) -> None:
    month = {"current_term_start": at("2026-06-10"), "current_term_end": at("2026-07-10")}
    trial = {"current_term_start": at("2026-03-10"), "current_term_end": at("2026-07-10")}
    found = terms(
        subscriptions=[life(**month), life(id="s2", status="in_trial", **trial)],
        invoices=[billed("2026-05-10", "2026-06-10", entity_id="gold-month")],
    )
    assert found == []


def test_who_leaves_early(terms: Terms) -> None:
    gone = life(
        status="cancelled",
        cancelled_at=at("2025-08-10"),
        current_term_start=at("2025-01-10"),
        current_term_end=at("2026-01-10"),
    )
    found = terms(subscriptions=[gone], invoices=[billed("2025-01-10", "2026-01-10")])
    assert [row[:4] for row in found] == [("2025-01-10", "2026-01-10", "2025-08-10", None)]


def test_what_will_start_later_is_signed(offered: Offered) -> None:
    items = [{"item_price_id": "gold-year", "item_type": "plan", "quantity": 1, "amount": 120_000}]
    later = subscription(
        status="future", start_date=at("2026-08-01"), started_at=None, subscription_items=items
    )
    (row,) = offered("contracts", subscriptions=[later], item_prices=[YEAR, MONTH])
    assert (row["signed_at"], row["starts_on"], row["ends_on"], row["annual_amount"]) == (
        moment("2026-01-10"),
        date(2026, 8, 1),
        date(2027, 8, 1),
        Decimal("1200.00"),
    )
