"""Running a load's SQL statements and knowing how many rows each one touched.

Belongs here: the few ways in which `merge.py` and `tombstones.py` speak to DuckDB. Does not: what
they say.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import duckdb

Values = Mapping[str, datetime | str]


class Statements:
    """A connection inside of a load's transaction."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def run(self, sql: str, values: Values | None = None) -> int:
        """Run a statement; the first value of its first row: rows touched, or a count."""
        row = self._connection.execute(sql, dict(values) if values else None).fetchone()
        return int(row[0]) if row else 0

    def table(self, name: str, select: str, values: Values | None = None) -> int:
        """Put what is selected into a temporary table of that name; returns how many rows."""
        return self.run(f"CREATE OR REPLACE TEMP TABLE {name} AS {select}", values)


def literal(text: str) -> str:
    """Text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def moment(at: datetime) -> str:
    """An instant as an SQL literal, in UTC."""
    return f"TIMESTAMP '{plain(at).isoformat(sep=' ')}'"


def plain(at: datetime) -> datetime:
    """UTC without a zone, as TIMESTAMP columns hold it."""
    return at.astimezone(UTC).replace(tzinfo=None)
