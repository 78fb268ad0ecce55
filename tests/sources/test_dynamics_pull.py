"""Pulling from a served Dynamics: nights, deletes, merges, tokens; the oracle is a fresh pull.

Deleted rows are left out of the comparison where a fresh pull cannot know them: Dataverse forgets.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from dynamics_warehouse import Served, Warehouse, served

from revops_pipelines.engine.declarations import Connection
from revops_pipelines.engine.ingest.errors import (
    AddressRefusedError,
    CredentialsRefusedError,
    CursorLoopError,
    PermissionMissingError,
)
from revops_pipelines.engine.ingest.landing import Landed
from revops_pipelines.engine.ingest.pull import Failed
from revops_pipelines.resources.sources.dynamics.check import check
from revops_pipelines.resources.sources.dynamics.client import Dataverse, connect
from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.dynamics import KEYS, errors
from revops_pipelines.sandbox.faults import answer, changed, remembered, repeated
from revops_pipelines.sandbox.world.world import World

PULSE = ("systemusers", "contacts", "leads", "phonecalls", "emails", "appointments")
DAY = timedelta(days=1)


def house_at(folder: Path, name: str = "house", **settings: Any) -> Warehouse:
    return Warehouse(folder / name, settings)


def living(house: Warehouse) -> dict[str, list[str]]:
    """All rows of all offers that are not deleted, in an order of their own."""
    found = {}
    for entity in house.offers:
        rows = [row for row in house.offered(entity) if row.get("_deleted_at") is None]
        for row in rows:
            # Each server has its own port.
            row.pop("url", None)
            if row.get("amount") is not None:
                # Audits and rows write the same amount in their own way.
                row["amount"] = f"{Decimal(row['amount']):.2f}"
        found[entity] = sorted(json.dumps(row, default=str, sort_keys=True) for row in rows)
    known = {json.loads(row)["lead_id"] for row in found["leads"]}
    found["merges"] = [row for row in found["merges"] if json.loads(row)["canonical_id"] in known]
    return found


@pytest.fixture(scope="module")
def dynamics(small_world: World) -> Any:
    """The module's own, to be read only."""
    with served(small_world) as opened:
        yield opened


