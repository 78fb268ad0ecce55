"""The scorecard: each metric's latest value that can be judged, with all that defends it.

Belongs here: choosing the period, the change, the target. Does not: how it looks (`page`, the CLI).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import duckdb

from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.metrics.standing import Standing, read_standing
from revops_pipelines.reporting.numbers import shown, shown_change

STAGES = ("engage", "execute", "expand", "trust")
# The order in which people ask; what is not named here follows by name.
FIRST = (
    *("qualified_pipeline_created", "net_new_arr", "data_quality"),
    *("speed_to_lead", "sla_attainment", "lead_contact_rate", "lead_to_opportunity"),
    *("win_rate", "sales_cycle", "average_selling_price", "pipeline_velocity"),
    *("closed_value_velocity", "stage_conversion", "stage_duration"),
    *("mrr", "arr", "mrr_movements", "net_revenue_retention", "gross_revenue_retention"),
    *("logo_churn", "gross_mrr_churn", "net_mrr_churn", "revenue_after_churn"),
)


@dataclass(frozen=True, slots=True)
class Point:
    """One month of a metric's total."""

    on: date
    value: Decimal | None
    n: int
    lower: Decimal | None
    upper: Decimal | None
    is_mature: bool


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """One metric on the scorecard; texts are ready to show.

    `latest` is the last month that is closed and old enough, None before there is one; of a metric
    that has never been published for more than the running month (what is stuck, owed or up for
    renewal now) it is that one, and `is_now`. `verdict` is `good`, `bad`, or empty where there is
    no target or too few cases, or the month still runs. `waiting` counts later months that cannot
    be judged yet.
    """

    metric: Metric
    points: tuple[Point, ...]
    latest: Point | None
    value: str
    change: str
    target: str
    n: int
    interval: str
    verdict: str
    movement: str
    is_thin: bool
    waiting: int
    lacks: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    is_now: bool = False

    @property
    def period(self) -> str:
        """The month shown, as `Jun 2026`."""
        return self.latest.on.strftime("%b %Y") if self.latest else ""


def scorecard(
    connection: duckdb.DuckDBPyConnection,
    metrics: Sequence[Metric],
    targets: Mapping[str, Decimal],
    currency: str,
    min_n: int,
) -> list[ScoreLine]:
    """One line per metric that is published by month, in the order of the stages."""
    points = _points(connection)
    standing = read_standing(connection)
    lines = [
        _standing(
            _line(metric, points.get(metric.name, ()), targets.get(metric.name), currency, min_n),
            standing.get(metric.name),
        )
        for metric in metrics
        if "month" in metric.grains
    ]
    return sorted(lines, key=_place)


def _standing(line: ScoreLine, standing: Standing | None) -> ScoreLine:
    if standing is None:
        return line
    return replace(line, lacks=standing.lacks, stale=standing.stale_inputs)


def _place(line: ScoreLine) -> tuple[int, int, str]:
    name = line.metric.name
    asked = FIRST.index(name) if name in FIRST else len(FIRST)
    return STAGES.index(line.metric.stage), asked, name


def _points(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[Point, ...]]:
    rows = connection.execute(
        "SELECT metric, period_start_on, value, n, lower, upper, is_mature "
        "FROM metrics.metric_values "
        "WHERE grain = 'month' AND CAST(dimensions AS VARCHAR) = '{}' ORDER BY 1, 2"
    ).fetchall()
    found: dict[str, list[Point]] = {}
    for metric, *rest in rows:
        found.setdefault(metric, []).append(Point(*rest))
    return {metric: tuple(points) for metric, points in found.items()}


def _line(
    metric: Metric,
    points: Sequence[Point],
    target: Decimal | None,
    currency: str,
    min_n: int,
) -> ScoreLine:
    mature = [point for point in points if point.is_mature and point.value is not None]
    is_now = _stands_now(points)
    latest = points[0] if is_now else mature[-1] if mature else None
    before = mature[-2].value if len(mature) > 1 else None
    moved = None if latest is None or before is None else (latest.value or Decimal(0)) - before
    is_thin = latest is not None and latest.n < min_n
    return ScoreLine(
        metric=metric,
        points=tuple(points),
        latest=latest,
        value=shown(latest.value if latest else None, metric.unit, currency),
        change=shown_change(moved, before, metric.unit, currency),
        target=shown(target, metric.unit, currency),
        n=latest.n if latest else 0,
        interval=_interval(latest, metric.unit, currency),
        verdict="" if is_thin or is_now else _verdict(metric, latest, target),
        movement=_movement(metric, before, moved),
        is_thin=is_thin,
        waiting=sum(1 for point in points if latest is None or point.on > latest.on),
        is_now=is_now,
    )


def _stands_now(points: Sequence[Point]) -> bool:
    return len(points) == 1 and not points[0].is_mature and points[0].value is not None


def _interval(latest: Point | None, unit: str, currency: str) -> str:
    if latest is None or latest.lower is None or latest.upper is None:
        return ""
    return f"{shown(latest.lower, unit, currency)} to {shown(latest.upper, unit, currency)}"


def _verdict(metric: Metric, latest: Point | None, target: Decimal | None) -> str:
    if latest is None or latest.value is None or target is None:
        return ""
    return "bad" if metric.is_better(target, latest.value) else "good"


def _movement(metric: Metric, before: Decimal | None, moved: Decimal | None) -> str:
    if not moved or before is None:
        return ""
    return "good" if metric.is_better(before + moved, before) else "bad"
