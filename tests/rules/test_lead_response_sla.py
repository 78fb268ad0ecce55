"""lead_response_sla: few leads in, exact alerts out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rule_house import NOON, RuleHouse

from revops_pipelines.engine.alerts.deadlines import Deadline, open_deadlines
from revops_pipelines.sensors.rules.lead_response_sla import RULE
from revops_pipelines.settings import Settings
from revops_pipelines.settings_tables import BusinessCalendar, Response


def lead(
    house: RuleHouse, key: str = "crm:1", raised: str = "2026-06-30 10:00", **row: Any
) -> None:
    house.put(
        "leads",
        lead_id=key,
        raised_at=raised,
        full_name="Jane Roe",
        email="jane.roe@customer.example",
        url="https://crm.example/contacts/1",
        channel="paid_search",
        owner_id="crm:owner",
        account_id="crm:acme",
        **row,
    )


@pytest.fixture(autouse=True)
def people(house: RuleHouse) -> None:
    house.put("users", user_id="crm:owner", name="Sam Seller", team="emea")
    house.put("accounts", account_id="crm:acme", name="Acme")


def test_alert_says_what_which_since_limit_owner_and_what_to_do(house: RuleHouse) -> None:
    lead(house)
    assert house.evaluate(RULE).fired == 1
    notice = house.notice("crm:1")
    assert notice["headline"] == "Lead unanswered past its deadline: Acme, J. R."
    assert notice["subject"] == "Acme, J. R. (crm:1)"
    assert notice["since"] == "2026-06-30T11:00:00Z"
    assert notice["observed"] == "waiting 2 h 00 min of working time (2 h 00 min in all)"
    assert notice["limit"] == (
        "first human answer within 60 working minutes, by 2026-06-30 11:00 UTC"
    )
    assert notice["owner"] == "Sam Seller, emea"
    assert notice["url"] == "https://crm.example/contacts/1"
    assert notice["what_to_do"].startswith("Call or write to the lead now")
    assert notice["facts"] == {"Raised": "2026-06-30 10:00 UTC", "Channel": "paid_search"}


def test_no_personal_data_leaves_the_warehouse(house: RuleHouse) -> None:
    lead(house)
    house.evaluate(RULE)
    told = json.dumps(house.rows("SELECT * FROM ops.alert_events"), default=str)
    told += json.dumps(house.rows("SELECT * FROM ops.alert_states"), default=str)
    for secret in ("jane", "Jane", "Roe", "customer.example"):
        assert secret not in told


def test_within_its_time_there_is_no_alert(house: RuleHouse) -> None:
    lead(house, raised="2026-06-30 11:00")
    evaluation = house.evaluate(RULE)
    assert (evaluation.fired, evaluation.evaluated, house.told()) == (0, 1, [])


def test_answer_resolves_after_the_keep_window_and_says_who_and_how(house: RuleHouse) -> None:
    lead(house)
    house.evaluate(RULE)
    house.put(
        "activities",
        activity_id="crm:call",
        lead_id="crm:1",
        occurred_at="2026-06-30 12:04",
        user_id="crm:owner",
    )
    assert house.evaluate(RULE, NOON + timedelta(minutes=5)).resolved == 0
    assert house.evaluate(RULE, NOON + timedelta(minutes=15)).resolved == 1
    assert house.told() == [("crm:1", "fired"), ("crm:1", "resolved")]
    notice = house.notice("crm:1", "resolved")
    assert notice["ended"] == (
        "answered by Sam Seller (call) on 2026-06-30 12:04 UTC, "
        "after 2 h 04 min of working time (2 h 04 min in all)"
    )


@pytest.mark.parametrize(
    ("change", "ended"),
    [
        ("UPDATE conformed.leads SET excluded_reason = 'test'", "no longer counts: test"),
        ("UPDATE conformed.leads SET _deleted_at = '2026-06-30 12:01'", "the record was deleted"),
        ("DELETE FROM conformed.leads WHERE lead_id = 'crm:1'", "the record was merged"),
        ("UPDATE conformed.leads SET is_inbound = FALSE", "no longer counts: not an inbound lead"),
    ],
)
def test_it_ends_when_the_lead_no_longer_counts(house: RuleHouse, change: str, ended: str) -> None:
    lead(house)
    lead(house, "crm:other", raised="2026-06-30 11:30")
    house.evaluate(RULE, keep_minutes=0)
    house.connection.execute(f"{change} {'AND' if 'WHERE' in change else 'WHERE'} lead_id='crm:1'")
    assert house.evaluate(RULE, NOON + timedelta(minutes=5), keep_minutes=0).resolved == 1
    assert house.notice("crm:1", "resolved")["ended"].startswith(ended)


def test_a_quarantined_record_keeps_its_alert(house: RuleHouse) -> None:
    lead(house)
    for place in range(9):
        lead(house, f"crm:more{place}", raised="2026-06-30 11:30")
    house.evaluate(RULE, keep_minutes=0)
    house.connection.execute("DELETE FROM conformed.leads WHERE lead_id = 'crm:1'")
    house.connection.execute(
        "INSERT INTO ops.quarantine (entity, source, source_id, rule, first_seen_at, last_seen_at, "
        "run_id) VALUES ('leads', 'crm', '1', 'r', '2026-06-30', '2026-06-30', 'run')"
    )
    evaluation = house.evaluate(RULE, NOON + timedelta(minutes=5), keep_minutes=0)
    assert (evaluation.resolved, evaluation.unevaluated, evaluation.problem) == (0, 1, "")


def test_data_older_than_the_deadline_proves_no_breach(house: RuleHouse) -> None:
    lead(house)
    house.loaded("2026-06-30 10:59")
    evaluation = house.evaluate(RULE)
    assert (evaluation.fired, evaluation.unevaluated) == (0, 1)
    house.loaded("2026-06-30 11:01")
    assert house.evaluate(RULE, NOON + timedelta(minutes=5)).fired == 1


def test_old_breaches_are_a_backlog_and_older_ones_are_left_alone(house: RuleHouse) -> None:
    lead(house, "crm:now")
    lead(house, "crm:lastweek", raised="2026-06-23 10:00")
    lead(house, "crm:winter", raised="2026-01-13 10:00")
    assert house.evaluate(RULE).fired == 2
    rows = house.rows("SELECT alert_key, is_backlog FROM ops.alert_events ORDER BY alert_key")
    assert rows == [("crm:lastweek", True), ("crm:now", False)]


def test_an_open_alert_is_not_forgotten_with_age(house: RuleHouse) -> None:
    lead(house)
    house.evaluate(RULE)
    later = NOON + timedelta(days=60)
    assert house.evaluate(RULE, later, keep_minutes=0).resolved == 0


def test_warning_before_the_deadline_escalates_after_it(house: RuleHouse) -> None:
    lead(house, raised="2026-06-30 11:10")
    options = {"warn_minutes": 15, "keep_minutes": 0}
    assert house.evaluate(RULE, NOON - timedelta(minutes=10), **options).fired == 0
    assert house.evaluate(RULE, NOON, **options).fired == 1
    assert house.notice("crm:1")["headline"] == "Lead unanswered, 10 min left: Acme, J. R."
    assert house.evaluate(RULE, NOON + timedelta(minutes=11), **options).escalated == 1
    assert house.told() == [("crm:1", "fired"), ("crm:1", "escalated")]


def test_nobody_owns_it(house: RuleHouse) -> None:
    lead(house)
    house.connection.execute("UPDATE conformed.leads SET owner_id = NULL")
    house.evaluate(RULE)
    notice = house.notice("crm:1")
    assert notice["owner"] is None
    assert notice["what_to_do"].startswith("Nobody owns this lead")


def test_owner_who_left(house: RuleHouse) -> None:
    lead(house)
    house.connection.execute("UPDATE conformed.users SET is_active = FALSE")
    house.evaluate(RULE)
    assert house.notice("crm:1")["owner"] == "Sam Seller (has left), emea"
    assert "reassign" in house.notice("crm:1")["what_to_do"]


# Raised Friday evening in Berlin: the hour runs on Monday morning, Berlin time.
BERLIN = BusinessCalendar(time_zone="Europe/Berlin", holidays="DE")


@pytest.mark.parametrize(
    ("raised", "deadline"),
    [
        ("2026-06-26 14:30", "2026-06-29 07:30"),  # Friday 16:30 there: 30 min, then Monday
        ("2026-06-27 12:00", "2026-06-29 08:00"),  # Saturday
        ("2026-03-27 16:00", "2026-03-30 08:00"),  # over the change to summer time
        ("2026-05-13 14:59:30", "2026-05-15 07:59:30"),  # Ascension Day is off
        ("2026-06-29 14:00", "2026-06-30 07:00"),  # full at closing time: passed when work begins
    ],
)
def test_deadlines_follow_the_teams_calendar(raised: str, deadline: str) -> None:
    house = RuleHouse(
        Settings(home=Path("unused"), calendars={"default": BusinessCalendar(), "emea": BERLIN})
    )
    house.put("users", user_id="crm:owner", name="Sam", team="emea")
    lead(house, raised=raised)
    at = datetime.fromisoformat(raised).replace(tzinfo=UTC) + timedelta(minutes=1)
    house.evaluate(RULE, at)
    expected = datetime.fromisoformat(deadline).replace(tzinfo=UTC)
    deadlines = open_deadlines(house.connection, RULE)
    assert next(line.at for line in deadlines if line.at > at) == expected
    # The same instant by the metric itself: in time at the deadline, late a second after it.
    assert house.evaluate(RULE, expected).fired == 0
    assert house.evaluate(RULE, expected + timedelta(seconds=1)).fired == 1
    house.close()


def test_deadlines_by_the_calendar_clock() -> None:
    response = Response(target_minutes=30, clock="calendar")
    house = RuleHouse(Settings(home=Path("unused"), response=response))
    lead(house, raised="2026-06-28 03:00")
    house.loaded("2026-06-28 03:10")
    house.evaluate(RULE, datetime(2026, 6, 28, 3, 20, tzinfo=UTC))
    unseen, line = sorted(open_deadlines(house.connection, RULE), key=lambda each: each.key)
    assert line.at == datetime(2026, 6, 28, 3, 30, tzinfo=UTC)
    assert line.judged_at == datetime(2026, 6, 28, 3, 10, tzinfo=UTC)
    # And a lead that came right after the last look, which nobody has seen.
    assert unseen == Deadline(
        "(not seen yet) default",
        at=datetime(2026, 6, 28, 3, 40, tzinfo=UTC),
        judged_at=line.judged_at,
    )
    house.close()


def test_a_lead_that_nobody_has_seen_yet_has_a_deadline_in_each_calendar() -> None:
    house = RuleHouse(
        Settings(home=Path("unused"), calendars={"default": BusinessCalendar(), "emea": BERLIN})
    )
    lead(house, raised="2026-06-01 10:00")
    house.put("activities", activity_id="crm:a", lead_id="crm:1", occurred_at="2026-06-01 10:10")
    house.loaded("2026-06-26 14:30")
    house.loaded("2026-06-26 14:50", source="billing")  # tells nothing of leads
    house.evaluate(RULE, datetime(2026, 6, 26, 14, 50, tzinfo=UTC))
    found = {line.key: line.at for line in open_deadlines(house.connection, RULE)}
    assert found == {
        "(not seen yet) default": datetime(2026, 6, 26, 15, 30, tzinfo=UTC),
        "(not seen yet) emea": datetime(2026, 6, 29, 7, 30, tzinfo=UTC),
    }
    house.close()
