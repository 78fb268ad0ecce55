"""Pulling HubSpot's marketing: nights, limits, what comes late, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hubspot_warehouse import Warehouse

from revops_pipelines.engine.declarations import Connection
from revops_pipelines.engine.ingest.errors import (
    PermissionMissingError,
    ProtocolError,
    VolumeAlarmError,
)
from revops_pipelines.engine.ingest.landing import Landed
from revops_pipelines.engine.ingest.pull import Failed
from revops_pipelines.resources.sources.hubspot_marketing import SOURCE
from revops_pipelines.resources.sources.hubspot_marketing.check import check
from revops_pipelines.resources.sources.hubspot_marketing.client import connect
from revops_pipelines.sandbox.clock import SandboxClock, opening
from revops_pipelines.sandbox.faults import answer, changed
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.hubspot.marketing_ids import campaign_id, form_id
from revops_pipelines.sandbox.server import Sandbox, running
from revops_pipelines.sandbox.world.world import World, build_world

ANCHOR = date(2026, 6, 30)
FAST = {"requests_per_10_seconds": 100_000, "search_requests_per_second": 10_000}
Open = Callable[..., AbstractContextManager[Sandbox]]


def house_at(folder: Path, name: str, **options: Any) -> Warehouse:
    settings = {**FAST, "channel_property": "channel", **options}
    return Warehouse(folder / name, SOURCE.options.model_validate(settings), SOURCE)


def everything(house: Warehouse) -> dict[str, list[str]]:
    """All rows of all offers, without when those were read that do not say when they changed."""
    found = {}
    for entity in house.offers:
        rows = [
            {name: value for name, value in row.items() if name != "_updated_at"}
            for row in house.offered(entity)
        ]
        found[entity] = sorted(json.dumps(row, default=str, sort_keys=True) for row in rows)
    return found


@pytest.fixture(scope="module")
def company() -> World:
    """Some are merged, deleted, on lists, readers; eight months, so that campaigns are few."""
    return build_world(7, ANCHOR, 0.1, history_months=8)


def pulled_fresh(served: Sandbox, folder: Path) -> dict[str, list[str]]:
    """What one undisturbed pull of a sandbox gives."""
    house = house_at(folder, "fresh")
    house.pull_all(served)
    return everything(house)


@pytest.fixture(scope="module")
def quiet(company: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The same at noon of the anchor day."""
    with running(world=company, anchor=ANCHOR, options=Options(limits=False)) as served:
        return pulled_fresh(served, tmp_path_factory.mktemp("quiet"))


def test_nights_give_what_a_fresh_pull_gives(
    open_sandbox: Open, company: World, tmp_path: Path
) -> None:
    """Nights near and far apart: the weekly reading of all money and members is due or not."""
    grown = house_at(tmp_path, "grown")
    clock = SandboxClock(opening(ANCHOR) - timedelta(days=20))
    with open_sandbox(world=company, clock=clock) as served:
        grown.pull_all(served)
        before = {entity: len(rows) for entity, rows in everything(grown).items()}
        for days in (5, 1, 6, 8):
            served.clock.advance(timedelta(days=days))
            grown.pull_all(served)
        assert everything(grown) == pulled_fresh(served, tmp_path)
    after = {entity: len(rows) for entity, rows in everything(grown).items()}
    assert all(after[entity] > before[entity] for entity in ("touchpoints", "marketing_spend"))


def test_a_quiet_night_asks_little(open_sandbox: Open, company: World, tmp_path: Path) -> None:
    house = house_at(tmp_path, "house")
    with open_sandbox(world=company) as served:
        house.pull_all(served)
        first = served.requests("hubspot")
        money = served.requests("hubspot", "/budget/totals")
        served.clock.advance(timedelta(days=1))
        house.pull_all(served)
        assert served.requests("hubspot") - first < first / 2
        # Free campaigns are never asked for their money, those that ended long ago once a week.
        campaigns = len(house.offered("campaigns"))
        assert campaigns / 2 < money < campaigns
        assert served.requests("hubspot", "/budget/totals") - money < money


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"event_page_records": 3}, marks=pytest.mark.thorough),
        {"submission_page_records": 2, "page_records": 7, "email_page_records": 2},
        {"member_page_records": 1, "list_page_records": 9, "campaign_batch": 3},
        {"api_version": "v3"},
        {"forms_version": "2026-09-beta"},
        {"only_needed_properties": True},
    ],
    ids=lambda options: next(iter(options)),
)
def test_other_sizes_and_versions_give_the_same(
    open_sandbox: Open,
    company: World,
    quiet: dict[str, list[str]],
    tmp_path: Path,
    options: dict[str, Any],
) -> None:
    house = house_at(tmp_path, "house", **options)
    with open_sandbox(world=company) as served:
        house.pull_all(served)
        assert everything(house) == quiet


