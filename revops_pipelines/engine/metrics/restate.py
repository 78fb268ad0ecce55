"""Closed periods whose value changed since people last saw it: what, by which records, and why.

Belongs here: comparing what is about to be published with what is published. Does not: when that is
done (`assets/restatements`), nor undoing it.

Why: a record `arrived` late (it was not known before), was `deleted`, `changed`, or stayed the same
while something that it is judged by changed (`inputs`: an activity, a rate, an owner); or the
metric's own text or the settings it reads changed (`definition`).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from revops_pipelines.engine.metrics.declaration import Metric, Ratio, Series
from revops_pipelines.engine.metrics.explain_rows import SUBJECTS
from revops_pipelines.engine.metrics.render import render_facts
from revops_pipelines.engine.metrics.tables import NUMBER
from revops_pipelines.engine.warehouse.open import in_utc

TABLE = "metrics.restatements"
COLUMNS: dict[str, tuple[str, str]] = {
    "metric": ("VARCHAR", "Id in the metric catalogue."),
    "grain": ("VARCHAR", "Length of the period: week, month or quarter."),
    "period_start_on": ("DATE", "First day of the period, which had been closed."),
    "old_value": (NUMBER, "Total as published before; null where it could not be told."),
    "new_value": (NUMBER, "Total now; null where it can no longer be told."),
    "old_n": ("BIGINT", "Cases it rested on before."),
    "new_n": ("BIGINT", "Cases it rests on now; null where the value is gone."),
    "unit": ("VARCHAR", "Unit of both values."),
    "why": ("VARCHAR", "Reasons with how many records each: arrived, deleted, changed, inputs."),
    "records": ("JSON", "The records that did it: identifier -> why; at most RECORDS_KEPT."),
    "old_as_of_at": ("TIMESTAMP", "What the old value was known at (UTC)."),
    "restated_at": ("TIMESTAMP", "What the new value was known at (UTC)."),
}
RECORDS_KEPT = 50
DEFINITIONS = "ops.metric_definitions"
# Settings and times that change every night say nothing of a definition.
_MOMENTS = ("as_of_at", "as_of_on", "as_of_utc_on", "computed_at")
_OLD = "published"


@dataclass(frozen=True, slots=True)
class Restatement:
    """One total of a closed period that changed."""

    metric: str
    grain: str
    period_start_on: date
    old_value: Decimal | None
    new_value: Decimal | None
    old_n: int
    new_n: int | None
    unit: str
    why: str
    records: Mapping[str, str]


def restate(
    connection: duckdb.DuckDBPyConnection, metrics: Iterable[Metric], published: Path
) -> list[Restatement]:
    """Write down what changed since the snapshot at `published`; nothing where there is none yet.

    Adds to `metrics.restatements` and replaces `ops.metric_definitions`. Raises duckdb.Error, with
    everything as it was before.
    """
    metrics = tuple(metrics)
    listed = ", ".join(f"{name} {kind}" for name, (kind, _) in COLUMNS.items())
    connection.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} ({listed})")
    definitions = _definitions(connection, metrics)
    if not published.is_file():
        _keep_definitions(connection, definitions)
        return []
    path = str(published).replace("'", "''")
    connection.execute(f"ATTACH '{path}' AS {_OLD} (READ_ONLY)")
    try:
        found = _found(connection, metrics, definitions)
        connection.execute("BEGIN")
        try:
            _keep(connection, found)
            _keep_definitions(connection, definitions)
        except duckdb.Error:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    finally:
        connection.execute(f"DETACH {_OLD}")
    return found


def _found(
    connection: duckdb.DuckDBPyConnection,
    metrics: Iterable[Metric],
    definitions: Mapping[str, str],
) -> list[Restatement]:
    changed = _changed(connection)
    redefined = _redefined(connection, definitions)
    of = {
        name: (metric, series)
        for metric in metrics
        for series in metric.series
        if series.has_total
        for name in series.metrics
    }
    found = []
    for (name, grain), rows in changed.items():
        if name not in of:
            continue
        metric, series = of[name]
        is_redefined = metric.name in redefined
        periods = [row[0] for row in rows]
        moved = {} if is_redefined else _moved(connection, series, grain, periods)
        for on, old_value, new_value, old_n, new_n, unit in rows:
            records = moved.get(on, {})
            why = "definition" if is_redefined else _why(records)
            found.append(
                Restatement(name, grain, on, old_value, new_value, old_n, new_n, unit, why, records)
            )
    return found


def _changed(
    connection: duckdb.DuckDBPyConnection,
) -> dict[tuple[str, str], list[tuple[Any, ...]]]:
    """(metric, grain) -> totals of closed periods that are not what they were."""
    rows = connection.execute(
        f"SELECT old.metric, old.grain, old.period_start_on, old.value, new.value, old.n, new.n, "
        f"old.unit FROM {_OLD}.metrics.metric_values AS old "
        "LEFT JOIN metrics.metric_values AS new ON new.metric = old.metric "
        "AND new.grain = old.grain AND new.period_start_on = old.period_start_on "
        "AND CAST(new.dimensions AS VARCHAR) = '{}' "
        "WHERE old.is_mature AND CAST(old.dimensions AS VARCHAR) = '{}' "
        "AND new.value IS DISTINCT FROM old.value ORDER BY 1, 2, 3"
    ).fetchall()
    found: dict[tuple[str, str], list[tuple[Any, ...]]] = defaultdict(list)
    for name, grain, *rest in rows:
        found[name, grain].append(tuple(rest))
    return found


def _definitions(
    connection: duckdb.DuckDBPyConnection, metrics: Iterable[Metric]
) -> dict[str, str]:
    """Metric -> a fingerprint of its text and of the settings in force."""
    cursor = connection.execute("SELECT * FROM ops.parameters")
    names = [column[0] for column in cursor.description]
    row = cursor.fetchone() or ()
    settings = {
        name: str(value) for name, value in zip(names, row, strict=False) if name not in _MOMENTS
    }
    told = json.dumps(settings, sort_keys=True)
    return {
        metric.name: hashlib.sha256(f"{metric.rendered_sql}\n{told}".encode()).hexdigest()
        for metric in metrics
    }


def _redefined(
    connection: duckdb.DuckDBPyConnection, definitions: Mapping[str, str]
) -> Collection[str]:
    """The metrics whose fingerprint is another one than that of the published values."""
    there = connection.execute(
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_catalog = ? "
        "AND table_schema = 'ops' AND table_name = 'metric_definitions'",
        [_OLD],
    ).fetchone()
    if there is None or not there[0]:
        return definitions.keys()
    rows = connection.execute(f"SELECT metric, fingerprint FROM {_OLD}.{DEFINITIONS}").fetchall()
    before = dict(rows)
    return {name for name, mark in definitions.items() if before.get(name) != mark}


def _moved(
    connection: duckdb.DuckDBPyConnection,
    series: Series,
    grain: str,
    periods: list[date],
) -> dict[date, dict[str, str]]:
    """Period -> record -> why, of those whose facts are not what they were."""
    new = _facts(connection, series, grain, periods)
    # The text names its tables without a database: the old file is read by itself.
    with in_utc(connection.cursor()) as beside:
        beside.execute(f"USE {_OLD}")
        old = _facts(beside, series, grain, periods)
    apart = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
    reasons = _reasons(connection, series.subject, sorted({subject for _, subject in apart}))
    found: dict[date, dict[str, str]] = defaultdict(dict)
    for on, subject in sorted(apart):
        found[on][subject] = reasons.get(subject, "inputs")
    return found


def _facts(
    connection: duckdb.DuckDBPyConnection, series: Series, grain: str, periods: list[date]
) -> dict[tuple[date, str], tuple[Any, ...]]:
    """(period, subject) -> what it brings in, by reason of exclusion."""
    rollup = series.rollup
    sums = (
        f"{rollup.numerator}, {rollup.denominator or 'NULL'}"
        if isinstance(rollup, Ratio)
        else "SUM(duration), SUM(CASE WHEN is_observed THEN 1 ELSE 0 END)"
    )
    rows = connection.execute(
        f"SELECT period_start_on, {series.subject}, excluded, {sums}, COUNT(*) "
        f"FROM ({render_facts(series)}) AS facts WHERE grain = ? "
        "AND period_start_on IN (SELECT UNNEST(?)) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        [grain, periods],
    ).fetchall()
    found: dict[tuple[date, str], tuple[Any, ...]] = {}
    for on, subject, *rest in rows:
        found[on, str(subject)] = (*found.get((on, str(subject)), ()), *rest)
    return found


def _reasons(
    connection: duckdb.DuckDBPyConnection, key: str, subjects: list[str]
) -> dict[str, str]:
    """Subject -> arrived, deleted or changed; those whose own row is the same are not there."""
    entity = SUBJECTS[key]
    rows = connection.execute(
        f"SELECT new.{key}, CASE WHEN old.{key} IS NULL THEN 'arrived' "
        "WHEN new._deleted_at IS NOT NULL AND old._deleted_at IS NULL THEN 'deleted' "
        "ELSE 'changed' END "
        f"FROM conformed.{entity} AS new LEFT JOIN {_OLD}.conformed.{entity} AS old "
        f"ON old.{key} = new.{key} WHERE new.{key} IN (SELECT UNNEST(?)) "
        f"AND (old.{key} IS NULL OR old._updated_at IS DISTINCT FROM new._updated_at "
        "OR old._deleted_at IS DISTINCT FROM new._deleted_at) UNION ALL "
        f"SELECT old.{key}, 'deleted' FROM {_OLD}.conformed.{entity} AS old "
        f"WHERE old.{key} IN (SELECT UNNEST(?)) "
        f"AND NOT EXISTS (SELECT 1 FROM conformed.{entity} AS new WHERE new.{key} = old.{key})",
        [subjects, subjects],
    ).fetchall()
    return dict(rows)


def _why(records: Mapping[str, str]) -> str:
    counts = Counter(records.values())
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))
    return told or "inputs"


def _keep(connection: duckdb.DuckDBPyConnection, found: Iterable[Restatement]) -> None:
    rows = [
        (
            *(each.metric, each.grain, each.period_start_on, each.old_value, each.new_value),
            *(each.old_n, each.new_n, each.unit, each.why),
            json.dumps(dict(list(each.records.items())[:RECORDS_KEPT])),
        )
        for each in found
    ]
    if rows:
        marks = ", ".join("?" for _ in rows[0])
        connection.executemany(
            f"INSERT INTO {TABLE} SELECT {marks}, (SELECT as_of_at FROM {_OLD}.ops.parameters), "
            "(SELECT as_of_at FROM ops.parameters)",
            rows,
        )


def _keep_definitions(
    connection: duckdb.DuckDBPyConnection, definitions: Mapping[str, str]
) -> None:
    connection.execute(
        f"CREATE OR REPLACE TABLE {DEFINITIONS} (metric VARCHAR, fingerprint VARCHAR)"
    )
    if definitions:
        connection.executemany(
            f"INSERT INTO {DEFINITIONS} VALUES (?, ?)", list(definitions.items())
        )
