"""The interval of a Kaplan-Meier quantile: textbook figures, plain Python, and small numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from metric_warehouse import METRICS, Warehouse, at, in_order
from random_company import company_of, filled

from revops_pipelines.engine.metrics.declaration import Series, Survival
from revops_pipelines.engine.metrics.render import render_facts, render_series

Z = 1.959963984540054
MAY = at("2026-05-04 10:00")


def bounds(lives: Sequence[tuple[float, bool]], share: float) -> tuple[Any, Any]:
    """Where the curve's own 95 % bounds (Greenwood) cross 1 - share."""
    surviving, variance, lower, upper = 1.0, 0.0, None, None
    for time in sorted({duration for duration, is_over in lives if is_over}):
        at_risk = sum(1 for duration, _ in lives if duration >= time)
        over = sum(1 for duration, is_over in lives if is_over and duration == time)
        if at_risk == over:
            break
        surviving *= 1 - over / at_risk
        variance += over / at_risk / (at_risk - over)
        half = Z * surviving * math.sqrt(variance)
        if lower is None and surviving - half <= 1 - share + 1e-9:
            lower = time
        if upper is None and surviving + half <= 1 - share + 1e-9:
            upper = time
    return lower, upper


def put(warehouse: Warehouse, lives: Sequence[tuple[float, bool]]) -> None:
    """Leads raised on 4 May, answered or not: what waits, waits until the end of knowledge."""
    for number, (minutes, is_over) in enumerate(lives):
        warehouse.put("leads", {"lead_id": f"l{number}", "raised_at": MAY})
        if is_over:
            touch = {"activity_id": f"a{number}", "lead_id": f"l{number}"}
            warehouse.put("activities", touch | {"occurred_at": MAY + timedelta(minutes=minutes)})


def test_the_leukaemia_trial_of_embury(warehouse: Warehouse) -> None:
    """Maintained arm (Embury 1977, in Miller, Survival Analysis): median 31, first bound 18."""
    over, running = (9, 13, 18, 23, 31, 34, 48), (13, 28, 45, 161)
    lives = [(float(time), True) for time in over] + [(float(time), False) for time in running]
    listed = ", ".join(f"(DATE '2026-05-04', {time}, {is_over})" for time, is_over in lives)
    trial = Series(
        metric="trial",
        title="Weeks in remission",
        unit="days",
        facts="SELECT *, NULL AS excluded "
        f"FROM (VALUES {listed}) AS lives(fact_on, duration, is_observed)",
        rollup=Survival(),
        grains=("month",),
    )
    sql = f"SELECT value, lower, upper FROM ({render_series(trial)})"
    assert warehouse.rows(sql) == [(31, 18, 48)]
    assert bounds(lives, 0.5) == (18, 48)


def test_the_interval_is_published(warehouse: Warehouse) -> None:
    lives = [(float(5 * n), True) for n in range(1, 19)] + [(0.0, False)] * 4
    put(warehouse, lives)
    warehouse.build("speed_to_lead")
    waiting = 60_000.0
    known = [(time if is_over else waiting, is_over) for time, is_over in lives]
    shown = warehouse.values("speed_to_lead_calendar", columns="value, lower, upper")
    assert list(shown.values()) == [(57.5, *bounds(known, 0.5))]
    assert bounds(known, 0.5) == (35, 80)


def test_one_answer_has_no_interval(warehouse: Warehouse) -> None:
    put(warehouse, [(30.0, True)])
    warehouse.build("speed_to_lead")
    shown = warehouse.values("speed_to_lead_calendar", columns="value, lower, upper")
    assert list(shown.values()) == [(30, None, None)]


@pytest.mark.parametrize("name", ["speed_to_lead", "speed_parts"])
def test_the_interval_is_that_of_plain_python(name: str) -> None:
    warehouse = filled(3, company_of(3))
    warehouse.build(*(each for each in in_order() if each in ("speed_to_lead", "speed_parts")))
    seen = 0
    for series in METRICS[name].series:
        facts = warehouse.rows(
            "SELECT grain, period_start_on, duration, is_observed "
            f"FROM ({render_facts(series)}) WHERE excluded IS NULL"
        )
        for suffix, share in series.rollup.quantiles:  # type: ignore[union-attr]
            published = warehouse.rows(
                "SELECT grain, period_start_on, lower, upper FROM metrics.metric_values "
                f"WHERE metric = '{series.metric}{suffix}' AND CAST(dimensions AS VARCHAR) = '{{}}'"
            )
            for grain, start, *found in published:
                lives = [(row[2], row[3]) for row in facts if row[:2] == (grain, start)]
                wanted = bounds(lives, share)
                assert [each if each is None else float(each) for each in found] == [
                    each if each is None else pytest.approx(each, abs=1e-6) for each in wanted
                ]
                seen += wanted[0] is not None
    assert seen > 20
