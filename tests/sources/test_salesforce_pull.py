"""Pulling from a served Salesforce: nights, deletes, Bulk; the oracle is one quiet, fresh pull."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from salesforce_warehouse import Warehouse, org_options

from revops_pipelines.engine.ingest.landing import Landed
from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.faults import answer
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.salesforce import ids
from revops_pipelines.sandbox.server import Sandbox, running
from revops_pipelines.sandbox.world.world import World

KEEPS = "salesforce.keeps_deleted"
PULSE = ("leads", "contacts", "tasks", "events", "email_messages", "users")
Open = Callable[..., AbstractContextManager[Sandbox]]


@pytest.fixture
def open_org(small_world: World) -> Open:
    """Serves an org of one's own; keywords are those of `Options`, and `at`."""

    def opened(at: datetime | None = None, **options: Any) -> AbstractContextManager[Sandbox]:
        settled = {"limits": False, "bulk_seconds": 0.0} | options
        return running(
            world=small_world,
            anchor=small_world.anchor,
            systems=("salesforce",),
            clock=None if at is None else SandboxClock(at),
            options=Options(**settled),
        )

    return opened


@pytest.fixture(scope="module")
def org(small_world: World) -> Iterator[Sandbox]:
    """An org to be read only."""
    options = Options(limits=False, bulk_seconds=0.0, switches=frozenset({KEEPS}))
    with running(
        world=small_world, anchor=small_world.anchor, systems=("salesforce",), options=options
    ) as served:
        yield served


