"""cac_payback: what is earned back, by whom, and when nothing can be said."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from metric_warehouse import Warehouse, on
from test_cac import MAY, pay, spend, win

from revops_pipelines.settings import Settings
from revops_pipelines.settings_tables import Economics


def build(warehouse: Warehouse) -> None:
    warehouse.build("mrr", "mrr_movements", "cac", "cac_payback")


def test_by_all_customers_and_by_the_new_ones(warehouse: Warehouse) -> None:
    spend(warehouse, "april", 1000)
    win(warehouse, "old", "2025-01-01")
    pay(warehouse, "old", "2026-05-02")
    win(warehouse, "new")
    build(warehouse)
    assert warehouse.values("cac_payback")[MAY] == (1000, 120, Decimal("8.33333333"), 1)
    assert warehouse.values("cac_payback_new")[MAY] == (1000, 80, Decimal("12.5"), 1)


def test_the_margin_is_a_setting() -> None:
    economics = Economics(gross_margin_share=Decimal("0.5"))
    warehouse = Warehouse(Settings(home=Path("unused"), economics=economics))
    spend(warehouse, "april", 1000)
    win(warehouse, "new")
    build(warehouse)
    assert warehouse.value("cac_payback", "2026-05-01") == 20


def test_without_new_customers_or_costs_there_is_no_value(warehouse: Warehouse) -> None:
    spend(warehouse, "april", 1000)
    win(warehouse, "old", "2026-03-01")
    build(warehouse)
    shown = warehouse.values("cac_payback", columns="numerator, denominator, value, n")
    assert shown == {
        on("2026-03-01"): (None, 80, None, 1),
        on("2026-04-01"): (None, 80, None, 0),
        MAY: (None, 80, None, 0),
    }


def test_a_quarter_weighs_its_months(warehouse: Warehouse) -> None:
    spend(warehouse, "december", 100, spent_on=on("2025-12-01"))
    spend(warehouse, "february", 500, spent_on=on("2026-02-01"))
    win(warehouse, "a", "2026-01-10")
    win(warehouse, "b", "2026-03-11")
    build(warehouse)
    shown = warehouse.values("cac_payback", grain="quarter")
    assert shown[on("2026-01-01")] == (300, 80, Decimal("3.75"), 2)
