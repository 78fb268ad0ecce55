"""What faults in the data could do to each metric: its value if the faulty rows were best or worst.

Belongs here: the bounds, and `metrics.quality_effects`. Does not: finding faults (contracts, the
reasons for which metrics leave rows out).

A row that was left out for a fault, or never came through its contract, would have counted
somehow. Of a share it is taken to be a case for or against; of an amount, nothing or as much as the
95th percentile of those that count; of a duration, none at all or without end. All rows of an
entity in quarantine are taken to belong to the period: nobody can say to which.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import duckdb

from revops_pipelines.engine.metrics.declaration import Metric, Ratio, Survival
from revops_pipelines.engine.metrics.explain import Explanation, Record, explain
from revops_pipelines.engine.metrics.explain_rows import SUBJECTS, NothingToExplainError
from revops_pipelines.engine.metrics.tables import NUMBER

TABLE = "metrics.quality_effects"
COLUMNS: dict[str, tuple[str, str]] = {
    "metric": ("VARCHAR", "Id in the metric catalogue."),
    "period_start_on": ("DATE", "The latest month that can be judged."),
    "cause": ("VARCHAR", "A reason of exclusion, or `quarantine: <entity>`."),
    "rows": ("BIGINT", "How many rows are at fault."),
    "value": (NUMBER, "The value as published."),
    "lower": (NUMBER, "The value if all of them pulled it down."),
    "upper": (NUMBER, "The value if all of them pulled it up; null where it has no bound."),
    "unit": ("VARCHAR", "Unit of the three."),
}
# Reasons that say something of the data; the others say what a metric means.
FAULTS = frozenset(
    (
        *("missing_rate", "no_amount", "no_currency", "no_history", "not_comparable"),
        *("closed_before_created", "closed_before_qualified", "unknown_reason"),
    )
)
_HIGH, _LOW = Fraction(95, 100), Fraction(5, 100)


@dataclass(frozen=True, slots=True)
class Effect:
    """One cause's bounds on one metric; `upper` None where a duration has no end."""

    metric: str
    period_start_on: date
    cause: str
    rows: int
    value: Fraction
    lower: Fraction
    upper: Fraction | None
    unit: str


def write_effects(connection: duckdb.DuckDBPyConnection, metrics: Iterable[Metric]) -> list[Effect]:
    """Replace `metrics.quality_effects`; one row per metric and cause of its latest month."""
    metrics = tuple(metrics)
    quarantined = dict(
        connection.execute(
            "SELECT entity, COUNT(DISTINCT (source, source_id)) FROM ops.quarantine GROUP BY entity"
        ).fetchall()
    )
    latest = dict(
        connection.execute(
            "SELECT metric, MAX(period_start_on) FROM metrics.metric_values WHERE grain = 'month' "
            "AND is_mature AND value IS NOT NULL AND CAST(dimensions AS VARCHAR) = '{}' GROUP BY 1"
        ).fetchall()
    )
    suspects = _suspects(connection, metrics, latest, quarantined)
    found = []
    for metric in metrics:
        if metric.name in suspects:
            told = _told(connection, metric, latest[metric.name])
            if told is not None:
                found += effects(told, quarantined.get(SUBJECTS[told.series.subject], 0))
    _replace(connection, found)
    return found


def effects(told: Explanation, quarantined: int = 0) -> list[Effect]:
    """The bounds that each fault sets; `quarantined` rows of its subject never came through."""
    causes = [(each.reason, each.count) for each in told.left_out if each.reason in FAULTS]
    if quarantined:
        causes.append((f"quarantine: {SUBJECTS[told.series.subject]}", quarantined))
    if told.value is None:
        return []
    found = []
    for cause, rows in causes:
        bounds = _bounds(told, rows)
        if bounds is not None:
            value = Fraction(told.value)
            lower, upper = min(bounds[0], value), bounds[1]
            upper = None if upper is None else max(upper, value)
            found.append(
                Effect(
                    *(told.name, told.period_start_on, cause, rows),
                    *(value, lower, upper, told.series.unit),
                )
            )
    return found


def _bounds(told: Explanation, rows: int) -> tuple[Fraction, Fraction | None] | None:
    rollup = told.series.rollup
    if isinstance(rollup, Survival):
        quantile = next(
            (each for suffix, each in rollup.quantiles if told.name.endswith(suffix)), 0.5
        )
        return _of_durations(told.records, rows, quantile)
    assert isinstance(rollup, Ratio)
    if rollup.value is not None:
        return None
    counted = [each for each in told.records if each.numerator or each.denominator]
    if not counted:
        return None
    if rollup.denominator is None:
        return _of_sum(counted, rows)
    return _of_ratio(counted, rows)


