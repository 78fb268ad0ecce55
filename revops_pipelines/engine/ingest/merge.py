"""Merging a batch of landed records into current and history.

Belongs here: which version of a record is the current one. Does not: deletes (`tombstones.py`).

A version is told by key, payload and `_updated_at`. Current is the one with the latest
`_updated_at`; among equals the one that arrived last. All others are history, once each. So the
outcome does not depend on the order in which versions arrive, nor on how they are split into loads.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from revops_pipelines.engine.ingest import extract
from revops_pipelines.engine.ingest.landing import Landed
from revops_pipelines.engine.ingest.raw_tables import BOOKKEEPING, RawTable

_BATCH, _SEEN, _NEWEST = "ingest_batch", "ingest_seen", "ingest_newest"
_WINNERS, _LATE = "ingest_winners", "ingest_late"
NAMELESS = "ingest_nameless"


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge did.

    `changed` keys have a new current version; `seen` is the relation that holds the keys of the
    landed records. `nameless` records have no key (they are in the table `ingest_nameless`),
    `unreadable` lines are no JSON.
    """

    changed: int
    nameless: int
    unreadable: int
    seen: str


def merge(connection: duckdb.DuckDBPyConnection, table: RawTable, landed: Landed) -> Merged:
    """Bring the landed records into the tables, inside the caller's transaction."""
    if not landed.files:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {_SEEN} AS SELECT {table.key_list} "
            f"FROM {table.current} LIMIT 0"
        )
        return Merged(0, 0, 0, _SEEN)
    rows = f"(SELECT count(*) FROM {table.current}) + (SELECT count(*) FROM {table.history})"
    if _number(connection, f"SELECT {rows}") == 0:
        return _fill(connection, table, landed)
    return _update(connection, table, landed)


def read_landed(table: RawTable, landed: Landed) -> str:
    """SQL that reads the landed records as rows of the current table, in order of arrival."""
    files = ", ".join(_literal(str(path)) for path in landed.files)
    extracted = _moment(landed.extracted_at)
    return f"""
        SELECT {extract.columns(table.stream)}, payload, md5(payload) AS payload_hash,
               {extract.updated_at(table.stream, extracted)} AS _updated_at,
               {extracted} AS _extracted_at, CAST(NULL AS TIMESTAMP) AS _deleted_at,
               CAST(NULL AS VARCHAR) AS _deleted_reason, {_literal(landed.load_id)} AS _load_id
        FROM (
            SELECT json AS payload, {extract.parts(table.stream, "json")}
            FROM read_ndjson_objects([{files}], ignore_errors = true)
        )
    """


def _fill(connection: duckdb.DuckDBPyConnection, table: RawTable, landed: Landed) -> Merged:
    """The first load: straight from the files into the current table, then double keys out."""
    current = table.current
    connection.execute(f"INSERT INTO {current} BY NAME {read_landed(table, landed)}")
    nameless, unreadable = _without_keys(connection, table, current)
    if nameless + unreadable:
        connection.execute(f"DELETE FROM {current} WHERE {_no_key(table)}")
    rows = _number(connection, f"SELECT count(*) FROM {current}")
    keys = _number(
        connection, f"SELECT count(*) FROM (SELECT DISTINCT {table.key_list} FROM {current})"
    )
    if keys < rows:
        _see(connection, table, current)
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {_LATE} AS SELECT arrival FROM {_SEEN} "
            f"WHERE arrival NOT IN (SELECT arrival FROM {_NEWEST})"
        )
        _copy(
            connection, table, f"{current} b JOIN {_LATE} l ON b.rowid = l.arrival", table.history
        )
        connection.execute(
            f"DELETE FROM {current} WHERE rowid NOT IN (SELECT arrival FROM {_NEWEST})"
        )
    return Merged(keys, nameless, unreadable, current)


