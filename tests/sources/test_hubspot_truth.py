"""HubSpot end to end: what is offered after a pull equals what the simulation meant to happen."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from first_touches import first_touches, utc
from hubspot_warehouse import Warehouse

from revops_pipelines.resources.sources.hubspot.options import HubSpotOptions
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.hubspot.contacts import is_wanted
from revops_pipelines.sandbox.server import Sandbox, running
from revops_pipelines.sandbox.truth import true_tables
from revops_pipelines.sandbox.world.company import OUR_DOMAIN
from revops_pipelines.sandbox.world.fx import LEVELS
from revops_pipelines.sandbox.world.world import World, build_world

OPTIONS = HubSpotOptions(
    internal_domains=(OUR_DOMAIN,),
    requests_per_10_seconds=100_000,
    search_requests_per_second=10_000,
)
SEEDS = (7, 23, 101)


@pytest.fixture(scope="module", params=SEEDS)
def pulled(
    request: pytest.FixtureRequest, small_world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Sandbox, Warehouse, dict[str, list[Any]]]]:
    """A sandbox, a warehouse that holds all of its HubSpot, and the truth at that moment."""
    seed: int = request.param
    shared = seed == small_world.seed
    world = small_world if shared else build_world(seed, small_world.anchor, 0.04)
    warehouse = Warehouse(tmp_path_factory.mktemp("hubspot"), OPTIONS)
    with running(world=world, anchor=world.anchor, options=Options(limits=False)) as sandbox:
        warehouse.pull_all(sandbox)
        yield sandbox, warehouse, dict(true_tables(world, sandbox.clock.now()))
    warehouse.connection.close()


Pulled = tuple[Sandbox, Warehouse, dict[str, list[Any]]]


def to_the_milli(moment: datetime | None) -> datetime | None:
    """HubSpot's times have three digits; the simulation's own may have six."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000) if moment else None


def people(truth: dict[str, list[Any]]) -> dict[str, int]:
    """Contact in use -> the person it stands for, as the simulation knows it."""
    return {
        f"hubspot:{contact}": row["person_index"]
        for row in truth["leads"]
        for contact in (row["hubspot_contact_id"], *row["duplicates_hubspot_ids"])
    }


def test_every_person_is_a_lead_raised_when_it_was(pulled: Pulled) -> None:
    _, house, truth = pulled
    offered = {row["lead_id"]: row for row in house.offered("leads")}
    assert set(offered) == set(people(truth))
    for true in truth["leads"]:
        row = offered[f"hubspot:{true['hubspot_contact_id']}"]
        assert row["is_inbound"] == true["is_inbound"], true
        assert to_the_milli(utc(row["raised_at"])) == to_the_milli(true["raised_at"]), true
        assert row["excluded_reason"] == true["excluded_reason"], true
        assert utc(row["_deleted_at"]) == to_the_milli(true["deleted_at"]), true
        owner = true["owner_hubspot_id"]
        if true["deleted_at"] is None:
            assert row["owner_id"] == (f"hubspot:{owner}" if owner else None), true
        if not true["merged_hubspot_ids"]:
            assert to_the_milli(utc(row["assigned_at"])) == to_the_milli(true["assigned_at"])


def test_companies_are_what_they_are(pulled: Pulled) -> None:
    sandbox, house, _ = pulled
    now = sandbox.clock.now()
    offered = {row["account_id"]: row for row in house.offered("accounts")}
    there = [each for each in sandbox.world.accounts if each.created_at <= now]
    assert len(offered) == len(there)
    for account in there:
        row = offered[f"hubspot:{account.hubspot_id}"]
        assert row["name"] == account.name
        assert row["domain"] == account.domain
        assert row["industry"] == account.industry
        assert int(row["employees"]) == account.employees
        assert row["country"] == account.country


def test_target_accounts_are_those_that_marketing_wants(pulled: Pulled) -> None:
    sandbox, house, _ = pulled
    now = sandbox.clock.now()
    wanted = {
        f"hubspot:{account.hubspot_id}"
        for account in sandbox.world.accounts
        if account.created_at <= now and is_wanted(account)
    }
    rows = house.offered("target_accounts")
    assert {row["account_id"] for row in rows} == wanted
    assert len(rows) == len(wanted) > 5
    assert {(row["list_name"], row["added_on"], row["removed_on"]) for row in rows} == {
        ("target accounts", None, None)
    }


