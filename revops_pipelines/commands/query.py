"""`revops query`: SQL on the published snapshot, read-only.

Belongs here: opening the snapshot and showing rows. Does not: the live file, which only runs open.
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
from revops_pipelines.engine.warehouse.snapshot import open_snapshot

MAX_ROWS_SHOWN = 200


def opened(path: Path) -> duckdb.DuckDBPyConnection:
    """A read-only connection to the snapshot. Raises CommandError if nothing is published."""
    if not path.is_file():
        raise CommandError(
            "nothing is published yet", remedy="run `revops run nightly` first", code=UNAVAILABLE
        )
    return open_snapshot(path)


def query(path: Path, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows of one statement. Raises CommandError with DuckDB's first line."""
    with opened(path) as connection:
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
