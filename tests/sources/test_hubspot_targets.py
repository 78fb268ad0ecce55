"""HubSpot's line items, goals and forecasts, and the guards of every type of record."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hubspot_warehouse import Warehouse, record

from revops_pipelines.engine.ingest.errors import VolumeAlarmError
from revops_pipelines.engine.ingest.pull import Failed
from revops_pipelines.resources.sources.hubspot.options import HubSpotOptions
from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.faults import answer, changed
from revops_pipelines.sandbox.hubspot.goals import GOAL_ID_STEP, GOAL_IDS_FROM, targets
from revops_pipelines.sandbox.server import Sandbox
from revops_pipelines.sandbox.world.world import World

FAST = {"requests_per_10_seconds": 100_000, "search_requests_per_second": 10_000}
Open = Callable[..., AbstractContextManager[Sandbox]]
NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Warehouse]:
    warehouse = Warehouse(tmp_path, HubSpotOptions(**FAST, with_forecasts=True))
    yield warehouse
    warehouse.connection.close()


def put_account(house: Warehouse) -> None:
    house.put("account", [{"portalId": 7, "companyCurrency": "usd"}])
    team = {"id": "31", "name": "Americas", "primary": True}
    owner = {"id": "5", "userIdIncludingInactive": 905, "email": "a@b.example", "teams": [team]}
    house.put("owners", [owner])


def goal(identifier: int, **properties: str | None) -> dict[str, Any]:
    given = {
        "hs_goal_type": "sales_quota",
        "hs_target_amount": "60000",
        "hs_start_datetime": "2026-04-01T00:00:00Z",
        "hs_end_datetime": "2026-06-30T23:59:59.999Z",
        **properties,
    }
    return record(identifier, given)


def company(key: str, day: int, wanted: str | None) -> dict[str, Any]:
    told = record(key, {"hs_is_target_account": wanted})
    return told | {"updatedAt": f"2026-05-{day:02}T10:00:00Z"}


def test_target_accounts_come_and_go(house: Warehouse) -> None:
    """What was so at first sight was always so; later turns are dated."""
    seen = {
        "5": ("true", "true"),
        "6": (None, "true"),
        "7": ("true", "false"),
        "8": (None, "false"),
    }
    for place, day in enumerate((10, 20)):
        at = datetime(2026, 5, day, 12, tzinfo=UTC)
        house.put(
            "companies", [company(key, day, told[place]) for key, told in seen.items()], at=at
        )
    rows = {row["account_id"]: row for row in house.offered("target_accounts")}
    dated = {key: (row["added_on"], row["removed_on"]) for key, row in rows.items()}
    assert dated == {
        "hubspot:5": (None, None),
        "hubspot:6": (date(2026, 5, 20), None),
        "hubspot:7": (None, date(2026, 5, 20)),
    }
    assert {row["list_name"] for row in rows.values()} == {"target accounts"}


def test_a_merged_company_is_wanted_as_the_one_that_was_kept(house: Warehouse) -> None:
    lost, kept = company("5", 10, "true"), company("6", 10, None)
    kept["properties"]["hs_merged_object_ids"] = "5"
    house.put("companies", [lost, kept])
    assert house.offered("target_accounts") == []


def test_targets_of_a_user_by_owner_and_by_user(house: Warehouse) -> None:
    put_account(house)
    house.put(
        "goal_targets",
        [
            goal(1, hubspot_owner_id="5"),
            goal(2, hubspot_owner_id="", hs_assignee_user_id="905"),
            goal(3, hs_assignee_team_id="31", hs_end_datetime="2026-07-01T00:00:00Z"),
            goal(4, hs_goal_type="calls_made", hubspot_owner_id="5"),
            goal(5, hs_goal_type=None, hubspot_owner_id="5"),
        ],
    )
    rows = {row["source_id"]: row for row in house.offered("quotas")}
    assert sorted(rows) == ["1", "2", "3", "5"]
    assert [rows[each]["user_id"] for each in "123"] == ["hubspot:5", "hubspot:5", None]
    assert [rows[each]["team"] for each in "13"] == [None, "Americas"]
    for row in rows.values():
        assert row["period_start_on"].isoformat() == "2026-04-01"
        assert row["period_end_on"].isoformat() == "2026-07-01"
        assert (row["amount"], row["currency"]) == ("60000", "USD")


def test_only_the_types_that_the_settings_name_are_quotas(tmp_path: Path) -> None:
    house = Warehouse(tmp_path, HubSpotOptions(quota_goal_types=("New ARR",)))
    put_account(house)
    house.put("goal_targets", [goal(1), goal(2, hs_goal_type="new arr")])
    assert house.only("quotas")["source_id"] == "2"


def test_quotas_are_the_simulations(house: Warehouse, sandbox: Sandbox) -> None:
    house.pull_all(sandbox, ("goal_targets", "owners", "account"))
    now = sandbox.clock.now()
    wanted = {}
    for position, target in enumerate(targets(sandbox.world)):
        left = target.user.left_at if target.user else None
        gone = left is not None and left < target.begins_at and left <= now
        if target.kind == "sales_quota" and target.set_at <= now:
            wanted[f"hubspot:{GOAL_IDS_FROM + position * GOAL_ID_STEP}"] = (
                f"hubspot:{target.user.hubspot_id}" if target.user else None,
                None if target.user else target.team,
                target.begins_at.date(),
                (target.ends_at + timedelta(milliseconds=1)).date(),
                target.amount_at(min(now, left) if gone and left else now),
                gone,
            )
    offered = {
        row["quota_id"]: (
            row["user_id"],
            row["team"],
            row["period_start_on"],
            row["period_end_on"],
            int(row["amount"]),
            row["_deleted_at"] is not None,
        )
        for row in house.offered("quotas")
    }
    assert offered == wanted
    assert len(offered) > 50


def test_line_items_add_up_to_their_deals(house: Warehouse, sandbox: Sandbox) -> None:
    house.pull_all(sandbox, ("deals", "line_items"))
    sums = dict(
        house.rows(
            """
            SELECT l.linked_deals[1].id, sum(CAST(l.amount AS DECIMAL(18,2)))
            FROM raw.hubspot__line_items l WHERE l._deleted_at IS NULL GROUP BY ALL
            """
        )
    )
    deals = house.rows(
        "SELECT id, CAST(amount AS DECIMAL(18,2)), currency FROM raw.hubspot__deals "
        "WHERE _deleted_at IS NULL AND amount IS NOT NULL"
    )
    assert {deal: amount for deal, amount, _ in deals} == sums
    assert len(sums) > 20
    priced = house.rows("SELECT quantity, price, amount FROM raw.hubspot__line_items")
    for quantity, price, amount in priced:
        assert Decimal(quantity) * Decimal(price) == Decimal(amount)


def test_lines_follow_their_deals_night_by_night(
    house: Warehouse, open_sandbox: Open, tmp_path: Path
) -> None:
    fresh = Warehouse(tmp_path / "fresh", house.options)
    kinds = ("line_items", "goal_targets", "forecasts")
    with open_sandbox(clock=SandboxClock(NOON - timedelta(days=100))) as served:
        house.pull_all(served, kinds)
        for _ in range(4):
            served.clock.advance(timedelta(days=25))
            house.pull_all(served, kinds)
        fresh.pull_all(served, kinds)
    for kind in kinds:
        living = f"SELECT id, payload FROM raw.hubspot__{kind} WHERE _deleted_at IS NULL ORDER BY 1"
        assert house.rows(living) == fresh.rows(living) != []


def test_forecasts_are_listed_whole_and_never_searched(
    house: Warehouse, open_sandbox: Open
) -> None:
    with open_sandbox() as served:
        house.pull_all(served, ("forecasts",))
        served.clock.advance(timedelta(minutes=10))
        house.pull_all(served, ("forecasts",))
        assert served.requests("hubspot", "forecasts/search") == 0
    [(said, owners)] = house.rows(
        "SELECT count(*), count(DISTINCT owner_id) FROM raw.hubspot__forecasts WHERE amount > '0'"
    )
    assert said > 50
    assert owners > 3


def test_forecasts_are_left_out_where_the_account_has_none() -> None:
    from revops_pipelines.resources.sources.hubspot import SOURCE

    names = [stream.name for stream in SOURCE.streams(HubSpotOptions())]
    assert "forecasts" not in names
    assert {"line_items", "goal_targets"} <= set(names)


def test_a_record_that_is_no_json_is_put_aside_and_the_page_survives(
    house: Warehouse, open_sandbox: Open
) -> None:
    def spoiled(body: bytes) -> bytes:
        return body.replace(b'"properties":{', b'"properties":{"spoiled":NaN,', 1)

    with open_sandbox() as served:
        served.faults["hubspot"].next(changed(spoiled), path="/objects/.*companies$", times=1)
        outcome = house.pull(served, ("companies",))["companies"]
    assert not isinstance(outcome, Failed)
    assert (outcome.rejects, outcome.promised) == (1, outcome.rows - archived(house) + 1)


def archived(house: Warehouse) -> int:
    """Companies that are in the bin: the search does not count them."""
    [(count,)] = house.rows("SELECT count(archived_at) FROM raw.hubspot__companies")
    return int(count)


def test_an_archived_record_that_changed_afterwards_stays_archived(
    house: Warehouse, open_sandbox: Open, small_world: World
) -> None:
    """A workflow may still touch a record in the bin: that is not its return."""

    def touched(body: bytes) -> bytes:
        page = json.loads(body)
        for each in page["results"]:
            if each.get("archivedAt"):
                later = datetime.fromisoformat(each["archivedAt"]) + timedelta(hours=3)
                each["updatedAt"] = later.isoformat().replace("+00:00", "Z")
        return json.dumps(page).encode()

    with open_sandbox() as served:
        served.faults["hubspot"].next(changed(touched), path="/objects/.*contacts$", times=None)
        house.pull_all(served, ("contacts",))
    [(rows, dead)] = house.rows(
        "SELECT count(*), count(_deleted_at) FROM raw.hubspot__contacts "
        "WHERE archived_at IS NOT NULL"
    )
    assert rows == dead > 0


@pytest.mark.parametrize("kind", ["contacts", "line_items"])
def test_a_list_that_ends_early_is_an_alarm(
    house: Warehouse, open_sandbox: Open, kind: str
) -> None:
    def cut(body: bytes) -> bytes:
        page = json.loads(body)
        page.pop("paging", None)
        return json.dumps({**page, "results": page["results"][:10]}).encode()

    with open_sandbox() as served:
        served.faults["hubspot"].next(changed(cut), path=f"/objects/.*{kind}$", times=None)
        outcome = house.pull(served, (kind,))[kind]
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, VolumeAlarmError)
    assert kind not in house.cursors


def test_a_search_that_counts_many_and_shows_none_is_an_alarm(
    house: Warehouse, open_sandbox: Open
) -> None:
    with open_sandbox() as served:
        house.pull_all(served, ("contacts",))
        before = dict(house.cursors["contacts"])
        served.clock.advance(timedelta(hours=1))
        body = b'{"total":500,"results":[]}'
        served.faults["hubspot"].next(answer(200, body), path="/contacts/search$", times=None)
        outcome = house.pull(served, ("contacts",))["contacts"]
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, VolumeAlarmError)
    assert house.cursors["contacts"] == before