def test_streams_may_run_without_those_that_share(
    open_sandbox: Open, company: World, quiet: dict[str, list[str]], tmp_path: Path
) -> None:
    house = house_at(tmp_path, "house")
    with open_sandbox(world=company) as served:
        for stream in reversed(list(house.streams)):
            house.pull_all(served, (stream,))
        assert everything(house) == quiet


def test_more_events_of_one_instant_than_a_page_holds(
    open_sandbox: Open, company: World, tmp_path: Path
) -> None:
    """A scanner clicks three times in a second: pages of one go by the offset."""
    house = house_at(tmp_path, "house", event_page_records=1, email_event_types=("CLICK",))
    whole = house_at(tmp_path, "whole", email_event_types=("CLICK",))
    with open_sandbox(world=company) as served:
        house.pull_all(served, ("email_events",))
        whole.pull_all(served, ("email_events",))
    clicks = "SELECT id, payload FROM raw.hubspot_marketing__email_events ORDER BY id"
    assert house.rows(clicks) == whole.rows(clicks) != []


def test_events_in_another_order_are_not_believed(
    open_sandbox: Open, company: World, tmp_path: Path
) -> None:
    def turned(body: bytes) -> bytes:
        page = json.loads(body)
        return json.dumps({**page, "events": page["events"][::-1]}).encode()

    house = house_at(tmp_path, "house")
    with open_sandbox(world=company) as served:
        served.faults["hubspot"].next(changed(turned), path="/email/public", times=None)
        outcome = house.pull(served, ("email_events",))["email_events"]
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, ProtocolError)
    assert "email_events" not in house.cursors


@pytest.mark.parametrize(
    ("stream", "path", "field"),
    [
        ("campaigns", "/marketing/campaigns/2026-09$", "results"),
        ("emails", "/marketing/emails/2026-09$", "results"),
        ("lists", "/crm/lists/2026-09/search$", "lists"),
        ("contacts", "/objects/2026-09/contacts$", "results"),
    ],
)
def test_a_list_shorter_than_its_total_is_an_alarm(
    open_sandbox: Open, company: World, tmp_path: Path, stream: str, path: str, field: str
) -> None:
    def cut(body: bytes) -> bytes:
        page = json.loads(body)
        page.pop("paging", None)
        return json.dumps({**page, field: page[field][:3], "hasMore": False}).encode()

    house = house_at(tmp_path, "house")
    with open_sandbox(world=company) as served:
        served.faults["hubspot"].next(changed(cut), path=path, times=None)
        outcome = house.pull(served, (stream,))[stream]
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, VolumeAlarmError)
    assert stream not in house.cursors


def test_a_missing_scope_fails_its_streams_only(open_sandbox: Open, tmp_path: Path) -> None:
    house = house_at(tmp_path, "house")
    switches = frozenset({"hubspot.without:forms", "hubspot.without:content"})
    with open_sandbox(switches=switches) as served:
        outcome = house.pull(served)
        options = SOURCE.options.model_validate({"base_url": served.urls["hubspot"]})
        keys = served.keys["hubspot"]
        found = check(connect(Connection("name", options, keys, served.clock.now)))
    failed = {name: each.error for name, each in outcome.items() if isinstance(each, Failed)}
    assert set(failed) == {"emails", "forms", "form_submissions", "email_events"}
    assert all(isinstance(error, PermissionMissingError) for error in failed.values())
    lines = {reach.subject: reach for reach in found}
    assert {name for name, reach in lines.items() if not reach.ok} == set(failed)
    assert "grant forms" in lines["form_submissions"].remedy
    assert "grant content" in lines["email_events"].remedy


