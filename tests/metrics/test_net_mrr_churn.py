"""net_mrr_churn: what was lost less what present customers added."""

from __future__ import annotations

from metric_warehouse import Warehouse, on
from test_mrr_movements import put_life


def test_expansion_is_taken_off_and_new_is_not(warehouse: Warehouse) -> None:
    put_life(warehouse, 100, None, 100, customer="lost and back")
    put_life(warehouse, 100, 70, 70, customer="shrunk")
    put_life(warehouse, 200, 400, 400, customer="grown")
    put_life(warehouse, None, 500, 500, customer="new")
    warehouse.build("mrr", "mrr_movements", "net_mrr_churn")
    shown = warehouse.values("net_mrr_churn", columns="numerator, denominator, value")
    assert tuple(map(float, shown[on("2026-02-01")])) == (-70, 400, -0.175)
    assert shown[on("2026-03-01")] == (0, 970, 0)
