"""A page for each metric: the records behind its latest value, what was left out, what moved it.

Belongs here: an explanation turned into a page. Does not: taking the value apart
(`engine.metrics.explain`), or the page's form (`drilldown.html`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import duckdb

from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.metrics.effects import effects
from revops_pipelines.engine.metrics.explain import Explanation, Record, explain
from revops_pipelines.engine.metrics.explain_rows import SUBJECTS, NothingToExplainError
from revops_pipelines.engine.metrics.parts import Group, Number
from revops_pipelines.reporting.moved import part_shown
from revops_pipelines.reporting.numbers import shown
from revops_pipelines.reporting.page import templates

RECORDS_SHOWN = 50
GROUPS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class _Row:
    """A record or group with its cells ready to show."""

    subject: str
    name: str
    url: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Member:
    """One member of a dimension, ready to show."""

    member: str
    value: str
    before: str
    part: str
    mood: str


@dataclass(frozen=True, slots=True)
class _Effect:
    """One cause's bounds, ready to show."""

    cause: str
    rows: int
    lower: str
    upper: str


def explained(
    connection: duckdb.DuckDBPyConnection, metrics: Iterable[Metric]
) -> dict[str, Explanation]:
    """Metric -> its latest monthly value that can be judged, taken apart, where there is one."""
    metrics = tuple(metrics)
    latest = dict(
        connection.execute(
            "SELECT metric, MAX(period_start_on) FROM metrics.metric_values WHERE grain = 'month' "
            "AND is_mature AND value IS NOT NULL AND CAST(dimensions AS VARCHAR) = '{}' GROUP BY 1"
        ).fetchall()
    )
    found = {}
    for metric in metrics:
        if metric.name not in latest:
            continue
        try:
            found[metric.name] = explain(
                connection, [metric], metric.name, "month", latest[metric.name]
            )
        except NothingToExplainError:
            continue
    return found


def drilldown(told: Explanation, currency: str, quarantined: int = 0) -> str:
    """The page's HTML; `quarantined` rows of what the metric counts are in quarantine."""
    unit = told.series.unit
    period = told.period_start_on
    change = None
    if told.value is not None and told.before is not None:
        change = Fraction(told.value) - Fraction(told.before)
    headings, records = _records(told, currency)
    return (
        templates()
        .get_template("drilldown.html")
        .render(
            told=told,
            period=period.strftime("%B %Y"),
            as_of=told.published.get("as_of_at"),
            policy=told.published.get("policy", ""),
            value=shown(_float(told.value), unit, currency),
            parts=_parts(told, currency),
            before=shown(_float(told.before), unit, currency),
            change=part_shown(change, unit, currency) if change is not None else "",
            breakdowns=_breakdowns(told, currency),
            headings=headings,
            records=records,
            effects=_effects(told, currency, quarantined),
            command=f"revops explain {told.name} --period {period:%Y-%m} --csv records.csv",
        )
    )


def quarantined_of(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Key of an entity, such as lead_id -> its rows in quarantine."""
    rows = connection.execute(
        "SELECT entity, CAST(SUM(rows) AS BIGINT) FROM ops.quarantine_counts GROUP BY entity"
    ).fetchall()
    counts = dict(rows)
    return {key: counts[entity] for key, entity in SUBJECTS.items() if entity in counts}


def contributors(told: Explanation, count: int = 10) -> list[dict[str, Any]]:
    """The records that did most, as rows for Dagster's metadata: identifiers and numbers alone."""
    return [
        {
            "record": record.subject,
            "numerator": float(record.numerator),
            "denominator": float(record.denominator),
            "part_of_change": 0.0 if record.part is None else float(record.part),
        }
        for record in told.records[:count]
    ]


def exactly(value: Fraction) -> str:
    """A sum as people write it: to the cent, without cents where there are none."""
    return f"{float(value):,.2f}".removesuffix(".00")


def _parts(told: Explanation, currency: str) -> str:
    unit = told.series.unit
    parts = []
    if told.divides and told.numerator is not None and told.denominator is not None:
        parts.append(f"{exactly(told.numerator)} / {exactly(told.denominator)}")
    parts.append(f"n = {told.n:,}")
    lower, upper = told.published.get("lower"), told.published.get("upper")
    if lower is not None and upper is not None:
        parts.append(f"{shown(lower, unit, currency)} to {shown(upper, unit, currency)}")
    return ", ".join(parts)


def _effects(told: Explanation, currency: str, quarantined: int) -> list[_Effect]:
    unit = told.series.unit
    return [
        _Effect(
            each.cause,
            each.rows,
            shown(float(each.lower), unit, currency),
            "without bound" if each.upper is None else shown(float(each.upper), unit, currency),
        )
        for each in effects(told, quarantined)
    ]


def _breakdowns(told: Explanation, currency: str) -> list[tuple[str, list[_Member]]]:
    return [
        (column, [_member(told, group, currency) for group in groups[:GROUPS_SHOWN]])
        for column, groups in told.groups.items()
        if any(group.value is not None for group in groups)
    ]


def _member(told: Explanation, group: Group, currency: str) -> _Member:
    unit = told.series.unit
    mood = ""
    if group.part:
        before = Fraction(told.before or 0)
        mood = "good" if told.metric.is_better(before + Fraction(group.part), before) else "bad"
    return _Member(
        group.label or group.member,
        shown(_float(group.value), unit, currency),
        shown(_float(group.before), unit, currency),
        part_shown(group.part, unit, currency),
        mood,
    )


def _records(told: Explanation, currency: str) -> tuple[Sequence[str], list[_Row]]:
    unit = told.series.unit
    records = told.records[:RECORDS_SHOWN]
    if any(record.duration is not None for record in records):
        return ["Lasted"], [
            _Row(each.subject, each.name, each.url, (_lasted(each, unit, currency),))
            for each in records
        ]
    headings = ["Numerator", *(["Denominator"] if told.divides else []), "Part of the change"]
    rows = [
        _Row(
            each.subject,
            each.name,
            each.url,
            (
                exactly(each.numerator),
                *([exactly(each.denominator)] if told.divides else []),
                part_shown(each.part, unit, currency),
            ),
        )
        for each in records
    ]
    return headings, rows


def _lasted(record: Record, unit: str, currency: str) -> str:
    so_far = " so far" if record.is_open and record.duration is not None else ""
    return shown(record.duration, unit, currency) + so_far


def _float(value: Number) -> float | None:
    return None if value is None else float(value)
