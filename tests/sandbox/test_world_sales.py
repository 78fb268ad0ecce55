"""The simulated company: the same from the same seed, mess in known amounts, sane in time."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revops_pipelines.sandbox.truth import true_tables
from revops_pipelines.sandbox.world.activities import KINDS
from revops_pipelines.sandbox.world.company import TEAMS
from revops_pipelines.sandbox.world.truth_sales import (
    deal_rows,
    first_touches,
    lead_rows,
    stage_rows,
)
from revops_pipelines.sandbox.world.truth_sales_counts import count_rows
from revops_pipelines.sandbox.world.working_hours import WorkingHours
from revops_pipelines.sandbox.world.world import World, build_world

ANCHOR = date(2026, 6, 30)
SALES_PARTS = ("users", "accounts", "people", "contacts", "deals", "funnels", "activities")
# What there is of each mess at the anchor, of seed 7 at a fifth of the full size.
MESS = {
    "activities archived": (10, 60),
    "activities before the lead was raised": (60, 300),
    "activities with several contacts": (80, 400),
    "companies archived": (1, 20),
    "contacts archived": (3, 30),
    "contacts edited in one millisecond": (200, 400),
    "contacts imported in one second": (50, 150),
    "contacts merged away": (12, 70),
    "deals archived": (1, 15),
    "deals gone back a stage": (15, 80),
    "deals moved to another pipeline": (2, 20),
    "deals of zero amount": (2, 20),
    "deals reassigned": (10, 50),
    "deals reopened": (5, 40),
    "deals with a changed amount": (100, 260),
    "deals with a changed close date": (280, 440),
    "deals with a stage entered again": (25, 110),
    "deals with a stage skipped": (25, 110),
    "deals without an amount": (1, 15),
    "duplicates unnoticed, alias": (2, 25),
    "duplicates unnoticed, case": (2, 25),
    "inbound leads never answered": (30, 140),
    "inbound leads never assigned": (10, 50),
    "inbound leads raised again": (40, 140),
    "leads excluded as imported": (50, 120),
    "leads excluded as internal": (2, 12),
    "leads excluded as invalid_email": (5, 30),
    "leads excluded as spam": (12, 50),
    "leads excluded as test": (5, 30),
    "leads of owners who left": (1, 60),
    "leads reassigned": (30, 160),
    "mails bounced": (12, 80),
    "mails by out_of_office": (8, 50),
    "mails by prospect": (600, 1_600),
    "mails by prospect_machine": (15, 100),
    "mails by sequence": (250, 700),
    "mails by workflow": (300, 800),
    "meetings ahead": (1, 30),
    "owners who left": (2, 8),
    "people in several deals": (40, 180),
}


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(7, ANCHOR, 0.2)


def test_the_same_seed_gives_the_same_company(small_world: World) -> None:
    again = build_world(7, ANCHOR, 0.02)
    other = build_world(8, ANCHOR, 0.02)
    for part in SALES_PARTS:
        assert getattr(small_world, part) == getattr(again, part)
        assert getattr(small_world, part) != getattr(other, part)
    now = small_world.anchor_at
    assert true_tables(small_world, now) == true_tables(again, now)


def test_size_follows_the_scale(world: World) -> None:
    now = world.anchor_at
    assert 850 < sum(each.created_at <= now for each in world.people) < 1_150
    assert 10_000 < sum(each.recorded_at <= now for each in world.activities) < 14_000
    assert 360 < sum(each.created_at <= now for each in world.deals) < 460
    assert 140 < sum(bool(each.wins_at and each.wins_at <= now) for each in world.accounts) < 180
    kinds = Counter(activity.kind for activity in world.activities)
    assert set(kinds) == set(KINDS)


def test_mess_comes_in_known_amounts(world: World) -> None:
    counts = {row["what"]: row["count"] for row in count_rows(world, world.anchor_at)}
    outside = {
        what: counts.get(what, 0)
        for what, (fewest, most) in MESS.items()
        if not fewest <= counts.get(what, 0) <= most
    }
    assert outside == {}


def test_answers_come_as_they_do_in_life(world: World) -> None:
    """Half within a working hour or so, a long tail, some at night, a tenth never."""
    now = world.anchor_at
    hours = {team.name: WorkingHours(team, world.start, world.end) for team in TEAMS}
    minutes = []
    off_hours = answered = asked = 0
    for lead in lead_rows(world, now):
        if not lead["is_inbound"] or lead["excluded_reason"]:
            continue
        asked += 1
        if lead["first_touch_at"] is None:
            continue
        answered += 1
        team = hours[world.people[lead["person_index"]].team]
        worked = team.worked(lead["first_touch_at"]) - team.worked(lead["raised_at"])
        minutes.append(worked / 60)
        off_hours += team.later(lead["first_touch_at"], 0) > lead["first_touch_at"]
    assert 0.85 < answered / asked < 0.95
    assert 25 < median(minutes) < 70
    assert sorted(minutes)[int(len(minutes) * 0.9)] > 300
    assert 0.02 < off_hours / answered < 0.15


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000))
def test_any_company_is_sane_in_time(seed: int) -> None:
    world = build_world(seed, ANCHOR, 0.02)
    for deal in world.deals:
        moments = [change.at for change in deal.stages]
        assert moments == sorted(set(moments))
        assert moments[0] == deal.created_at
        assert all(a.stage != b.stage for a, b in pairwise(deal.stages))
        known = [world.people[index].created_at for index in deal.people]
        assert all(created <= deal.created_at for created in known)
    won = {deal.account_index: deal for deal in world.deals if deal.stages[-1].stage.is_won}
    for account in world.accounts:
        if account.path == "sales" and account.wins_at:
            first = next(deal for deal in world.deals if deal.account_index == account.index)
            assert abs(first.stages[-1].at - account.wins_at) < timedelta(seconds=1)
            assert account.index in won
    for activity in world.activities:
        assert activity.settled_at is None or activity.settled_at > activity.recorded_at
        if activity.by == "human" and activity.kind == "call":
            user = world.users[activity.user_index or 0]
            assert user.at_work(activity.at)
    for person in world.people:
        assert person.raised_at is None or person.raised_at >= person.created_at
        owners = [person.owner_index, *(user for _, user in person.reassigned)]
        assert all(a != b for a, b in pairwise(owners))


@settings(max_examples=12, deadline=None)
@given(days=st.tuples(st.integers(1, 780), st.integers(0, 40)))
def test_what_happened_stays_happened(small_world: World, days: tuple[int, int]) -> None:
    earlier = small_world.start + timedelta(days=days[0])
    later = earlier + timedelta(days=days[1])
    before = {row["person_index"]: row for row in lead_rows(small_world, earlier)}
    after = {row["person_index"]: row for row in lead_rows(small_world, later)}
    assert set(before) <= set(after)
    for index, row in before.items():
        assert after[index]["raised_at"] == row["raised_at"] or row["raised_at"] is None
        assert set(row["merged_hubspot_ids"]) <= set(after[index]["merged_hubspot_ids"])
    for stays in (stage_rows(small_world, earlier), stage_rows(small_world, later)):
        assert_tiled(stays)
    closed = [row for row in stage_rows(small_world, earlier) if row["left_at"] is not None]
    assert {_key(row) for row in closed} <= {_key(row) for row in stage_rows(small_world, later)}


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row.values())


def assert_tiled(stays: list[dict[str, Any]]) -> None:
    """A deal is in one stage at a time, without a gap."""
    for before, after in pairwise(stays):
        if before["deal_id"] == after["deal_id"]:
            assert before["left_at"] == after["entered_at"] > before["entered_at"]
        else:
            assert before["left_at"] is None


def test_a_deal_shows_nothing_after_its_end(world: World) -> None:
    now = world.end
    rows = {row["deal_id"]: row for row in deal_rows(world, now)}
    deleted = [deal for deal in world.deals if deal.deleted_at and deal.deleted_at <= now]
    assert deleted
    for deal in deleted:
        assert deal.deleted_at is not None
        stays = [row for row in stage_rows(world, now) if row["deal_id"] == deal.hubspot_id]
        assert all(row["entered_at"] < deal.deleted_at for row in stays)
        assert rows[deal.hubspot_id]["stage"] == stays[-1]["stage"]


def test_a_touch_answers_only_what_came_before(small_world: World) -> None:
    now = small_world.end
    for index, (at, position) in first_touches(small_world, now).items():
        activity = small_world.activities[position]
        raised = small_world.people[index].raised_at
        assert raised is not None
        assert raised <= at == activity.at
        assert activity.by == "human"
        assert activity.kind in ("email", "call", "meeting", "communication")


def test_working_hours_know_weekends_holidays_and_summer_time() -> None:
    [tokyo] = [team for team in TEAMS if team.time_zone == "Asia/Tokyo"]
    [london] = [team for team in TEAMS if team.time_zone == "Europe/London"]
    start, end = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC)
    hours = WorkingHours(tokyo, start, end)
    # Friday 2 May 2025, 12:00 in Tokyo; Monday and Tuesday are holidays.
    friday = datetime(2025, 5, 2, 3, tzinfo=UTC)
    assert hours.later(friday, 3_600) == friday + timedelta(hours=1)
    assert hours.later(friday, 6 * 3_600) == datetime(2025, 5, 7, 1, tzinfo=UTC)
    hours = WorkingHours(london, start, end)
    saturday = datetime(2025, 3, 29, 12, tzinfo=UTC)
    # The clocks go forward in the night to Sunday: Monday opens at 08:00 UTC.
    assert hours.later(saturday, 60) == datetime(2025, 3, 31, 8, 1, tzinfo=UTC)
