"""Opening a warehouse whose write-ahead log is damaged: without it, and not in silence.

Belongs here: setting the log aside, and reading what is left to the end. Does not: opening sound
files (`open`).

The file itself always holds the last checkpoint, which is written whenever a writer gives the
warehouse up; the log holds what was committed since. Data and cursors are committed together, so
what is lost with the log is pulled again from the older cursors, and alerts keep their identifiers.
A log that merely ends early is a process that was killed: DuckDB reads it up to its last whole
transaction by itself.
"""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Callable
from pathlib import Path

import duckdb

_LOG = logging.getLogger(__name__)
_MARK = ".damaged-"


def without_damaged_log(
    path: Path, opened: Callable[[Path], duckdb.DuckDBPyConnection]
) -> duckdb.DuckDBPyConnection | None:
    """A connection to the last checkpoint, its log set aside; None where that is not the trouble.

    To be called when opening has failed for good. It is told as CRITICAL, and `set_aside` finds
    the log for as long as nobody has removed it.
    """
    logs = [log for log in sorted(path.parent.glob(f"{path.name}.wal*")) if _MARK not in log.name]
    if not logs or not path.is_file() or not _is_free(path):
        return None
    moved = [(log, log.rename(_place_for(log))) for log in logs]
    connection = None
    try:
        connection = opened(path)
        read_whole(connection)
    except duckdb.Error:
        if connection is not None:
            connection.close()
        # Without its log the file is no better: everything stays as it was found.
        path.with_name(f"{path.name}.wal").unlink(missing_ok=True)
        for log, aside in moved:
            aside.rename(log)
        return None
    names = ", ".join(aside.name for _, aside in moved)
    _LOG.critical(
        "%s: its log could not be read and was set aside as %s. It goes on from its last "
        "checkpoint, which was read whole; what was loaded since is pulled again.",
        path.name,
        names,
    )
    return connection


def set_aside(path: Path) -> list[Path]:
    """The damaged logs of a warehouse that lie beside it."""
    return sorted(path.parent.glob(f"{path.name}.wal*{_MARK}*"))


def read_whole(connection: duckdb.DuckDBPyConnection) -> int:
    """Read every value of every table, which compares every block with its checksum; the rows.

    Raises duckdb.Error at the first block that is damaged.
    """
    tables = connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() "
        "WHERE database_name = current_database() AND NOT temporary"
    ).fetchall()
    rows = 0
    for schema, table in tables:
        found = connection.execute(
            f'SELECT count(*), bit_xor(hash(t)) FROM "{schema}"."{table}" t'
        ).fetchone()
        rows += int(found[0]) if found else 0
    return rows


def _is_free(path: Path) -> bool:
    """Whether no other process has the file open: its lock is DuckDB's way of saying so.

    None of ours has, or opening would not have failed; else closing would give its lock away.
    """
    with path.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


def _place_for(log: Path) -> Path:
    number = 1
    while (place := log.with_name(f"{log.name}{_MARK}{number}")).exists():
        number += 1
    return place
