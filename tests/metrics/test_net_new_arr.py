"""net_new_arr: a year of what came, less a year of what went."""

from __future__ import annotations

from metric_warehouse import Warehouse, on
from test_mrr_movements import put_life, put_rates

FEBRUARY = on("2026-02-01")
EVERY = ("mrr", "mrr_movements", "net_new_arr")


def test_every_movement_of_customers_counts(warehouse: Warehouse) -> None:
    put_life(warehouse, 100, 130, customer="grown")
    put_life(warehouse, None, 60, customer="new")
    put_life(warehouse, 10, None, 10, customer="lost")
    warehouse.build(*EVERY)
    assert warehouse.values("net_new_arr", columns="value")[FEBRUARY] == (12 * (30 + 60 - 10),)
    assert warehouse.value(
        "net_new_arr", "2026-03-01", dimensions='{"movement":"reactivation"}'
    ) == (120)


def test_rates_of_exchange_add_nothing(warehouse: Warehouse) -> None:
    put_rates(warehouse, "1.0", "2.0")
    put_life(warehouse, 100, 110, currency="EUR")
    warehouse.build(*EVERY)
    assert warehouse.values("net_new_arr", columns="value")[FEBRUARY] == (12 * 20,)


def test_what_cannot_be_valued_is_counted_as_left_out(warehouse: Warehouse) -> None:
    warehouse.put("fx_rates", {"currency": "GBP", "rate": "1.0", "valid_on": FEBRUARY})
    put_life(warehouse, 10, 10, customer="late rate", currency="GBP")
    put_life(warehouse, 10, 15)
    warehouse.build(*EVERY)
    shown = warehouse.values("net_new_arr", columns="value, excluded")
    assert shown[FEBRUARY] == (60, '{"missing_rate":1}')


def test_the_running_month_waits(warehouse: Warehouse) -> None:
    put_life(warehouse, None, None, None, None, 10)
    warehouse.build(*EVERY)
    assert list(warehouse.values("net_new_arr")) == [on("2026-05-01")]