@pytest.fixture(scope="module")
def quiet(dynamics: Served, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What one undisturbed pull gives."""
    house = house_at(tmp_path_factory.mktemp("quiet"))
    house.pull_all(dynamics)
    return living(house)


def moments(world: World) -> dict[str, datetime]:
    """When something happened that nights must not miss."""
    merged = sorted(each.merged_at for each in world.contacts if each.merged_at)
    gone = sorted(each.deleted_at for each in world.people if each.deleted_at)
    return {"merged": merged[len(merged) // 2], "deleted": gone[len(gone) // 2]}


@pytest.mark.parametrize(
    ("what", "tracked"),
    [
        pytest.param("merged", True, marks=pytest.mark.thorough),
        ("deleted", True),
        pytest.param("deleted", False, marks=pytest.mark.thorough),
    ],
)
def test_nights_and_pulses_give_what_a_fresh_pull_gives(
    small_world: World, tmp_path: Path, what: str, tracked: bool
) -> None:
    happened = moments(small_world)[what]
    tables = ("lead", "contact", "account", "opportunity", "email", "phonecall", "appointment")
    switches = frozenset() if tracked else frozenset(f"dynamics.untracked:{t}" for t in tables)
    house, fresh = house_at(tmp_path), house_at(tmp_path, "fresh")
    clock = SandboxClock(happened - 2 * DAY)
    with served(small_world, clock, switches=switches) as dynamics:
        house.pull_all(dynamics)
        for hours in (1, 47, 5, 24 * 6):
            dynamics.clock.advance(timedelta(hours=hours))
            # A pulse in the day, everything at night.
            house.pull_all(dynamics, PULSE if hours < 12 else ())
        fresh.pull_all(dynamics)
    assert living(house) == living(fresh)
    if what == "deleted":
        # The delta does not say when; the audit does.
        deleted = {row["_deleted_at"] for row in house.offered("leads")}
        assert happened.replace(microsecond=0, tzinfo=None) in deleted


def test_a_person_keeps_its_identifier_when_the_lead_is_qualified(
    small_world: World, tmp_path: Path
) -> None:
    funnels = list(zip(small_world.people, small_world.funnels, strict=True))
    person, funnel = next(
        (person, funnel)
        for person, funnel in reversed(funnels)
        if funnel.sales_qualified_at is not None
        and person.origin == "form"
        and person.deleted_at is None
        and timedelta(hours=1) < funnel.sales_qualified_at - person.created_at
    )
    assert funnel.sales_qualified_at is not None
    house = house_at(tmp_path)
    start = funnel.sales_qualified_at - timedelta(minutes=30)
    with served(small_world, SandboxClock(start)) as dynamics:
        house.pull_all(dynamics)
        before = {row["email"]: row for row in house.offered("leads")}[person.email]
        dynamics.clock.advance(timedelta(hours=1))
        house.pull_all(dynamics, PULSE)
    after = {row["email"]: row for row in house.offered("leads")}[person.email]
    assert after["lead_id"] == before["lead_id"]
    assert (before["lifecycle_stage"], after["lifecycle_stage"]) == ("New", "Contact")
    assert before["qualified_at"] is None
    moment = funnel.sales_qualified_at.replace(microsecond=0, tzinfo=None)
    assert after["qualified_at"] == moment


def test_a_merged_lead_is_a_tombstone_and_its_master_goes_on(
    dynamics: Served, tmp_path: Path
) -> None:
    house = house_at(tmp_path)
    house.pull_all(dynamics, ("organizations", "leads"))
    rows = house.rows(
        "SELECT id, masterid_id, _deleted_at, _deleted_reason, modified_at "
        "FROM raw.dynamics__leads WHERE merged"
    )
    assert rows
    for _, master, deleted, reason, modified in rows:
        assert reason == f"merged into {master}"
        assert deleted == modified


def test_an_old_token_is_not_tried_and_a_refused_one_costs_a_full_reading(
    small_world: World, tmp_path: Path
) -> None:
    house = house_at(tmp_path)
    with served(small_world, SandboxClock(datetime(2026, 5, 1, 2, tzinfo=UTC))) as dynamics:
        house.pull_all(dynamics, ("organizations", "leads"))
        first = house.cursors["leads"]["full_at"]
        dynamics.clock.advance(2 * DAY)
        house.pull_all(dynamics, ("organizations", "leads"))
        assert house.cursors["leads"]["full_at"] == first
        # Refused, for whatever reason.
        body = json.dumps(errors.expired().body).encode()
        dynamics.app.faults.next(answer(400, body), path="/leads$")
        dynamics.clock.advance(DAY)
        house.pull_all(dynamics, ("organizations", "leads"))
        second = house.cursors["leads"]["full_at"]
        assert second > first
        # Too old: nobody asks.
        dynamics.clock.advance(8 * DAY)
        before = dynamics.requests("/leads")
        house.pull_all(dynamics, ("organizations", "leads"))
        assert house.cursors["leads"]["full_at"] > second
        # How many there are, and one page.
        assert dynamics.requests("/leads") - before == 2


def test_a_token_that_claims_to_be_good_longer_is_found_out(
    small_world: World, tmp_path: Path
) -> None:
    house = house_at(tmp_path, token_days=30)
    fresh = house_at(tmp_path, "fresh")
    with served(small_world, SandboxClock(datetime(2026, 5, 1, 2, tzinfo=UTC))) as dynamics:
        house.pull_all(dynamics)
        dynamics.clock.advance(20 * DAY)
        house.pull_all(dynamics)
        fresh.pull_all(dynamics)
    assert living(house) == living(fresh)


def test_another_choice_of_columns_reads_everything_anew(dynamics: Served, tmp_path: Path) -> None:
    house = house_at(tmp_path)
    house.pull_all(dynamics, ("organizations", "leads"))
    chosen = json.loads(house.rows("SELECT payload FROM raw.dynamics__leads LIMIT 1")[0][0])
    assert "jobtitle" not in chosen
    assert "new_regioncode" in chosen
    house.options = house.options.model_copy(update={"all_columns": True})
    house.pull_all(dynamics, ("organizations", "leads"))
    whole = house.rows("SELECT payload FROM raw.dynamics__leads")
    assert all("jobtitle" in json.loads(payload) for (payload,) in whole)


def test_rows_that_change_while_they_are_read_are_not_lost(
    small_world: World, tmp_path: Path
) -> None:
    """The token may tell changes from the end of the reading on only."""
    house = house_at(tmp_path, page_records=7)
    fresh = house_at(tmp_path, "fresh")
    with served(small_world, SandboxClock(datetime(2026, 5, 4, 9, tzinfo=UTC))) as dynamics:

        def later(body: bytes) -> bytes:
            dynamics.clock.advance(timedelta(hours=2))
            return body

        dynamics.app.faults.next(changed(later), path="/leads$", times=3)
        house.pull_all(dynamics, ("organizations", "leads"))
        fresh.pull_all(dynamics, ("organizations", "leads"))
    sql = "SELECT id, modified_at FROM raw.dynamics__leads ORDER BY id"
    assert house.rows(sql) == fresh.rows(sql)


def test_a_stop_on_the_way_goes_on_where_it_was(
    dynamics: Served, tmp_path: Path, quiet: dict[str, list[str]]
) -> None:
    house = house_at(tmp_path, page_records=100, max_calls=80)
    for _ in range(12):
        outcome = house.pull(dynamics)
        if all(isinstance(each, Landed) and each.stopped is None for each in outcome.values()):
            break
    else:
        raise AssertionError(house.cursors)
    assert living(house) == quiet


def test_a_reading_that_was_stopped_still_finds_what_is_gone(
    small_world: World, tmp_path: Path
) -> None:
    happened = moments(small_world)["deleted"]
    house, fresh = house_at(tmp_path, page_records=20), house_at(tmp_path, "fresh")
    streams = ("organizations", "contacts")
    with served(small_world, SandboxClock(happened - DAY)) as dynamics:
        house.pull_all(dynamics, streams)
        # The token grows too old meanwhile, and the night has few calls.
        dynamics.clock.advance(9 * DAY)
        house.options = house.options.model_copy(update={"max_calls": 7})
        house.pull(dynamics, streams)
        assert "left" in house.cursors["contacts"]
        house.options = house.options.model_copy(update={"max_calls": None})
        house.pull_all(dynamics, streams)
        assert "left" not in house.cursors["contacts"]
        fresh.pull_all(dynamics, streams)
    sql = "SELECT id FROM raw.dynamics__contacts WHERE _deleted_at IS NULL ORDER BY id"
    assert house.rows(sql) == fresh.rows(sql)
    missing = "SELECT id FROM raw.dynamics__contacts WHERE _deleted_reason = 'missing'"
    assert len(house.rows(missing)) == 1


@pytest.mark.parametrize("tracked", [True, pytest.param(False, marks=pytest.mark.thorough)])
def test_long_lists_are_left_to_the_night(
    small_world: World, tmp_path: Path, tracked: bool
) -> None:
    house = house_at(tmp_path)
    switches = frozenset() if tracked else frozenset({"dynamics.untracked:lead"})
    with served(small_world, switches=switches) as dynamics:
        house.pull_all(dynamics)
        begun = dict(house.cursors["leads"])
        # Not even after weeks without a night: alerts wait for the pulse.
        dynamics.clock.advance(20 * DAY)
        house.pull_all(dynamics, PULSE)
        assert house.cursors["leads"]["until"] > begun["until"]
        assert house.cursors["leads"]["full_at"] == begun["full_at"]
        sql = "SELECT max(modified_at) FROM raw.dynamics__leads"
        assert house.rows(sql)[0][0].isoformat() > begun["until"]
        dynamics.clock.advance(timedelta(hours=1))
        house.pull_all(dynamics)
        assert house.cursors["leads"]["full_at"] > begun["full_at"]


def test_participants_are_inside_their_activities(dynamics: Served, tmp_path: Path) -> None:
    house = house_at(tmp_path, party_batch=3)
    house.pull_all(dynamics, ("organizations", "emails"))
    rows = house.rows("SELECT id, parties FROM raw.dynamics__emails")
    assert rows
    for _, parties in rows:
        roles = [party["role"] for party in parties]
        assert len(parties) >= 2
        assert roles == sorted(roles)
        assert {party["table"] for party in parties} <= {
            "lead",
            "contact",
            "systemuser",
            "team",
            None,
        }


def test_a_link_to_another_host_is_not_followed(small_world: World, tmp_path: Path) -> None:
    house = house_at(tmp_path, page_records=10)
    with served(small_world) as dynamics:

        def away(body: bytes) -> bytes:
            page = json.loads(body)
            page["@odata.nextLink"] = "https://evil.example/api/data/v9.2/accounts?$skiptoken=x"
            return json.dumps(page).encode()

        dynamics.app.faults.next(changed(away), path="/accounts$")
        outcome = house.pull(dynamics, ("organizations", "accounts"))
    failed = outcome["accounts"]
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, AddressRefusedError)
    assert "accounts" not in house.cursors


def test_pages_that_lead_in_circles_fail_their_stream(small_world: World, tmp_path: Path) -> None:
    house = house_at(tmp_path, page_records=10)
    with served(small_world) as dynamics:
        dynamics.app.faults.next(remembered(), path="/accounts$", times=1)
        dynamics.app.faults.next(repeated(), path="/accounts$", times=None)
        outcome = house.pull(dynamics, ("organizations", "accounts", "teams"))
    failed = outcome["accounts"]
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, CursorLoopError)
    assert set(house.cursors) == {"organizations", "teams"}


def test_too_many_requests_are_waited_for(
    small_world: World, tmp_path: Path, quiet: dict[str, list[str]]
) -> None:
    house = house_at(tmp_path)
    body = json.dumps(errors.too_many(6_000)).encode()
    with served(small_world) as dynamics:
        dynamics.app.faults.next(answer(429, body, retry_after="0"), path="/api/", times=25)
        house.pull_all(dynamics)
        assert dynamics.app.faults.played == 25
    assert living(house) == quiet


def test_an_expired_token_is_renewed_on_the_way(
    small_world: World, tmp_path: Path, quiet: dict[str, list[str]]
) -> None:
    house = house_at(tmp_path)
    with served(small_world) as dynamics:
        dynamics.app.faults.next(answer(401, b""), path="/leads$")
        house.pull_all(dynamics)
        assert dynamics.requests("/token") == 2
    assert living(house) == quiet


def test_refused_credentials_are_asked_for_once(small_world: World, tmp_path: Path) -> None:
    house = house_at(tmp_path)
    body = b'{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret."}'
    with served(small_world) as dynamics:
        dynamics.app.faults.next(answer(401, body), path="/token$", times=None)
        outcome = house.pull(dynamics)
        errors_found = [each.error for each in outcome.values() if isinstance(each, Failed)]
        assert len(errors_found) == len(house.streams)
        assert all(isinstance(each, CredentialsRefusedError) for each in errors_found)
        assert "AADSTS7000215" in str(errors_found[0])
        assert KEYS["client_secret"] not in repr(errors_found)
        assert dynamics.requests() == dynamics.requests("/token") == 1


def test_a_missing_privilege_fails_its_streams_only(small_world: World, tmp_path: Path) -> None:
    house = house_at(tmp_path)
    switches = frozenset({"dynamics.without:prvReadGoal", "dynamics.without:prvReadAuditSummary"})
    with served(small_world, switches=switches) as dynamics:
        outcome = house.pull(dynamics)
        failed = {name: each for name, each in outcome.items() if isinstance(each, Failed)}
        assert set(failed) == {"goals", "audits"}
        assert isinstance(failed["goals"].error, PermissionMissingError)
        assert "prvReadGoal" in str(failed["goals"].error)
        lines = {reach.subject: reach for reach in check(connected(dynamics))}
        assert {name for name, reach in lines.items() if not reach.ok} == {"goals", "audits"}
        assert "prvReadAuditSummary" in lines["audits"].remedy
    # Deals are there all the same, and close when the closing activities say.
    deals = house.offered("opportunities")
    assert len(deals) > 20
    assert all((row["closed_at"] is not None) == row["is_closed"] for row in deals)


@pytest.mark.thorough
def test_audits_that_do_not_say_what_they_changed_are_asked_one_by_one(
    small_world: World, tmp_path: Path, quiet: dict[str, list[str]]
) -> None:
    house = house_at(tmp_path)
    with served(small_world, switches=frozenset({"dynamics.no_changedata"})) as dynamics:
        house.pull_all(dynamics)
        assert dynamics.requests("RetrieveAuditDetails") > 100
    assert living(house) == quiet


def test_without_audits_the_closing_activities_tell(small_world: World, tmp_path: Path) -> None:
    house, whole = house_at(tmp_path), house_at(tmp_path, "whole")
    with served(small_world, switches=frozenset({"dynamics.unaudited"})) as dynamics:
        house.pull_all(dynamics)
        line = next(each for each in check(connected(dynamics)) if each.subject == "audits")
        assert not line.ok
        assert "opportunity.stepname" in line.detail
        assert "Audit settings" in line.remedy
    with served(small_world) as dynamics:
        whole.pull_all(dynamics)
    closed = {row["opportunity_id"]: row["closed_at"] for row in whole.offered("opportunities")}
    assert {row["opportunity_id"]: row["closed_at"] for row in house.offered("opportunities")} == (
        closed
    )
    for row in house.offered("opportunity_stage_history"):
        assert row["left_at"] is None or row["left_at"] > row["entered_at"]


def connected(dynamics: Served, **settings: Any) -> Dataverse:
    house = Warehouse(Path("unused"), settings)
    there = {"base_url": dynamics.url, "login_url": dynamics.url}
    options = house.options.model_copy(update=there)
    return connect(Connection("dynamics", options, KEYS, dynamics.clock.now))


def test_the_check_says_what_can_be_read(small_world: World) -> None:
    with served(small_world, switches=frozenset({"dynamics.untracked:goal"})) as dynamics:
        found = {reach.subject: reach for reach in check(connected(dynamics))}
    assert all(reach.ok for reach in found.values())
    assert "changes and deletes are told" in found["leads"].detail
    assert "every 7 days" in found["goals"].detail
    assert "audited" in found["audits"].detail


def test_the_check_names_a_column_that_is_not_there(small_world: World) -> None:
    with served(small_world) as dynamics:
        api = connected(dynamics, stage_column="new_nosuch")
        line = next(each for each in check(api) if each.subject == "audits")
    assert not line.ok
    assert "opportunity.new_nosuch (there is no such column)" in line.detail


def test_it_may_have_another_name(dynamics: Served, tmp_path: Path) -> None:
    house = Warehouse(tmp_path / "house", name="old_crm")
    house.pull_all(dynamics)
    rows = house.offered("leads")
    assert len(rows) > 50
    assert all(row["lead_id"].startswith("old_crm:") for row in rows)


def test_a_quiet_night_costs_two_calls_a_table(dynamics: Served, tmp_path: Path) -> None:
    """Its definition, and the delta link: what docs/systems/dynamics.md counts with."""
    house = house_at(tmp_path)
    house.pull_all(dynamics)
    before = dynamics.requests()
    house.pull_all(dynamics)
    # 20 tables; organization, memberships, audits; a token. Definitions of four are shared.
    assert dynamics.requests() - before == 2 * 20 + 3 + 1
