"""quick_ratio: won by lost, and no number where nothing was lost."""

from __future__ import annotations

from metric_warehouse import Warehouse, on
from test_mrr_movements import put_life, put_rates

EVERY = ("mrr", "mrr_movements", "quick_ratio")


def test_won_by_lost(warehouse: Warehouse) -> None:
    put_life(warehouse, 100, 130, customer="grown")
    put_life(warehouse, None, 60, customer="new")
    put_life(warehouse, 10, None, customer="lost")
    put_life(warehouse, 50, 30, customer="shrunk")
    warehouse.build(*EVERY)
    assert warehouse.values("quick_ratio")[on("2026-02-01")] == (90, 30, 3, 4)


def test_coming_back_is_won(warehouse: Warehouse) -> None:
    put_life(warehouse, 10, None, 40, customer="back")
    put_life(warehouse, 20, 20, 10, customer="shrunk")
    warehouse.build(*EVERY)
    assert warehouse.values("quick_ratio")[on("2026-03-01")] == (40, 10, 4, 2)


def test_nothing_lost_is_no_ratio(warehouse: Warehouse) -> None:
    put_life(warehouse, 10, 20)
    warehouse.build(*EVERY)
    assert warehouse.values("quick_ratio")[on("2026-02-01")] == (10, 0, None, 1)


def test_rates_of_exchange_win_nothing(warehouse: Warehouse) -> None:
    put_rates(warehouse, "1.0", "2.0")
    put_life(warehouse, 100, 100, currency="EUR")
    put_life(warehouse, 10, 5, customer="shrunk")
    warehouse.build(*EVERY)
    assert warehouse.values("quick_ratio")[on("2026-02-01")] == (0, 5, 0, 1)


def test_a_quarter_sums_its_months(warehouse: Warehouse) -> None:
    put_life(warehouse, 10, 30, 15)
    warehouse.build(*EVERY)
    assert warehouse.values("quick_ratio", grain="quarter")[on("2026-01-01")][:2] == (30, 15)
