"""Dynamics end to end: what is offered after a pull equals what the simulation meant to happen.

Dataverse shows whole seconds, so the truth's moments are cut to them. What was deleted before the
first pull is gone without a trace; the nightly pulls of `test_dynamics_pull.py` see it go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from dynamics_warehouse import Row, Served, Warehouse, served
from first_touches import first_touches, utc

from revops_pipelines.sandbox.dynamics import ids
from revops_pipelines.sandbox.truth import true_tables
from revops_pipelines.sandbox.world.company import TEAMS
from revops_pipelines.sandbox.world.fx import LEVELS
from revops_pipelines.sandbox.world.world import World, build_world

SEEDS = (7, 23, 101)
Pulled = tuple[Served, Warehouse, dict[str, list[Any]]]


@pytest.fixture(scope="module", params=SEEDS)
def pulled(
    request: pytest.FixtureRequest, small_world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pulled]:
    """A sandbox, a warehouse that holds all of its Dynamics, and the truth at that moment."""
    seed: int = request.param
    shared = seed == small_world.seed
    world = small_world if shared else build_world(seed, small_world.anchor, 0.04)
    warehouse = Warehouse(tmp_path_factory.mktemp("dynamics"))
    with served(world) as dynamics:
        warehouse.pull_all(dynamics)
        yield dynamics, warehouse, dict(true_tables(world, dynamics.clock.now()))
    warehouse.connection.close()


def second(moment: datetime | None) -> datetime | None:
    """All that Dataverse keeps of a moment."""
    return moment.replace(microsecond=0) if moment else None


def people(dynamics: Served, truth: Mapping[str, list[Any]]) -> dict[str, int]:
    """Person as offered -> the one it stands for, as the simulation knows it."""
    names = ids.person_ids(dynamics.world.contacts)
    return {
        f"dynamics:{names[contact]}": row["person_index"]
        for row in truth["leads"]
        if row["deleted_at"] is None
        for contact in (row["hubspot_contact_id"], *row["duplicates_hubspot_ids"])
    }


def test_every_person_is_a_lead_raised_when_it_was(pulled: Pulled) -> None:
    dynamics, house, truth = pulled
    names = ids.person_ids(dynamics.world.contacts)
    offered = {row["lead_id"]: row for row in house.offered("leads")}
    assert set(offered) == set(people(dynamics, truth))
    qualified = 0
    for true in truth["leads"]:
        if true["deleted_at"] is not None:
            continue
        row = offered[f"dynamics:{names[true['hubspot_contact_id']]}"]
        assert row["is_inbound"] == true["is_inbound"], true
        assert utc(row["raised_at"]) == second(true["raised_at"]), true
        assert row["excluded_reason"] == true["excluded_reason"], true
        assert row["_deleted_at"] is None
        assert row["email"] == true["email"].lower()
        owner = true["owner_hubspot_id"]
        assert row["owner_id"] == (f"dynamics:{ids.user_id(owner)}" if owner else None), true
        assert utc(row["assigned_at"]) == second(true["assigned_at"]), true
        assert utc(row["qualified_at"]) == second(true["qualified_at"]), true
        qualified += true["qualified_at"] is not None
    assert qualified > 10


def test_people_belong_to_their_companies(pulled: Pulled) -> None:
    dynamics, house, truth = pulled
    who = people(dynamics, truth)
    now = dynamics.clock.now()
    for row in house.offered("leads"):
        index = dynamics.world.people[who[row["lead_id"]]].account_index
        account = None if index is None else dynamics.world.accounts[index]
        if account is None or (account.is_deleted_at and account.is_deleted_at <= now):
            assert row["account_id"] is None
        else:
            assert row["account_id"] == f"dynamics:{ids.account_id(account.hubspot_id)}"


def test_companies_are_what_they_are(pulled: Pulled) -> None:
    dynamics, house, _ = pulled
    now = dynamics.clock.now()
    offered = {row["account_id"]: row for row in house.offered("accounts")}
    there = [
        each
        for each in dynamics.world.accounts
        if each.created_at <= now and not (each.is_deleted_at and each.is_deleted_at <= now)
    ]
    assert len(offered) == len(there)
    for account in there:
        row = offered[f"dynamics:{ids.account_id(account.hubspot_id)}"]
        told = (row["name"], row["domain"], row["industry"], row["employees"], row["country"])
        assert told == (
            account.name,
            account.domain,
            account.industry,
            account.employees,
            account.country,
        )
        assert utc(row["created_at"]) == second(account.created_at)
        assert row["owner_id"] is not None


def test_first_touches_are_those_that_answered(pulled: Pulled) -> None:
    dynamics, house, truth = pulled
    found = first_touches(house, people(dynamics, truth), dynamics.clock.now())
    answered = 0
    for true in truth["leads"]:
        if true["raised_at"] is None or true["deleted_at"] is not None:
            continue
        at, activity = found.get(true["person_index"], (None, None))
        assert at == second(true["first_touch_at"]), true
        assert activity == touch_id(true["first_touch_hubspot_id"]), true
        answered += at is not None
    assert answered > 20


def touch_id(told: str | None) -> str | None:
    """`call:79000000007` of the truth as our source names it."""
    if told is None:
        return None
    kind, number = told.split(":")
    return f"dynamics:{ids.ACTIVITY_TABLES[kind]}:{ids.activity_guid(kind, int(number))}"


def test_first_conversations(pulled: Pulled) -> None:
    dynamics, house, truth = pulled
    who, now = people(dynamics, truth), dynamics.clock.now()
    spoken: dict[int, list[datetime]] = {}
    for row in house.offered("activities"):
        at = utc(row["occurred_at"])
        if row["is_two_way"] and at is not None and at <= now and row["lead_id"] in who:
            spoken.setdefault(who[row["lead_id"]], []).append(at)
    for true in truth["leads"]:
        if true["raised_at"] is None or true["deleted_at"] is not None:
            continue
        raised = second(true["raised_at"])
        assert raised is not None
        later = [at for at in spoken.get(true["person_index"], []) if at >= raised]
        assert min(later, default=None) == second(true["first_two_way_at"]), true


def pipeline_of(true: Row) -> str:
    return str(ids.pipeline_value(true["pipeline"]))


def stage_of(true: Row) -> str:
    return ids.stage_value(true["pipeline"], true["stage"])


def test_deals_stand_as_they_should(pulled: Pulled) -> None:
    _, house, truth = pulled
    offered = {row["opportunity_id"]: row for row in house.offered("opportunities")}
    there = [true for true in truth["deals"] if true["deleted_at"] is None]
    assert len(offered) == len(there)
    for true in there:
        row = offered[f"dynamics:{ids.opportunity_id(true['deal_id'])}"]
        assert (row["pipeline"], row["stage"]) == (pipeline_of(true), stage_of(true)), true
        for name in ("is_won", "is_closed", "currency", "kind", "close_on"):
            assert row[name] == true[name], (name, true)
        assert amount_of(row) == true["amount"]
        for name in ("created_at", "closed_at"):
            assert utc(row[name]) == second(true[name]), (name, true)
        assert row["owner_id"] == f"dynamics:{ids.user_id(true['owner_hubspot_id'])}"
        account = f"dynamics:{ids.account_id(true['account_hubspot_id'])}"
        assert row["account_id"] in (None, account)


def amount_of(row: Row) -> Decimal | None:
    return None if row["amount"] is None else Decimal(row["amount"])


def test_every_stay_in_every_stage(pulled: Pulled) -> None:
    _, house, truth = pulled
    alive = {true["deal_id"] for true in truth["deals"] if true["deleted_at"] is None}
    true = {
        (
            f"dynamics:{ids.opportunity_id(stay['deal_id'])}",
            pipeline_of(stay),
            stage_of(stay),
            second(stay["entered_at"]),
            second(stay["left_at"]),
            stay["is_closed"],
            stay["is_won"],
            stay["amount"],
        )
        for stay in truth["deal_stages"]
        if stay["deal_id"] in alive
    }
    offered = {
        (
            row["opportunity_id"],
            row["pipeline"],
            row["stage"],
            utc(row["entered_at"]),
            utc(row["left_at"]),
            row["is_closed"],
            row["is_won"],
            amount_of(row),
        )
        for row in house.offered("opportunity_stage_history")
    }
    assert offered == true


def test_stages_are_in_their_order_and_qualified_from_the_second(pulled: Pulled) -> None:
    _, house, _ = pulled
    for row in house.offered("opportunity_stage_history"):
        sales = row["pipeline"] == "100000000"
        count = 5 if sales else 3
        if row["is_closed"]:
            assert row["stage_order"] == (count if row["is_won"] else count + 1)
            assert row["is_qualified"] == row["is_won"]
        else:
            number = int(row["stage"].split("-")[0])
            assert row["stage_order"] == number - (1 if sales else 6)
            assert row["is_qualified"] == (row["stage_order"] > 0)
            assert row["stage_label"] == row["stage"].split("-", 1)[1]


def test_people_of_deals(pulled: Pulled) -> None:
    dynamics, house, truth = pulled
    names = ids.person_ids(dynamics.world.contacts)
    gone = {row["person_index"] for row in truth["leads"] if row["deleted_at"] is not None}
    true = {
        (
            f"dynamics:{ids.opportunity_id(row['deal_id'])}",
            f"dynamics:{names[row['hubspot_contact_id']]}",
        )
        for row in truth["deal_contacts"]
        if row["deleted_at"] is None and row["person_index"] not in gone
    }
    offered = house.offered("opportunity_contacts")
    assert {(row["opportunity_id"], row["lead_id"]) for row in offered} == true
    assert len(offered) == len(true)


def test_rates_are_the_published_ones(pulled: Pulled) -> None:
    dynamics, house, _ = pulled
    rows = house.offered("fx_rates")
    months = {row["valid_on"] for row in rows}
    assert {row["currency"] for row in rows} == set(LEVELS)
    assert len(months) > 20
    assert len(rows) == len(months) * len(LEVELS)
    for row in rows:
        rate = dynamics.world.fx.monthly_rate(row["currency"], row["valid_on"])
        assert row["rate"] == rate
        assert row["base_currency"] == "USD"
        assert row["valid_on"].day == 1


def test_users_are_there_also_when_they_left(pulled: Pulled) -> None:
    dynamics, house, _ = pulled
    now = dynamics.clock.now()
    offered = {row["user_id"]: row for row in house.offered("users")}
    assert len(offered) == len(dynamics.world.users)
    for user in dynamics.world.users:
        row = offered[f"dynamics:{ids.user_id(user.hubspot_id)}"]
        assert (row["email"], row["team"]) == (user.email, user.team)
        assert row["is_active"] == user.at_work(now)
    assert {row["team"] for row in offered.values()} == {team.name for team in TEAMS}


def test_campaigns_touchpoints_and_quotas(pulled: Pulled) -> None:
    dynamics, house, truth = pulled
    campaigns = {row["campaign_id"]: row for row in house.offered("campaigns")}
    assert {row["name"] for row in campaigns.values()} >= {"Website"}
    who = people(dynamics, truth)
    touched = 0
    for row in house.offered("touchpoints"):
        assert row["campaign_id"] in campaigns
        assert row["lead_id"] in who
        person = dynamics.world.people[who[row["lead_id"]]]
        moments = {second(person.raised_at), second(person.raised_again_at)}
        assert utc(row["occurred_at"]) in moments
        touched += 1
    assert touched > 30
    quotas = house.offered("quotas")
    assert quotas
    for row in quotas:
        assert row["period_start_on"].day == row["period_end_on"].day == 1
        assert row["period_start_on"] < row["period_end_on"] <= date(2027, 1, 1)
        assert (Decimal(row["amount"]) > 0, row["currency"]) == (True, "USD")
        assert row["user_id"] is not None


def test_nothing_points_at_a_record_that_is_not_there(pulled: Pulled) -> None:
    _, house, _ = pulled
    leads = {row["lead_id"] for row in house.offered("leads")}
    accounts = {row["account_id"] for row in house.offered("accounts")}
    deals = {row["opportunity_id"] for row in house.offered("opportunities")}
    users = {row["user_id"] for row in house.offered("users")}
    for row in house.offered("activities"):
        assert row["lead_id"] in leads | {None}
        assert row["account_id"] in accounts | {None}
        assert row["opportunity_id"] in deals | {None}
        assert row["user_id"] in users | {None}
    for row in house.offered("opportunity_contacts"):
        assert row["lead_id"] in leads
