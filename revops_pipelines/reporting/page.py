"""The report: one self-contained HTML file, drawn from the published snapshot.

Belongs here: which pictures and tables stand where. Does not: their data (`queries`, `scorecard`)
or their form (`charts`, `template.html`).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import jinja2
from markupsafe import Markup

from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.reporting import charts, queries
from revops_pipelines.reporting.numbers import shown
from revops_pipelines.reporting.scorecard import STAGES, ScoreLine, scorecard

STAGE_TITLES = {
    "engage": ("Engage", "marketing to sales"),
    "execute": ("Execute", "sales"),
    "expand": ("Expand and keep", "revenue"),
    "trust": ("Trust", "what the numbers rest on"),
}
MOVEMENT_COLOURS = {
    "new": "var(--good)",
    "expansion": "var(--good-2)",
    "reactivation": "var(--good-3)",
    "contraction": "var(--bad-2)",
    "churn": "var(--bad)",
    "fx": "var(--muted)",
    "restatement": "var(--line)",
}
ANSWER_COLOURS = {
    "answered in time": "var(--good)",
    "answered late": "var(--warn)",
    "waiting, in time": "var(--accent)",
    "waiting, late": "var(--bad)",
}
TREND_MONTHS = 18
STALE_AFTER = timedelta(hours=26)


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """What the report needs to know of the installation."""

    company: str
    currency: str
    targets: Mapping[str, Decimal]
    min_n: int
    is_sandbox: bool


def build_report(
    connection: duckdb.DuckDBPyConnection,
    metrics: Sequence[Metric],
    settings: ReportSettings,
    explained: Collection[str] = (),
) -> str:
    """The report's HTML. `connection` reads the published snapshot.

    `explained` names the metrics that have a page of their own under `explain/`.
    """
    as_of = queries.as_of(connection)
    lines = scorecard(connection, metrics, settings.targets, settings.currency, settings.min_n)
    months = _months_from(as_of)
    return (
        templates()
        .get_template("template.html")
        .render(
            settings=settings,
            as_of=as_of,
            stages=[(stage, *STAGE_TITLES[stage]) for stage in STAGES],
            lines=lines,
            explained=frozenset(explained),
            restated=queries.restated(connection, settings.currency),
            sparks={line.metric.name: _spark(line) for line in lines},
            trends=[(line, _trend(line, settings, months)) for line in lines if line.latest],
            response=_response(connection),
            funnel=queries.stages(connection),
            waterfall=_waterfall(connection, settings.currency),
            movements=_movements(connection, settings.currency, months),
            retention=_retention(connection, months),
            alerts=queries.open_alerts(connection),
            sources=queries.sources(connection),
            stale_before=as_of - STALE_AFTER,
            quarantined=queries.quarantined(connection),
            links=queries.links(connection),
            response_days=queries.RESPONSE_DAYS,
        )
    )


def templates() -> jinja2.Environment:
    """The pages' templates; everything put into them is escaped."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def write_report(html: str, path: Path) -> None:
    """Put the page in place by one rename, readable by its owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(html)
    beside.replace(path)


def _months_from(as_of: datetime) -> date:
    """First day of the first month that trends show."""
    months = as_of.year * 12 + as_of.month - 1 - TREND_MONTHS
    return date(months // 12, months % 12 + 1, 1)


def _spark(line: ScoreLine) -> Markup:
    recent = [point for point in line.points if point.is_mature][-12:]
    return charts.spark([_number(point.value) for point in recent])


def _trend(line: ScoreLine, settings: ReportSettings, since: date) -> Markup:
    unit = line.metric.unit
    rows = [
        {
            "on": point.on.isoformat(),
            "value": _number(point.value),
            "lower": _number(point.lower),
            "upper": _number(point.upper),
            "mature": point.is_mature,
            "label": (
                f"{point.on:%b %Y}: {shown(point.value, unit, settings.currency)}, n = {point.n}"
                + ("" if point.is_mature else ", not yet mature")
            ),
        }
        for point in line.points
        if point.value is not None and point.on >= since
    ]
    target = settings.targets.get(line.metric.name)
    number = ".0%" if unit == "share" else "~s"
    return charts.trend(
        rows, line.metric.title, number, target=None if target is None else float(target)
    )


def _response(connection: duckdb.DuckDBPyConnection) -> Markup:
    names = [*(name for name, _ in queries.BUCKETS), "no answer"]
    rows = [
        {
            "name": bucket.name,
            "value": bucket.leads,
            "kind": bucket.kind,
            "label": f"{bucket.name}: {bucket.leads} leads {bucket.kind}",
        }
        for bucket in queries.response_buckets(connection)
    ]
    return charts.bars(
        rows, "Leads by time to first human touch", names, colours=ANSWER_COLOURS, width=420
    )


def _waterfall(connection: duckdb.DuckDBPyConnection, currency: str) -> Markup:
    moved = queries.mrr_movements(connection)
    if not moved:
        return Markup()
    month = max(movement.on for movement in moved)
    level = queries.opening_mrr(connection, month)
    rows = [_step("opening", 0.0, level, "opening", currency)]
    for kind in MOVEMENT_COLOURS:
        amount = sum(each.amount for each in moved if each.on == month and each.movement == kind)
        if amount:
            rows.append(_step(kind, level, level + amount, kind, currency))
            level += amount
    rows.append(_step("closing", 0.0, level, "opening", currency))
    # Bars that stand on zero would flatten the movements; the axis begins below the lowest step.
    floor = min(min(row["low"], row["high"]) for row in rows[1:-1]) * 0.97 if len(rows) > 2 else 0.0
    for row in (rows[0], rows[-1]):
        row["low"] = floor
    colours = {"opening": "var(--accent)", **MOVEMENT_COLOURS}
    return charts.waterfall(rows, f"MRR in {month:%B %Y}", colours)


def _step(name: str, low: float, high: float, kind: str, currency: str) -> dict[str, Any]:
    amount = high - low
    return {
        "name": name,
        "low": low,
        "high": high,
        "top": max(low, high),
        "kind": kind,
        "short": shown(Decimal(str(round(amount, 2))), "money", currency),
        "label": f"{name}: {shown(Decimal(str(round(amount, 2))), 'money', currency)}",
    }


def _movements(connection: duckdb.DuckDBPyConnection, currency: str, since: date) -> Markup:
    rows = [
        {
            "on": each.on.isoformat(),
            "kind": each.movement,
            "value": each.amount,
            "label": f"{each.on:%b %Y} {each.movement}: "
            f"{shown(Decimal(str(round(each.amount, 2))), 'money', currency)}",
        }
        for each in queries.mrr_movements(connection)
        if each.on >= since
    ]
    return charts.stacked(rows, "MRR movements by month", MOVEMENT_COLOURS)


def _retention(connection: duckdb.DuckDBPyConnection, since: date) -> Markup:
    kinds = {
        "net_revenue_retention": ("net", "var(--accent)"),
        "gross_revenue_retention": ("gross", "var(--warn)"),
    }
    rows = [
        {
            "on": on.isoformat(),
            "kind": name,
            "value": value,
            "label": f"{on:%b %Y} {name}: {value:.1%}, n = {n}",
        }
        for metric, (name, _) in kinds.items()
        for on, value, n in queries.values_by_month(connection, metric)
        if on >= since
    ]
    return charts.lines(rows, "Revenue retention", ".0%", dict(kinds.values()))


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
