"""Opening the warehouse file.

Belongs here: the one way to a DuckDB connection, with everything off that would reach out to the
network. Does not: who may write at what time (`lock.py`), or what is inside (`schema.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb

from revops_pipelines.engine.warehouse.recovery import without_damaged_log

# A reader that is just closing, or a virus scanner: worth a moment, never a run.
_WAIT_SECONDS = 5.0
_POLL_SECONDS = 0.05
_CONFIG: Mapping[str, Any] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
_NAME = "warehouse"
# DuckDB keeps the last group of rows of a table in memory until its transaction ends, and takes it
# twice to compress it. Of records of several kilobytes the usual 122,880 are half a gigabyte.
ROW_GROUP = 16_384


class WarehouseUnavailableError(Exception):
    """The file cannot be opened: another process holds it, or it is no warehouse."""


def open_warehouse(
    path: Path,
    read_only: bool = False,
    *,
    wait_seconds: float = _WAIT_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> duckdb.DuckDBPyConnection:
    """A connection to the warehouse at `path`, created with its folder if it does not exist.

    Times are read and shown in UTC; extensions are never downloaded. DuckDB lets one process
    write and shuts out all others meanwhile, so opening is tried again for `wait_seconds`. A log
    that cannot be read is set aside (`recovery`). Raises WarehouseUnavailableError.
    """
    if not read_only:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    tries = max(1, round(wait_seconds / _POLL_SECONDS))
    reason = ""
    for attempt in range(tries):
        try:
            connection = _readable(path) if read_only else _writable(path)
        except (duckdb.IOException, duckdb.ConnectionException) as error:
            reason = str(error).splitlines()[0]
            if attempt + 1 < tries:
                sleep(_POLL_SECONDS)
            continue
        if not read_only:
            path.chmod(0o600)
        return in_utc(connection)
    recovered = None if read_only else without_damaged_log(path, _writable)
    if recovered is not None:
        return in_utc(recovered)
    raise WarehouseUnavailableError(f"{path.name} cannot be opened: {reason}")


def _readable(path: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(path), read_only=True, config=dict(_CONFIG))


def _writable(path: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config=dict(_CONFIG))
    try:
        target = str(path).replace("'", "''")
        connection.execute(f"ATTACH '{target}' AS {_NAME} (ROW_GROUP_SIZE {ROW_GROUP})")
        return connection.execute(f"USE {_NAME}; SET temp_directory = '{target}.tmp'")
    except BaseException:
        connection.close()
        raise


def in_utc(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """The same connection, which reads and shows times in UTC."""
    return connection.execute("SET TimeZone = 'UTC'")


def cursor_of(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A further connection to what an open one reads: a cursor knows neither database nor zone."""
    (name,) = connection.execute("SELECT current_database()").fetchall()[0]
    cursor = in_utc(connection.cursor())
    return cursor.execute(f'USE "{name}"')
