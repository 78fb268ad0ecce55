"""qualified_pipeline_created: then and now, kinds apart."""

from __future__ import annotations

from typing import Any

from deal_days import put_deal
from metric_warehouse import Warehouse, at, on

MAY = on("2026-05-01")
THEN = at("2026-05-04 10:00")


def shown(warehouse: Warehouse, suffix: str = "", columns: str = "value, n") -> Any:
    warehouse.build("qualified_pipeline_created")
    return warehouse.values(f"qualified_pipeline_created{suffix}", columns=columns).get(MAY)


def test_amounts_drift_after_entry(warehouse: Warehouse) -> None:
    put_deal(
        warehouse, "a", "04-10 amount 10", "05-04 amount 20", "05-05 amount 35", qualified_at=THEN
    )
    put_deal(warehouse, "lost since", "05-04 amount 5", "05-20 lost amount 0", qualified_at=THEN)
    assert shown(warehouse) == (25, 2)
    assert shown(warehouse, "_now") == (35, 2)
    drift = warehouse.rows(
        "SELECT opportunity_id, drift FROM metrics.qualified_pipeline_created ORDER BY 1"
    )
    assert drift == [("a", 15), ("lost since", -5)]


def test_kinds_are_kept_apart(warehouse: Warehouse) -> None:
    for number, kind in enumerate(("new", "other", "expansion", "renewal")):
        put_deal(warehouse, kind, f"05-04 amount {10**number}", kind=kind, qualified_at=THEN)
    assert shown(warehouse) == (11, 2)
    assert shown(warehouse, "_expansion") == (100, 1)
    assert shown(warehouse, "_renewal_now") == (1000, 1)


def test_the_running_quarter_is_the_quarter_to_date(warehouse: Warehouse) -> None:
    put_deal(warehouse, "a", "04-10 amount 10", qualified_at=at("2026-04-10 10:00"))
    put_deal(warehouse, "b", "06-20 amount 7", qualified_at=at("2026-06-20 10:00"))
    put_deal(warehouse, "to come", "06-20 amount 5", qualified_at=at("2026-07-02 10:00"))
    shown(warehouse)
    found = warehouse.values("qualified_pipeline_created", "quarter", columns="value, is_mature")
    assert found == {on("2026-04-01"): (17, False)}


def test_both_are_at_the_rate_of_the_month_of_entry(warehouse: Warehouse) -> None:
    warehouse.put(
        "fx_rates",
        {"currency": "EUR", "rate": "2", "valid_on": on("2026-05-01")},
        {"currency": "EUR", "rate": "3", "valid_on": on("2026-06-01")},
    )
    put_deal(warehouse, "a", "05-04 amount 10 currency EUR", "06-04 amount 11", qualified_at=THEN)
    assert shown(warehouse) == (20, 1)
    assert shown(warehouse, "_now") == (22, 1)


def test_it_counts_for_who_owned_it_then(warehouse: Warehouse) -> None:
    put_deal(warehouse, "a", "05-04 owner u1", "05-09 owner u2", qualified_at=THEN)
    shown(warehouse)
    owners = [
        warehouse.values("qualified_pipeline_created", dimensions=f'{{"owner":"{user}"}}')
        for user in ("u1", "u2")
    ]
    assert [bool(found) for found in owners] == [True, False]


def test_left_out(warehouse: Warehouse) -> None:
    put_deal(warehouse, "kept", "05-04", qualified_at=THEN)
    put_deal(warehouse, "never", "05-04")
    put_deal(warehouse, "gone", "05-04", qualified_at=THEN, _deleted_at=at("2026-06-01 00:00"))
    put_deal(warehouse, "late", "05-10", qualified_at=THEN, created_at=at("2026-03-01 09:00"))
    put_deal(warehouse, "unpriced", "05-04 amount none", "05-06 amount 50", qualified_at=THEN)
    put_deal(warehouse, "chf", "05-04 currency CHF", qualified_at=THEN)
    assert shown(warehouse, columns="value, excluded") == (
        100,
        '{"deleted":1,"missing_rate":1,"no_amount":1,"no_history":1}',
    )
    assert shown(warehouse, "_now", "value, excluded") == (
        250,
        '{"deleted":1,"missing_rate":1}',
    )


def test_a_snapshot_dated_the_day_after_is_the_entry(warehouse: Warehouse) -> None:
    put_deal(
        warehouse, "a", "05-05 amount 10", created_at=at("2026-05-04 09:00"), qualified_at=THEN
    )
    assert shown(warehouse) == (10, 1)
