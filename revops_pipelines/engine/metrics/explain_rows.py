"""Reads what `explain` takes apart: facts by subject, published values, names of records.

Belongs here: queries on the published tables. Does not: what is made of them (`parts`, `explain`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import duckdb

from revops_pipelines.contracts import CONTRACTS
from revops_pipelines.contracts.contract import columns_of, identifiers_of
from revops_pipelines.engine.metrics.declaration import Ratio, Series
from revops_pipelines.engine.metrics.parts import Cell, Group
from revops_pipelines.engine.metrics.render import render_facts

# A conformed entity's key -> the entity.
SUBJECTS: dict[str, str] = {
    keys[0]: entity
    for entity, contract in CONTRACTS.items()
    if len(keys := identifiers_of(contract)) == 1
}
# What is shown of a record; people are known by their link alone.
_NAMED = frozenset({"opportunities", "customers", "accounts", "campaigns"})


class NothingToExplainError(LookupError):
    """There is no such value; the message says what there is."""


def cells_of(
    connection: duckdb.DuckDBPyConnection,
    series: Series,
    columns: Sequence[str],
    grain: str,
    periods: tuple[date, date | None],
    where: Mapping[str, str],
) -> list[Cell]:
    """One row per subject, reason and members, aggregated as the metric's own roll-up does."""
    rollup = series.rollup
    if isinstance(rollup, Ratio):
        count = f"CASE WHEN excluded IS NULL THEN {rollup.n} ELSE COUNT(*) END"
        sums = f"{rollup.numerator}, {rollup.denominator or 'NULL'}, NULL, FALSE, {count}"
    else:
        sums = "NULL, NULL, MAX(duration), BOOL_OR(NOT is_observed), COUNT(*)"
    group = ["period_start_on", series.subject, "excluded", *columns]
    kept = "".join(f' AND "{column}" = ?' for column in where)
    rows = connection.execute(
        f"SELECT {', '.join(group)}, {sums} FROM ({render_facts(series)}) AS facts "
        f"WHERE grain = ? AND period_start_on IN (?, ?){kept} GROUP BY {', '.join(group)}",
        [grain, periods[0], periods[1] or periods[0], *where.values()],
    ).fetchall()
    return [
        Cell(
            is_now=row[0] == periods[0],
            subject=str(row[1]),
            excluded=row[2],
            members=tuple(row[3 : 3 + len(columns)]),
            numerator=Fraction(row[-5] or 0),
            denominator=Fraction(row[-4] or 0),
            n=int(row[-1]),
            duration=None if row[-3] is None else float(row[-3]),
            is_open=bool(row[-2]),
        )
        for row in rows
    ]


def period_before(
    connection: duckdb.DuckDBPyConnection, name: str, grain: str, period_start_on: date
) -> date | None:
    """The first day of the period before. Raises NothingToExplainError if none begins there."""
    found = connection.execute(
        "SELECT previous_start_on FROM ops.periods WHERE grain = ? AND period_start_on = ?",
        [grain, period_start_on],
    ).fetchone()
    if found is None:
        raise NothingToExplainError(f"no {grain} of {name} begins on {period_start_on}")
    before: date | None = found[0]
    return before


def published_values(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    grain: str,
    periods: tuple[date, date | None],
    where: Mapping[str, str],
) -> dict[date | None, dict[str, Any]]:
    """Period -> what is published of it; nothing where no such breakdown is."""
    cursor = connection.execute(
        "SELECT period_start_on, value, numerator, denominator, n, n_excluded, lower, upper, "
        "is_mature, policy, as_of_at FROM metrics.metric_values WHERE metric = ? AND grain = ? "
        "AND CAST(dimensions AS VARCHAR) = ? AND period_start_on IN (?, ?)",
        [name, grain, _written(where), periods[0], periods[1] or periods[0]],
    )
    names = [column[0] for column in cursor.description]
    return {row[0]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}


def _written(dimensions: Mapping[str, str]) -> str:
    """Dimensions as `metrics.metric_values` holds them."""
    return json.dumps(dict(dimensions), separators=(",", ":"), ensure_ascii=False)


def with_published(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    grain: str,
    periods: tuple[date, date | None],
    groups: Mapping[str, tuple[Group, ...]],
) -> dict[str, tuple[Group, ...]]:
    """The groups with the values that are published of them: medians are not made of parts."""
    rows = connection.execute(
        "SELECT period_start_on, CAST(dimensions AS VARCHAR), value FROM metrics.metric_values "
        "WHERE metric = ? AND grain = ? AND period_start_on IN (?, ?)",
        [name, grain, periods[0], periods[1] or periods[0]],
    ).fetchall()
    values = {(on, dimensions): value for on, dimensions, value in rows}
    return {
        column: tuple(
            replace(
                group,
                value=values.get((periods[0], _written({column: group.member})), group.value),
                before=values.get((periods[1], _written({column: group.member})), group.before),
            )
            for group in members
        )
        for column, members in groups.items()
    }


def names_of(
    connection: duckdb.DuckDBPyConnection, key: str, subjects: set[str]
) -> dict[str, tuple[str, str]]:
    """Subject -> (name, link to the record in its system), as far as its entity has them."""
    entity = SUBJECTS[key]
    columns = columns_of(CONTRACTS[entity])
    name = "name" if "name" in columns and entity in _NAMED else "NULL"
    url = "url" if "url" in columns else "NULL"
    rows = connection.execute(
        f"SELECT {key}, {name}, {url} FROM conformed.{entity} WHERE {key} IN (SELECT UNNEST(?))",
        [sorted(subjects)],
    ).fetchall()
    return {row[0]: (row[1] or "", row[2] or "") for row in rows}


def people_of(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Our own people's identifiers -> their names, where they are known."""
    rows = connection.execute(
        "SELECT user_id, name FROM conformed.users WHERE name IS NOT NULL"
    ).fetchall()
    return dict(rows)
