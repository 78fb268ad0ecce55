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
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb

from revops_pipelines.engine.metrics.declaration import Metric, Ratio, Series
from revops_pipelines.engine.metrics.explain_rows import SUBJECTS
from revops_pipelines.engine.metrics.render import render_facts
from revops_pipelines.engine.metrics.tables import NUMBER

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
# Temporary tables: the facts of a series, and the periods that are looked at.
_NOW, _BEFORE, _PERIODS = "facts_now", "facts_before", "periods_looked_at"

# (grain, first day of the period) -> record -> why.
_Moved = dict[tuple[str, date], dict[str, str]]


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
    moved: dict[Series, _Moved] = {}
    found = []
    for (name, grain), rows in changed.items():
        if name not in of:
            continue
        metric, series = of[name]
        is_redefined = metric.name in redefined
        if not is_redefined and series not in moved:
            periods = {
                (each, row[0])
                for published in series.metrics
                for each in series.grains
                for row in changed.get((published, each), ())
            }
            moved[series] = _moved(connection, series, sorted(periods))
        for on, old_value, new_value, old_n, new_n, unit in rows:
            records = {} if is_redefined else moved[series].get((grain, on), {})
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
    connection: duckdb.DuckDBPyConnection, series: Series, periods: list[tuple[str, date]]
) -> _Moved:
    """Which records of these periods (grain, first day) have facts that are not what they were."""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {_PERIODS} AS "
        "SELECT UNNEST(?) AS grain, UNNEST(?) AS period_start_on",
        [[grain for grain, _ in periods], [on for _, on in periods]],
    )
    _keep_facts(connection, _NOW, series)
    with _reading_published(connection):
        _keep_facts(connection, _BEFORE, series)
    # A company has millions of facts and few that changed: only these leave the database.
    apart = connection.execute(
        "SELECT DISTINCT grain, period_start_on, subject FROM ("
        f"(FROM temp.{_NOW} EXCEPT FROM temp.{_BEFORE}) UNION ALL "
        f"(FROM temp.{_BEFORE} EXCEPT FROM temp.{_NOW})) ORDER BY 1, 2, 3"
    ).fetchall()
    for name in (_PERIODS, _NOW, _BEFORE):
        connection.execute(f"DROP TABLE temp.{name}")
    reasons = _reasons(connection, series.subject, sorted({subject for *_, subject in apart}))
    found: _Moved = defaultdict(dict)
    for grain, on, subject in apart:
        found[grain, on][subject] = reasons.get(subject, "inputs")
    return found


def _keep_facts(connection: duckdb.DuckDBPyConnection, name: str, series: Series) -> None:
    """Write what every record brings in, by reason of exclusion, into a temporary table."""
    rollup = series.rollup
    sums = (
        f"{rollup.numerator} AS numerator, {rollup.denominator or 'NULL'} AS denominator"
        if isinstance(rollup, Ratio)
        # Exact: a sum of fractions depends on the order in which they come.
        else f"SUM(CAST(duration AS {NUMBER})) AS lasted, "
        "SUM(CASE WHEN is_observed THEN 1 ELSE 0 END) AS observed"
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT grain, period_start_on, "
        f"COALESCE(CAST({series.subject} AS VARCHAR), 'unknown') AS subject, excluded, {sums}, "
        f"COUNT(*) AS cases FROM ({render_facts(series)}) AS facts "
        f"SEMI JOIN temp.{_PERIODS} USING (grain, period_start_on) GROUP BY 1, 2, 3, 4"
    )


@contextmanager
def _reading_published(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Within it tables that are named without a database are those of the published file."""
    (own,) = connection.execute("SELECT current_database()").fetchone() or ("",)
    connection.execute(f"USE {_OLD}")
    try:
        yield
    finally:
        connection.execute(f'USE "{own}"')


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


def _keep(connection: duckdb.DuckDBPyConnection, found: Sequence[Restatement]) -> None:
    if not found:
        return
    names = [field.name for field in fields(Restatement)]
    # One statement, its columns as text: a statement for each of 7,674 rows took eight seconds.
    listed = ", ".join(
        f"CAST(UNNEST(CAST(? AS VARCHAR[])) AS {COLUMNS[name][0]})" for name in names
    )
    connection.execute(
        f"INSERT INTO {TABLE} ({', '.join(names)}, old_as_of_at, restated_at) SELECT {listed}, "
        f"(SELECT as_of_at FROM {_OLD}.ops.parameters), (SELECT as_of_at FROM ops.parameters)",
        [[_as_text(getattr(each, name)) for each in found] for name in names],
    )


def _as_text(cell: Any) -> str | None:
    if isinstance(cell, Mapping):
        return json.dumps(dict(islice(cell.items(), RECORDS_KEPT)))
    return None if cell is None else str(cell)


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
