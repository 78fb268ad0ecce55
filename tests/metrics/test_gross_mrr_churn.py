"""gross_mrr_churn: what was lost, of what was there."""

from __future__ import annotations

from metric_warehouse import Warehouse, on
from test_mrr_movements import put_life, put_rates

FEBRUARY = on("2026-02-01")


def test_growth_elsewhere_does_not_help(warehouse: Warehouse) -> None:
    put_life(warehouse, 100, None, customer="lost")
    put_life(warehouse, 100, 70, customer="shrunk")
    put_life(warehouse, 200, 900, customer="grown")
    put_life(warehouse, None, 500, customer="new")
    warehouse.build("mrr", "mrr_movements", "gross_mrr_churn")
    assert warehouse.values("gross_mrr_churn")[FEBRUARY][:2] == (130, 400)


def test_rates_of_exchange_are_no_churn(warehouse: Warehouse) -> None:
    put_rates(warehouse, "2.0", "1.0")
    put_life(warehouse, 100, 100, currency="EUR")
    warehouse.build("mrr", "mrr_movements", "gross_mrr_churn")
    assert warehouse.values("gross_mrr_churn")[FEBRUARY] == (0, 200, 0, 1)
