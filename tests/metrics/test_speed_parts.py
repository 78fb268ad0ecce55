"""speed_parts: three clocks one after the other, and the touch that stopped each."""

from __future__ import annotations

from typing import Any

from metric_warehouse import Warehouse, at, on

RAISED = at("2026-06-01 10:00")


def parts(warehouse: Warehouse) -> dict[str, dict[str, Any]]:
    """Lead -> its row, built."""
    warehouse.build("speed_to_lead", "speed_parts")
    cursor = warehouse.connection.execute("SELECT * FROM metrics.speed_parts")
    names = [column[0] for column in cursor.description]
    return {row[0]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}


def stops(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(
        row[name] and f"{row[name]:%d %H:%M}"
        for name in ("routed_at", "attempted_at", "contacted_at")
    )


def put(warehouse: Warehouse, assigned: str | None, *activities: dict[str, Any]) -> None:
    """A lead raised on 1 June at 10:00, and what happened on that day: clock and columns."""
    lead = {"lead_id": "l", "raised_at": RAISED, "assigned_at": assigned and at(assigned)}
    warehouse.put("leads", lead)
    for number, each in enumerate(activities):
        row = {"activity_id": f"a{number}", "lead_id": "l"} | each
        warehouse.put("activities", row | {"occurred_at": at(f"2026-06-01 {each['occurred_at']}")})


CALL = {"kind": "call", "outcome": "no_answer"}
REPLY = {"kind": "email", "direction": "inbound", "is_human": False, "is_two_way": True}


def test_each_part_ends_where_the_next_begins(warehouse: Warehouse) -> None:
    put(
        warehouse,
        "2026-06-01 10:10",
        CALL | {"occurred_at": "10:40"},
        CALL | {"occurred_at": "11:00"},
        REPLY | {"occurred_at": "12:00"},
    )
    row = parts(warehouse)["l"]
    assert stops(row) == ("01 10:10", "01 10:40", "01 12:00")
    assert (row["attempt_activity_id"], row["contact_activity_id"]) == ("a0", "a2")
    for clock in ("calendar", "business"):
        minutes = tuple(
            row[f"{part}_{clock}_minutes"] for part in ("routing", "reaction", "contact")
        )
        assert minutes == (10, 30, 80)


def test_it_was_owned_before_the_hand_was_raised(warehouse: Warehouse) -> None:
    put(warehouse, "2026-05-01 10:10", CALL | {"occurred_at": "10:40"})
    row = parts(warehouse)["l"]
    assert stops(row) == ("01 10:00", "01 10:40", None)
    assert row["routing_calendar_minutes"] == 0


def test_an_answer_before_anybody_was_assigned_ends_the_routing(warehouse: Warehouse) -> None:
    put(warehouse, "2026-06-01 15:00", CALL | {"occurred_at": "10:40"})
    row = parts(warehouse)["l"]
    assert stops(row) == ("01 10:40", "01 10:40", None)
    assert (row["routing_business_minutes"], row["reaction_business_minutes"]) == (40, 0)


def test_a_conversation_before_any_attempt_ends_all_three(warehouse: Warehouse) -> None:
    spoken = {"kind": "call", "direction": "inbound", "is_two_way": True, "occurred_at": "10:20"}
    put(warehouse, None, spoken, CALL | {"occurred_at": "10:40"})
    row = parts(warehouse)["l"]
    assert stops(row) == ("01 10:20",) * 3
    assert row["attempt_activity_id"] == row["contact_activity_id"] == "a0"


def test_their_mail_is_a_conversation_only_once_it_answers_ours(warehouse: Warehouse) -> None:
    put(
        warehouse,
        "2026-06-01 10:01",
        REPLY | {"occurred_at": "10:20"},
        CALL | {"occurred_at": "10:40"},
    )
    assert stops(parts(warehouse)["l"]) == ("01 10:01", "01 10:40", None)


def test_voicemail_and_bounce_are_attempt_or_nothing_but_no_contact(warehouse: Warehouse) -> None:
    put(
        warehouse,
        "2026-06-01 10:01",
        {"kind": "email", "outcome": "bounced", "occurred_at": "10:20"},
        {"kind": "call", "outcome": "voicemail", "is_two_way": True, "occurred_at": "10:40"},
    )
    assert stops(parts(warehouse)["l"]) == ("01 10:01", "01 10:40", None)


def test_what_has_not_begun_says_nothing_and_what_runs_is_censored(warehouse: Warehouse) -> None:
    put(warehouse, "2026-07-02 10:00")
    row = parts(warehouse)["l"]
    assert stops(row) == (None, None, None)
    assert row["routing_calendar_minutes"] == (29 * 24 + 2) * 60
    assert (row["reaction_calendar_minutes"], row["contact_business_minutes"]) == (None, None)
    shown = {
        name: warehouse.values(name, columns="value, n")
        for name in ("speed_parts", "speed_parts_routing", "speed_parts_reaction")
    }
    june = on("2026-06-01")
    assert shown == {
        "speed_parts": {june: (None, 1)},
        "speed_parts_routing": {june: (None, 1)},
        "speed_parts_reaction": {},
    }


def test_routing_runs_at_night_and_people_do_not(warehouse: Warehouse) -> None:
    warehouse.put(
        "leads",
        {
            "lead_id": "l",
            "raised_at": at("2026-05-01 16:00"),
            "assigned_at": at("2026-05-01 22:00"),
        },
    )
    touch = {"activity_id": "a", "lead_id": "l", "is_two_way": True}
    warehouse.put("activities", touch | {"occurred_at": at("2026-05-04 09:30")})
    parts(warehouse)
    may = "2026-05-01"
    assert warehouse.value("speed_parts_routing", may) == 360
    assert warehouse.value("speed_parts_reaction", may) == 30
    assert warehouse.value("speed_parts_contact", may) == 0
    assert warehouse.value("speed_parts", may) == 90


def test_excluded_leads_are_listed_and_not_counted(warehouse: Warehouse) -> None:
    warehouse.put("leads", {"lead_id": "s", "raised_at": RAISED, "excluded_reason": "spam"})
    put(warehouse, "2026-06-01 10:06")
    assert parts(warehouse)["s"]["excluded"] == "spam"
    shown = warehouse.values("speed_parts_routing", columns="value, n, excluded")
    assert shown == {on("2026-06-01"): (6, 1, '{"spam":1}')}