def test_somebody_who_left_a_list_is_found_with_the_weekly_reading(
    open_sandbox: Open, company: World, tmp_path: Path
) -> None:
    def emptied(body: bytes) -> bytes:
        page = json.loads(body)
        return json.dumps({**page, "results": page["results"][1:], "total": 0}).encode()

    house = house_at(tmp_path, "house")
    gone = "SELECT count(*) FROM raw.hubspot_marketing__list_members WHERE _deleted_at IS NOT NULL"
    with open_sandbox(world=company) as served:
        house.pull_all(served)
        before = len(house.offered("touchpoints"))
        served.clock.advance(timedelta(days=8))
        served.faults["hubspot"].next(changed(emptied), path="/memberships$", times=1)
        house.pull_all(served, ("lists", "list_members"))
    assert house.rows(gone) == [(1,)]
    joined = [row for row in house.offered("touchpoints") if row["kind"] == "program_status"]
    assert joined
    assert before > 0


def test_what_an_archived_form_no_longer_tells_is_no_error(
    open_sandbox: Open, company: World, tmp_path: Path
) -> None:
    """The same 404 of a form that is listed as there fails the stream."""

    def binned(body: bytes) -> bytes:
        page = json.loads(body)
        for form in page["results"]:
            form["archived"] = form["id"] == form_id("Subscribe")
        return json.dumps(page).encode()

    refusal = json.dumps({"status": "error", "message": "no", "category": "OBJECT_NOT_FOUND"})
    path = f"/submissions/forms/{form_id('Subscribe')}"
    house, strict = house_at(tmp_path, "house"), house_at(tmp_path, "strict")
    with open_sandbox(world=company) as served:
        faults = served.faults["hubspot"]
        faults.next(answer(404, refusal.encode()), path=path, times=2)
        assert isinstance(strict.pull(served, ("form_submissions",))["form_submissions"], Failed)
        faults.clear()
        faults.next(changed(binned), path="/marketing/v3/forms$", times=1)
        faults.next(answer(404, refusal.encode()), path=path, times=1)
        house.pull_all(served, ("form_submissions",))
    forms = house.rows("SELECT DISTINCT form_id FROM raw.hubspot_marketing__form_submissions")
    assert len(forms) == 5


def test_a_spend_item_without_a_month_counts_when_it_was_entered(
    open_sandbox: Open, company: World, tmp_path: Path
) -> None:
    house = house_at(tmp_path, "house", spend_month_pattern="(nothing) like (this)")
    with open_sandbox(world=company) as served:
        house.pull_all(served, ("campaigns", "campaign_money"))
    now = int(served.clock.now().timestamp())
    wanted: dict[tuple[str, date], int] = {}
    for program in company.marketing.programs:
        for cost in program.costs:
            if cost.seen_at <= now:
                month = datetime.fromtimestamp(cost.seen_at, UTC).date().replace(day=1)
                key = (f"hubspot_marketing:{campaign_id(program.program_id)}", month)
                wanted[key] = wanted.get(key, 0) + cost.amount
    offered = house.offered("marketing_spend")
    assert {(row["campaign_id"], row["spent_on"]): row["amount"] for row in offered} == wanted


def test_records_that_are_no_json_are_put_aside_and_still_counted(
    open_sandbox: Open, company: World, tmp_path: Path
) -> None:
    """Four of a page's campaigns are spoiled: no loss, and no alarm about one."""

    def spoiled(body: bytes) -> bytes:
        return body.replace(b'"properties":{', b'"properties":{"spoiled":NaN,', 4)

    house = house_at(tmp_path, "house")
    with open_sandbox(world=company) as served:
        served.faults["hubspot"].next(changed(spoiled), path="/campaigns/2026-09$", times=1)
        outcome = house.pull(served, ("campaigns",))["campaigns"]
    assert isinstance(outcome, Landed)
    assert outcome.rejects == 4
    assert outcome.promised == outcome.rows + 4
