"""Quantiles of durations that are not all over: published examples, and exact fractions.

The data of Miller (1981) on leukemia, `aml` in R's package survival, whose medians `survfit` gives
as 31 and 23 weeks.
"""

from __future__ import annotations

import statistics
import sys
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as draw

from revops_pipelines.engine.metrics.declaration import Series, Survival
from revops_pipelines.engine.metrics.render import render_series

sys.path.append(str(Path(__file__).parents[1] / "metrics"))
from metric_warehouse import Warehouse
from oracle_rollup import quantile

Lives = list[tuple[int, bool]]

MAINTAINED = [9, 13, -13, 18, 23, -28, 31, 34, -45, 48, -161]
NOT_MAINTAINED = [5, 5, 8, 8, 12, -16, 23, 27, 30, 33, 43, 45]

SERIES = Series(
    metric="lasting",
    title="Lasting",
    unit="days",
    facts="SELECT DATE '2026-05-01' AS fact_on, NULL AS excluded, * FROM temp.lives",
    rollup=Survival((("", 0.5), ("_p75", 0.75), ("_p90", 0.9))),
    grains=("month",),
)


@cache
def warehouse() -> Warehouse:
    return Warehouse()


def estimated(lives: Lives) -> dict[str, tuple[float | None, float | None, float | None]]:
    """Suffix -> (lower, quantile, upper)."""
    connection = warehouse().connection
    connection.execute("CREATE OR REPLACE TEMP TABLE lives (duration INTEGER, is_observed BOOLEAN)")
    rows = ", ".join(f"({duration}, {is_over})" for duration, is_over in lives)
    connection.execute(f"INSERT INTO lives VALUES {rows}")
    found = connection.execute(
        f"SELECT metric, lower, value, upper FROM ({render_series(SERIES)})"
    ).fetchall()
    return {
        metric.removeprefix("lasting"): tuple(x if x is None else float(x) for x in numbers)
        for metric, *numbers in found
    }


@pytest.mark.parametrize(("weeks", "median"), [(MAINTAINED, 31), (NOT_MAINTAINED, 23)])
def test_published_medians(weeks: list[int], median: int) -> None:
    lives = [(abs(week), week > 0) for week in weeks]
    lower, value, upper = estimated(lives)[""]
    assert value == median
    assert lower is not None
    assert lower <= value
    assert upper is None or upper >= value


LIVES = draw.lists(draw.tuples(draw.integers(0, 12), draw.booleans()), min_size=1, max_size=30)


@given(LIVES)
@settings(max_examples=150, deadline=None)
def test_quantiles_are_those_of_exact_fractions(lives: Lives) -> None:
    exact = [(Fraction(duration), is_over) for duration, is_over in lives]
    found = estimated(lives)
    for suffix, share in (("", (1, 2)), ("_p75", (3, 4)), ("_p90", (9, 10))):
        wanted = quantile(exact, Fraction(*share))
        assert found[suffix][1] == (None if wanted is None else float(wanted))


@given(draw.lists(draw.integers(0, 50), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_with_nothing_running_it_is_the_plain_median(durations: list[int]) -> None:
    found = estimated([(duration, True) for duration in durations])[""][1]
    assert found == statistics.median(durations)


@given(LIVES)
@settings(max_examples=60, deadline=None)
def test_the_bounds_hold_the_value(lives: Lives) -> None:
    for lower, value, upper in estimated(lives).values():
        if value is None:
            assert upper is None
        else:
            assert (value if lower is None else lower) <= value
            assert value <= (value if upper is None else upper)


def test_one_case_alone_has_no_bounds() -> None:
    """Where everything is over, the curve's variance is not defined."""
    assert estimated([(10, True)])[""] == (None, 10, None)


def test_those_still_waiting_make_it_longer() -> None:
    answered = [(10, True), (20, True), (30, True)]
    waiting = [(100, False)] * 3
    assert estimated(answered)[""][1] == 20
    assert estimated(answered + waiting)[""][1] == 30
    assert estimated([*answered, *waiting, (100, False)])[""][1] is None
