"""revenue_growth: end against end, new customers included."""

from __future__ import annotations

from metric_warehouse import Warehouse, on
from test_mrr_movements import put_life
from year_pairs import put_pair

EVERY = ("mrr", "revenue_growth")


def test_new_and_lost_customers_count(warehouse: Warehouse) -> None:
    put_life(warehouse, 100, 100, customer="same")
    put_life(warehouse, 50, None, customer="lost")
    put_life(warehouse, None, 80, customer="new")
    warehouse.build(*EVERY)
    shown = warehouse.values("revenue_growth")[on("2026-02-01")]
    assert tuple(map(float, shown)) == (30, 150, 0.2, 3)


def test_the_first_period_grows_from_nothing(warehouse: Warehouse) -> None:
    put_life(warehouse, 100)
    warehouse.build(*EVERY)
    assert warehouse.values("revenue_growth")[on("2026-01-01")] == (100, 0, None, 1)


def test_a_quarter_grows_from_the_end_of_the_one_before(warehouse: Warehouse) -> None:
    warehouse.put(
        "subscription_periods",
        *(
            {
                "subscription_id": "s",
                "customer_id": "c",
                "item_id": "i",
                "monthly_amount": amount,
                "valid_from_on": on(since),
                "valid_to_on": until and on(until),
            }
            for amount, since, until in (
                (100, "2025-12-01", "2026-02-01"),
                (500, "2026-02-01", "2026-03-01"),
                (150, "2026-03-01", None),
            )
        ),
    )
    warehouse.build(*EVERY)
    shown = warehouse.values("revenue_growth", grain="quarter", columns="numerator, denominator")
    assert shown == {on("2025-10-01"): (100, 0), on("2026-01-01"): (50, 100)}


def test_a_year_compares_the_same_month(warehouse: Warehouse) -> None:
    put_pair(warehouse, "grown", 100, 180)
    put_pair(warehouse, "new", None, 20)
    put_pair(warehouse, "lost", 100, None)
    warehouse.build(*EVERY)
    assert warehouse.values("revenue_growth_yearly")[on("2026-05-01")] == (0, 200, 0, 3)


def test_without_a_rate_at_either_end_nothing_is_said(warehouse: Warehouse) -> None:
    warehouse.put("fx_rates", {"currency": "GBP", "rate": "1.0", "valid_on": on("2026-02-01")})
    put_life(warehouse, 10, 10, 10, customer="pound", currency="GBP")
    put_life(warehouse, 10, 15, 15)
    warehouse.build(*EVERY)
    shown = warehouse.values("revenue_growth", columns="numerator, denominator, excluded")
    assert shown[on("2026-02-01")] == (5, 10, '{"missing_rate":1}')
    assert shown[on("2026-03-01")] == (0, 25, "{}")
