"""Raw tables as they were known at an instant, out of the versions that are kept.

Belongs here: which version was the current one then, and which deletes had been told. Does not:
what is built from them (`rebuild`).

What a system held before its first pull is not known, and its first pull is the first that can be
told: for an earlier instant a stream counts as it was then pulled, and metrics leave out what is
dated later than the instant. A tombstone that was refuted since is forgotten; until the record was
seen again it was believed to be gone.
"""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb

from revops_pipelines.engine.ingest import extract, tombstones
from revops_pipelines.engine.ingest.landing import LOAD_STAMP
from revops_pipelines.engine.ingest.raw_tables import BOOKKEEPING, RawTable, quoted
from revops_pipelines.engine.ingest.statements import literal


def copy_as_known(
    connection: duckdb.DuckDBPyConnection, live: str, table: RawTable, at: datetime
) -> None:
    """Fill a stream's empty tables with what the database `live` had been told by `at` (aware).

    The tables must exist in both. A stream that was never pulled stays empty.
    """
    naive = at.astimezone(UTC).replace(tzinfo=None)
    versions, told = f"{quoted(live)}.{table.versions}", f"{quoted(live)}.{table.tombstones}"
    there = _columns(connection, live, table)
    if not there:
        return
    row = connection.execute(f"SELECT min(_extracted_at) FROM {versions}").fetchone()
    if row is None or row[0] is None:
        return
    known_at = max(naive, row[0])
    alive = ", ".join(
        f"NULL AS {name}" if name.startswith("_deleted") else name for name in BOOKKEEPING
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE as_known AS SELECT {', '.join(table.columns)}, {alive}, "
        f"row_number() OVER (PARTITION BY {table.key_list} ORDER BY _updated_at DESC, "
        f"_extracted_at DESC, _load_id DESC, payload_hash) = 1 AS is_current "
        f"FROM ({_typed(table, versions, there)}) WHERE _extracted_at <= $at",
        {"at": known_at},
    )
    for name, which in ((table.current, "is_current"), (table.history, "NOT is_current")):
        connection.execute(
            f"INSERT INTO {name} BY NAME SELECT * EXCLUDE (is_current) FROM as_known WHERE {which}"
        )
    connection.execute("DROP TABLE as_known")
    connection.execute(
        f"INSERT INTO {table.tombstones} BY NAME SELECT * FROM {told} "
        f"WHERE strptime(split_part(_load_id, '-', 1), {literal(LOAD_STAMP)}) <= $at",
        {"at": known_at},
    )
    tombstones.mark_all(connection, table)


def _columns(connection: duckdb.DuckDBPyConnection, live: str, table: RawTable) -> set[str]:
    """The columns, quoted, that the live file has of a stream; none where it was never pulled."""
    rows = connection.execute(
        "SELECT column_name FROM duckdb_columns() WHERE database_name = ? AND schema_name = 'raw' "
        "AND 'raw.' || '\"' || table_name || '\"' = ?",
        [live, table.versions],
    ).fetchall()
    return {quoted(name) for (name,) in rows}


def _typed(table: RawTable, versions: str, there: set[str]) -> str:
    """The versions with the declared columns; out of the payloads where some came in since."""
    if there >= set(table.columns):
        return f"SELECT * FROM {versions}"
    kept = ", ".join(BOOKKEEPING)
    return (
        f"SELECT {extract.columns(table.stream)}, {kept} "
        f"FROM (SELECT {kept}, {extract.parts(table.stream, 'payload')} FROM {versions})"
    )
