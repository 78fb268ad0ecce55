"""Pulling from a served HubSpot: nights, faults, versions; the oracle is one quiet, fresh pull."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hubspot_warehouse import Warehouse

from revops_pipelines.engine.declarations import Connection
from revops_pipelines.engine.ingest.errors import (
    CredentialsRefusedError,
    CursorLoopError,
    PermissionMissingError,
    QuotaExhaustedError,
)
from revops_pipelines.engine.ingest.landing import Landed
from revops_pipelines.engine.ingest.pull import Failed
from revops_pipelines.resources.sources.hubspot.check import check
from revops_pipelines.resources.sources.hubspot.client import connect
from revops_pipelines.resources.sources.hubspot.options import HubSpotOptions
from revops_pipelines.sandbox.calls import Reply
from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.faults import Scene, answer, changed, remembered, repeated
from revops_pipelines.sandbox.hubspot import search
from revops_pipelines.sandbox.hubspot.errors import too_many
from revops_pipelines.sandbox.server import Sandbox
from revops_pipelines.sandbox.world.activities import activity_id
from revops_pipelines.sandbox.world.world import World

FAST = {"requests_per_10_seconds": 100_000, "search_requests_per_second": 10_000}
PULSE = ("contacts", "calls", "emails", "meetings", "communications", "owners")
Open = Callable[..., AbstractContextManager[Sandbox]]


def house_at(folder: Path, name: str, **options: Any) -> Warehouse:
    return Warehouse(folder / name, HubSpotOptions(**FAST, **options))


def everything(house: Warehouse) -> dict[str, list[str]]:
    """All rows of all offers, in an order of their own."""
    return {
        entity: sorted(
            json.dumps(row, default=str, sort_keys=True) for row in house.offered(entity)
        )
        for entity in house.offers
    }


@pytest.fixture(scope="module")
def quiet(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What one undisturbed pull of the session's sandbox gives."""
    house = house_at(tmp_path_factory.mktemp("quiet"), "house")
    house.pull_all(sandbox)
    return everything(house)


