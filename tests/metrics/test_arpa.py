"""arpa: customers, not subscriptions; nobody half."""

from __future__ import annotations

from metric_warehouse import Warehouse, on
from test_mrr_movements import put_life, put_rates

FEBRUARY = on("2026-02-01")
EVERY = ("mrr", "mrr_movements", "arpa")


def test_several_subscriptions_are_one_account(warehouse: Warehouse) -> None:
    put_rates(warehouse, "2.0", "2.0", "2.0", currency="EUR")
    put_life(warehouse, 100, 100, customer="two")
    put_life(warehouse, 50, 50, customer="two", currency="EUR")
    put_life(warehouse, None, 40, customer="one")
    warehouse.build(*EVERY)
    assert warehouse.values("arpa")[FEBRUARY] == (240, 2, 120, 2)
    assert warehouse.values("arpa_new")[FEBRUARY] == (40, 1, 40, 1)


def test_who_is_partly_valued_is_left_out_whole(warehouse: Warehouse) -> None:
    put_life(warehouse, 100, 100, customer="half")
    put_life(warehouse, 50, 50, customer="half", currency="CHF")
    put_life(warehouse, 30, 30, customer="whole")
    warehouse.build(*EVERY)
    shown = warehouse.values("arpa", columns="numerator, denominator, excluded")
    assert shown[FEBRUARY] == (30, 1, '{"missing_rate":1}')


def test_who_pays_nothing_is_no_account(warehouse: Warehouse) -> None:
    put_life(warehouse, 30, None, customer="gone")
    put_life(warehouse, 30, 30, customer="here")
    warehouse.build(*EVERY)
    assert warehouse.values("arpa")[FEBRUARY] == (30, 1, 30, 1)
