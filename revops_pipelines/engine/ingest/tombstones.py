"""Deletes: what a vendor says is gone, and what is missing from a complete list.

Belongs here: tombstones and the deletion marks of current rows. Does not: versions (`merge.py`).

Tombstones are kept beside the versions, so that it does not matter which arrives first. A current
row is deleted when a tombstone is at or after its `_updated_at`; the first such one gives the time.
A later version therefore brings a record back. `missing` is our own conclusion and falls as soon
as the record is seen again; so does any tombstone in streams whose records have no time of change.
"""

from __future__ import annotations

from typing import Any

import duckdb

from revops_pipelines.engine.ingest.guards import VolumeGuard
from revops_pipelines.engine.ingest.landing import Landed
from revops_pipelines.engine.ingest.raw_tables import RawTable
from revops_pipelines.engine.ingest.statements import Statements, literal, plain

MISSING = "missing"
IDS = "ingest_ids"
_TOLD, _GONE = "ingest_told", "ingest_gone"
_TOUCHED, _STATE = "ingest_touched", "ingest_state"


def apply(
    connection: duckdb.DuckDBPyConnection,
    table: RawTable,
    landed: Landed,
    seen: str,
    guard: VolumeGuard,
    *,
    concludes: bool = True,
) -> int:
    """Apply the landed deletes, inside the caller's transaction; returns how many rows died.

    `seen` is the relation of the keys of the landed records. What is missing from a complete list
    is only concluded to be gone where the load `concludes`. Raises VolumeAlarmError.
    """
    step = _Step(Statements(connection), table, landed, seen)
    buried = step.remember_touched()
    if not (landed.deletes or landed.is_complete or buried):
        return 0
    step.read_ids()
    if buried:
        step.refute()
    if landed.deletes:
        step.add_told()
    if landed.is_complete and concludes:
        step.add_missing(guard)
    return step.mark()


def mark_all(connection: duckdb.DuckDBPyConnection, table: RawTable) -> None:
    """Mark the rows of a table that has none of its marks yet, by its tombstones."""
    sql = Statements(connection)
    sql.table(_TOUCHED, f"SELECT DISTINCT {table.key_list} FROM {table.tombstones}")
    _mark(sql, table)


