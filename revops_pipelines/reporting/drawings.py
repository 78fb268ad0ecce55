"""The pictures of the report, each from published rows.

Belongs here: which rows and colours go into a picture. Does not: its form (`charts`) or where it
stands (the templates).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
from markupsafe import Markup

from revops_pipelines.reporting import charts, queries
from revops_pipelines.reporting.numbers import axis_of, shown
from revops_pipelines.reporting.scorecard import ScoreLine

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


def spark(line: ScoreLine) -> Markup:
    """The last twelve months that can be judged."""
    recent = [point for point in line.points if point.is_mature][-12:]
    return charts.spark([_number(point.value) for point in recent])


def trend(
    line: ScoreLine, targets: Mapping[str, Decimal], currency: str, since: date
) -> Markup | None:
    """A metric by month since then; None where fewer than two months have a value."""
    unit = line.metric.unit
    recent = [point for point in line.points if point.value is not None and point.on >= since]
    if len(recent) < 2:
        return None
    axis = axis_of(unit, max(abs(float(point.value or 0)) for point in recent))
    rows = [
        {
            "on": point.on.isoformat(),
            "value": axis.of(point.value),
            "lower": axis.of(point.lower),
            "upper": axis.of(point.upper),
            "mature": point.is_mature,
            "label": (
                f"{point.on:%b %Y}: {shown(point.value, unit, currency)}, n = {point.n}"
                + ("" if point.is_mature else ", not yet mature")
            ),
        }
        for point in recent
    ]
    target = targets.get(line.metric.name)
    return charts.trend(rows, line.metric.title, axis, target=axis.of(target))


def response(connection: duckdb.DuckDBPyConnection) -> Markup:
    """Leads by the time until a human turned to them."""
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


def waterfall(connection: duckdb.DuckDBPyConnection, currency: str) -> Markup:
    """The last closed month's MRR from opening to closing."""
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


def movements(connection: duckdb.DuckDBPyConnection, currency: str, since: date) -> Markup:
    """MRR movements by month since then."""
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


def retention(connection: duckdb.DuckDBPyConnection, since: date) -> Markup:
    """Net and gross retention by month since then."""
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


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
