"""ltv_to_cac: one month's worth and cost, and when nothing can be said."""

from __future__ import annotations

import pytest
from metric_warehouse import Warehouse, on
from test_cac import MAY, spend, win


def build(warehouse: Warehouse) -> None:
    warehouse.build("mrr", "mrr_movements", "cac", "ltv", "ltv_to_cac")


def test_it_is_the_quotient_of_what_is_published(warehouse: Warehouse) -> None:
    for number in range(30):
        win(warehouse, f"c{number}", "2026-01-10")
    win(warehouse, "left", "2026-01-10", "2026-04-20")
    win(warehouse, "new")
    spend(warehouse, "april", 900)
    build(warehouse)
    cac = warehouse.value("cac", "2026-05-01")
    for worth, told in (("ltv", "ltv_to_cac"), ("ltv_cohort", "ltv_to_cac_cohort")):
        columns = "value, lower, upper"
        wanted = [
            float(each) / float(cac) for each in warehouse.values(worth, columns=columns)[MAY]
        ]
        shown = [float(each) for each in warehouse.values(told, columns=columns)[MAY]]
        assert shown == pytest.approx(wanted)
        assert warehouse.values(told, columns="denominator, n")[MAY] == (cac, 1)


def test_churn_0_leaves_a_lower_bound_alone(warehouse: Warehouse) -> None:
    win(warehouse, "old", "2026-01-10")
    win(warehouse, "new")
    spend(warehouse, "april", 900)
    build(warehouse)
    value, lower, upper = warehouse.values("ltv_to_cac", columns="value, lower, upper")[MAY]
    assert value is None and upper is None
    assert lower > 0


def test_nobody_won_and_nothing_spent_are_no_ratio(warehouse: Warehouse) -> None:
    win(warehouse, "old", "2026-01-10")
    win(warehouse, "left", "2026-01-10", "2026-03-10")
    win(warehouse, "april", "2026-04-10")
    spend(warehouse, "april", 900)
    build(warehouse)
    shown = warehouse.values("ltv_to_cac", columns="numerator > 0, denominator, value, n")
    assert shown[on("2026-04-01")] == (True, None, None, 1)
    assert shown[MAY] == (True, None, None, 0)