class _Step:
    """The statements of one load's deletes, all inside its transaction."""

    def __init__(self, sql: Statements, table: RawTable, landed: Landed, seen: str) -> None:
        self._sql, self._table, self._landed, self._seen = sql, table, landed, seen
        self._at = plain(landed.extracted_at)

    def remember_touched(self) -> int:
        """The keys that have a tombstone before this load's changes; returns how many."""
        return self._sql.table(
            _TOUCHED, f"SELECT DISTINCT {self._table.key_list} FROM {self._table.tombstones}"
        )

    def read_ids(self) -> None:
        """The complete keys as a table (empty without any)."""
        self._keys_table(IDS, "ids.ndjson", self._landed.ids, "key: 'VARCHAR[]'", "")

    def refute(self) -> None:
        """Forget tombstones of records that this load saw alive afterwards."""
        values: dict[str, Any] = {"at": self._at}
        only = ""
        if self._table.stream.updated is not None:
            only = "AND t._deleted_reason = $missing"
            values["missing"] = MISSING
        for alive in (self._seen, IDS):
            self._sql.run(
                f"DELETE FROM {self._table.tombstones} t USING {alive} a "
                f"WHERE {self._table.same_key('t', 'a')} AND t._deleted_at <= $at {only}",
                values,
            )

    def add_told(self) -> None:
        """Add the vendor's tombstones; one without a time counts once, from when it was fetched."""
        self._keys_table(
            _TOLD,
            "deletes.ndjson",
            self._landed.deletes,
            "key: 'VARCHAR[]', said_at: 'TIMESTAMP', reason: 'VARCHAR'",
            ", said_at, reason",
        )
        table = self._table
        self._sql.run(
            f"""
            INSERT INTO {table.tombstones}
            SELECT DISTINCT {table.key_list}, coalesce(said_at, $at), reason, $load FROM {_TOLD} g
            WHERE NOT EXISTS (
                SELECT 1 FROM {table.tombstones} t
                WHERE {table.same_key("t", "g")}
                  AND ((t._deleted_at = g.said_at AND t._deleted_reason = g.reason)
                       OR (g.said_at IS NULL AND NOT EXISTS (
                           SELECT 1 FROM {table.current} c
                           WHERE {table.same_key("c", "g")}
                             AND c._updated_at > t._deleted_at)))
            )
            """,
            {"at": self._at, "load": self._landed.load_id},
        )

    def add_missing(self, guard: VolumeGuard) -> None:
        """Conclude that what is not in the complete list is gone, if that can be believed.

        Records that a later pull brought (two runs may overlap) are not judged.
        """
        table = self._table
        if self._seen == table.current:
            # A first load: nothing was known that could be missing.
            return
        alive = f"FROM {table.current} c WHERE c._deleted_at IS NULL AND c._extracted_at <= $at"
        unseen = " AND ".join(
            f"NOT EXISTS (SELECT 1 FROM {name} a WHERE {table.same_key('a', 'c')})"
            for name in (IDS, self._seen)
        )
        keys = ", ".join(f"c.{key}" for key in table.keys)
        here = {"at": self._at}
        vanished = self._sql.table(
            _GONE,
            f"SELECT {keys} {alive} AND {unseen} AND NOT EXISTS (SELECT 1 FROM {table.tombstones} "
            f"t WHERE {table.same_key('t', 'c')} AND t._deleted_at >= c._updated_at)",
            here,
        )
        if not vanished:
            return
        guard.check(table.stream.name, self._sql.run(f"SELECT count(*) {alive}", here), vanished)
        self._sql.run(
            f"INSERT INTO {table.tombstones} SELECT *, $at, $missing, $load FROM {_GONE}",
            {"at": self._at, "missing": MISSING, "load": self._landed.load_id},
        )

    def mark(self) -> int:
        """Bring the marks of current rows in line with the tombstones."""
        return _mark(self._sql, self._table)

    def _keys_table(self, name: str, file: str, rows: int, columns: str, others: str) -> None:
        """A temporary table of typed keys (and other columns) out of a side file."""
        keys = ", ".join(
            f"TRY_CAST(key[{position}] AS {kind}) AS {key}"
            for position, (key, kind) in enumerate(
                zip(self._table.keys, self._table.key_types.values(), strict=True), start=1
            )
        )
        path = literal(str(self._landed.folder / file))
        source = (
            f"read_json({path}, format = 'newline_delimited', columns = {{{columns}}})"
            if rows
            else "(SELECT CAST(NULL AS VARCHAR[]) AS key LIMIT 0)"
        )
        self._sql.table(name, f"SELECT DISTINCT {keys}{others} FROM {source}")


def _mark(sql: Statements, table: RawTable) -> int:
    """Bring the marks of the touched current rows in line; returns how many died."""
    keys = table.key_list
    later = "TRUE" if table.stream.updated is None else "t._deleted_at >= c._updated_at"
    changed = sql.table(
        _STATE,
        f"""
        SELECT c.rowid AS place, c._deleted_at IS NULL AS was_alive,
               min(t._deleted_at) AS died_at,
               arg_min(t._deleted_reason, t._deleted_at) AS reason
        FROM (SELECT {keys} FROM {_TOUCHED} UNION SELECT {keys} FROM {table.tombstones}) k
        JOIN {table.current} c ON {table.same_key("k", "c")}
        LEFT JOIN {table.tombstones} t ON {table.same_key("t", "c")} AND {later}
        GROUP BY c.rowid, c._deleted_at
        HAVING min(t._deleted_at) IS DISTINCT FROM c._deleted_at
        """,
    )
    if not changed:
        return 0
    sql.run(
        f"UPDATE {table.current} c SET _deleted_at = s.died_at, _deleted_reason = s.reason "
        f"FROM {_STATE} s WHERE c.rowid = s.place"
    )
    return sql.run(f"SELECT count(*) FROM {_STATE} WHERE was_alive AND died_at IS NOT NULL")
