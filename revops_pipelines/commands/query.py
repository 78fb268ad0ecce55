"""`revops query`: SQL on the published snapshot or, when asked for, the live file; read-only.

Belongs here: opening them and showing rows. Does not: what is in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from revops_pipelines.commands.failures import MISCONFIGURED, UNAVAILABLE, CommandError
from revops_pipelines.engine.warehouse.open import WarehouseUnavailableError, open_warehouse
from revops_pipelines.engine.warehouse.snapshot import open_snapshot

MAX_ROWS_SHOWN = 200


def opened(path: Path) -> duckdb.DuckDBPyConnection:
    """A read-only connection to the snapshot. Raises CommandError if nothing is published."""
    if not path.is_file():
        raise CommandError(
            "nothing is published yet", remedy="run `revops run nightly` first", code=UNAVAILABLE
        )
    return open_snapshot(path)


def opened_live(path: Path) -> duckdb.DuckDBPyConnection:
    """A read-only connection to the live warehouse, which a run shuts readers out of.

    Raises CommandError if there is none, or while a run writes it.
    """
    if not path.is_file():
        raise CommandError(
            "there is no warehouse yet", remedy="run `revops run nightly` first", code=UNAVAILABLE
        )
    try:
        return open_warehouse(path, read_only=True)
    except WarehouseUnavailableError:
        raise CommandError(
            f"{path.name} is being written by a run",
            remedy="try again when it has ended, or leave --live out",
            code=UNAVAILABLE,
        ) from None


def query(
    connection: duckdb.DuckDBPyConnection, sql: str
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows of one statement; closes the connection.

    Raises CommandError with DuckDB's first line.
    """
    with connection:
        try:
            cursor = connection.execute(sql)
            names = [column[0] for column in cursor.description or ()]
            return names, cursor.fetchall()
        except duckdb.Error as error:
            first = str(error).strip().splitlines()[0]
            raise CommandError(f"the query failed: {first}", code=MISCONFIGURED) from None


def show(console: Console, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """A table, cut after MAX_ROWS_SHOWN rows with a line that says so."""
    table = Table(header_style="bold")
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows[:MAX_ROWS_SHOWN]:
        table.add_row(*("" if value is None else str(value) for value in row))
    console.print(table)
    if len(rows) > MAX_ROWS_SHOWN:
        console.print(f"{MAX_ROWS_SHOWN} of {len(rows)} rows; --json gives all.")


def plain(value: Any) -> Any:
    """A value as JSON can hold it: exact decimals as text, times as ISO 8601 UTC."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat() + ("" if value.tzinfo else "Z")
    if isinstance(value, date):
        return value.isoformat()
    return value
