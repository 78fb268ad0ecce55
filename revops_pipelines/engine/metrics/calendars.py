"""Days, periods, and the reporting day of an instant, as tables.

Belongs here: `ops.calendar`, `ops.periods`, `ops.period_days`, `ops.reporting_days`. Does not:
working hours (`working_days`).

Metric SQL joins these by equality instead of computing with dates and zones, so that one text runs
on any engine and no metric decides for itself when a month begins.
"""

from __future__ import annotations

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
  SELECT CAST(day AS DATE) AS day
  FROM generate_series(DATE '{first}', DATE '{last}', INTERVAL 1 DAY) AS series(day)
), starts AS (
  SELECT
    day,
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
  lag(period_start_on) OVER (PARTITION BY grain ORDER BY period_start_on) AS previous_start_on,
  CASE WHEN grain <> 'week' THEN CAST(period_start_on - INTERVAL 12 MONTH AS DATE) END
    AS year_before_start_on,
  period_end_on <= DATE '{as_of_on}' AS is_closed
FROM periods
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
    connection.execute(
        CALENDAR.format(
            first=first,
            last=last,
            week_start=DAY_NAMES.index(week_starts_on) + 1,
            fiscal_start=fiscal_year_starts_in,
        )
    )
    connection.execute(PERIODS.format(as_of_on=as_of_on))
    connection.execute(PERIOD_DAYS)
    _write_reporting_days(connection, zone, first, last)


def _write_reporting_days(
    connection: duckdb.DuckDBPyConnection, zone: ZoneInfo, first: date, last: date
) -> None:
    """Write `ops.reporting_days(utc_on, on_before, changes_at, on_after)`.

    On the UTC day `utc_on` the reporting zone's day is `on_before` until `changes_at` (UTC) and
    `on_after` from then on; `changes_at` is null where it does not change.
    """
    import pyarrow as arrow

    rows = reporting_days(zone, first, last)
    connection.register(
        "reporting_days_to_write",
        arrow.table(
            {
                "utc_on": arrow.array([row[0] for row in rows], arrow.date32()),
                "on_before": arrow.array([row[1] for row in rows], arrow.date32()),
                "changes_at": arrow.array([row[2] for row in rows], arrow.timestamp("us")),
                "on_after": arrow.array([row[3] for row in rows], arrow.date32()),
            }
        ),
    )
    connection.execute(
        "CREATE OR REPLACE TABLE ops.reporting_days AS SELECT * FROM reporting_days_to_write"
    )
    connection.unregister("reporting_days_to_write")


def reporting_days(
    zone: ZoneInfo, first: date, last: date
) -> list[tuple[date, date, datetime | None, date]]:
    """(utc_on, on_before, changes_at, on_after) for every UTC day.

    The last change of day inside a UTC day counts; there is no other, but for the single minute
    that Newfoundland lived twice around midnight each autumn until 2011.
    """
    events = _changes_of_day(zone, first, last)
    rows: list[tuple[date, date, datetime | None, date]] = []
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
