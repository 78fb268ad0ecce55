"""upsell_rate: growth beyond what was due, apart from what was renewed."""

from __future__ import annotations

from agreements import put_paid, put_term
from metric_warehouse import Warehouse, on
from test_mrr_movements import put_life

APRIL = on("2026-04-01")
EVERY = ("mrr", "mrr_movements", "renewal_rate", "upsell_rate")


def test_growth_at_renewal_apart(warehouse: Warehouse) -> None:
    for customer, after in (("grown", 150), ("same", 100), ("shrunk", 60), ("gone", None)):
        put_term(warehouse, customer, "2025-04-10", "2026-04-10", customer)
        put_paid(warehouse, 100, "2025-04-10", "2026-04-10", customer)
        if after:
            put_paid(warehouse, after, "2026-04-10", None, customer)
    warehouse.build(*EVERY)
    assert warehouse.values("upsell_rate", columns="numerator, denominator")[APRIL] == (600, 4800)
    shown = warehouse.values("upsell_rate_count", columns="numerator, denominator, excluded")
    assert shown[APRIL] == (1, 3, '{"not_renewed":1}')


def test_growth_in_mid_term_is_due_and_no_growth_at_renewal(warehouse: Warehouse) -> None:
    put_term(warehouse, "1", "2025-04-10", "2026-04-10")
    put_paid(warehouse, 100, "2025-04-10", "2026-03-10")
    put_paid(warehouse, 150, "2026-03-10", None)
    warehouse.build(*EVERY)
    assert warehouse.values("upsell_rate", columns="numerator, denominator")[APRIL] == (0, 1800)
    march = warehouse.values("upsell_rate_any_time", columns="numerator, denominator")
    assert march[on("2026-03-01")] == (50, 100)


def test_new_customers_sell_nothing_up(warehouse: Warehouse) -> None:
    put_life(warehouse, 100, 110, customer="old")
    put_life(warehouse, None, 500, customer="new")
    warehouse.build(*EVERY)
    shown = warehouse.values("upsell_rate_any_time", columns="numerator, denominator")
    assert shown[on("2026-02-01")] == (10, 100)
