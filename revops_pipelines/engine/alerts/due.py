"""When a span of somebody's working time has passed, and when their next working day begins.

Belongs here: instants of the near future, from working hours. Does not: the hours themselves
(`engine.metrics.business_time`), or what is due.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from revops_pipelines.engine.metrics.business_time import (
    DAY_NAMES,
    MINUTE,
    BusinessClock,
    WorkingHours,
    holidays_of,
    is_away,
    windows_of,
)

MORNING = time(9)
# How far ahead a span may reach; what lies beyond is told by the calendar instead.
_AHEAD = timedelta(days=120)
_MOST_DAYS_OFF = 60


def due_at(since: datetime, span: timedelta, hours: WorkingHours | None) -> datetime:
    """When `span` of working time has passed since then (UTC, aware).

    Without hours, or when nobody works for months, every minute counts.
    """
    if hours is None or span <= timedelta(0):
        return since + span
    naive = since.astimezone(UTC).replace(tzinfo=None)
    due = _clock(hours, naive.date().replace(day=1)).after(naive, span // MINUTE)
    return since + span if due is None else due.replace(tzinfo=UTC)


def next_working_day(now: datetime, hours: WorkingHours | None) -> datetime:
    """09:00 of the next day on which somebody works, after today where they are (UTC, aware)."""
    zone = ZoneInfo(hours.time_zone if hours else "UTC")
    today = now.astimezone(zone).date()
    ahead = [today + timedelta(days=count) for count in range(1, _MOST_DAYS_OFF)]
    day = next((each for each in ahead if _works(each, hours)), ahead[0])
    return datetime.combine(day, MORNING, tzinfo=zone).astimezone(UTC)


def _works(day: date, hours: WorkingHours | None) -> bool:
    if hours is None:
        return day.weekday() < 5
    is_free = is_away(hours, day) or day in holidays_of(hours.holidays, (day.year,))
    return DAY_NAMES[day.weekday()] in hours.days and not is_free


@lru_cache(maxsize=256)
def _clock(hours: WorkingHours, first: date) -> BusinessClock:
    return BusinessClock(windows_of(hours, first, first + _AHEAD))
