"""Days, periods, and the reporting day of an instant, as tables.

Belongs here: `ops.calendar`, `ops.periods`, `ops.period_days`, `ops.reporting_days`. Does not:
working hours (`working_days`).

Metric SQL joins these by equality instead of computing with dates and zones, so that one text runs
on any engine and no metric decides for itself when a month begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import duckdb

from revops_pipelines.engine.metrics.business_time import (
    DAY_NAMES,
    ONE_DAY,
    days_of,
    offsets_of,
)

CALENDAR = """
CREATE OR REPLACE TABLE ops.calendar AS
WITH days AS (
  SELECT day, begins_at
  FROM rows_to_write
), starts AS (
  SELECT
    day,
    begins_at,
    day - CAST((isodow(day) - {week_start} + 7) % 7 AS INTEGER) AS week_start_on,
    CAST(date_trunc('month', day) AS DATE) AS month_start_on,
    CAST(
      date_trunc('month', day)
      - to_months(CAST((month(day) - {fiscal_start} + 12) % 3 AS INTEGER)) AS DATE
    ) AS quarter_start_on
  FROM days
)
SELECT
  day,
  begins_at,
  week_start_on,
  week_start_on + 7 AS next_week_start_on,
  month_start_on,
  CAST(month_start_on + INTERVAL 1 MONTH AS DATE) AS next_month_start_on,
  quarter_start_on,
  CAST(quarter_start_on + INTERVAL 3 MONTH AS DATE) AS next_quarter_start_on
FROM starts
ORDER BY day
"""

PERIODS = """
CREATE OR REPLACE TABLE ops.periods AS
WITH periods AS (
  SELECT DISTINCT 'week' AS grain, week_start_on AS period_start_on,
    next_week_start_on AS period_end_on
  FROM ops.calendar
  UNION ALL
  SELECT DISTINCT 'month', month_start_on, next_month_start_on FROM ops.calendar
  UNION ALL
  SELECT DISTINCT 'quarter', quarter_start_on, next_quarter_start_on FROM ops.calendar
)
SELECT
  grain,
  period_start_on,
  period_end_on,
  day_after.begins_at AS ends_at,
  lag(period_start_on) OVER (PARTITION BY grain ORDER BY period_start_on) AS previous_start_on,
  CASE WHEN grain <> 'week' THEN CAST(period_start_on - INTERVAL 12 MONTH AS DATE) END
    AS year_before_start_on,
  period_end_on <= DATE '{as_of_on}' AS is_closed
FROM periods
LEFT JOIN ops.calendar AS day_after ON day_after.day = periods.period_end_on
ORDER BY grain, period_start_on
"""

PERIOD_DAYS = """
CREATE OR REPLACE TABLE ops.period_days AS
SELECT 'week' AS grain, day, week_start_on AS period_start_on FROM ops.calendar
UNION ALL
SELECT 'month', day, month_start_on FROM ops.calendar
UNION ALL
SELECT 'quarter', day, quarter_start_on FROM ops.calendar
"""


def write_calendars(
    connection: duckdb.DuckDBPyConnection,
    zone: ZoneInfo,
    week_starts_on: str,
    fiscal_year_starts_in: int,
    span: tuple[date, date],
    as_of_on: object,
) -> None:
    """Write calendar, periods and reporting days over the span of days.

    `ops.calendar(day, week_start_on, next_week_start_on, month_start_on, ...)`, one row a day.
    `ops.periods(grain, period_start_on, period_end_on, previous_start_on, year_before_start_on,
    is_closed)`: a period is closed once its last day has ended at `as_of_on`.
    `ops.period_days(grain, day, period_start_on)` puts a day into its periods.
    """
    first, last = span
    days = reporting_days(zone, first, last)
    calendar = CALENDAR.format(
        week_start=DAY_NAMES.index(week_starts_on) + 1, fiscal_start=fiscal_year_starts_in
    )
    _write_from(connection, ("day", "begins_at"), _day_starts(days, first, last), calendar)
    connection.execute(PERIODS.format(as_of_on=as_of_on))
    connection.execute(PERIOD_DAYS)
    columns = ("utc_on", "on_before", "changes_at", "on_after")
    _write_from(connection, columns, days, REPORTING_DAYS)


# A row of `ops.reporting_days`: (utc_on, on_before, changes_at, on_after).
ReportingDay = tuple[date, date, datetime | None, date]

# The cast matters where no day ever changes inside a UTC day, as in UTC itself.
REPORTING_DAYS = """
CREATE OR REPLACE TABLE ops.reporting_days AS
SELECT utc_on, on_before, CAST(changes_at AS TIMESTAMP) AS changes_at, on_after
FROM rows_to_write
ORDER BY utc_on
"""


def _write_from(
    connection: duckdb.DuckDBPyConnection,
    columns: tuple[str, ...],
    rows: Sequence[tuple[object, ...]],
    statement: str,
) -> None:
    """Run a statement that reads `rows_to_write`."""
    import pyarrow as arrow

    data = {name: [row[place] for row in rows] for place, name in enumerate(columns)}
    connection.register("rows_to_write", arrow.table(data))
    connection.execute(statement)
    connection.unregister("rows_to_write")


def _day_starts(days: Sequence[ReportingDay], first: date, last: date) -> list[tuple[object, ...]]:
    """(day, begins_at): the UTC instant at which each reporting day begins.

    A day that a zone never lived (Samoa left out 30 December 2011) begins with the next one.
    """
    starts: dict[date, datetime] = {}
    for utc_on, on_before, changes_at, on_after in days:
        starts.setdefault(on_before, datetime.combine(utc_on, time.min))
        if changes_at is not None:
            starts.setdefault(on_after, changes_at)
    following = datetime.combine(last + ONE_DAY, time.min)
    rows: list[tuple[object, ...]] = []
    for day in reversed(list(days_of(first, last))):
        following = starts.get(day, following)
        rows.append((day, following))
    return rows[::-1]


def reporting_days(zone: ZoneInfo, first: date, last: date) -> list[ReportingDay]:
    """For every UTC day, the reporting day before and after the change inside it.

    `ops.reporting_days(utc_on, on_before, changes_at, on_after)`: on the UTC day `utc_on` the
    reporting zone's day is `on_before` until `changes_at` (UTC) and `on_after` from then on;
    `changes_at` is null where it does not change.

    The last change of day inside a UTC day counts; there is no other, but for the single minute
    that Newfoundland lived twice around midnight each autumn until 2011.
    """
    events = _changes_of_day(zone, first, last)
    rows: list[ReportingDay] = []
    place, current = 0, events[0][1]
    for utc_on in days_of(first, last):
        begins = datetime.combine(utc_on, time.min)
        while place < len(events) and events[place][0] <= begins:
            current = events[place][1]
            place += 1
        on_before, changes_at = current, None
        while place < len(events) and events[place][0] < begins + ONE_DAY:
            changes_at = events[place][0] if events[place][1] != current else changes_at
            current = events[place][1]
            place += 1
        rows.append((utc_on, on_before, changes_at, current))
    return rows


def _changes_of_day(zone: ZoneInfo, first: date, last: date) -> list[tuple[datetime, date]]:
    """(instant, local day from then on), in order: local midnights and changes of offset."""
    events: list[tuple[datetime, date]] = []
    for offset in offsets_of(zone, first, last):
        wall = offset.starts_at + offset.by
        events.append((offset.starts_at, wall.date()))
        midnight = datetime.combine(wall.date() + ONE_DAY, time.min)
        while midnight - offset.by < offset.ends_at:
            events.append((midnight - offset.by, midnight.date()))
            midnight += ONE_DAY
    return events
