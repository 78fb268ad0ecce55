"""sales_cycle: medians, means and what survives."""

from __future__ import annotations

from typing import Any

from metric_warehouse import Warehouse, at, on

MAY = on("2026-05-01")
JANUARY = on("2026-01-01")


def put(
    warehouse: Warehouse, deal: str, closed: str | None, won: bool = True, **columns: Any
) -> None:
    """A deal created on 1 January."""
    row = {
        "opportunity_id": deal,
        "created_at": at("2026-01-01 00:00"),
        "amount": 100,
        "is_closed": closed is not None,
        "is_won": closed is not None and won,
        "closed_at": at(closed) if closed else None,
    }
    warehouse.put("opportunities", row | columns)


def test_median_and_mean_of_the_won(warehouse: Warehouse) -> None:
    put(warehouse, "a", "2026-05-01 00:00")
    put(warehouse, "b", "2026-05-11 00:00")
    put(warehouse, "c", "2026-05-21 12:00", qualified_at=at("2026-01-31 12:00"))
    put(warehouse, "d", "2026-05-31 00:00", qualified_at=at("2026-03-02 00:00"))
    put(warehouse, "lost", "2026-05-02 00:00", won=False)
    put(warehouse, "open", None)
    warehouse.build("sales_cycle")
    assert warehouse.value("sales_cycle", "2026-05-01") == (130 + 140.5) / 2
    assert warehouse.value("sales_cycle_mean", "2026-05-01") == 135.125
    assert warehouse.value("sales_cycle_from_qualified", "2026-05-01") == 100
    assert warehouse.value("sales_cycle_from_qualified_mean", "2026-05-01") == 100
    shown = warehouse.values("sales_cycle_from_qualified", columns="n, excluded")
    assert shown == {MAY: (2, '{"never_qualified":2}')}


def test_open_deals_are_still_running(warehouse: Warehouse) -> None:
    put(warehouse, "a", "2026-01-11 00:00")
    put(warehouse, "b", "2026-01-21 00:00")
    put(warehouse, "c", None)
    put(warehouse, "d", None)
    put(warehouse, "e", None)
    put(warehouse, "lost", "2026-01-05 00:00", won=False)
    warehouse.build("sales_cycle")
    assert warehouse.value("sales_cycle", "2026-01-01") == 15
    assert warehouse.value("sales_cycle_created", "2026-01-01") is None
    shown = warehouse.values("sales_cycle_created", columns="n, excluded, is_mature")
    assert shown == {JANUARY: (5, '{"lost":1}', False)}


def test_a_deal_that_closes_before_it_began_is_left_out(warehouse: Warehouse) -> None:
    put(warehouse, "a", "2026-05-11 00:00")
    put(warehouse, "b", "2026-05-11 00:00", created_at=at("2026-05-12 00:00"))
    warehouse.build("sales_cycle")
    shown = warehouse.values("sales_cycle", columns="value, excluded")
    assert shown == {MAY: (130, '{"closed_before_created":1}')}
