"""Which source is believed where several know the same thing: per entity, and per field of it.

Belongs here: the table `[precedence]`, `ops.precedence`, and the SQL that ranks sources. Does not:
which records are the same thing (`identity.py`) or how they become one row (`golden.py`).

Without a setting the order is that of the areas (CRM, marketing, billing, ...), and within an area
that of the configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import duckdb
from pydantic import BaseModel, ConfigDict, Field

from revops_pipelines.engine.plugin_tables import ConfigurationError, nearest

# Behind every source that runs: what a source that runs no more once offered.
LAST = 99_999
_UNNAMED_FROM = 1_000
# Moves a record behind all others that may be of the same thing.
_BEHIND = 1_000_000
_COLUMNS = "(entity VARCHAR, source VARCHAR, place INTEGER)"
_AFTER = re.compile(r"@after\((\w+)\)")


class Precedence(BaseModel):
    """`[precedence.ENTITY]`: whom to believe about it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    order: tuple[str, ...] = Field(
        (), description="Sources, the one that leads first; those not named follow as usual."
    )
    fields: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Column = sources whose value counts, the first first."
    )


def check_precedence(
    settings: Mapping[str, Precedence],
    columns: Mapping[str, Iterable[str]],
    sources: Iterable[str],
) -> None:
    """Raise ConfigurationError for an entity, column or source that cannot be meant.

    `columns` are those of every entity whose records can be one thing.
    """
    names = list(sources)
    for entity, said in settings.items():
        at = ("precedence", entity)
        if entity not in columns:
            raise ConfigurationError(
                f"precedence.{entity}: records of it are never joined; {nearest(entity, columns)}",
                at,
            )
        for column in said.fields:
            if column not in columns[entity]:
                remedy = nearest(column, columns[entity])
                raise ConfigurationError(
                    f"unknown column precedence.{entity}.{column}; {remedy}", at
                )
        for source in (*said.order, *(each for order in said.fields.values() for each in order)):
            if source not in names:
                raise ConfigurationError(
                    f"precedence.{entity}: no source {source!r} runs; {nearest(source, names)}", at
                )


def ensure_precedence(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `ops.precedence`, empty, in a warehouse of before there was one."""
    connection.execute(f"CREATE TABLE IF NOT EXISTS ops.precedence {_COLUMNS}")


def write_precedence(
    connection: duckdb.DuckDBPyConnection, settings: Mapping[str, Precedence]
) -> None:
    """Write `ops.precedence` anew: the places of sources that lead an entity."""
    connection.execute(f"CREATE OR REPLACE TABLE ops.precedence {_COLUMNS}")
    for entity, said in settings.items():
        for place, source in enumerate(said.order):
            connection.execute(
                "INSERT INTO ops.precedence VALUES (?, ?, ?)", [entity, source, place]
            )


def ranked(entity: str) -> str:
    """SQL for the sources that run with their `precedence` for an entity, least first."""
    return (
        f"(SELECT s.source, coalesce(p.place, {_UNNAMED_FROM} + s.precedence) AS precedence "
        f"FROM ops.sources s LEFT JOIN ops.precedence p "
        f"ON p.source = s.source AND p.entity = '{entity}')"
    )


def with_fields(sql: str, said: Precedence | None) -> str:
    """The SQL with each `@after(column)` replaced by how far a source's value stands back.

    >>> with_fields("place + @after(name)", None)
    'place + 0'
    >>> with_fields("place + @after(name)", Precedence(fields={"name": ("b",)}))
    "place + CASE source WHEN 'b' THEN 0 ELSE 1000000 END"
    """
    fields = said.fields if said is not None else {}

    def distance(found: re.Match[str]) -> str:
        order = fields.get(found.group(1), ())
        if not order:
            return "0"
        arms = " ".join(
            f"WHEN '{source.replace(chr(39), chr(39) * 2)}' THEN {place * _BEHIND}"
            for place, source in enumerate(order)
        )
        return f"CASE source {arms} ELSE {len(order) * _BEHIND} END"

    return _AFTER.sub(distance, sql)
