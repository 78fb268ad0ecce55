"""target_account_engagement: people, not clicks; several, not one noisy one."""

from __future__ import annotations

from typing import Any

import pytest
from metric_warehouse import Warehouse, at, on

MAY, JUNE = on("2026-05-01"), on("2026-06-01")


def wanted(warehouse: Warehouse, account: str, people: int = 2, **columns: Any) -> None:
    """A target account with people a1, a2..."""
    warehouse.put("target_accounts", {"account_id": account, "list_name": "wanted"} | columns)
    warehouse.put("accounts", {"account_id": account, "name": account})
    for number in range(1, people + 1):
        lead = {"lead_id": f"{account}{number}", "account_id": account, "is_inbound": False}
        warehouse.put("leads", lead | {"created_at": at("2025-01-01 00:00")})


def act(warehouse: Warehouse, lead: str, when: str = "2026-05-04 10:00", **columns: Any) -> None:
    row = {"kind": "email", "direction": "inbound", "is_human": False, "is_two_way": True}
    name = f"{lead} {when} {columns}"
    row |= {"activity_id": name, "lead_id": lead, "outcome": "received", "occurred_at": at(when)}
    warehouse.put("activities", row | columns)


def shown(warehouse: Warehouse, period: Any = MAY, **more: Any) -> Any:
    warehouse.build("target_account_engagement")
    values = warehouse.values("target_account_engagement", columns="numerator, denominator", **more)
    return values.get(period)


def test_two_people_engage_an_account_and_one_noisy_one_does_not(warehouse: Warehouse) -> None:
    wanted(warehouse, "a")
    wanted(warehouse, "b")
    act(warehouse, "a1")
    act(warehouse, "a2", "2026-04-04 10:00")
    for day in range(1, 29):
        act(warehouse, "b1", f"2026-05-{day:02} 10:00")
    assert shown(warehouse) == (1, 2)
    rows = warehouse.rows(
        "SELECT account_id, engaged_people, engaged_days, is_engaged "
        "FROM metrics.target_account_engagement ORDER BY 1"
    )
    assert rows == [("a", 2, 2, True), ("b", 1, 28, False)]


@pytest.mark.parametrize(
    "columns",
    [
        {"outcome": "opened", "is_two_way": False},
        {"outcome": "Clicked", "is_two_way": False},
        {"outcome": "auto_reply", "is_two_way": False},
        {"kind": "web", "is_two_way": False},
        {"kind": "meeting", "outcome": "no_show"},
        {"kind": "call", "direction": "outbound", "is_two_way": False, "is_human": True},
        {"kind": "call", "direction": "outbound", "outcome": "voicemail"},
        {"kind": "note", "direction": "internal"},
        {"occurred_at": at("2026-07-01 10:00")},
        {"_deleted_at": at("2026-06-01 00:00")},
    ],
    ids=str,
)
def test_what_engages_nobody(warehouse: Warehouse, columns: dict[str, Any]) -> None:
    wanted(warehouse, "a")
    act(warehouse, "a1")
    act(warehouse, "a2", **columns)
    assert shown(warehouse) == (0, 1)


@pytest.mark.parametrize(
    "columns",
    [
        {"kind": "form", "is_two_way": False, "outcome": None},
        {"kind": "call", "direction": "outbound", "is_human": True, "outcome": "connected"},
        {"kind": "meeting", "direction": "outbound", "outcome": "completed"},
        {"kind": "message", "is_two_way": False},
    ],
    ids=str,
)
def test_what_engages(warehouse: Warehouse, columns: dict[str, Any]) -> None:
    wanted(warehouse, "a")
    act(warehouse, "a1")
    act(warehouse, "a2", **columns)
    assert shown(warehouse) == (1, 1)


def test_a_form_that_only_marketing_knows_of(warehouse: Warehouse) -> None:
    wanted(warehouse, "a")
    act(warehouse, "a1")
    for kind in ("email_click", "program_status"):
        touch = {"touchpoint_id": kind, "lead_id": "a2", "kind": kind}
        warehouse.put("touchpoints", touch | {"occurred_at": at("2026-05-05 10:00")})
    assert shown(warehouse) == (0, 1)
    touch = {"touchpoint_id": "f", "lead_id": "a2", "kind": "form_fill"}
    warehouse.put("touchpoints", touch | {"occurred_at": at("2026-05-05 10:00")})
    assert shown(warehouse) == (1, 1)


def test_the_window_ends_with_the_period(warehouse: Warehouse) -> None:
    wanted(warehouse, "a")
    for person, when in (("a1", "2026-03-02 23:59"), ("a2", "2026-05-31 23:59")):
        act(warehouse, person, when)
    assert shown(warehouse) == (0, 1)
    act(warehouse, "a1", "2026-03-03 00:00")
    assert shown(warehouse) == (1, 1)
    assert shown(warehouse, JUNE) == (0, 1)


def test_who_is_on_the_list_on_that_day(warehouse: Warehouse) -> None:
    wanted(warehouse, "a")
    wanted(warehouse, "late", added_on=JUNE)
    wanted(warehouse, "gone", removed_on=on("2026-05-31"))
    wanted(warehouse, "deleted", _deleted_at=at("2026-06-02 00:00"))
    act(warehouse, "a1", "2026-04-04 10:00")
    assert [shown(warehouse, on(f"2026-0{month}-01")) for month in (4, 5, 6)] == [
        (0, 2),
        (0, 1),
        (0, 2),
    ]


def test_an_account_on_two_lists_counts_once(warehouse: Warehouse) -> None:
    wanted(warehouse, "a")
    warehouse.put("target_accounts", {"account_id": "a", "list_name": "dreamt of"})
    act(warehouse, "a1")
    act(warehouse, "a2")
    assert shown(warehouse) == (1, 1)
    for name in ("wanted", "dreamt of"):
        assert shown(warehouse, dimensions=f'{{"list":"{name}"}}') == (1, 1)


def test_people_who_do_not_count(warehouse: Warehouse) -> None:
    wanted(warehouse, "a", people=1)
    act(warehouse, "a1")
    for name, columns in (
        ("spam", {"excluded_reason": "spam"}),
        ("deleted", {"_deleted_at": at("2026-06-01 00:00")}),
        ("elsewhere", {"account_id": "b"}),
    ):
        lead = {"lead_id": name, "account_id": "a", "created_at": at("2025-01-01 00:00")}
        warehouse.put("leads", lead | columns)
        act(warehouse, name)
    assert shown(warehouse) == (0, 1)
    lead = {"lead_id": "bought", "account_id": "a", "excluded_reason": "imported"}
    warehouse.put("leads", lead | {"created_at": at("2025-01-01 00:00")})
    act(warehouse, "bought")
    assert shown(warehouse) == (1, 1)


def test_a_deleted_account_is_left_out(warehouse: Warehouse) -> None:
    wanted(warehouse, "a")
    warehouse.put("target_accounts", {"account_id": "x", "list_name": "wanted"})
    gone = {"account_id": "x", "name": "X", "_deleted_at": at("2026-06-01 00:00")}
    warehouse.put("accounts", gone)
    act(warehouse, "a1")
    warehouse.build("target_account_engagement")
    told = warehouse.values("target_account_engagement", columns="denominator, excluded")
    assert told[MAY] == (1, '{"deleted":1}')
