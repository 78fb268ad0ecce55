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


def test_a_year_compounds_growth_too(warehouse: Warehouse) -> None:
    put_life(warehouse, 100, 110)
    put_life(warehouse, None, None, 100, 250)
    warehouse.build("mrr", "mrr_movements", "net_mrr_churn")
    year = warehouse.value("net_mrr_churn_annual", "2026-02-01")
    assert abs(float(year) - (1 - 1.1**12)) < 1e-6
    # More than doubled in a month: no year can be told.
    assert warehouse.value("net_mrr_churn", "2026-04-01") < -1
    assert warehouse.value("net_mrr_churn_annual", "2026-04-01") is None
