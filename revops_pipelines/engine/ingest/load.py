"""Loading: a landed pull becomes rows, tombstones and a cursor, all in one transaction.

Belongs here: the order of a load's steps and its bookkeeping. Does not: how versions are ordered
(`merge.py`), how deletes are judged (`tombstones.py`), or the columns' SQL (`extract.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import duckdb

from revops_pipelines.engine.declarations import Stream
from revops_pipelines.engine.erase.arriving import without_erased
from revops_pipelines.engine.ingest import fields, merge, rejects, tombstones
from revops_pipelines.engine.ingest.fields import Drift
from revops_pipelines.engine.ingest.guards import VolumeGuard
from revops_pipelines.engine.ingest.landing import Landed
from revops_pipelines.engine.ingest.raw_tables import RawTable, ensure_raw_tables, raw_table
from revops_pipelines.engine.ingest.reconcile import Reconciled, reconcile_load
from revops_pipelines.engine.ingest.statements import Statements, plain

__all__ = ["Loaded", "ensure_raw_tables", "load_stream"]

# Notes of past loads are for looking back at trouble; a pulse every five minutes writes a million a
# year. The latest of each stream always stays: freshness is read from it.
_LOADS_KEPT = timedelta(days=90)
# DuckDB gives a thread no fewer rows than these: a smaller load runs on one anyway.
_SMALL_ROWS = 2_048
_MEMORY = "128MiB"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one load did, in records: landed, new or changed, newly deleted; rows in the table.

    `rows_rejected` records went to `ops.quarantine` as `raw.<source>__<stream>`. `drift` is what
    became of the records' fields, `reconciled` how the load compares with what the system said.
    """

    rows_read: int
    rows_changed: int
    rows_deleted: int
    rows_total: int
    rows_rejected: int = 0
    drift: Drift = field(default_factory=Drift)
    reconciled: Reconciled = field(default_factory=lambda: Reconciled(None, 0))


def load_stream(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    stream: Stream,
    landed: Landed,
    run_id: str,
    loaded_at: datetime,
    *,
    guard: VolumeGuard | None = None,
    keep_landing: bool = False,
    crash_point: Callable[[str], None] = lambda _: None,
) -> Loaded:
    """Load a landed pull; data, tombstones, cursor and the load's row commit together.

    The tables must exist (`ensure_raw_tables`). Raises VolumeAlarmError when far too many known
    records are missing from a complete list: nothing at all is loaded then, and the cursor stays.
    The landing folder is removed after the commit. `crash_point` is called with the name of each
    step that a crash may follow; tests kill the process there.
    """
    table = raw_table(source, stream)

    def load() -> Loaded:
        return _load(connection, table, landed, run_id, loaded_at, guard, crash_point)

    loaded = _in_little(connection, load) if landed.rows > _SMALL_ROWS else _whole(connection, load)
    crash_point("load.committed")
    if not keep_landing:
        landed.discard()
    crash_point("load.discarded")
    return loaded


def _in_little(connection: duckdb.DuckDBPyConnection, load: Callable[[], Loaded]) -> Loaded:
    """Load on one thread, in little memory; in as much as there is where that is too little.

    A second thread holds as much again and costs a fifth more CPU, for hardly any time. What does
    not fit goes to disk, but a batch of very long records has to fit.
    """
    # RESET names the former limit again but leaves the new one in force (DuckDB 1.5).
    (usual,) = connection.execute("SELECT current_setting('memory_limit')").fetchall()[0]
    connection.execute(f"SET threads = 1; SET memory_limit = '{_MEMORY}'")
    try:
        return _whole(connection, load)
    except duckdb.OutOfMemoryException:
        connection.execute(f"SET memory_limit = '{usual}'")
        return _whole(connection, load)
    finally:
        connection.execute(f"RESET threads; SET memory_limit = '{usual}'")


def _whole(connection: duckdb.DuckDBPyConnection, load: Callable[[], Loaded]) -> Loaded:
    """All of a load or nothing."""
    connection.begin()
    committed = False
    try:
        loaded = load()
        connection.commit()
        committed = True
    finally:
        if not committed:
            connection.rollback()
    return loaded


def _load(
    connection: duckdb.DuckDBPyConnection,
    table: RawTable,
    landed: Landed,
    run_id: str,
    loaded_at: datetime,
    guard: VolumeGuard | None,
    crash_point: Callable[[str], None],
) -> Loaded:
    crash_point("load.begun")
    if landed.is_empty:
        return _load_nothing(connection, table, landed, run_id, loaded_at, crash_point)
    landed = without_erased(connection, table, landed)
    merged = merge.merge(connection, table, landed)
    crash_point("load.merged")
    # A record that was put aside is in the list, though nobody knows which one it is.
    put_aside = landed.rejects + merged.nameless + merged.unreadable
    deleted = tombstones.apply(
        connection,
        table,
        landed,
        merged.seen,
        guard or VolumeGuard(),
        concludes=not put_aside,
    )
    crash_point("load.deleted")
    rejected = rejects.record(connection, table, landed, merged, run_id, plain(loaded_at))
    drift = fields.observe(connection, table, landed)
    rejects.record_uncast(
        connection, table, landed, merged.seen, bool(drift.uncast), run_id, plain(loaded_at)
    )
    reconciled = reconcile_load(connection, table, landed, merged.seen, rejected)
    _note(connection, landed, run_id, plain(loaded_at), merged.changed, deleted)
    crash_point("load.noted")
    return Loaded(
        rows_read=landed.rows,
        rows_changed=merged.changed,
        rows_deleted=deleted,
        rows_total=Statements(connection).run(f"SELECT count(*) FROM {table.current}"),
        rows_rejected=rejected,
        drift=drift,
        reconciled=reconciled,
    )


def _load_nothing(
    connection: duckdb.DuckDBPyConnection,
    table: RawTable,
    landed: Landed,
    run_id: str,
    loaded_at: datetime,
    crash_point: Callable[[str], None],
) -> Loaded:
    """Most streams of a quiet night bring nothing but their cursor; no table needs to be read."""
    drift = fields.observe(connection, table, landed)
    _note(connection, landed, run_id, plain(loaded_at), 0, 0)
    crash_point("load.noted")
    rows = Statements(connection).run(f"SELECT count(*) FROM {table.current}")
    return Loaded(0, 0, 0, rows, drift=drift, reconciled=Reconciled(landed.promised, 0))


def _note(
    connection: duckdb.DuckDBPyConnection,
    landed: Landed,
    run_id: str,
    loaded_at: datetime,
    changed: int,
    deleted: int,
) -> None:
    place = [landed.source, landed.stream]
    connection.execute("DELETE FROM ops.cursors WHERE source = ? AND stream = ?", place)
    connection.execute(
        "INSERT INTO ops.cursors (source, stream, cursor, loaded_at, load_id) "
        "VALUES (?, ?, ?, ?, ?)",
        [*place, json.dumps(dict(landed.cursor)), loaded_at, landed.load_id],
    )
    connection.execute(
        "DELETE FROM ops.loads WHERE source = ? AND stream = ? AND loaded_at < ?",
        [*place, loaded_at - _LOADS_KEPT],
    )
    connection.execute(
        "INSERT INTO ops.loads (load_id, source, stream, run_id, rows_read, rows_changed, "
        "rows_deleted, loaded_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [landed.load_id, *place, run_id, landed.rows, changed, deleted, loaded_at],
    )
