"""committed_arr: what runs, what is signed, what is known to end; as it was known then."""

from __future__ import annotations

from typing import Any

from agreements import put_paid, put_term
from metric_warehouse import Warehouse, at, on

APRIL, MAY, JUNE = on("2026-04-01"), on("2026-05-01"), on("2026-06-01")


def totals(warehouse: Warehouse, dimensions: str = "{}") -> dict[Any, Any]:
    warehouse.build("mrr", "committed_arr")
    return warehouse.values("committed_arr", dimensions=dimensions, columns="value, excluded")


def ask(warehouse: Warehouse, when: str, ended: str | None = None) -> None:
    warehouse.put(
        "subscriptions",
        {
            "subscription_id": "sc",
            "customer_id": "c",
            "cancel_requested_at": at(when),
            "ended_on": ended and on(ended),
        },
    )


def test_a_scheduled_end_is_taken_off_from_the_day_it_is_known(warehouse: Warehouse) -> None:
    put_paid(warehouse, 100, "2026-04-01", None)
    ask(warehouse, "2026-05-20 10:00")
    assert totals(warehouse) == {APRIL: (1200, "{}"), MAY: (0, "{}"), JUNE: (0, "{}")}


def test_what_ended_meanwhile_was_an_end_ahead_before(warehouse: Warehouse) -> None:
    put_paid(warehouse, 100, "2026-04-01", "2026-06-10")
    put_paid(warehouse, 10, "2026-04-01", None, "other")
    ask(warehouse, "2026-05-20 10:00", "2026-06-10")
    assert totals(warehouse) == {APRIL: (1320, "{}"), MAY: (120, "{}"), JUNE: (120, "{}")}


def test_who_asked_and_left_at_once_was_never_scheduled(warehouse: Warehouse) -> None:
    put_paid(warehouse, 100, "2026-04-01", "2026-05-20")
    put_paid(warehouse, 10, "2026-04-01", None, "other")
    ask(warehouse, "2026-05-20 10:00", "2026-05-20")
    assert totals(warehouse)[MAY] == (120, "{}")


def test_signed_and_not_started(warehouse: Warehouse) -> None:
    put_paid(warehouse, 10, "2026-04-01", None, "other")
    signed = {"annual_amount": 2400, "signed_at": at("2026-05-10 10:00")}
    put_term(warehouse, "1", "2026-08-01", "2027-08-01", **signed)
    put_term(warehouse, "2", "2026-06-05", "2027-06-05", "d", **signed)
    put_term(warehouse, "3", "2026-08-01", "2027-08-01", "e", annual_amount=9999)
    assert totals(warehouse) == {
        APRIL: (120, "{}"),
        MAY: (120 + 4800, "{}"),
        # By the end of June the second has started, and nothing is paid for it.
        JUNE: (120 + 2400, "{}"),
    }
    assert totals(warehouse, '{"part":"not_started"}')[MAY] == (4800, "{}")


def test_renewals_and_replacements_add_nothing(warehouse: Warehouse) -> None:
    signed = {"annual_amount": 2400, "signed_at": at("2026-05-10 10:00"), "subscription_id": None}
    put_paid(warehouse, 100, "2026-04-01", None)
    put_term(warehouse, "pays by the month", "2026-08-01", "2027-08-01", **signed)
    put_term(warehouse, "bound", "2025-08-01", "2026-08-01", "d")
    put_term(warehouse, "next", "2026-08-01", "2027-08-01", "d", **signed)
    assert totals(warehouse)[MAY] == (1200, '{"follows_what_runs":2}')


def test_what_cannot_be_valued_is_counted(warehouse: Warehouse) -> None:
    signed = {"signed_at": at("2026-05-10 10:00")}
    put_paid(warehouse, 100, "2026-04-01", None)
    put_paid(warehouse, 100, "2026-05-01", None, "franc", currency="CHF")
    put_term(warehouse, "1", "2026-08-01", "2027-08-01", "d", **signed)
    put_term(
        warehouse, "2", "2026-08-01", "2027-08-01", "e", **signed, annual_amount=1, currency="CHF"
    )
    assert totals(warehouse)[MAY] == (1200, '{"missing_rate":2,"no_amount":1}')


def test_the_quarter_is_its_last_month(warehouse: Warehouse) -> None:
    put_paid(warehouse, 100, "2026-01-10", None)
    ask(warehouse, "2026-03-20 10:00")
    warehouse.build("mrr", "committed_arr")
    shown = warehouse.values("committed_arr", grain="quarter", columns="value, is_mature")
    assert shown == {on("2026-01-01"): (0, True), APRIL: (0, False)}
