"""revenue_after_churn: a sum of money that includes new customers."""

from __future__ import annotations

from metric_warehouse import Warehouse, on
from test_mrr_movements import put_life, put_rates


def test_everything_but_the_effect_of_rates(warehouse: Warehouse) -> None:
    put_rates(warehouse, "2.0", "3.0")
    put_life(warehouse, 100, 100, customer="euro", currency="EUR")
    put_life(warehouse, 100, None, 80, customer="lost and back")
    put_life(warehouse, 100, 70, 90, customer="shrunk and grown")
    put_life(warehouse, None, 500, 500, customer="new")
    warehouse.build("mrr", "mrr_movements", "revenue_after_churn")
    shown = warehouse.values("revenue_after_churn", columns="value, denominator")
    assert shown[on("2026-02-01")] == (200 + 70 + 500, None)
    assert shown[on("2026-03-01")] == (80 + 90 + 500, None)
