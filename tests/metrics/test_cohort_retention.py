"""cohort_retention: who started together, month by month of their age."""

from __future__ import annotations

from typing import Any

from metric_warehouse import Warehouse, on
from test_mrr_movements import put_life

EVERY = ("mrr", "cohort_retention")
JANUARY, FEBRUARY = on("2026-01-01"), on("2026-02-01")


def cells(warehouse: Warehouse, metric: str, columns: str) -> dict[Any, Any]:
    """(start month, age) -> columns."""
    warehouse.build(*EVERY)
    rows = warehouse.rows(
        "SELECT period_start_on, CAST(json_extract_string(dimensions, '$.age_months') AS INTEGER), "
        f"{columns} FROM metrics.metric_values WHERE metric = '{metric}' "
        "AND json_extract(dimensions, '$.segment') IS NULL"
    )
    return {(start, age): tuple(rest) for start, age, *rest in rows}


def test_money_and_customers_by_age(warehouse: Warehouse) -> None:
    put_life(warehouse, 100, 150, 150, customer="grows")
    put_life(warehouse, 100, None, None, customer="goes")
    put_life(warehouse, None, 10, 10, customer="later")
    money = cells(warehouse, "cohort_retention", "numerator, denominator")
    assert money[JANUARY, 0] == (200, 200)
    assert money[JANUARY, 1] == (150, 200)
    assert money[FEBRUARY, 1] == (10, 10)
    logos = cells(warehouse, "cohort_retention_logo", "numerator, denominator")
    assert [logos[JANUARY, age] for age in (0, 1, 2, 3)] == [(2, 2), (1, 2), (1, 2), (0, 2)]


def test_who_comes_back_is_no_new_cohort(warehouse: Warehouse) -> None:
    put_life(warehouse, 100, None, 80)
    money = cells(warehouse, "cohort_retention", "numerator, denominator")
    assert {start for start, _ in money} == {JANUARY}
    assert [money[JANUARY, age][0] for age in (0, 1, 2)] == [100, 0, 80]


def test_cells_of_the_running_month_are_immature(warehouse: Warehouse) -> None:
    put_life(warehouse, None, None, None, 10)
    shown = cells(warehouse, "cohort_retention", "is_mature")
    april = on("2026-04-01")
    assert shown == {(april, 0): (True,), (april, 1): (True,), (april, 2): (False,)}


def test_no_cell_lies_ahead(warehouse: Warehouse) -> None:
    warehouse.put(
        "subscription_periods",
        {
            "subscription_id": "s",
            "customer_id": "c",
            "item_id": "i",
            "monthly_amount": 10,
            "valid_from_on": on("2026-06-10"),
        },
    )
    assert set(cells(warehouse, "cohort_retention", "is_mature")) == {(on("2026-06-01"), 0)}


def test_by_segment_as_well(warehouse: Warehouse) -> None:
    warehouse.put("customers", {"customer_id": "c", "segment": "SMB"})
    put_life(warehouse, 100, 40)
    warehouse.build(*EVERY)
    shown = warehouse.values(
        "cohort_retention", dimensions='{"segment":"SMB","age_months":"1"}', columns="value"
    )
    assert float(shown[JANUARY][0]) == 0.4


def test_without_a_rate_at_either_end_nothing_is_said(warehouse: Warehouse) -> None:
    warehouse.put("fx_rates", {"currency": "GBP", "rate": "1.0", "valid_on": FEBRUARY})
    put_life(warehouse, 10, 10, 10, customer="pound", currency="GBP")
    put_life(warehouse, 10, 15, 15)
    shown = cells(warehouse, "cohort_retention", "denominator, excluded")
    assert shown[JANUARY, 1] == (10, '{"missing_rate":1}')
