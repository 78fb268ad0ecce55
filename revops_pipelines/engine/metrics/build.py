"""Computes one metric into the warehouse.

Belongs here: one transaction that replaces a metric's rows in `metrics.metric_values` and its
detail table. Does not: the SQL text (`render`) or who calls it when (`engine/factories`).
"""

from __future__ import annotations

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
    connection.execute("BEGIN TRANSACTION")
    try:
        detail_rows, shared = 0, frozenset[str]()
        if metric.detail is not None:
            shared = _share_fragments(connection, metric, metric.detail.fragments)
            detail_rows = _replace_detail(connection, metric.detail, shared)
        # Those of the series alone come after the detail, which they may read.
        shared |= _share_fragments(
            connection, metric, [part for each in metric.series for part in each.fragments], shared
        )
        rows = _replace_values(connection, metric, shared)
        for name in shared:
            connection.execute(f"DROP TABLE temp.{name}")
    except duckdb.Error:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
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


def _share_fragments(
    connection: duckdb.DuckDBPyConnection,
    metric: Metric,
    fragments: Iterable[Fragment],
    made: frozenset[str] = frozenset(),
) -> frozenset[str]:
    """Compute those that several of the metric's statements name once, as temporary tables.

    Only the time changes: the statements are the same text without those fragments, whose names
    the temporary tables bear.
    """
    statements = [series.fragments for series in metric.series]
    if metric.detail is not None:
        statements.append(metric.detail.fragments)
    uses = Counter(fragment for each in statements for fragment in each)
    shared: set[str] = set()
    for fragment in dict.fromkeys(fragments):
        if uses[fragment] > 1 and fragment.name not in made:
            select = render_fragment(fragment)
            connection.execute(f"CREATE OR REPLACE TEMP TABLE {fragment.name} AS\n{select}")
            shared.add(fragment.name)
    return frozenset(shared)


def _replace_detail(
    connection: duckdb.DuckDBPyConnection, detail: Detail, shared: frozenset[str]
) -> int:
    columns = ", ".join(f'"{column.name}" {column.type}' for column in detail.columns)
    connection.execute(f'CREATE OR REPLACE TABLE metrics."{detail.table}" ({columns})')
    select = render_detail(detail, shared)
    if detail.model is None:
        connection.execute(f'INSERT INTO metrics."{detail.table}" BY NAME\n{select}')
    else:
        # By way of a table: read as it comes, the result of a UNION ALL of some megabytes can block
        # for ever in DuckDB 1.5 (github.com/duckdb/duckdb/issues/22215).
        connection.execute(f"CREATE OR REPLACE TEMP TABLE to_be_modelled AS\n{select}")
        modelled = detail.model(connection.execute("SELECT * FROM temp.to_be_modelled").df())
        connection.execute("DROP TABLE temp.to_be_modelled")
        connection.register("modelled", modelled)
        connection.execute(f'INSERT INTO metrics."{detail.table}" BY NAME SELECT * FROM modelled')
        connection.unregister("modelled")
    return _count(connection, f'SELECT COUNT(*) FROM metrics."{detail.table}"')


def _replace_values(
    connection: duckdb.DuckDBPyConnection, metric: Metric, shared: frozenset[str]
) -> int:
    published = list(metric.published)
    connection.execute("DELETE FROM metrics.metric_values WHERE metric IN ?", [published])
    columns = ", ".join(VALUE_COLUMNS)
    for series in metric.series:
        select = render_series(series, shared)
        connection.execute(f"INSERT INTO metrics.metric_values ({columns})\n{select}")
    return _count(
        connection, "SELECT COUNT(*) FROM metrics.metric_values WHERE metric IN ?", [published]
    )


def _count(
    connection: duckdb.DuckDBPyConnection, sql: str, values: list[object] | None = None
) -> int:
    row = connection.execute(sql, values or []).fetchone()
    return 0 if row is None else int(row[0])