def _update(connection: duckdb.DuckDBPyConnection, table: RawTable, landed: Landed) -> Merged:
    """Any later load: what is new against the current rows, and what is late."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {_BATCH} AS {read_landed(table, landed)}")
    nameless, unreadable = _without_keys(connection, table, _BATCH)
    _see(connection, table, _BATCH)
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {_WINNERS} AS
        SELECT n.*, c.payload_hash IS NOT NULL AS is_known
        FROM {_NEWEST} n LEFT JOIN {table.current} c ON {table.same_key("n", "c")}
        WHERE c.payload_hash IS NULL
           OR (n.payload_hash <> c.payload_hash AND n._updated_at >= c._updated_at)
        """
    )
    # A record seen again as it is in the current table is no version of its own.
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {_LATE} AS
        SELECT s.arrival FROM {_SEEN} s
        LEFT JOIN {table.current} c
          ON {table.same_key("s", "c")} AND s.payload_hash = c.payload_hash
        WHERE c.payload_hash IS NULL AND s.arrival NOT IN (SELECT arrival FROM {_WINNERS})
          AND NOT EXISTS (SELECT 1 FROM {table.history} h WHERE {_same_version(table, "s", "h")})
        """
    )
    _copy(connection, table, f"{_BATCH} b JOIN {_LATE} l ON b.rowid = l.arrival", table.history)
    _replace(connection, table)
    changed = _number(connection, f"SELECT count(*) FROM {_WINNERS}")
    return Merged(changed, nameless, unreadable, _SEEN)


def _replace(connection: duckdb.DuckDBPyConnection, table: RawTable) -> None:
    """Winners become current; what they replace becomes history, without its deletion marks."""
    replaced = (
        f"{table.current} b JOIN {_WINNERS} w ON {table.same_key('b', 'w')} "
        f"WHERE NOT EXISTS (SELECT 1 FROM {table.history} h WHERE {_same_version(table, 'b', 'h')})"
    )
    if _number(connection, f"SELECT count(*) FROM {_WINNERS} WHERE is_known"):
        _copy(connection, table, replaced, table.history)
        connection.execute(
            f"DELETE FROM {table.current} c USING {_WINNERS} w WHERE {table.same_key('c', 'w')}"
        )
        # Among versions of one instant an older one may have come back: it is history no more.
        connection.execute(
            f"DELETE FROM {table.history} h USING {_WINNERS} w "
            f"WHERE w.is_known AND {_same_version(table, 'h', 'w')}"
        )
    _copy(connection, table, f"{_BATCH} b JOIN {_WINNERS} w ON b.rowid = w.arrival", table.current)


def _see(connection: duckdb.DuckDBPyConnection, table: RawTable, rows: str) -> None:
    """Versions in `rows` with their last arrival, and per key the newest one."""
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {_SEEN} AS
        SELECT {table.key_list}, payload_hash, _updated_at, max(rowid) AS arrival
        FROM {rows} WHERE NOT ({_no_key(table)})
        GROUP BY {table.key_list}, payload_hash, _updated_at
        """
    )
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {_NEWEST} AS
        SELECT * FROM {_SEEN} QUALIFY row_number() OVER (
            PARTITION BY {table.key_list} ORDER BY _updated_at DESC, arrival DESC
        ) = 1
        """
    )


def _copy(connection: duckdb.DuckDBPyConnection, table: RawTable, source: str, target: str) -> None:
    """Copy rows `b` of a relation, as not deleted."""
    columns = ", ".join(f"b.{name}" for name in (*table.columns, *_versioned()))
    names = ", ".join((*table.columns, *_versioned()))
    connection.execute(f"INSERT INTO {target} ({names}) SELECT {columns} FROM {source}")


def _versioned() -> tuple[str, ...]:
    return tuple(name for name in BOOKKEEPING if not name.startswith("_deleted"))


def _without_keys(
    connection: duckdb.DuckDBPyConnection, table: RawTable, rows: str
) -> tuple[int, int]:
    """Put records without a key aside; returns how many, and how many lines are no JSON."""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {NAMELESS} AS "
        f"SELECT payload FROM {rows} WHERE {_no_key(table)}"
    )
    found = connection.execute(f"SELECT count(payload), count(*) FROM {NAMELESS}").fetchone()
    nameless, all_ = found or (0, 0)
    return int(nameless), int(all_) - int(nameless)


def _no_key(table: RawTable) -> str:
    return " OR ".join(f"{key} IS NULL" for key in table.keys)


def _same_version(table: RawTable, left: str, right: str) -> str:
    return (
        f"{table.same_key(left, right)} AND {left}.payload_hash = {right}.payload_hash "
        f"AND {left}._updated_at = {right}._updated_at"
    )


def _number(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _moment(at: datetime) -> str:
    plain = at.astimezone(UTC).replace(tzinfo=None)
    return f"TIMESTAMP '{plain.isoformat(sep=' ')}'"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
