"""Publishing: a verified copy of the tables that people read, put in place by one rename.

Belongs here: writing the snapshot beside the old one and swapping them. Does not: when.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import duckdb

# What people, sensors and BI read. Raw payloads and quarantine's findings stay in the live file.
SCHEMAS = ("conformed", "metrics", "ops")
PRIVATE_SUFFIXES = ("__records",)
PRIVATE_TABLES = ("ops.quarantine", "ops.cursors", "ops.merges", "ops.erased")


class PublishError(Exception):
    """The snapshot does not hold what the live file holds; the old snapshot stays."""


@dataclass(frozen=True, slots=True)
class Published:
    """What was published: tables, rows in all, size in bytes."""

    tables: int
    rows: int
    size_bytes: int


def publish_snapshot(connection: duckdb.DuckDBPyConnection, path: Path) -> Published:
    """Copy the published tables into a new file and put it at `path`; readers see old or new.

    The copy is counted against the original, closed, flushed to disk and renamed. Raises
    PublishError, with the old snapshot untouched.
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    beside.unlink(missing_ok=True)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _count_quarantine(connection)
    tables = _tables(connection)
    try:
        rows = _copy(connection, beside, tables)
        _flush(beside)
        beside.chmod(0o600)
        size = beside.stat().st_size
        beside.replace(path)
        _flush(path.parent)
    finally:
        beside.unlink(missing_ok=True)
        beside.with_name(beside.name + ".wal").unlink(missing_ok=True)
    return Published(len(tables), rows, size)


def _count_quarantine(connection: duckdb.DuckDBPyConnection) -> None:
    """Readers see how many rows are in quarantine and why, never which."""
    connection.execute(
        "CREATE OR REPLACE TABLE ops.quarantine_counts AS "
        "SELECT entity, rule, column_name, count(*) AS rows FROM ops.quarantine GROUP BY ALL"
    )


def _tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    found = connection.execute(
        "SELECT schema_name || '.' || table_name FROM duckdb_tables() "
        "WHERE schema_name IN ? AND NOT temporary AND database_name = current_database() "
        "ORDER BY 1",
        [list(SCHEMAS)],
    ).fetchall()
    return [
        name
        for (name,) in found
        if not name.endswith(PRIVATE_SUFFIXES) and name not in PRIVATE_TABLES
    ]


def _copy(connection: duckdb.DuckDBPyConnection, beside: Path, tables: list[str]) -> int:
    total = 0
    connection.execute(f"ATTACH '{str(beside).replace(chr(39), chr(39) * 2)}' AS snapshot")
    try:
        # One read transaction: every table is of the same instant.
        connection.execute("BEGIN")
        for schema in SCHEMAS:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS snapshot.{schema}")
        for name in tables:
            connection.execute(f"CREATE TABLE snapshot.{name} AS SELECT * FROM {name}")
            copied = _count(connection, f"snapshot.{name}")
            if copied != _count(connection, name):
                raise PublishError(f"{name}: {copied} rows arrived in the snapshot, not all")
            total += copied
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    finally:
        connection.execute("DETACH snapshot")
    return total


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
