"""speed_to_lead: few leads in, exact minutes and states out; every trap is a case."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from metric_warehouse import Warehouse, at, on

from revops_pipelines.settings import Settings
from revops_pipelines.settings_tables import BusinessCalendar, Response

# Monday 1 June 2026; the default calendar works 09:00 to 17:00 UTC, Monday to Friday.
RAISED = at("2026-06-01 10:00")


def responses(warehouse: Warehouse) -> dict[str, dict[str, Any]]:
    """Lead -> its row of the detail table."""
    warehouse.build("speed_to_lead")
    cursor = warehouse.connection.execute("SELECT * FROM metrics.speed_to_lead")
    names = [column[0] for column in cursor.description]
    return {row[0]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}


def test_the_first_human_touch_counts(warehouse: Warehouse) -> None:
    warehouse.put("leads", {"lead_id": "l", "raised_at": RAISED})
    warehouse.put(
        "activities",
        {"activity_id": "b", "lead_id": "l", "occurred_at": at("2026-06-01 10:45")},
        {"activity_id": "a", "lead_id": "l", "occurred_at": at("2026-06-01 10:30")},
    )
    assert responses(warehouse)["l"] == {
        "lead_id": "l",
        "raised_at": RAISED,
        "first_touch_at": at("2026-06-01 10:30"),
        "first_touch_activity_id": "a",
        "calendar_minutes": 30.0,
        "business_minutes": 30.0,
        "target_minutes": 60,
        "state": "answered_in_time",
    }


@pytest.mark.parametrize(
    "activity",
    [
        {"is_human": False},
        {"direction": "inbound"},
        {"direction": "internal"},
        {"kind": "task"},
        {"kind": "note"},
        {"outcome": "bounced"},
        {"outcome": "Bounced"},
        {"occurred_at": at("2026-06-01 09:59")},
        {"occurred_at": at("2026-07-02 09:00")},
        {"_deleted_at": at("2026-06-02 00:00")},
    ],
    ids=str,
)
def test_what_is_no_touch(warehouse: Warehouse, activity: dict[str, Any]) -> None:
    warehouse.put("leads", {"lead_id": "l", "raised_at": RAISED})
    warehouse.put(
        "activities",
        {"activity_id": "a", "lead_id": "l", "occurred_at": at("2026-06-01 10:30")} | activity,
    )
    row = responses(warehouse)["l"]
    assert (row["first_touch_at"], row["state"]) == (None, "open_late")


@pytest.mark.parametrize("kind", ["call", "email", "meeting", "message"])
def test_what_is_a_touch(warehouse: Warehouse, kind: str) -> None:
    warehouse.put("leads", {"lead_id": "l", "raised_at": RAISED})
    warehouse.put(
        "activities", {"activity_id": "a", "lead_id": "l", "kind": kind, "occurred_at": RAISED}
    )
    row = responses(warehouse)["l"]
    assert (row["business_minutes"], row["state"]) == (0.0, "answered_in_time")


@pytest.mark.parametrize(
    ("raised", "touched", "calendar_minutes", "business_minutes", "state"),
    [
        ("2026-06-01 10:00:00", "2026-06-01 11:00:00", 60, 60, "answered_in_time"),
        ("2026-06-01 10:00:00", "2026-06-01 11:00:30", 60.5, 60.5, "answered_late"),
        ("2026-06-05 16:30:00", "2026-06-08 09:30:00", 3900, 60, "answered_in_time"),
        ("2026-06-06 12:00:00", "2026-06-07 12:00:00", 1440, 0, "answered_in_time"),
        ("2026-06-05 18:00:00", "2026-06-08 10:01:00", 3841, 61, "answered_late"),
    ],
)
def test_working_hours(
    warehouse: Warehouse,
    raised: str,
    touched: str,
    calendar_minutes: float,
    business_minutes: float,
    state: str,
) -> None:
    warehouse.put("leads", {"lead_id": "l", "raised_at": at(raised)})
    warehouse.put("activities", {"activity_id": "a", "lead_id": "l", "occurred_at": at(touched)})
    row = responses(warehouse)["l"]
    found = (row["calendar_minutes"], row["business_minutes"], row["state"])
    assert found == (calendar_minutes, business_minutes, state)


def test_the_owner_or_their_team_sets_the_hours_and_its_holidays() -> None:
    calendars = {
        "default": BusinessCalendar(),
        "west": BusinessCalendar(time_zone="America/Los_Angeles", holidays="US"),
        "p@example.com": BusinessCalendar(opens="16:10", closes="22:00"),
    }
    warehouse = Warehouse(Settings(home=Path("unused"), calendars=calendars))
    warehouse.put(
        "users",
        {"user_id": "w", "name": "W", "team": "west"},
        {"user_id": "e", "name": "E", "team": "east"},
        {"user_id": "p", "name": "P", "team": "west", "email": "p@example.com"},
    )
    # Memorial Day was Monday 25 May 2026; Los Angeles opens at 16:00 UTC.
    for owner in ("w", "e", "p"):
        warehouse.put(
            "leads",
            {"lead_id": owner, "owner_id": owner, "raised_at": at("2026-05-25 17:00")},
        )
        warehouse.put(
            "activities",
            {
                "activity_id": owner,
                "lead_id": owner,
                "occurred_at": at("2026-05-26 16:20"),
            },
        )
    rows = responses(warehouse)
    assert rows["w"]["business_minutes"] == 20.0
    assert rows["e"]["business_minutes"] == 7 * 60 + 20.0
    assert rows["p"]["business_minutes"] == 5 * 60 + 10.0


def test_minutes_through_a_change_of_clocks() -> None:
    calendar = BusinessCalendar(time_zone="Europe/Berlin", days=("sat", "sun"), opens="00:00")
    warehouse = Warehouse(Settings(home=Path("unused"), calendars={"default": calendar}))
    # Sunday 29 March 2026 went from 01:59 to 03:00 on the wall: midnight to 17:00 is 16 hours.
    warehouse.put("leads", {"lead_id": "l", "raised_at": at("2026-03-28 20:00")})
    warehouse.put(
        "activities",
        {"activity_id": "a", "lead_id": "l", "occurred_at": at("2026-03-29 20:00")},
    )
    assert responses(warehouse)["l"]["business_minutes"] == 16 * 60


def test_a_calendar_target_counts_every_minute() -> None:
    response = Response(target_minutes=60, clock="calendar")
    warehouse = Warehouse(Settings(home=Path("unused"), response=response))
    warehouse.put("leads", {"lead_id": "l", "raised_at": at("2026-06-06 12:00")})
    warehouse.put(
        "activities",
        {"activity_id": "a", "lead_id": "l", "occurred_at": at("2026-06-06 13:01")},
    )
    assert responses(warehouse)["l"]["state"] == "answered_late"


def test_states_of_open_and_excluded_leads(warehouse: Warehouse) -> None:
    warehouse.put(
        "leads",
        {"lead_id": "waiting", "raised_at": at("2026-06-30 11:00")},
        {"lead_id": "breached", "raised_at": at("2026-06-30 10:59")},
        {"lead_id": "test", "raised_at": RAISED, "excluded_reason": "test"},
        {"lead_id": "deleted", "raised_at": RAISED, "_deleted_at": at("2026-06-03 00:00")},
        {"lead_id": "tomorrow", "raised_at": at("2026-07-01 09:00")},
        {"lead_id": "outbound", "raised_at": None, "is_inbound": False, "created_at": RAISED},
    )
    rows = responses(warehouse)
    assert {lead: (row["state"], row["business_minutes"]) for lead, row in rows.items()} == {
        "waiting": ("open_in_time", 60.0),
        "breached": ("open_late", 61.0),
        "test": ("excluded", 21 * 480 + 180 - 60),
        "deleted": ("excluded", 21 * 480 + 180 - 60),
    }


def test_quantiles_count_the_unanswered(warehouse: Warehouse) -> None:
    # Four leads: answered after 10, 20 and 50 minutes, one never. Half are answered by 20 minutes
    # exactly, so the median is the middle of the step to 50; nine in ten never are.
    for number, minutes in enumerate((10, 20, 50, None)):
        warehouse.put("leads", {"lead_id": f"l{number}", "raised_at": at("2026-05-04 10:00")})
        if minutes is not None:
            warehouse.put(
                "activities",
                {
                    "activity_id": f"a{number}",
                    "lead_id": f"l{number}",
                    "occurred_at": at(f"2026-05-04 10:{minutes}"),
                },
            )
    warehouse.put("leads", {"lead_id": "x", "raised_at": RAISED, "excluded_reason": "spam"})
    warehouse.build("speed_to_lead")

    assert warehouse.value("speed_to_lead", "2026-05-01") == 35
    assert warehouse.value("speed_to_lead_p90", "2026-05-01") is None
    assert warehouse.value("speed_to_lead", "2026-05-04", grain="week") == 35
    assert warehouse.value("speed_to_lead", "2026-04-01", grain="quarter") == 35
    shown = warehouse.values("speed_to_lead", columns="n, n_excluded, is_mature, unit, policy")
    assert shown == {on("2026-05-01"): (4, 0, True, "minutes", "ours")}


def test_a_month_with_an_open_window_is_immature() -> None:
    warehouse = Warehouse(as_of=datetime(2026, 7, 1, 9, 30, tzinfo=UTC))
    warehouse.put("leads", {"lead_id": "l", "raised_at": at("2026-06-30 16:45")})
    warehouse.build("speed_to_lead")
    shown = warehouse.values("speed_to_lead", columns="n, is_mature")
    assert shown == {on("2026-06-01"): (1, False)}


def test_excluded_leads_are_counted_by_reason(warehouse: Warehouse) -> None:
    warehouse.put(
        "leads",
        {"lead_id": "l", "raised_at": RAISED},
        {"lead_id": "s", "raised_at": RAISED, "excluded_reason": "spam"},
        {"lead_id": "t1", "raised_at": RAISED, "excluded_reason": "test"},
        {"lead_id": "t2", "raised_at": RAISED, "excluded_reason": "test"},
    )
    warehouse.build("speed_to_lead")
    shown = warehouse.values("speed_to_lead", columns="n, n_excluded, excluded")
    assert shown == {on("2026-06-01"): (1, 3, '{"spam":1,"test":2}')}


def test_the_month_is_that_of_the_reporting_zone() -> None:
    settings = Settings(home=Path("unused"))
    eastern = settings.company.model_copy(update={"time_zone": "America/New_York"})
    warehouse = Warehouse(Settings(home=Path("unused"), company=eastern))
    warehouse.put("leads", {"lead_id": "l", "raised_at": at("2026-05-01 03:59")})
    warehouse.put("leads", {"lead_id": "m", "raised_at": at("2026-05-01 04:00")})
    warehouse.build("speed_to_lead")
    shown = warehouse.values("speed_to_lead", columns="n")
    assert shown == {on("2026-04-01"): (1,), on("2026-05-01"): (1,)}


def test_breakdowns(warehouse: Warehouse) -> None:
    warehouse.put("users", {"user_id": "u", "name": "U", "team": "north"})
    warehouse.put("accounts", {"account_id": "a", "name": "A", "segment": "SMB", "region": "EU"})
    warehouse.put(
        "leads",
        {"lead_id": "l", "raised_at": RAISED, "account_id": "a", "owner_id": "u"},
        {"lead_id": "m", "raised_at": RAISED, "segment": "ENT"},
    )
    warehouse.build("speed_to_lead")
    shown = warehouse.rows(
        "SELECT CAST(dimensions AS VARCHAR), n FROM metrics.metric_values "
        "WHERE metric = 'speed_to_lead' AND grain = 'month' ORDER BY 1"
    )
    assert shown == [
        ('{"channel":"unknown"}', 2),
        ('{"industry":"unknown"}', 2),
        ('{"owner":"u"}', 1),
        ('{"owner":"unknown"}', 1),
        ('{"region":"EU"}', 1),
        ('{"region":"unknown"}', 1),
        ('{"segment":"ENT"}', 1),
        ('{"segment":"SMB"}', 1),
        ('{"team":"north"}', 1),
        ('{"team":"unknown"}', 1),
        ("{}", 2),
    ]
