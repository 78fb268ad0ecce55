"""Lists to work off: rows of the metrics' own tables, ready to show.

Belongs here: what a list is, and reading one. Does not: which lists there are (`team_lists`). They
name companies and identifiers of records, never people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from revops_pipelines.reporting.numbers import NONE, shown

TEXT, DAY, MONTH = "text", "day", "month"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a list: its heading and how its values are read: text, day, month or a unit."""

    heading: str
    unit: str = TEXT

    @property
    def style(self) -> str:
        """Class of its cells: words may wrap, days do not, numbers stand flush right."""
        return {TEXT: "", DAY: "day", MONTH: "day"}.get(self.unit, "n")


@dataclass(frozen=True, slots=True)
class Worklist:
    """A list for a team.

    `sql` selects the columns in order, and last the address of the record (or null). `none` is
    what stands there when the list is empty, `metric` the one whose page tells more.
    """

    team: str
    title: str
    about: str
    metric: str
    columns: Sequence[Column]
    sql: str
    none: str = "Nothing to do."


@dataclass(frozen=True, slots=True)
class Row:
    """One row ready to show; `url` is empty where the record has no address."""

    cells: Sequence[str]
    url: str


@dataclass(frozen=True, slots=True)
class Filled:
    """A list with its rows."""

    listed: Worklist
    rows: Sequence[Row]


def filled(
    connection: duckdb.DuckDBPyConnection, lists: Sequence[Worklist], currency: str
) -> list[Filled]:
    """The lists whose tables the snapshot has; an older one may lack some."""
    found = []
    for listed in lists:
        rows = read_if_there(connection, listed.sql)
        if rows is not None:
            found.append(Filled(listed, [_row(listed, row, currency) for row in rows]))
    return found


def read_if_there(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]] | None:
    """Rows of a query; None where the snapshot lacks a table or column that it names."""
    try:
        return connection.execute(sql).fetchall()
    except (duckdb.CatalogException, duckdb.BinderException):
        return None


def web_address(text: Any) -> str:
    """An address that may be a link: nothing but http and https."""
    return text if isinstance(text, str) and text.startswith(("https://", "http://")) else ""


def _row(listed: Worklist, row: tuple[Any, ...], currency: str) -> Row:
    *values, url = row
    cells = [
        _cell(value, column.unit, currency)
        for value, column in zip(values, listed.columns, strict=True)
    ]
    return Row(cells, web_address(url))


def _cell(value: Any, unit: str, currency: str) -> str:
    if value is None:
        return NONE
    if unit == TEXT:
        return str(value)
    if unit in (DAY, MONTH):
        return f"{value:%b %Y}" if unit == MONTH else f"{value:%d %b %Y}"
    return shown(value, unit, currency)