def merged_soon(world: World) -> datetime:
    """Two days before contacts are merged."""
    merges = sorted(each.merged_at for each in world.contacts if each.merged_at is not None)
    return merges[len(merges) // 2] - timedelta(days=2)


def archived_soon(world: World) -> datetime:
    """Two days before a contact is archived."""
    return max(each.deleted_at for each in world.people if each.deleted_at) - timedelta(days=2)


@pytest.mark.parametrize(
    "begin", [pytest.param(merged_soon, marks=pytest.mark.thorough), archived_soon]
)
def test_nights_give_what_a_fresh_pull_gives(
    open_sandbox: Open, small_world: World, tmp_path: Path, begin: Callable[[World], datetime]
) -> None:
    """Changes, archives, merges and new records of five days, one night at a time."""
    grown, fresh = house_at(tmp_path, "grown"), house_at(tmp_path, "fresh")
    with open_sandbox(clock=SandboxClock(begin(small_world))) as served:
        grown.pull_all(served)
        before = len(grown.offered("activities"))
        for _ in range(5):
            served.clock.advance(timedelta(days=1, minutes=7))
            grown.pull_all(served)
        fresh.pull_all(served)
    assert len(grown.offered("activities")) > before
    assert everything(grown) == everything(fresh)
    reason = "merged into" if begin is merged_soon else "archived"
    gone = grown.rows(
        "SELECT count(*) FROM raw.hubspot__contacts "
        f"WHERE _deleted_at IS NOT NULL AND starts_with(_deleted_reason, '{reason}')"
    )
    assert gone > [(0,)]


def test_months_of_full_lists_give_what_a_fresh_pull_gives(
    open_sandbox: Open, tmp_path: Path
) -> None:
    """Pulls so far apart that each lists all records anew."""
    grown, fresh = house_at(tmp_path, "grown"), house_at(tmp_path, "fresh")
    with open_sandbox(clock=SandboxClock(datetime(2026, 1, 1, tzinfo=UTC))) as served:
        grown.pull_all(served)
        for _ in range(2):
            served.clock.advance(timedelta(days=90))
            grown.pull_all(served)
        fresh.pull_all(served)
    assert everything(grown) == everything(fresh)


def test_the_pulse_sees_a_touch_minutes_later(open_sandbox: Open, tmp_path: Path) -> None:
    house = house_at(tmp_path, "house")
    with open_sandbox() as served:
        house.pull_all(served)
        calls = served.requests("hubspot")
        served.clock.advance(timedelta(minutes=5))
        outcome = house.pull(served, PULSE)
        # Five types: their properties and one search; two lists of owners.
        quiet_cost = 5 * 2 + 2
        changed_types = sum(
            1 for each in outcome.values() if isinstance(each, Landed) and each.rows
        )
        assert served.requests("hubspot") - calls <= quiet_cost + 4 * changed_types
        ahead = next(
            activity
            for activity in served.world.activities
            if activity.recorded_at > served.clock.now() and activity.kind in ("call", "email")
        )
        served.clock.advance(ahead.recorded_at - served.clock.now() + timedelta(seconds=6))
        position = served.world.activities.index(ahead)
        wanted = f"hubspot:{ahead.kind}:{activity_id(position)}"
        assert wanted not in {row["activity_id"] for row in house.offered("activities")}
        house.pull_all(served, PULSE)
    assert wanted in {row["activity_id"] for row in house.offered("activities")}


def test_long_lists_are_left_to_the_night(open_sandbox: Open, tmp_path: Path) -> None:
    house = house_at(tmp_path, "house")
    with open_sandbox() as served:
        house.pull_all(served)
        begun = dict(house.cursors["calls"])
        # Not even after weeks without a night: alerts wait for the pulse.
        served.clock.advance(timedelta(days=20))
        house.pull_all(served, PULSE)
        assert house.cursors["calls"]["until"] > begun["until"]
        assert house.cursors["calls"]["full_at"] == begun["full_at"]
        assert house.cursors["calls"]["archived_at"] == begun["archived_at"]
        # A night a little early for the week to be over is the night all the same.
        house.cursors["calls"] = begun | {
            "full_at": (served.clock.now() - timedelta(days=6, hours=23)).isoformat()
        }
        house.pull_all(served)
        assert house.cursors["calls"]["full_at"] == served.clock.now().isoformat()


def everything_changed(house: Warehouse, served: Sandbox) -> None:
    """Cursors as if nothing had been read since the first day, and nothing else were due."""
    now = served.clock.now().isoformat()
    cursor = {"until": served.world.start.isoformat(), "full_at": now, "archived_at": None}
    house.cursors = dict.fromkeys(house.streams, cursor)


def test_ties_over_a_pages_edge_and_the_cap(
    sandbox: Sandbox, tmp_path: Path, quiet: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages of seven cut imports of one second apart; paging past twenty results is refused."""
    monkeypatch.setattr(search, "MOST_RESULTS", 20)
    house = house_at(tmp_path, "house", search_page_records=7)
    everything_changed(house, sandbox)
    house.pull_all(sandbox)
    assert everything(house) == quiet


@pytest.mark.thorough
def test_the_older_version_gives_the_same(
    sandbox: Sandbox, tmp_path: Path, quiet: dict[str, list[str]]
) -> None:
    house = house_at(tmp_path, "house", api_version="v3")
    house.pull_all(sandbox)
    assert everything(house) == quiet
    again = house_at(tmp_path, "again", api_version="v3")
    everything_changed(again, sandbox)
    again.pull_all(sandbox)
    assert everything(again) == quiet


def test_a_list_of_properties_too_long_for_a_url_is_split(
    sandbox: Sandbox, tmp_path: Path, quiet: dict[str, list[str]]
) -> None:
    house = house_at(tmp_path, "house", url_characters=700)
    house.pull_all(sandbox)
    assert everything(house) == quiet


def test_only_what_is_needed_gives_the_same(
    sandbox: Sandbox, tmp_path: Path, quiet: dict[str, list[str]]
) -> None:
    house = house_at(tmp_path, "house", only_needed_properties=True)
    house.pull_all(sandbox)
    assert everything(house) == quiet


def test_a_storm_of_429_loses_nothing(
    open_sandbox: Open, tmp_path: Path, quiet: dict[str, list[str]]
) -> None:
    house = house_at(tmp_path, "house", tries=20)
    body = json.dumps(too_many("TEN_SECONDLY_ROLLING")).encode()
    with open_sandbox() as served:
        served.faults["hubspot"].next(answer(429, body, retry_after="0"), times=30)
        house.pull_all(served)
        assert served.faults["hubspot"].played == 30
    assert everything(house) == quiet


def test_the_days_quota_is_not_waited_for(open_sandbox: Open, tmp_path: Path) -> None:
    house = house_at(tmp_path, "house")
    body = json.dumps(too_many("DAILY")).encode()
    with open_sandbox() as served:
        served.faults["hubspot"].next(answer(429, body), times=None)
        outcome = house.pull(served)
        errors = [each.error for each in outcome.values() if isinstance(each, Failed)]
        assert len(errors) == len(house.streams)
        assert all(isinstance(error, QuotaExhaustedError) for error in errors)
        # One for each stream that was already under way, and no second try of any.
        assert served.requests("hubspot") <= len(house.streams)
    assert house.cursors == {}


def test_a_refused_token_is_not_tried_again_and_again(open_sandbox: Open, tmp_path: Path) -> None:
    house = house_at(tmp_path, "house")
    body = b'{"status":"error","message":"no","category":"INVALID_AUTHENTICATION"}'
    with open_sandbox() as served:
        served.faults["hubspot"].next(answer(401, body), times=None)
        outcome = house.pull(served)
        errors = [each.error for each in outcome.values() if isinstance(each, Failed)]
        assert all(isinstance(error, CredentialsRefusedError) for error in errors)
        assert not any(served.keys["hubspot"]["access_token"] in str(error) for error in errors)
        assert served.requests("hubspot") <= len(house.streams)


def test_a_missing_scope_fails_its_streams_only(open_sandbox: Open, tmp_path: Path) -> None:
    house = house_at(tmp_path, "house")
    scope = "crm.objects.owners.read"
    with open_sandbox(switches=frozenset({f"hubspot.without:{scope}"})) as served:
        outcome = house.pull(served)
        failed = {name: each for name, each in outcome.items() if isinstance(each, Failed)}
        assert set(failed) == {"owners"}
        assert isinstance(failed["owners"].error, PermissionMissingError)
        assert scope in str(failed["owners"].error)
        lines = {reach.subject: reach for reach in _checked(served)}
        assert [name for name, reach in lines.items() if not reach.ok] == ["owners"]
        assert scope in lines["owners"].remedy


def test_the_check_says_what_can_be_read(sandbox: Sandbox) -> None:
    found = _checked(sandbox)
    assert all(reach.ok for reach in found)
    assert {reach.subject for reach in found} >= {"contacts", "deals", "owners", "account"}


def _checked(served: Sandbox) -> Any:
    options = HubSpotOptions(base_url=served.urls["hubspot"])
    keys = served.keys["hubspot"]
    return check(connect(Connection("hubspot", options, keys, served.clock.now)))


def test_types_that_do_not_list_archived_records_lose_their_deletes_to_the_sweep(
    open_sandbox: Open, small_world: World, tmp_path: Path
) -> None:
    async def refuse_archived(scene: Scene) -> None:
        if scene.call.query.get("archived") == "true":
            body = {"status": "error", "message": "no archived", "category": "VALIDATION_ERROR"}
            await Reply.json(400, body).send(scene.send)
        else:
            await scene.app(scene.scope, scene.receive, scene.send)

    house = house_at(tmp_path, "house", full_every_days=30)
    doomed = max(
        (person for person in small_world.people if person.deleted_at is not None),
        key=lambda person: person.deleted_at or person.created_at,
    )
    assert doomed.deleted_at is not None
    with open_sandbox(clock=SandboxClock(doomed.deleted_at - timedelta(days=1))) as served:
        served.faults["hubspot"].next(refuse_archived, path="/objects/.*contacts$", times=None)
        house.pull_all(served, ("contacts",))
        assert house.cursors["contacts"]["archived_refused"] is True
        assert "not listed" in next(r.detail for r in _checked(served) if r.subject == "contacts")
        served.clock.advance(timedelta(days=31))
        house.pull_all(served, ("pipelines", "contacts"))
    gone = house.rows("SELECT id FROM raw.hubspot__contacts WHERE _deleted_reason = 'missing'")
    assert (doomed.hubspot_id,) in gone


def test_associations_that_a_list_cuts_off_are_completed(
    open_sandbox: Open, tmp_path: Path, quiet: dict[str, list[str]]
) -> None:
    def cut(body: bytes) -> bytes:
        page = json.loads(body)
        for record in page["results"]:
            contacts = record.get("associations", {}).get("contacts")
            if contacts and len(contacts["results"]) > 1:
                contacts["results"] = contacts["results"][:1]
                contacts["paging"] = {"next": {"after": "1"}}
        return json.dumps(page).encode()

    house = house_at(tmp_path, "house")
    with open_sandbox() as served:
        served.faults["hubspot"].next(changed(cut), path="/objects/.*deals$", times=1)
        house.pull_all(served)
        assert served.requests("hubspot", "/associations/") > 0
    assert everything(house) == quiet


def test_a_list_that_leads_in_circles_fails_its_stream_and_moves_no_cursor(
    open_sandbox: Open, tmp_path: Path
) -> None:
    house = house_at(tmp_path, "house", page_records=10, history_page_records=10)
    with open_sandbox() as served:
        faults = served.faults["hubspot"]
        faults.next(remembered(), path="/objects/.*companies$", times=1)
        faults.next(repeated(), path="/objects/.*companies$", times=None)
        outcome = house.pull(served, ("companies", "contacts"))
    failed = outcome["companies"]
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, CursorLoopError)
    assert "companies" not in house.cursors
    assert "contacts" in house.cursors
    assert house.rows("SELECT count(*) FROM raw.hubspot__companies") == [(0,)]


def test_a_restart_reads_the_window_again_and_changes_nothing(
    open_sandbox: Open, tmp_path: Path
) -> None:
    """The look-back brings records again that are already there."""
    house = house_at(tmp_path, "house", look_back_minutes=60 * 24 * 30)
    with open_sandbox() as served:
        house.pull_all(served)
        before = everything(house)
        versions = house.rows("SELECT count(*) FROM raw.hubspot__owners__versions")
        house.pull_all(served)
    assert everything(house) == before
    assert house.rows("SELECT count(*) FROM raw.hubspot__owners__versions") == versions