def _of_sum(records: Sequence[Record], rows: int) -> tuple[Fraction, Fraction]:
    amounts = sorted(each.numerator for each in records)
    total = sum(amounts, Fraction(0))
    low, high = _at(amounts, _LOW), _at(amounts, _HIGH)
    return total + rows * min(low, Fraction(0)), total + rows * max(high, Fraction(0))


def _of_ratio(records: Sequence[Record], rows: int) -> tuple[Fraction, Fraction] | None:
    """Each faulty row weighs as much as the heavy ones do, at the lowest and the highest rate."""
    numerator = sum((each.numerator for each in records), Fraction(0))
    denominator = sum((each.denominator for each in records), Fraction(0))
    weighing = [each for each in records if each.denominator]
    if not weighing:
        return None
    weight = rows * _at(sorted(each.denominator for each in weighing), _HIGH)
    rates = sorted(each.numerator / each.denominator for each in weighing)
    is_share = {each.numerator / each.denominator for each in weighing} <= {0, 1}
    low, high = (Fraction(0), Fraction(1)) if is_share else (_at(rates, _LOW), _at(rates, _HIGH))
    whole = denominator + weight
    return (numerator + weight * low) / whole, (numerator + weight * high) / whole


def _of_durations(
    records: Sequence[Record], rows: int, quantile: float
) -> tuple[Fraction, Fraction | None] | None:
    """The quantile with as many durations of nothing, and of no end, more."""
    known = [(each.duration, each.is_open) for each in records if each.duration is not None]
    if not known:
        return None
    shortest = _quantile([*known, *([(0.0, False)] * rows)], quantile)
    longest = _quantile([*known, *([(float("inf"), True)] * rows)], quantile)
    lower = Fraction(0) if shortest is None else Fraction(shortest)
    return lower, None if longest is None else Fraction(longest)


def _quantile(durations: Sequence[tuple[float, bool]], quantile: float) -> float | None:
    """Kaplan-Meier: the first duration by which the share that is reached has gone."""
    at_risk, share = len(durations), Fraction(1)
    for duration, is_open in sorted(durations):
        if not is_open:
            share *= Fraction(at_risk - 1, at_risk)
            if share <= 1 - Fraction(quantile).limit_denominator(1000):
                return duration
        at_risk -= 1
    return None


def _at(ordered: Sequence[Fraction], share: Fraction) -> Fraction:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _suspects(
    connection: duckdb.DuckDBPyConnection,
    metrics: Iterable[Metric],
    latest: dict[str, date],
    quarantined: dict[str, int],
) -> set[str]:
    """Metrics whose latest month has a fault at all: the others need no second look."""
    rows = connection.execute(
        "SELECT metric, period_start_on, CAST(excluded AS VARCHAR) FROM metrics.metric_values "
        "WHERE grain = 'month' AND CAST(dimensions AS VARCHAR) = '{}'"
    ).fetchall()
    told = {
        metric
        for metric, on, excluded in rows
        if latest.get(metric) == on and any(f'"{fault}"' in excluded for fault in FAULTS)
    }
    behind = {
        metric.name
        for metric in metrics
        if metric.name in latest and SUBJECTS.get(metric.main.subject) in quarantined
    }
    return told | behind


def _told(connection: duckdb.DuckDBPyConnection, metric: Metric, on: date) -> Explanation | None:
    try:
        return explain(connection, [metric], metric.name, "month", on)
    except NothingToExplainError:
        return None


def _replace(connection: duckdb.DuckDBPyConnection, found: Sequence[Effect]) -> None:
    listed = ", ".join(f'"{name}" {kind}' for name, (kind, _) in COLUMNS.items())
    connection.execute(f"CREATE OR REPLACE TABLE {TABLE} ({listed})")
    rows = [
        (
            *(each.metric, each.period_start_on, each.cause, each.rows),
            *(float(each.value), float(each.lower)),
            *(None if each.upper is None else float(each.upper), each.unit),
        )
        for each in found
    ]
    if rows:
        marks = ", ".join("?" for _ in COLUMNS)
        connection.executemany(f"INSERT INTO {TABLE} VALUES ({marks})", rows)
