"""Working minutes against a clock that is read minute by minute.

The oracle walks every minute, asks the zone what the wall shows and adds one where somebody works.
Stretches span the changes of clocks of both half-years; hours include nights, whole days and edges
inside the hour that is skipped or lived twice.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

import duckdb
import pytest

from revops_pipelines.engine.metrics.business_time import (
    DAY_NAMES,
    BusinessClock,
    WorkingHours,
    holidays_of,
    windows_of,
)
from revops_pipelines.engine.metrics.working_days import seconds_worked, write_working_days

MINUTE = timedelta(minutes=1)
WEEK = ("mon", "tue", "wed", "thu", "fri")

# Zone, opening hours, days, holidays.
CALENDARS = (
    ("UTC", "09:00", "17:00", WEEK, None),
    ("America/New_York", "09:00", "17:00", WEEK, "US"),
    ("America/Los_Angeles", "08:30", "18:15", WEEK, "US-CA"),
    ("America/Chicago", "01:30", "02:30", DAY_NAMES, None),
    ("America/Sao_Paulo", "09:00", "18:00", WEEK, "BR"),
    ("America/St_Johns", "09:00", "17:30", WEEK, "CA-NL"),
    ("America/Havana", "00:00", "08:00", DAY_NAMES, None),
    ("America/Santiago", "22:00", "06:00", DAY_NAMES, None),
    ("Atlantic/Azores", "00:00", "00:00", DAY_NAMES, None),
    ("Europe/London", "00:30", "01:30", DAY_NAMES, "GB-ENG"),
    ("Europe/Berlin", "02:15", "02:45", DAY_NAMES, "DE-BY"),
    ("Europe/Paris", "09:00", "12:00", ("sat", "sun"), "FR"),
    ("Africa/Casablanca", "09:00", "17:00", WEEK, "MA"),
    ("Africa/Johannesburg", "08:00", "16:30", WEEK, "ZA"),
    ("Asia/Tokyo", "09:00", "17:00", WEEK, "JP"),
    ("Asia/Kolkata", "10:00", "19:00", WEEK, "IN"),
    ("Asia/Kathmandu", "09:00", "17:00", ("sun", *WEEK), None),
    ("Asia/Beirut", "23:00", "01:00", DAY_NAMES, None),
    ("Asia/Tehran", "09:00", "17:00", ("sat", "sun", "mon", "tue", "wed"), None),
    ("Australia/Sydney", "09:00", "17:00", WEEK, "AU-NSW"),
    ("Australia/Lord_Howe", "01:45", "02:15", DAY_NAMES, None),
    ("Australia/Eucla", "09:00", "17:00", WEEK, None),
    ("Pacific/Auckland", "09:00", "17:00", WEEK, "NZ"),
    ("Pacific/Chatham", "02:30", "10:00", DAY_NAMES, None),
    ("Pacific/Apia", "09:00", "24:00", WEEK, None),
)
STRETCHES = ((date(2026, 3, 5), 35), (date(2025, 9, 25), 45))
# `make thorough` draws a hundred thousand.
CASES = 100_000 if os.environ.get("REVOPS_THOROUGH") else 20_000


# Every third calendar is a person's, who is away over changes of clocks and for single days.
ABSENCES = (
    (date(2026, 3, 6), date(2026, 3, 9)),
    (date(2026, 3, 28), date(2026, 3, 30)),
    (date(2025, 10, 5), date(2025, 10, 5)),
    (date(2025, 10, 24), date(2025, 11, 3)),
)


def hours_of(calendar: tuple[str, str, str, tuple[str, ...], str | None]) -> WorkingHours:
    zone, opens, closes, days, holidays = calendar
    absences = ABSENCES if CALENDARS.index(calendar) % 3 == 0 else ()
    return WorkingHours(zone, tuple(days), opens, closes, holidays, absences)


def works(hours: WorkingHours, wall: datetime, free: frozenset[date]) -> bool:
    """Whether the wall clock stands inside the opening hours, told without intervals."""
    now = wall.hour * 60 + wall.minute
    opens, closes = (int(text[:2]) * 60 + int(text[3:]) for text in (hours.opens, hours.closes))
    if opens < closes:
        return opens <= now < closes and is_working_day(hours, wall.date(), free)
    if now >= opens:
        return is_working_day(hours, wall.date(), free)
    return now < closes and is_working_day(hours, wall.date() - timedelta(days=1), free)


def is_working_day(hours: WorkingHours, day: date, free: frozenset[date]) -> bool:
    return DAY_NAMES[day.weekday()] in hours.days and day not in free


def days_off(hours: WorkingHours) -> frozenset[date]:
    """Holidays and days away, one by one."""
    away = {
        first + timedelta(days=n)
        for first, last in hours.absences
        for n in range((last - first).days + 1)
    }
    return holidays_of(hours.holidays, range(2025, 2028)) | away


def minutes_by_the_wall(hours: WorkingHours, first: datetime, days: int) -> list[int]:
    """Working minutes before each minute of the stretch, one by one."""
    zone = ZoneInfo(hours.time_zone)
    free = days_off(hours)
    start = first.replace(tzinfo=UTC)
    walls = ((start + n * MINUTE).astimezone(zone).replace(tzinfo=None) for n in range(days * 1440))
    return list(accumulate((works(hours, wall, free) for wall in walls), initial=0))


def stretches() -> Iterator[tuple[int, WorkingHours, datetime, list[int]]]:
    for number, calendar in enumerate(CALENDARS):
        hours = hours_of(calendar)
        for day, length in STRETCHES:
            first = datetime(day.year, day.month, day.day)
            yield number, hours, first, minutes_by_the_wall(hours, first, length)


@pytest.fixture(scope="module")
def cases() -> list[tuple[str, datetime, datetime, int]]:
    """(calendar, since, until, minutes) as the wall clock has it, drawn with a fixed seed."""
    draw = random.Random(20260630)
    every = list(stretches())
    drawn = []
    for case in range(CASES):
        number, _, first, totals = every[case % len(every)]
        since, until = sorted(draw.randrange(len(totals)) for _ in range(2))
        drawn.append(
            (
                str(number),
                first + since * MINUTE,
                first + until * MINUTE,
                totals[until] - totals[since],
            )
        )
    return drawn


def test_d12_sql_counts_the_minutes_of_the_wall_clock(
    cases: list[tuple[str, datetime, datetime, int]],
) -> None:
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA ops")
    calendars = {str(number): hours_of(each) for number, each in enumerate(CALENDARS)}
    write_working_days(connection, calendars, date(2025, 1, 1), date(2027, 12, 31))
    import pyarrow as arrow

    names = ("calendar", "since_at", "until_at", "minutes")
    columns = dict(zip(names, map(list, zip(*cases, strict=True)), strict=True))
    connection.register("cases", arrow.table(columns))
    wrong = connection.execute(f"""
        SELECT cases.*, minutes FROM cases
        JOIN ops.business_days AS a
          ON a.calendar = cases.calendar AND a.utc_on = CAST(since_at AS DATE)
        JOIN ops.business_days AS b
          ON b.calendar = cases.calendar AND b.utc_on = CAST(until_at AS DATE)
        WHERE {seconds_worked("b", "until_at")} - {seconds_worked("a", "since_at")} <> minutes * 60
        """).fetchall()
    counted = connection.execute("SELECT COUNT(*) FROM cases").fetchone()

    assert wrong == []
    assert counted == (CASES,)


def test_the_clock_in_python_agrees(cases: list[tuple[str, datetime, datetime, int]]) -> None:
    clocks = {
        str(number): BusinessClock(windows_of(hours_of(each), date(2025, 1, 1), date(2027, 12, 31)))
        for number, each in enumerate(CALENDARS)
    }
    wrong = [
        case
        for case in cases
        if clocks[case[0]].between(case[1], case[2]) != timedelta(minutes=case[3])
    ]
    assert wrong == []


def test_a_deadline_is_the_first_instant_with_enough_minutes() -> None:
    hours = WorkingHours("America/New_York", WEEK, "09:00", "17:00", "US")
    clock = BusinessClock(windows_of(hours, date(2026, 1, 1), date(2026, 12, 31)))
    friday = datetime(2026, 7, 3, 14, 0)  # the day off for Independence Day, which is a Saturday
    thursday = datetime(2026, 7, 2, 20, 30)  # 16:30 in New York

    assert clock.after(thursday, 30) == datetime(2026, 7, 2, 21, 0)
    assert clock.after(thursday, 31) == datetime(2026, 7, 6, 13, 1)
    assert clock.after(friday, 60) == datetime(2026, 7, 6, 14, 0)
    assert clock.after(friday, 10**9) is None


def test_working_days_are_written_once_per_setting() -> None:
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA ops")
    nine = {"default": WorkingHours("UTC", WEEK, "09:00", "17:00")}
    away = (date(2026, 1, 1), date(2026, 1, 2))
    ten = {"default": WorkingHours("UTC", WEEK, "10:00", "17:00", None, (away,))}
    span = date(2026, 1, 1), date(2026, 12, 31)

    write_working_days(connection, nine, *span)
    connection.execute("DELETE FROM ops.business_windows")
    write_working_days(connection, nine, *span)
    untouched = connection.execute("SELECT COUNT(*) FROM ops.business_windows").fetchone()
    write_working_days(connection, ten, *span)
    first = connection.execute("SELECT MIN(starts_at) FROM ops.business_windows").fetchone()

    assert untouched == (0,)
    assert first == (datetime(2026, 1, 5, 10),)
