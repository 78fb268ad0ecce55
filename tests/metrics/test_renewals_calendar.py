"""renewals_calendar: what comes up, what does not, and what is seen of it. Today is 30 June."""

from __future__ import annotations

from typing import Any

import pytest
from agreements import put_paid, put_term
from metric_warehouse import Warehouse, at, on

JUNE = on("2026-06-01")
SIGNED = {"subscription_id": None, "customer_id": None, "account_id": "a", "annual_amount": 5000}


def listed(warehouse: Warehouse, *columns: str) -> dict[str, Any]:
    """Term -> columns."""
    warehouse.build("renewals_calendar")
    rows = warehouse.rows(
        f"SELECT contract_id, {', '.join(columns)} FROM metrics.renewals_calendar"
    )
    return {key: tuple(rest) if len(rest) > 1 else rest[0] for key, *rest in rows}


def put_running(warehouse: Warehouse, ends: str = "2026-08-01", key: str = "c") -> None:
    put_term(warehouse, key, "2025-08-01", ends, key, notice_on=on("2026-07-02"))
    put_paid(warehouse, 100, "2025-08-01", None, key, quantity=10)


def test_dates_amount_and_owner(warehouse: Warehouse) -> None:
    warehouse.put("users", {"user_id": "u", "name": "U", "team": "north"})
    warehouse.put("accounts", {"account_id": "a", "name": "A", "owner_id": "u"})
    warehouse.put("customers", {"customer_id": "c", "account_id": "a"})
    put_running(warehouse)
    names = ("days_to_renewal", "days_to_notice", "arr_amount", "owner", "team", "account_id")
    assert listed(warehouse, *names) == {"c": (32, 2, 1200, "u", "north", "a")}


def test_soon_and_within_a_year(warehouse: Warehouse) -> None:
    for key, ends in (("a", "2026-09-27"), ("b", "2026-09-28"), ("c", "2027-08-01")):
        put_running(warehouse, ends, key)
    listed(warehouse, "ends_on")
    # 89, 90 and 397 days ahead.
    assert warehouse.value("renewals_calendar", "2026-06-01") == 1200
    assert warehouse.value("renewals_calendar_year", "2026-06-01") == 2400
    september = '{"renewal_month":"2026-09-01"}'
    assert warehouse.value("renewals_calendar_year", "2026-06-01", dimensions=september) == 2400
    shown = warehouse.values("renewals_calendar", columns="n, is_mature")
    assert shown == {JUNE: (1, False)}


def test_an_ended_term_stays_while_it_may_be_renewed(warehouse: Warehouse) -> None:
    put_running(warehouse, "2026-06-05", "open")
    put_running(warehouse, "2026-05-31", "past")
    assert listed(warehouse, "days_to_renewal") == {"open": -25}


def test_what_comes_up_for_nothing(warehouse: Warehouse) -> None:
    put_running(warehouse, "2025-09-01", "monthly")
    put_term(warehouse, "over", "2025-08-01", "2026-08-01", "over", ended_on=on("2026-02-01"))
    put_term(warehouse, "first", "2025-06-10", "2026-06-10", "twice")
    put_term(warehouse, "second", "2026-06-10", "2027-06-10", "twice")
    put_term(warehouse, "gone", "2025-08-01", "2026-08-01", _deleted_at=at("2026-06-01 00:00"))
    put_term(warehouse, "signed", "2025-06-10", "2026-06-10", **SIGNED)
    put_term(warehouse, "next", "2026-06-12", "2027-06-12", **SIGNED)
    assert set(listed(warehouse, "ends_on")) == {"second", "next"}


def test_a_contract_of_the_company_stands_for_its_bills(warehouse: Warehouse) -> None:
    warehouse.put("customers", {"customer_id": "c", "account_id": "a"})
    put_running(warehouse)
    put_term(warehouse, "signed", "2025-01-10", "2027-01-10", **SIGNED)
    assert listed(warehouse, "arr_amount") == {"signed": 5000}


def test_who_asked_to_leave(warehouse: Warehouse) -> None:
    put_running(warehouse)
    row = {"subscription_id": "sc", "customer_id": "c", "status": "active"}
    warehouse.put("subscriptions", row | {"cancel_requested_at": at("2026-06-20 10:00")})
    assert listed(warehouse, "cancel_requested_at", "warnings")["c"] == (at("2026-06-20 10:00"), 1)
    assert warehouse.value("renewals_calendar_at_risk", "2026-06-01") == 1200


