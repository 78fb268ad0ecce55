"""Computes one metric into the warehouse.

Belongs here: computing a metric's detail aside, and the one transaction that puts all its rows in
place of the old ones. Does not: the SQL text (`render`) or who calls it when (`engine/factories`).

A detail, and what several statements name, is computed into temporary tables before the
transaction begins. Of a table that its own transaction has made, DuckDB believes that it is empty,
and joins a million leads in an order that needs hundreds of gigabytes.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import duckdb

from revops_pipelines.engine.metrics.declaration import Detail, Fragment, Metric
from revops_pipelines.engine.metrics.render import render_detail, render_fragment, render_series
from revops_pipelines.engine.metrics.tables import VALUE_COLUMNS, ensure_metric_tables


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did.

    `headline` has `value`, `n`, `previous` and `change` (value - previous) of the total of the
    latest mature month, and `headline_on` is that month; nulls before there is one.
    """

    rows: int
    detail_rows: int
    headline: Mapping[str, float | None]
    headline_on: date | None
    seconds: float


def build_metric(connection: duckdb.DuckDBPyConnection, metric: Metric) -> Built:
    """Recompute a metric and put its rows in place of the old ones, in one transaction.

    `prepare` must have run. The connection must not be inside a transaction. Raises duckdb.Error,
    with everything as it was before.
    """
    started = time.perf_counter()
    ensure_metric_tables(connection)
    made: list[str] = []
    try:
        shared = _compute(connection, metric, made)
        rows, detail_rows = _replace(connection, metric, shared)
    finally:
        for name in made:
            connection.execute(f'DROP TABLE IF EXISTS temp."{name}"')
    headline_on, headline = headline_of(connection, metric.name)
    return Built(rows, detail_rows, headline, headline_on, time.perf_counter() - started)


def headline_of(
    connection: duckdb.DuckDBPyConnection, metric: str
) -> tuple[date | None, Mapping[str, float | None]]:
    """The total of the latest mature month, and the month before for the change."""
    found = connection.execute(
        "SELECT period_start_on, value, n FROM metrics.metric_values "
        "WHERE metric = ? AND grain = 'month' AND CAST(dimensions AS VARCHAR) = '{}' "
        "AND is_mature AND value IS NOT NULL ORDER BY period_start_on DESC LIMIT 2",
        [metric],
    ).fetchall()
    if not found:
        return None, {"value": None, "n": None, "previous": None, "change": None}
    value, previous = found[0][1], found[1][1] if len(found) > 1 else None
    change = None if previous is None else float(value - previous)
    return found[0][0], {
        "value": float(value),
        "n": float(found[0][2]),
        "previous": None if previous is None else float(previous),
        "change": change,
    }


def _compute(
    connection: duckdb.DuckDBPyConnection, metric: Metric, made: list[str]
) -> frozenset[str]:
    """Temporary tables with the new detail and the shared fragments, whose names are returned.

    `made` tells all their names, also when this fails.
    """
    shared = _worth_sharing(metric)
    names = frozenset(fragment.name for fragment in shared)
    if metric.detail is not None:
        of_detail = [part for part in shared if part in metric.detail.fragments]
        _share(connection, of_detail, metric.detail, made)
        _compute_detail(connection, metric.detail, names, made)
    # Those of the series alone come after the detail, which they may read.
    _share(connection, [part for part in shared if part.name not in made], metric.detail, made)
    return names


def _share(
    connection: duckdb.DuckDBPyConnection,
    fragments: Iterable[Fragment],
    detail: Detail | None,
    made: list[str],
) -> None:
    """Compute once what several of a metric's statements name, as temporary tables.

    Only the time changes: the statements are the same text without those fragments, whose names
    the temporary tables bear.
    """
    for fragment in fragments:
        select = _of_new_detail(render_fragment(fragment), detail)
        made.append(fragment.name)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {fragment.name} AS\n{select}")


def _worth_sharing(metric: Metric) -> tuple[Fragment, ...]:
    """The fragments that cost less written down than computed in every statement.

    What one of these builds on is among them, and before it: its SELECT is run by itself.
    """
    statements = [series.fragments for series in metric.series]
    if metric.detail is not None:
        statements.append(metric.detail.fragments)
    uses = Counter(fragment for each in statements for fragment in each)
    worth: list[Fragment] = []
    for fragment in reversed(uses):  # a statement names one after those that it builds on
        is_base = any(re.search(rf"\b{fragment.name}\b", other.sql) for other in worth)
        if is_base or uses[fragment] >= fragment.written_from:
            worth.append(fragment)
    return tuple(reversed(worth))


def _compute_detail(
    connection: duckdb.DuckDBPyConnection,
    detail: Detail,
    shared: frozenset[str],
    made: list[str],
) -> None:
    columns = ", ".join(f'"{column.name}" {column.type}' for column in detail.columns)
    select = render_detail(detail, shared)
    made.append(detail.table)
    connection.execute(f'CREATE OR REPLACE TEMP TABLE "{detail.table}" ({columns})')
    if detail.model is None:
        connection.execute(f'INSERT INTO temp."{detail.table}" BY NAME\n{select}')
        return
    # By way of a table: read as it comes, the result of a UNION ALL of some megabytes can block
    # for ever in DuckDB 1.5 (github.com/duckdb/duckdb/issues/22215).
    made.append(_GIVEN)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {_GIVEN} AS\n{select}")
    modelled = detail.model(connection.execute(f"SELECT * FROM temp.{_GIVEN}").df())
    connection.execute(f"DROP TABLE temp.{_GIVEN}")
    connection.register("modelled", modelled)
    connection.execute(f'INSERT INTO temp."{detail.table}" BY NAME SELECT * FROM modelled')
    connection.unregister("modelled")


# What a model is given.
_GIVEN = "to_be_modelled"


def _of_new_detail(sql: str, detail: Detail | None) -> str:
    """The same text, reading the metric's own detail where it is still aside."""
    if detail is None:
        return sql
    return re.sub(rf"\bmetrics\.{detail.table}\b", f"temp.{detail.table}", sql)


def _replace(
    connection: duckdb.DuckDBPyConnection, metric: Metric, shared: frozenset[str]
) -> tuple[int, int]:
    """Put the new rows in place of the old; returns how many values and rows of detail."""
    detail = metric.detail
    published = ", ".join(f"'{name}'" for name in metric.published)
    rows = detail_rows = 0
    connection.execute("BEGIN TRANSACTION")
    try:
        if detail is not None:
            detail_rows = _count(
                connection,
                f'CREATE OR REPLACE TABLE metrics."{detail.table}" AS '
                f'SELECT * FROM temp."{detail.table}"',
            )
        connection.execute(f"DELETE FROM metrics.metric_values WHERE metric IN ({published})")
        for series in metric.series:
            select = _of_new_detail(render_series(series, shared), detail)
            rows += _count(
                connection,
                f"INSERT INTO metrics.metric_values ({', '.join(VALUE_COLUMNS)})\n{select}",
            )
    except BaseException:  # also a run that is stopped: most of its time is spent in here
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return rows, detail_rows


def _count(connection: duckdb.DuckDBPyConnection, write: str) -> int:
    """Write rows; returns how many."""
    row = connection.execute(write).fetchone()
    return 0 if row is None else int(row[0])