def test_first_touches_are_those_that_answered(pulled: Pulled) -> None:
    sandbox, house, truth = pulled
    found = first_touches(house, people(truth), sandbox.clock.now())
    answered = 0
    for true in truth["leads"]:
        if true["raised_at"] is None or true["deleted_at"] is not None:
            continue
        at, activity = found.get(true["person_index"], (None, None))
        wanted = true["first_touch_hubspot_id"]
        assert at == true["first_touch_at"], true
        assert activity == (f"hubspot:{wanted}" if wanted else None), true
        answered += at is not None
    assert answered > 20


def test_deals_stand_as_they_should(pulled: Pulled) -> None:
    _, house, truth = pulled
    offered = {row["opportunity_id"]: row for row in house.offered("opportunities")}
    assert len(offered) == len(truth["deals"])
    for true in truth["deals"]:
        row = offered[f"hubspot:{true['deal_id']}"]
        for name in ("pipeline", "stage", "is_won", "is_closed", "currency", "kind"):
            assert row[name] == true[name], (name, true)
        amount = None if row["amount"] is None else Decimal(row["amount"])
        assert amount == true["amount"]
        for name in ("created_at", "closed_at"):
            assert to_the_milli(utc(row[name])) == to_the_milli(true[name]), (name, true)
        assert row["close_on"] == true["close_on"]
        assert utc(row["_deleted_at"]) == to_the_milli(true["deleted_at"])
        if true["deleted_at"] is None:
            assert row["account_id"] in (None, f"hubspot:{true['account_hubspot_id']}")


def test_every_stay_in_every_stage(pulled: Pulled) -> None:
    _, house, truth = pulled

    def stay(deal: str, row: Any, left: datetime | None) -> tuple[Any, ...]:
        entered = row["entered_at"]
        return (
            deal,
            row["pipeline"],
            row["stage"],
            to_the_milli(entered if entered.tzinfo else utc(entered)),
            to_the_milli(left),
            row["is_closed"],
            row["is_won"],
            None if row["amount"] is None else Decimal(row["amount"]),
        )

    true = {stay(f"hubspot:{row['deal_id']}", row, row["left_at"]) for row in truth["deal_stages"]}
    offered = {
        stay(row["opportunity_id"], row, utc(row["left_at"]))
        for row in house.offered("opportunity_stage_history")
    }
    assert offered == true


def test_rates_are_the_published_ones(pulled: Pulled) -> None:
    sandbox, house, _ = pulled
    rows = house.offered("fx_rates")
    assert {row["currency"] for row in rows} == set(LEVELS)
    for row in rows:
        rate = sandbox.world.fx.monthly_rate(row["currency"], row["valid_on"])
        assert Decimal(row["rate"]) == rate
        assert row["base_currency"] == "USD"


def test_users_are_there_also_when_they_left(pulled: Pulled) -> None:
    sandbox, house, _ = pulled
    now = sandbox.clock.now()
    offered = {row["user_id"]: row for row in house.offered("users")}
    assert len(offered) == len(sandbox.world.users)
    for user in sandbox.world.users:
        row = offered[f"hubspot:{user.hubspot_id}"]
        assert (row["email"], row["team"]) == (user.email, user.team)
        assert row["is_active"] == user.at_work(now)


def test_nothing_points_at_a_record_that_is_not_there(pulled: Pulled) -> None:
    _, house, _ = pulled
    leads = {row["lead_id"] for row in house.offered("leads")}
    accounts = {row["account_id"] for row in house.offered("accounts")}
    deals = {row["opportunity_id"] for row in house.offered("opportunities")}
    for row in house.offered("activities"):
        assert row["lead_id"] in leads | {None}
        assert row["account_id"] in accounts | {None}
        assert row["opportunity_id"] in deals | {None}
    for row in house.offered("opportunity_contacts"):
        assert row["lead_id"] in leads