@pytest.mark.parametrize(
    ("bill", "fails"),
    [
        ({"due_at": at("2026-06-15 10:00")}, True),
        ({"due_at": at("2026-07-15 10:00")}, False),
        ({"paid_at": at("2026-06-12 10:00")}, False),
        ({"voided_at": at("2026-06-12 10:00")}, False),
        ({"total": 0}, False),
        ({"status": "draft", "issued_at": None}, False),
        ({"customer_id": "another"}, False),
    ],
)
def test_payment_fails_where_a_bill_is_overdue(
    warehouse: Warehouse, bill: dict[str, Any], fails: bool
) -> None:
    put_running(warehouse)
    row = {"invoice_id": "i", "customer_id": "c", "status": "open", "currency": "USD"}
    warehouse.put("invoices", row | {"total": 9, "issued_at": at("2026-06-10 10:00")} | bill)
    assert listed(warehouse, "is_payment_failing")["c"] is fails


def test_payment_fails_where_the_ledger_says_so(warehouse: Warehouse) -> None:
    put_term(warehouse, "c", "2025-08-01", "2026-08-01")
    put_paid(warehouse, 100, "2026-06-20", None, status="past_due")
    assert listed(warehouse, "is_payment_failing", "arr_amount")["c"] == (True, 1200)


def test_fewer_seats_than_ninety_days_ago(warehouse: Warehouse) -> None:
    for key, before, now in (("less", 10, 7), ("more", 10, 12)):
        put_term(warehouse, key, "2025-08-01", "2026-08-01", key)
        put_paid(warehouse, 100, "2025-08-01", "2026-05-01", key, quantity=before)
        put_paid(warehouse, 100, "2026-05-01", None, key, quantity=now)
    put_term(warehouse, "young", "2026-05-20", "2027-05-20", "young")
    put_paid(warehouse, 100, "2026-05-20", None, "young", quantity=3)
    assert listed(warehouse, "is_seats_falling") == {"less": True, "more": False, "young": None}


@pytest.mark.parametrize(
    ("activity", "quiet"),
    [
        ({"occurred_at": "2026-04-02 10:00"}, False),
        ({"occurred_at": "2026-03-20 10:00"}, True),
        ({"is_human": False}, True),
        ({"kind": "task"}, True),
        ({"account_id": "b"}, True),
        ({"account_id": None, "lead_id": "l"}, False),
        ({"_deleted_at": "2026-06-15 10:00"}, True),
    ],
)
def test_nobody_talked_with_them(
    warehouse: Warehouse, activity: dict[str, Any], quiet: bool
) -> None:
    warehouse.put("customers", {"customer_id": "c", "account_id": "a"})
    warehouse.put("leads", {"lead_id": "l", "account_id": "a", "raised_at": at("2025-01-01 00:00")})
    row = {"activity_id": "v", "account_id": "a", "occurred_at": "2026-06-10 10:00"}
    warehouse.put("activities", row | activity)
    put_running(warehouse)
    assert listed(warehouse, "is_quiet", "warnings")["c"] == (quiet, int(quiet))


def test_where_nothing_could_say_it_nothing_is_warned_of(warehouse: Warehouse) -> None:
    put_running(warehouse)
    assert listed(warehouse, "is_quiet", "warnings")["c"] == (None, 0)


def test_the_open_renewal_deal_or_none(warehouse: Warehouse) -> None:
    deals = (
        ("later", {"close_on": on("2026-09-01")}),
        ("first", {"close_on": on("2026-08-01")}),
        ("won", {"is_closed": True, "is_won": True, "closed_at": at("2026-06-01 10:00")}),
        ("new", {"kind": "new", "close_on": on("2026-07-01")}),
    )
    for key, columns in deals:
        row = {"opportunity_id": key, "account_id": "a", "kind": "renewal"}
        warehouse.put("opportunities", row | {"created_at": at("2026-05-01 10:00")} | columns)
    for customer, account in (("c", "a"), ("d", "b")):
        warehouse.put("customers", {"customer_id": customer, "account_id": account})
        put_running(warehouse, key=customer)
    assert listed(warehouse, "renewal_opportunity_id") == {"c": "first", "d": None}


def test_what_cannot_be_valued_is_listed_and_counted(warehouse: Warehouse) -> None:
    put_running(warehouse)
    put_term(warehouse, "franc", "2025-08-01", "2026-08-01", "franc")
    put_paid(warehouse, 100, "2025-08-01", None, "franc", currency="CHF")
    put_term(warehouse, "unpaid", "2025-08-01", "2026-08-01", "unpaid")
    put_term(warehouse, "blank", "2025-08-01", "2026-08-01", **SIGNED | {"annual_amount": None})
    assert len(listed(warehouse, "ends_on")) == 4
    shown = warehouse.values("renewals_calendar", columns="value, excluded")
    assert shown == {JUNE: (1200, '{"missing_rate":1,"no_amount":1,"nothing_paid":1}')}
