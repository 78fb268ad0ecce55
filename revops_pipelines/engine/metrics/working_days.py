"""Working hours as tables, and the SQL that counts minutes in them.

Belongs here: `ops.business_windows` for readers, `ops.business_days` for joins, and the expression
over the latter. Does not: how the windows are found (`business_time`).

The minutes between two instants are the difference of two running totals, and a running total is
one equality join away: `ops.business_days` has a row per calendar and UTC day with the minutes
before that day and at most three intervals inside it, in seconds since midnight UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time

import duckdb

from revops_pipelines.engine.metrics.business_time import (
    ONE_DAY,
    Window,
    WorkingHours,
    days_of,
    windows_of,
)

# A day's hours may cross midnight UTC (two intervals) and be split by a clock change (three).
INTERVALS = ("first", "second", "third")

Row = tuple[object, ...]


def seconds_worked(day: str, instant: str) -> str:
    """SQL: working seconds from the calendar's start to `instant`.

    `day` is the alias of the row of `ops.business_days` for the calendar and the UTC day of
    `instant`.
    """
    second = f"(EPOCH({instant}) - EPOCH({day}.utc_at))"
    inside = "\n    + ".join(
        f"GREATEST(0, LEAST({second}, {day}.{name}_ends) - {day}.{name}_starts)"
        for name in INTERVALS
    )
    return f"({day}.seconds_before\n    + {inside})"


def write_working_days(
    connection: duckdb.DuckDBPyConnection,
    calendars: Mapping[str, WorkingHours],
    first: date,
    last: date,
) -> None:
    """Write `ops.business_calendars`, `ops.business_windows` and `ops.business_days`.

    Does nothing when the calendars and the span are those already written.
    """
    wanted = sorted(_calendar_row(name, hours, first, last) for name, hours in calendars.items())
    if _written(connection) == wanted:
        return
    windows: list[Row] = []
    days: list[Row] = []
    for calendar, hours in sorted(calendars.items()):
        pieces = list(_cut_at_midnight(windows_of(hours, first, last)))
        windows.extend(_window_rows(calendar, pieces))
        days.extend(_day_rows(calendar, pieces, first, last))
    _write(connection, "business_windows", WINDOW_COLUMNS, windows)
    _write(connection, "business_days", DAY_COLUMNS, days)
    _write(connection, "business_calendars", CALENDAR_COLUMNS, wanted)


CALENDAR_COLUMNS = {
    "calendar": "VARCHAR",
    "time_zone": "VARCHAR",
    "days": "VARCHAR",
    "opens": "VARCHAR",
    "closes": "VARCHAR",
    "holidays": "VARCHAR",
    "absent": "VARCHAR",
    "first_on": "DATE",
    "last_on": "DATE",
}
WINDOW_COLUMNS = {
    "calendar": "VARCHAR",
    "starts_at": "TIMESTAMP",
    "ends_at": "TIMESTAMP",
    "minutes_before": "BIGINT",
}
DAY_COLUMNS = {
    "calendar": "VARCHAR",
    "utc_on": "DATE",
    "utc_at": "TIMESTAMP",
    "seconds_before": "BIGINT",
} | {f"{name}_{edge}": "INTEGER" for name in INTERVALS for edge in ("starts", "ends")}


def _window_rows(calendar: str, windows: list[Window]) -> Iterator[Row]:
    minutes = 0
    for window in windows:
        yield calendar, window.starts_at, window.ends_at, minutes
        minutes += window.minutes


def _day_rows(calendar: str, windows: list[Window], first: date, last: date) -> Iterator[Row]:
    by_day: dict[date, list[Window]] = {}
    for window in windows:
        by_day.setdefault(window.starts_at.date(), []).append(window)
    seconds = 0
    for day in days_of(first, last):
        midnight = datetime.combine(day, time.min)
        inside = by_day.get(day, [])
        if len(inside) > len(INTERVALS):
            raise ValueError(f"calendar {calendar}: more than three working intervals on {day} UTC")
        edges = [
            round((edge - midnight).total_seconds())
            for window in inside
            for edge in (window.starts_at, window.ends_at)
        ]
        edges += [0] * (2 * len(INTERVALS) - len(edges))
        yield calendar, day, midnight, seconds, *edges
        seconds += sum(edges[1::2]) - sum(edges[0::2])


def _cut_at_midnight(windows: list[Window]) -> Iterator[Window]:
    for window in windows:
        starts_at = window.starts_at
        while starts_at < window.ends_at:
            midnight = datetime.combine(starts_at.date() + ONE_DAY, time.min)
            ends_at = min(window.ends_at, midnight)
            yield Window(starts_at, ends_at)
            starts_at = ends_at


def _write(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, str], rows: list[Row]
) -> None:
    import pyarrow as arrow

    data = arrow.table({name: [row[place] for row in rows] for place, name in enumerate(columns)})
    casts = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in columns.items())
    connection.register("working_days_to_write", data)
    connection.execute(
        f"CREATE OR REPLACE TABLE ops.{table} AS SELECT {casts} FROM working_days_to_write"
    )
    connection.unregister("working_days_to_write")


def _calendar_row(name: str, hours: WorkingHours, first: date, last: date) -> Row:
    days = ",".join(hours.days)
    free = hours.holidays or ""
    away = ",".join(f"{begins}/{ends}" for begins, ends in hours.absences)
    return name, hours.time_zone, days, hours.opens, hours.closes, free, away, first, last


def _written(connection: duckdb.DuckDBPyConnection) -> list[Row] | None:
    exists = connection.execute(
        "SELECT 1 FROM information_schema.tables "
        "WHERE table_schema = 'ops' AND table_name = 'business_calendars'"
    ).fetchone()
    if not exists:
        return None
    return connection.execute("SELECT * FROM ops.business_calendars ORDER BY calendar").fetchall()
