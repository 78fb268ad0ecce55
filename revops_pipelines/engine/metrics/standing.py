"""What each metric's inputs are worth today: which are empty, which are older than they may be.

Belongs here: `metrics.metric_standing`, one row per published id. Does not: what is done about it
(the report marks it, rules hold their alerts).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.metrics.tables import STANDING

TABLE = "metrics.metric_standing"
# What an entity is fed by: (source, stream).
Feeds = Mapping[str, Sequence[tuple[str, str]]]
_PREFIX = "conformed."


@dataclass(frozen=True, slots=True)
class Standing:
    """One published id's row."""

    metric: str
    has_values: bool
    is_stale: bool
    stale_inputs: tuple[str, ...]
    missing_inputs: tuple[str, ...]
    oldest_input_at: datetime | None

    @property
    def lacks(self) -> tuple[str, ...]:
        """The empty inputs of a metric without values: what to connect to have it."""
        return () if self.has_values else self.missing_inputs


def write_standing(
    connection: duckdb.DuckDBPyConnection,
    metrics: Iterable[Metric],
    feeds: Feeds,
    max_age: timedelta,
) -> list[Standing]:
    """Replace `metrics.metric_standing`; `feeds` says which streams fill an entity."""
    by_name = {metric.name: metric for metric in metrics}
    loaded = _loaded(connection)
    valued = {
        row[0]
        for row in connection.execute(
            "SELECT DISTINCT metric FROM metrics.metric_values WHERE value IS NOT NULL"
        ).fetchall()
    }
    [[as_of_at]] = connection.execute("SELECT as_of_at FROM ops.parameters").fetchall()
    stale_before = as_of_at - max_age
    empty: dict[str, bool] = {}
    found = []
    for metric in by_name.values():
        entities = sorted(_entities(metric, by_name, set()))
        for entity in entities:
            if entity not in empty:
                empty[entity] = _is_empty(connection, entity)
        times = {
            f"{_PREFIX}{entity} of {source}": at
            for entity in entities
            for source, stream in feeds.get(entity, ())
            if (at := loaded.get((source, stream))) is not None
        }
        stale = tuple(sorted(name for name, at in times.items() if at < stale_before))
        missing = tuple(f"{_PREFIX}{entity}" for entity in entities if empty[entity])
        oldest = min(times.values(), default=None)
        found += [
            Standing(name, name in valued, bool(stale), stale, missing, oldest)
            for name in metric.published
        ]
    _replace(connection, found)
    return found


def read_standing(connection: duckdb.DuckDBPyConnection) -> dict[str, Standing]:
    """Published id -> its standing; none where the table is not there yet."""
    there = connection.execute(
        "SELECT COUNT(*) FROM information_schema.tables "
        "WHERE table_schema = 'metrics' AND table_name = 'metric_standing'"
    ).fetchone()
    if there is None or not there[0]:
        return {}
    rows = connection.execute(f"SELECT {', '.join(STANDING)} FROM {TABLE}").fetchall()
    return {
        name: Standing(
            name, has, is_stale, tuple(json.loads(stale)), tuple(json.loads(missing)), oldest
        )
        for name, has, is_stale, stale, missing, oldest in rows
    }


def _entities(metric: Metric, metrics: Mapping[str, Metric], seen: set[str]) -> set[str]:
    """The conformed tables that a metric reads, itself or through others' tables."""
    found = {name.removeprefix(_PREFIX) for name in metric.inputs if name.startswith(_PREFIX)}
    for name in metric.inputs:
        other = name.removeprefix("metrics.")
        if other in metrics and other not in seen:
            seen.add(other)
            found |= _entities(metrics[other], metrics, seen)
    return found


def _loaded(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], datetime]:
    rows = connection.execute(
        "SELECT source, stream, MAX(loaded_at) FROM ops.loads GROUP BY 1, 2"
    ).fetchall()
    return {(source, stream): at for source, stream, at in rows}


def _is_empty(connection: duckdb.DuckDBPyConnection, entity: str) -> bool:
    row = connection.execute(f"SELECT COUNT(*) FROM {_PREFIX}{entity}").fetchone()
    return row is None or not row[0]


def _replace(connection: duckdb.DuckDBPyConnection, found: Sequence[Standing]) -> None:
    connection.execute(f"DELETE FROM {TABLE}")
    if found:
        marks = ", ".join("?" for _ in STANDING)
        connection.executemany(
            f"INSERT INTO {TABLE} VALUES ({marks})",
            [
                (
                    each.metric,
                    each.has_values,
                    each.is_stale,
                    json.dumps(each.stale_inputs),
                    json.dumps(each.missing_inputs),
                    each.oldest_input_at,
                )
                for each in found
            ],
        )
