"""net_revenue_retention: last year's customers, now over then."""

from __future__ import annotations

from metric_warehouse import Warehouse, on
from year_pairs import put_pair

MAY = on("2026-05-01")


def test_now_over_then_without_the_new(warehouse: Warehouse) -> None:
    put_pair(warehouse, "grown", 100, 180)
    put_pair(warehouse, "lost", 100, None)
    put_pair(warehouse, "new", None, 1000)
    warehouse.build("mrr", "mrr_movements", "net_revenue_retention")
    shown = warehouse.values("net_revenue_retention", columns="numerator, denominator, n")
    assert shown == {MAY: (180, 200, 2)}


def test_who_cannot_be_valued_is_left_out_and_counted(warehouse: Warehouse) -> None:
    warehouse.put("fx_rates", {"currency": "EUR", "rate": "1", "valid_on": on("2026-01-01")})
    put_pair(warehouse, "kept", 100, 100)
    put_pair(warehouse, "unvalued", 100, 50, currency="EUR")
    warehouse.build("mrr", "mrr_movements", "net_revenue_retention")
    columns = "numerator, denominator, excluded"
    shown = warehouse.values("net_revenue_retention", columns=columns)
    assert shown == {MAY: (100, 100, '{"missing_rate":1}')}
