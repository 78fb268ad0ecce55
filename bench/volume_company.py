"""A warehouse of a very large company, written straight into the conformed tables.

Belongs here: making the file, the same in another order, and as it was a night before. Does not:
what rows there are (`volume_tables.py`), or measuring.

At size 1 there are 1 million leads with 10 million activities, 300,000 deals with 2 million stays
in stages and as many snapshots, 100,000 customers with 3 million subscription periods and 2 million
bills. Nothing is pulled: there are no raw tables.
"""

from __future__ import annotations

import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.volume_tables import MACROS, TODAY, Size, building_blocks, tables

if TYPE_CHECKING:
    import duckdb

AS_OF = datetime.fromisoformat(f"{TODAY}T12:00:00+00:00").astimezone(UTC)
SOURCE = "volume"


def make(warehouse: str, size: float) -> dict[str, Any]:
    """Write the file; returns rows by entity and the seconds that it took."""
    began = time.perf_counter()
    connection = opened(warehouse)
    _ensure(connection)
    for statement in filter(str.strip, MACROS.split(";\n")):
        connection.execute(statement)
    for name, select in building_blocks(Size.of(size)).items():
        connection.execute(f"CREATE TEMP TABLE {name} AS {select}")
    rows = {
        entity: _fill(connection, entity, select)
        for entity, select in tables(Size.of(size)).items()
    }
    _finish(connection, warehouse)
    return {"rows": rows, "seconds": time.perf_counter() - began}


def shuffle(warehouse: str, made: str) -> None:
    """Write the rows of the file `made` into a new one, every table in another order."""
    connection = opened(warehouse)
    _ensure(connection)
    connection.execute(f"ATTACH '{made}' AS made (READ_ONLY)")
    for entity in tables(Size.of(1)):
        connection.execute(
            f"INSERT INTO conformed.{entity} BY NAME "
            f"SELECT * FROM made.conformed.{entity} ORDER BY hash(source_id)"
        )
    connection.execute("DETACH made")
    _finish(connection, warehouse)


def step_back(warehouse: str, made: str) -> None:
    """A copy of the file `made` as of a night before.

    One row in two hundred is not there yet, and as many of some tables say something else.
    """
    shutil.copyfile(made, warehouse)
    connection = opened(warehouse)
    for entity in tables(Size.of(1)):
        connection.execute(f"DELETE FROM conformed.{entity} WHERE {_LATE}")
        if entity in _OLDER:
            connection.execute(f"UPDATE conformed.{entity} SET {_OLDER[entity]} WHERE {_CHANGED}")
    _finish(connection, warehouse)


def step_forward(warehouse: str, made: str) -> dict[str, int]:
    """Bring what `step_back` took: a hundredth of the rows. Returns rows by entity."""
    connection = opened(warehouse)
    connection.execute(f"ATTACH '{made}' AS made (READ_ONLY)")
    brought = {}
    for entity in tables(Size.of(1)):
        connection.execute(f"DELETE FROM conformed.{entity} WHERE {_CHANGED}")
        brought[entity] = _count(
            connection,
            f"INSERT INTO conformed.{entity} BY NAME SELECT * FROM made.conformed.{entity} "
            f"WHERE ({_LATE}) OR ({_CHANGED})",
        )
    connection.execute("DETACH made")
    _finish(connection, warehouse)
    return brought


def opened(warehouse: str, threads: int = 2, memory: str = "6GB") -> duckdb.DuckDBPyConnection:
    """The warehouse, bound as the aims say."""
    from revops_pipelines.engine.warehouse.open import open_warehouse

    connection = open_warehouse(Path(warehouse))
    connection.execute(f"SET threads = {threads}")
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET max_temp_directory_size = '20GB'")
    return connection.execute(f"SET memory_limit = '{memory}'")


def prepared(warehouse: str) -> duckdb.DuckDBPyConnection:
    """The warehouse as a run finds it after its parameters: calendars and policies of this code."""
    from revops_pipelines.engine.metrics.parameters import prepare

    connection = opened(warehouse)
    prepare(connection, settings_in(Path(warehouse).parent), AS_OF)
    return connection


def _ensure(connection: duckdb.DuckDBPyConnection) -> None:
    from revops_pipelines.assets import conformed
    from revops_pipelines.engine.conform.declaration import Entity
    from revops_pipelines.engine.conform.prepare import prepare_conform
    from revops_pipelines.engine.registry import discover
    from revops_pipelines.engine.warehouse.schema import ensure_schema

    ensure_schema(connection)
    entities = discover(conformed, Entity).values()
    prepare_conform(connection, entities, [(SOURCE, "CRM")])


# Of these, a row in two hundred said something else the night before.
_OLDER = {
    "opportunities": "amount = amount + 100",
    "subscription_periods": "monthly_amount = monthly_amount * 2",
    "activities": "is_human = NOT is_human",
    "leads": "channel = 'other'",
    "payments": "status = 'pending'",
}
_LATE, _CHANGED = "hash(source_id || 'late') % 200 = 0", "hash(source_id || 'changed') % 200 = 0"


def _fill(connection: duckdb.DuckDBPyConnection, entity: str, select: str) -> int:
    from revops_pipelines.contracts import CONTRACTS
    from revops_pipelines.contracts.contract import identifiers_of

    keys = identifiers_of(CONTRACTS[entity])
    named = " || '/' || ".join(f"CAST({key} AS VARCHAR)" for key in keys)
    return _count(
        connection,
        f"INSERT INTO conformed.{entity} BY NAME SELECT *, '{SOURCE}' AS source, "
        f"{named} AS source_id, TIMESTAMP '{TODAY}' AS _updated_at FROM ({select})",
    )


def _count(connection: duckdb.DuckDBPyConnection, insert: str) -> int:
    row = connection.execute(insert).fetchone()
    return int(row[0]) if row else 0


def _finish(connection: duckdb.DuckDBPyConnection, warehouse: str) -> None:
    from revops_pipelines.engine.metrics.parameters import prepare

    prepare(connection, settings_in(Path(warehouse).parent), AS_OF)
    connection.execute("CHECKPOINT")
    connection.close()


def settings_in(home: Path) -> Any:
    """Settings as they are without a word of configuration."""
    from revops_pipelines.settings import Settings

    return Settings(home=home)
