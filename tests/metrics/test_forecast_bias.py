"""forecast_bias: too high is positive, too low negative."""

from __future__ import annotations

from decimal import Decimal

from deal_days import put_deal
from metric_warehouse import METRICS, Warehouse, on

MAY = on("2026-05-01")


def test_which_way_it_missed(warehouse: Warehouse) -> None:
    put_deal(warehouse, "a", "04-10 amount 50 due 05-20 category commit", "05-20 won")
    put_deal(warehouse, "b", "04-10 amount 30 due 05-20 category best-case", "05-20 won")
    put_deal(warehouse, "c", "04-10 amount 60 due 05-20 category best-case", "05-20 lost")
    warehouse.build("forecast_accuracy", "forecast_bias")
    columns = "numerator, denominator"
    assert warehouse.values("forecast_bias", columns=columns) == {MAY: (-30, 80)}
    assert warehouse.values("forecast_bias_best_case", columns=columns) == {MAY: (60, 80)}


def test_nothing_won_has_no_value(warehouse: Warehouse) -> None:
    put_deal(warehouse, "c", "04-10 amount 60 due 05-20 category commit", "05-20 lost")
    warehouse.build("forecast_accuracy", "forecast_bias")
    found = warehouse.values("forecast_bias", columns="value, numerator, denominator")
    assert found == {MAY: (None, 60, 0)}


def test_a_bias_is_the_worse_the_farther_from_zero():
    metric = METRICS["forecast_bias"]
    assert metric.is_better(Decimal("-0.1"), Decimal("0.2"))
    assert not metric.is_better(Decimal("-0.51"), Decimal("0.2"))
