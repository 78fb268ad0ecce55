"""Merging a batch of landed records into current and history.

Belongs here: which version of a record is the current one. Does not: deletes (`tombstones.py`).

A version is told by key, payload and `_updated_at`. Current is the one with the latest
`_updated_at`; among equals the one that arrived last. All others are history, once each. So the
outcome does not depend on the order in which versions arrive, nor on how they are split into loads.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from revops_pipelines.engine.ingest import extract
from revops_pipelines.engine.ingest.landing import Landed
from revops_pipelines.engine.ingest.raw_tables import BOOKKEEPING, RawTable
from revops_pipelines.engine.ingest.statements import Statements, literal, moment

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
    sql = Statements(connection)
    if not landed.files:
        sql.table(_SEEN, f"SELECT {table.key_list} FROM {table.current} LIMIT 0")
        return Merged(0, 0, 0, _SEEN)
    rows = f"(SELECT count(*) FROM {table.current}) + (SELECT count(*) FROM {table.history})"
    if sql.run(f"SELECT {rows}") == 0:
        return _fill(sql, table, landed)
    merged = _update(sql, table, landed)
    # The payloads of a large batch need not stay in memory until the next load.
    sql.run(f"DROP TABLE {_BATCH}")
    return merged


def read_landed(table: RawTable, landed: Landed) -> str:
    """SQL that reads the landed records as rows of the current table, in order of arrival."""
    files = ", ".join(literal(str(path)) for path in landed.files)
    extracted = moment(landed.extracted_at)
    return f"""
        SELECT {extract.columns(table.stream)}, payload, md5(payload) AS payload_hash,
               {extract.updated_at(table.stream, extracted)} AS _updated_at,
               {extracted} AS _extracted_at, CAST(NULL AS TIMESTAMP) AS _deleted_at,
               CAST(NULL AS VARCHAR) AS _deleted_reason, {literal(landed.load_id)} AS _load_id
        FROM (
            SELECT json AS payload, {extract.parts(table.stream, "json")}
            FROM read_ndjson_objects([{files}], ignore_errors = true)
        )
    """


def _fill(sql: Statements, table: RawTable, landed: Landed) -> Merged:
    """The first load: straight from the files into the current table, then double keys out."""
    current = table.current
    rows = sql.run(f"INSERT INTO {current} BY NAME {read_landed(table, landed)}")
    nameless, unreadable = _without_keys(sql, table, current)
    if nameless + unreadable:
        rows -= sql.run(f"DELETE FROM {current} WHERE {_no_key(table)}")
    keys = sql.run(f"SELECT count(*) FROM (SELECT DISTINCT {table.key_list} FROM {current})")
    if keys < rows:
        _see(sql, table, current)
        sql.table(
            _LATE,
            f"SELECT arrival FROM {_SEEN} WHERE arrival NOT IN (SELECT arrival FROM {_NEWEST})",
        )
        _copy(sql, table, f"{current} b JOIN {_LATE} l ON b.rowid = l.arrival", table.history)
        sql.run(f"DELETE FROM {current} WHERE rowid NOT IN (SELECT arrival FROM {_NEWEST})")
    return Merged(keys, nameless, unreadable, current)


def _update(sql: Statements, table: RawTable, landed: Landed) -> Merged:
    """Any later load: what is new against the current rows, and what is late."""
    sql.table(_BATCH, read_landed(table, landed))
    nameless, unreadable = _without_keys(sql, table, _BATCH)
    seen, newest = _see(sql, table, _BATCH)
    winners = sql.table(
        _WINNERS,
        f"""
        SELECT n.*, c.payload_hash IS NOT NULL AS is_known
        FROM {_NEWEST} n LEFT JOIN {table.current} c ON {table.same_key("n", "c")}
        WHERE c.payload_hash IS NULL
           OR (n.payload_hash <> c.payload_hash AND n._updated_at >= c._updated_at)
        """,
    )
    if winners < newest or newest < seen:
        _keep_late(sql, table)
    if winners:
        _replace(sql, table)
    return Merged(winners, nameless, unreadable, _SEEN)


def _keep_late(sql: Statements, table: RawTable) -> None:
    """Versions that are older than the current one become history, once each."""
    # A record seen again as it is in the current table is no version of its own.
    late = sql.table(
        _LATE,
        f"""
        SELECT s.arrival FROM {_SEEN} s
        LEFT JOIN {table.current} c
          ON {table.same_key("s", "c")} AND s.payload_hash = c.payload_hash
        WHERE c.payload_hash IS NULL AND s.arrival NOT IN (SELECT arrival FROM {_WINNERS})
          AND NOT EXISTS (SELECT 1 FROM {table.history} h WHERE {_same_version(table, "s", "h")})
        """,
    )
    if late:
        _copy(sql, table, f"{_BATCH} b JOIN {_LATE} l ON b.rowid = l.arrival", table.history)


def _replace(sql: Statements, table: RawTable) -> None:
    """Winners become current; what they replace becomes history, without its deletion marks."""
    if sql.run(f"SELECT count(*) FROM {_WINNERS} WHERE is_known"):
        _copy(
            sql,
            table,
            f"{table.current} b JOIN {_WINNERS} w ON {table.same_key('b', 'w')} WHERE NOT EXISTS "
            f"(SELECT 1 FROM {table.history} h WHERE {_same_version(table, 'b', 'h')})",
            table.history,
        )
        sql.run(
            f"DELETE FROM {table.current} c USING {_WINNERS} w WHERE {table.same_key('c', 'w')}"
        )
        # Among versions of one instant an older one may have come back: it is history no more.
        sql.run(
            f"DELETE FROM {table.history} h USING {_WINNERS} w "
            f"WHERE w.is_known AND {_same_version(table, 'h', 'w')}"
        )
    _copy(sql, table, f"{_BATCH} b JOIN {_WINNERS} w ON b.rowid = w.arrival", table.current)


def _see(sql: Statements, table: RawTable, rows: str) -> tuple[int, int]:
    """Versions in `rows` with their last arrival, and per key the newest one; how many of each."""
    seen = sql.table(
        _SEEN,
        f"""
        SELECT {table.key_list}, payload_hash, _updated_at, max(rowid) AS arrival
        FROM {rows} WHERE NOT ({_no_key(table)})
        GROUP BY {table.key_list}, payload_hash, _updated_at
        """,
    )
    newest = sql.table(
        _NEWEST,
        f"""
        SELECT * FROM {_SEEN} QUALIFY row_number() OVER (
            PARTITION BY {table.key_list} ORDER BY _updated_at DESC, arrival DESC
        ) = 1
        """,
    )
    return seen, newest


def _copy(sql: Statements, table: RawTable, source: str, target: str) -> None:
    """Copy rows `b` of a relation, as not deleted."""
    versioned = (name for name in BOOKKEEPING if not name.startswith("_deleted"))
    names = (*table.columns, *versioned)
    columns = ", ".join(f"b.{name}" for name in names)
    sql.run(f"INSERT INTO {target} ({', '.join(names)}) SELECT {columns} FROM {source}")


def _without_keys(sql: Statements, table: RawTable, rows: str) -> tuple[int, int]:
    """Put records without a key aside; returns how many, and how many lines are no JSON."""
    all_ = sql.table(NAMELESS, f"SELECT payload FROM {rows} WHERE {_no_key(table)}")
    nameless = sql.run(f"SELECT count(payload) FROM {NAMELESS}") if all_ else 0
    return nameless, all_ - nameless


def _no_key(table: RawTable) -> str:
    return " OR ".join(f"{key} IS NULL" for key in table.keys)


def _same_version(table: RawTable, left: str, right: str) -> str:
    return (
        f"{table.same_key(left, right)} AND {left}.payload_hash = {right}.payload_hash "
        f"AND {left}._updated_at = {right}._updated_at"
    )