@pytest.fixture(scope="module")
def quiet(org: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """What one undisturbed pull gives."""
    house = Warehouse(tmp_path_factory.mktemp("quiet"))
    house.pull_all(org)
    yield house
    house.connection.close()


def house_at(folder: Path, name: str, **options: Any) -> Warehouse:
    return Warehouse(folder / name, org_options(**options))


def payloads(house: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    """Every record of every stream, byte for byte."""
    return {
        stream: house.rows(f"SELECT payload_hash FROM raw.salesforce__{stream} ORDER BY 1")
        for stream in house.streams
    }


def living(house: Warehouse) -> dict[str, list[str]]:
    """The rows of all offers that are not deleted, without when they changed."""
    return {
        entity: sorted(
            json.dumps(row | {"_updated_at": None}, default=str, sort_keys=True)
            for row in house.offered(entity)
            if row.get("_deleted_at") is None
        )
        for entity in house.offers
        # Who was merged into whom is only known to those who saw it.
        if entity != "merges"
    }


def merged_soon(world: World) -> datetime:
    """Two days before contacts are merged."""
    merges = sorted(each.merged_at for each in world.contacts if each.merged_at is not None)
    return merges[len(merges) // 2] - timedelta(days=2)


def deleted_soon(world: World) -> datetime:
    """Two days before a person is deleted."""
    return max(each.deleted_at for each in world.people if each.deleted_at) - timedelta(days=2)


@pytest.mark.parametrize(
    "begin", [pytest.param(merged_soon, marks=pytest.mark.thorough), deleted_soon]
)
def test_nights_give_what_a_fresh_pull_gives(
    open_org: Open, small_world: World, tmp_path: Path, begin: Callable[[World], datetime]
) -> None:
    """Changes, deletes, merges, conversions and new records of four days, a night at a time."""
    grown, fresh = house_at(tmp_path, "grown"), house_at(tmp_path, "fresh")
    with open_org(begin(small_world), switches=frozenset({KEEPS})) as served:
        grown.pull_all(served)
        before = len(grown.offered("activities"))
        for _ in range(4):
            served.clock.advance(timedelta(days=1, minutes=7))
            grown.pull_all(served)
        fresh.pull_all(served)
    assert len(grown.offered("activities")) > before
    assert grown.everything() == fresh.everything()
    gone = "merged into" if begin is merged_soon else "deleted"
    found = grown.rows(
        "SELECT count(*) FROM (SELECT _deleted_reason AS r FROM raw.salesforce__leads UNION ALL "
        f"SELECT _deleted_reason FROM raw.salesforce__contacts) WHERE starts_with(r, '{gone}')"
    )
    assert found > [(0,)]


@pytest.mark.parametrize("pause_days", [pytest.param(10, marks=pytest.mark.thorough), 40])
def test_a_long_pause_is_made_up_for(
    open_org: Open, small_world: World, tmp_path: Path, pause_days: int
) -> None:
    """Within the recycle bin's 15 days deletes are told; later all ids are compared."""
    begin = deleted_soon(small_world)
    grown = house_at(tmp_path, "grown", full_every_days=1_000)
    fresh = house_at(tmp_path, "fresh")
    with open_org(begin) as served:
        grown.pull_all(served)
        full_at = grown.cursors["leads"]["full_at"]
        served.clock.advance(timedelta(days=pause_days))
        grown.pull_all(served)
        assert grown.cursors["leads"]["full_at"] == full_at
        fresh.pull_all(served)
    assert living(grown) == living(fresh)
    person = max(
        (each for each in small_world.people if each.deleted_at is not None),
        key=lambda each: each.deleted_at or each.created_at,
    )
    reasons = dict(
        grown.rows(
            "SELECT id, _deleted_reason FROM raw.salesforce__leads UNION ALL "
            "SELECT id, _deleted_reason FROM raw.salesforce__contacts"
        )
    )
    wanted = "deleted" if pause_days < 15 else "missing"
    standing = (ids.lead_id(person.index), ids.contact_id(person.index))
    assert {reasons[each] for each in standing if each in reasons} == {wanted}


def test_bulk_gives_byte_for_byte_what_queries_give(
    org: Sandbox, quiet: Warehouse, tmp_path: Path
) -> None:
    house = house_at(tmp_path, "house", bulk_above_records=0, bulk_page_records=37)
    calls = org.requests("salesforce", "/jobs/query")
    house.pull_all(org)
    assert org.requests("salesforce", "/jobs/query") > calls + 100
    assert payloads(house) == payloads(quiet)
    assert house.everything() == quiet.everything()


def test_many_changes_go_by_bulk_and_few_by_query(
    open_org: Open, quiet: Warehouse, tmp_path: Path
) -> None:
    house = house_at(tmp_path, "house", bulk_above_records=300)
    with open_org(switches=frozenset({KEEPS})) as served:
        now = served.clock.now().isoformat()
        begun = {"until": served.world.start.isoformat(), "full_at": now, "deleted_at": now}
        house.cursors = {"tasks": begun, "events": begun}
        house.pull_all(served, ("tasks", "events"))
        assert served.requests("salesforce", "/jobs/query") > 0
        assert served.requests("salesforce", "/queryAll") == 2
    for stream in ("tasks", "events"):
        assert payloads(house)[stream] == payloads(quiet)[stream]


def test_a_query_too_long_for_an_address_goes_by_bulk(
    open_org: Open, quiet: Warehouse, tmp_path: Path
) -> None:
    house = house_at(tmp_path, "house", url_characters=500)
    with open_org(switches=frozenset({KEEPS})) as served:
        house.pull_all(served, ("opportunities",))
        assert served.requests("salesforce", "/jobs/query") > 0
    assert payloads(house)["opportunities"] == payloads(quiet)["opportunities"]


def test_what_bulk_does_not_know_is_queried(
    open_org: Open, quiet: Warehouse, tmp_path: Path
) -> None:
    house = house_at(tmp_path, "house", bulk_above_records=0)
    body = b'[{"errorCode":"INVALIDENTITY","message":"not supported by the Bulk API"}]'
    with open_org(switches=frozenset({KEEPS})) as served:
        served.faults["salesforce"].next(answer(400, body), path="/jobs/query$", times=1)
        house.pull_all(served, ("events",))
        assert served.faults["salesforce"].played == 1
    assert payloads(house)["events"] == payloads(quiet)["events"]


def test_many_records_of_one_second_over_the_edges_of_pages(
    org: Sandbox, quiet: Warehouse, tmp_path: Path
) -> None:
    """Imports and the bulk edit change hundreds of records in one second."""
    house = house_at(tmp_path, "house", page_records=200, full_every_days=1_000)
    now = org.clock.now().isoformat()
    begun = {"until": org.world.start.isoformat(), "full_at": now, "deleted_at": now}
    house.cursors = {
        name: begun
        for name, stream in house.streams.items()
        if stream.updated is not None and "until" in quiet.cursors[name]
    }
    house.pull_all(org)
    assert payloads(house) == payloads(quiet)


def test_a_lost_cursor_is_taken_up_after_the_last_record(
    open_org: Open, quiet: Warehouse, tmp_path: Path
) -> None:
    house = house_at(tmp_path, "house", page_records=200)
    lost = b'[{"message":"invalid query locator","errorCode":"INVALID_QUERY_LOCATOR"}]'
    with open_org(switches=frozenset({KEEPS})) as served:
        served.faults["salesforce"].next(answer(400, lost), path="/query/.*-", times=2, after=1)
        house.pull_all(served, ("tasks",))
        assert served.faults["salesforce"].played == 2
        # Nothing was read twice: 1,054 records in pages of 200, counted and described once.
        assert served.requests("salesforce", "/query") <= 6 + 2 * 2 + 1
    assert payloads(house)["tasks"] == payloads(quiet)["tasks"]


def test_the_pulse_sees_a_touch_minutes_later(open_org: Open, tmp_path: Path) -> None:
    house = house_at(tmp_path, "house")
    with open_org() as served:
        house.pull_all(served)
        calls = served.requests("salesforce")
        served.clock.advance(timedelta(minutes=5))
        house.pull_all(served, PULSE)
        # A login, and for each object its fields and one query.
        assert served.requests("salesforce") - calls == 1 + 2 * len(PULSE)
        position, ahead = next(
            (position, activity)
            for position, activity in enumerate(served.world.activities)
            if activity.recorded_at > served.clock.now() and activity.kind == "call"
        )
        served.clock.advance(ahead.recorded_at - served.clock.now() + timedelta(seconds=8))
        wanted = f"salesforce:{ids.record_id('Task', position + 1)}"
        assert wanted not in {row["activity_id"] for row in house.offered("activities")}
        house.pull_all(served, PULSE)
    assert wanted in {row["activity_id"] for row in house.offered("activities")}


def test_long_readings_are_left_to_the_night(open_org: Open, tmp_path: Path) -> None:
    house = house_at(tmp_path, "house")
    with open_org() as served:
        house.pull_all(served, ("organization", "tasks"))
        begun = dict(house.cursors["tasks"])
        # Not even after weeks without a night: alerts wait for the pulse.
        served.clock.advance(timedelta(days=20))
        house.pull_all(served, ("tasks",))
        assert house.cursors["tasks"]["until"] > begun["until"]
        assert house.cursors["tasks"]["full_at"] == begun["full_at"]
        assert house.cursors["tasks"]["deleted_at"] == begun["deleted_at"]
        # A night a little early for the week to be over is the night all the same.
        early = served.clock.now() - timedelta(days=6, hours=23)
        house.cursors["tasks"] = begun | {"full_at": early.isoformat()}
        house.pull_all(served, ("organization", "tasks"))
        assert house.cursors["tasks"]["full_at"] == served.clock.now().isoformat()


def test_a_restart_reads_the_window_again_and_changes_nothing(
    open_org: Open, tmp_path: Path
) -> None:
    """The look-back brings records again that are already there."""
    house = house_at(tmp_path, "house", look_back_minutes=60 * 24 * 14)
    with open_org() as served:
        house.pull_all(served)
        before = house.everything()
        versions = house.rows("SELECT count(*) FROM raw.salesforce__tasks__versions")
        again = house.pull(served)
    assert isinstance(again["tasks"], Landed)
    assert again["tasks"].rows > 0
    assert house.everything() == before
    assert house.rows("SELECT count(*) FROM raw.salesforce__tasks__versions") == versions


def test_an_org_without_multiple_currencies(open_org: Open, tmp_path: Path) -> None:
    house = house_at(tmp_path, "house", currency="EUR")
    with open_org(switches=frozenset({"salesforce.single_currency"})) as served:
        house.pull_all(served)
    assert {row["currency"] for row in house.offered("opportunities")} == {"EUR"}
    assert house.offered("fx_rates") == []
    assert "CurrencyType" in house.cursors["currency_types"]["gap"]


def test_custom_fields_are_kept(quiet: Warehouse) -> None:
    told = [json.loads(row["custom"]) for row in quiet.offered("leads") if row["custom"]]
    assert any("MQL_At__c" in each for each in told)
    fields = quiet.rows("SELECT object, name FROM raw.salesforce__fields WHERE custom")
    assert ("Event", "Meeting_Outcome__c") in fields


def test_texts_of_mails_are_not_read(quiet: Warehouse) -> None:
    (found,) = quiet.rows(
        "SELECT count(*) FROM raw.salesforce__email_messages WHERE payload::VARCHAR LIKE '%Body%'"
    )
    assert found == (0,)
    assert quiet.rows("SELECT count(*) > 0 FROM raw.salesforce__email_messages") == [(True,)]


def test_archived_activities_are_there(quiet: Warehouse) -> None:
    """Salesforce hides activities of more than a year ago from all but `queryAll`."""
    year_ago = datetime(2025, 6, 30, tzinfo=UTC).replace(tzinfo=None)
    assert min(row["occurred_at"] for row in quiet.offered("activities")) < year_ago
