"""Days, periods and the reporting day of an instant, against the time-zone database itself."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from metric_warehouse import Warehouse, on

from revops_pipelines.engine.metrics.calendars import reporting_days
from revops_pipelines.engine.metrics.parameters import PARAMETERS
from revops_pipelines.settings import Settings
from revops_pipelines.settings_tables import Company

ZONES = (
    "UTC",
    "America/New_York",
    "America/Havana",
    "America/Sao_Paulo",
    "Atlantic/Azores",
    "Europe/London",
    "Europe/Berlin",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Pacific/Marquesas",
)


@pytest.mark.parametrize("name", ZONES)
def test_the_reporting_day_is_that_of_the_wall(name: str) -> None:
    zone = ZoneInfo(name)
    first, last = date(2011, 1, 1), date(2028, 12, 31)
    days = {row[0]: row for row in reporting_days(zone, first, last)}
    draw = random.Random(name)
    start = datetime(2011, 1, 1)
    wrong = []
    for _ in range(4000):
        instant = start + timedelta(seconds=draw.randrange(18 * 365 * 86400))
        _, on_before, changes_at, on_after = days[instant.date()]
        found = on_after if changes_at is not None and instant >= changes_at else on_before
        if found != instant.replace(tzinfo=UTC).astimezone(zone).date():
            wrong.append((instant, found))
    assert wrong == []


def test_a_day_that_was_never_lived_has_no_instants() -> None:
    rows = reporting_days(ZoneInfo("Pacific/Apia"), date(2011, 12, 29), date(2011, 12, 31))
    assert date(2011, 12, 30) not in {row[1] for row in rows} | {row[3] for row in rows}


def settings_of(**company: object) -> Settings:
    return Settings(home=Path("unused"), company=Company.model_validate(company))


@pytest.mark.parametrize(
    ("starts", "week"), [("mon", "2026-06-29"), ("sun", "2026-06-28"), ("wed", "2026-06-24")]
)
def test_the_week_starts_when_the_settings_say(starts: str, week: str) -> None:
    warehouse = Warehouse(settings_of(week_starts_on=starts))
    found = warehouse.rows(
        "SELECT week_start_on, next_week_start_on FROM ops.calendar WHERE day = DATE '2026-06-30'"
    )
    assert found == [(on(week), on(week) + timedelta(days=7))]


@pytest.mark.parametrize(
    ("first_month", "quarter", "following"),
    [
        (1, "2026-04-01", "2026-07-01"),
        (2, "2026-05-01", "2026-08-01"),
        (7, "2026-04-01", "2026-07-01"),
    ],
)
def test_quarters_follow_the_fiscal_year(first_month: int, quarter: str, following: str) -> None:
    warehouse = Warehouse(settings_of(fiscal_year_starts_in=first_month))
    found = warehouse.rows(
        "SELECT quarter_start_on, next_quarter_start_on FROM ops.calendar "
        "WHERE day = DATE '2026-06-30'"
    )
    assert found == [(on(quarter), on(following))]


@pytest.mark.parametrize("grain", ["week", "month", "quarter"])
def test_periods_tile_the_calendar(warehouse: Warehouse, grain: str) -> None:
    periods = warehouse.rows(
        "SELECT period_start_on, period_end_on, previous_start_on FROM ops.periods "
        f"WHERE grain = '{grain}' ORDER BY period_start_on"
    )
    for earlier, later in pairwise(periods):
        assert earlier[1] == later[0]
        assert later[2] == earlier[0]


@pytest.mark.parametrize(
    ("zone", "as_of", "closed"),
    [
        ("UTC", datetime(2026, 7, 1, 0, 0, tzinfo=UTC), True),
        ("UTC", datetime(2026, 6, 30, 23, 59, tzinfo=UTC), False),
        ("America/New_York", datetime(2026, 7, 1, 3, 59, tzinfo=UTC), False),
        ("America/New_York", datetime(2026, 7, 1, 4, 0, tzinfo=UTC), True),
        ("Asia/Tokyo", datetime(2026, 6, 30, 15, 0, tzinfo=UTC), True),
    ],
)
def test_june_closes_when_its_last_day_has_ended(zone: str, as_of: datetime, closed: bool) -> None:
    warehouse = Warehouse(settings_of(time_zone=zone), as_of)
    found = warehouse.rows(
        "SELECT is_closed, ends_at FROM ops.periods "
        "WHERE grain = 'month' AND period_start_on = DATE '2026-06-01'"
    )
    ends_at = datetime(2026, 7, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None)
    assert found == [(closed, ends_at)]


def test_parameters_are_one_row(warehouse: Warehouse) -> None:
    cursor = warehouse.connection.execute("SELECT * FROM ops.parameters")
    rows = cursor.fetchall()
    values = dict(zip((column[0] for column in cursor.description), rows[0], strict=True))
    assert len(rows) == 1
    assert set(values) == set(PARAMETERS)
    assert None not in values.values()
    assert values["as_of_at"] == datetime(2026, 6, 30, 12)
    assert values["response_target_minutes"] == 60
    assert round(values["z"], 4) == 1.96
