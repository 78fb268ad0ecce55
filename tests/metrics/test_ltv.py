"""ltv: what the churn of a year makes a customer worth, and what the fit makes it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from metric_warehouse import Warehouse, on
from test_cac import pay, win

from revops_pipelines.settings import Settings
from revops_pipelines.settings_tables import Statistics

MAY = on("2026-05-01")
EACH = "numerator, denominator, value, n"


def build(warehouse: Warehouse) -> None:
    warehouse.build("mrr", "mrr_movements", "ltv")


def crowd(warehouse: Warehouse, count: int, since: str, until: str | None, name: str = "c") -> None:
    for number in range(count):
        win(warehouse, f"{name}{number}", since, until)


def test_churn_of_the_last_twelve_months_together(warehouse: Warehouse) -> None:
    crowd(warehouse, 4, "2025-01-10", None)
    win(warehouse, "left", "2025-01-10", "2025-08-20")
    win(warehouse, "long ago", "2024-01-10", "2025-03-20")
    build(warehouse)
    # June 2025 to May 2026: four stayed for twelve months each, one was at risk in June to August.
    churn = Decimal(1) / 51
    shown = warehouse.values("ltv", columns="numerator, value, n")[MAY]
    assert shown[0] == 80
    assert float(shown[1]) == pytest.approx(float(80 / churn))
    assert shown[2] == 5


def test_without_churn_it_is_undefined_and_at_least_something(warehouse: Warehouse) -> None:
    crowd(warehouse, 10, "2025-01-10", None)
    build(warehouse)
    shown = warehouse.values("ltv", columns="value, lower, upper")[MAY]
    assert shown[0] is None and shown[2] is None
    z2 = 1.959963984540054**2
    assert float(shown[1]) == pytest.approx(80 / (z2 / (120 + z2)), rel=1e-9)


def test_the_interval_is_that_of_the_churn(warehouse: Warehouse) -> None:
    crowd(warehouse, 10, "2025-01-10", None)
    win(warehouse, "left", "2025-01-10", "2026-02-20")
    build(warehouse)
    value, lower, upper = warehouse.values("ltv", columns="value, lower, upper")[MAY]
    assert 0 < lower < value < upper


def test_a_month_that_cannot_be_valued_is_left_out(warehouse: Warehouse) -> None:
    crowd(warehouse, 3, "2026-01-10", None)
    win(warehouse, "left", "2026-01-10", "2026-04-20")
    warehouse.put("customers", {"customer_id": "swiss"})
    warehouse.put(
        "subscription_periods",
        {
            "subscription_id": "s",
            "customer_id": "swiss",
            "item_id": "i",
            "monthly_amount": 100,
            "currency": "CHF",
            "valid_from_on": on("2026-01-01"),
        },
    )
    build(warehouse)
    shown = warehouse.values("ltv", columns="n, excluded")[MAY]
    assert shown == (4, '{"missing_rate":1}')


FEW = Settings(home=Path("unused"), statistics=Statistics(min_n=5))


def test_the_fit_is_of_lives_finished_and_not() -> None:
    warehouse = Warehouse(FEW)
    crowd(warehouse, 6, "2026-01-10", None, "stays")
    crowd(warehouse, 3, "2026-01-10", "2026-03-10", "early")
    crowd(warehouse, 1, "2026-02-10", "2026-05-10", "late")
    build(warehouse)
    columns = "lives, losses, alpha > 0, expected_months"
    row = warehouse.rows(
        f"SELECT {columns} FROM metrics.ltv "
        "WHERE segment = '(all)' AND period_start_on = DATE '2026-05-01'"
    )[0]
    assert row[:3] == (10, 4, True)
    value, numerator, n = warehouse.values("ltv_cohort", columns="value, numerator, n")[MAY]
    assert float(value) == pytest.approx(80 * row[3])
    assert (n, float(numerator)) == (6, pytest.approx(6 * 80 * row[3]))


def test_a_return_is_another_story() -> None:
    warehouse = Warehouse(FEW)
    crowd(warehouse, 6, "2025-06-10", None)
    win(warehouse, "back", "2025-06-10", "2025-08-10")
    pay(warehouse, "back", "2025-10-10", "2025-12-10")
    build(warehouse)
    shown = warehouse.rows(
        "SELECT lives, losses FROM metrics.ltv "
        "WHERE segment = '(all)' AND period_start_on = DATE '2026-05-01'"
    )
    assert shown == [(7, 1)]


def test_too_few_customers_are_not_fitted(warehouse: Warehouse) -> None:
    crowd(warehouse, 19, "2026-01-10", "2026-04-10")
    win(warehouse, "newest", "2026-05-10")
    build(warehouse)
    assert warehouse.values("ltv_cohort") == {}
    assert warehouse.rows("SELECT DISTINCT lives, alpha FROM metrics.ltv") == [(19, None)]


def test_the_fit_without_a_loss_is_bounded_by_its_horizon() -> None:
    warehouse = Warehouse(FEW)
    crowd(warehouse, 6, "2026-01-10", None)
    build(warehouse)
    value, lower, upper = warehouse.values("ltv_cohort", columns="value, lower, upper")[MAY]
    assert value is None
    assert 80 < lower < upper == 80 * 60


def test_a_month_knows_only_what_was_before_it() -> None:
    warehouse = Warehouse(FEW)
    crowd(warehouse, 6, "2026-01-10", None)
    crowd(warehouse, 2, "2026-01-10", "2026-05-10", "left")
    build(warehouse)
    losses = warehouse.rows(
        "SELECT CAST(period_start_on AS VARCHAR), losses FROM metrics.ltv "
        "WHERE segment = '(all)' ORDER BY 1"
    )
    assert losses == [("2026-02-01", 0), ("2026-03-01", 0), ("2026-04-01", 0), ("2026-05-01", 2)]
