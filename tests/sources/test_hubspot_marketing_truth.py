"""HubSpot's marketing end to end: what is offered after a pull is what the simulation meant.

The expectations are worked out here from the simulation's activity log, costs and programs, by the
rules that `sandbox/hubspot/marketing.py` tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hubspot_warehouse import Warehouse

from revops_pipelines.resources.sources.hubspot_marketing import SOURCE
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.hubspot.marketing_ids import (
    campaign_id,
    conversion_id,
    event_id,
    list_id,
)
from revops_pipelines.sandbox.hubspot.marketing_records import budget_of
from revops_pipelines.sandbox.server import Sandbox, running
from revops_pipelines.sandbox.truth import true_tables
from revops_pipelines.sandbox.world import marketing_shapes as shapes
from revops_pipelines.sandbox.world.marketing_shapes import Activity, Program
from revops_pipelines.sandbox.world.world import World, build_world

OPTIONS = SOURCE.options.model_validate(
    {
        "requests_per_10_seconds": 100_000,
        "search_requests_per_second": 10_000,
        "channel_property": "channel",
    }
)
SEEDS = (7, 23)
LAG_SECONDS = 5


@pytest.fixture(scope="module", params=SEEDS)
def pulled(
    request: pytest.FixtureRequest, small_world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Sandbox, Warehouse]]:
    """A sandbox and a warehouse that holds all of its marketing."""
    seed: int = request.param
    world = build_world(seed, small_world.anchor, 0.04)
    warehouse = Warehouse(tmp_path_factory.mktemp("marketing"), OPTIONS, SOURCE)
    with running(world=world, anchor=world.anchor, options=Options(limits=False)) as sandbox:
        warehouse.pull_all(sandbox)
        yield sandbox, warehouse
    warehouse.connection.close()


Pulled = tuple[Sandbox, Warehouse]


def ours(identifier: str) -> str:
    return f"hubspot_marketing:{identifier}"


def living(sandbox: Sandbox) -> dict[int, str]:
    """Person -> the contact that stands for it now; deleted people have none."""
    leads = true_tables(sandbox.world, sandbox.clock.now())["leads"]
    return {
        row["person_index"]: ours(row["hubspot_contact_id"])
        for row in leads
        if row["deleted_at"] is None
    }


def logged(sandbox: Sandbox, *types: int) -> Iterator[tuple[Activity, str]]:
    """What happened and is shown by now, each with the contact that it happened to."""
    world, now = sandbox.world, int(sandbox.clock.now().timestamp())
    person_of = {lead.lead_id: lead.person_index for lead in world.marketing.leads}
    contacts = living(sandbox)
    for activity in world.marketing.activities:
        contact = contacts.get(person_of[activity.lead_id])
        if activity.type_id in types and activity.seen_at <= now and contact is not None:
            yield activity, contact


def moment(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC).replace(tzinfo=None)


def programs(sandbox: Sandbox) -> list[Program]:
    now = sandbox.clock.now().timestamp()
    return [each for each in sandbox.world.marketing.programs if each.created_at <= now]


def test_every_contact_is_a_lead_raised_when_it_was(pulled: Pulled) -> None:
    sandbox, house = pulled
    truth = true_tables(sandbox.world, sandbox.clock.now())["leads"]
    offered = {row["lead_id"]: row for row in house.offered("leads")}
    raised = 0
    for true in truth:
        row = offered[ours(true["hubspot_contact_id"])]
        wanted = true["raised_at"]
        found = row["raised_at"] and row["raised_at"].replace(tzinfo=UTC)
        assert found == (wanted and wanted.replace(microsecond=wanted.microsecond // 1000 * 1000))
        assert row["is_inbound"] == true["is_inbound"]
        assert (row["_deleted_at"] is None) == (true["deleted_at"] is None)
        bad = true["excluded_reason"] == "invalid_email"
        assert (row["excluded_reason"] == "invalid_email") == bad
        raised += wanted is not None
    assert raised > 50
    known = {each for row in truth for each in (row["hubspot_contact_id"], *_doubles(row))}
    assert set(offered) == {ours(each) for each in known}


def _doubles(row: dict[str, Any]) -> list[str]:
    found: list[str] = row["duplicates_hubspot_ids"]
    return found


def test_campaigns_are_the_programs(pulled: Pulled) -> None:
    sandbox, house = pulled
    offered = {row["campaign_id"]: row for row in house.offered("campaigns")}
    assert len(offered) == len(programs(sandbox)) > 100
    for program in programs(sandbox):
        row = offered[ours(campaign_id(program.program_id))]
        assert row["name"] == program.name
        assert row["channel"] == program.channel.lower().replace(" ", "_")
        assert row["started_on"] == moment(program.starts_at).date()
        assert row["ended_on"] == moment(program.ends_at).date()
        assert (Decimal(row["budget"]), row["currency"]) == (budget_of(program), "USD")
        assert row["created_at"] == moment(program.created_at)


def test_spend_is_the_truth_by_campaign_and_month(pulled: Pulled) -> None:
    sandbox, house = pulled
    truth = true_tables(sandbox.world, sandbox.clock.now())["marketing_spend"]
    wanted = {
        (ours(campaign_id(row["program_id"])), row["month"]): Decimal(row["amount"])
        for row in truth
    }
    offered = {
        (row["campaign_id"], row["spent_on"]): row["amount"]
        for row in house.offered("marketing_spend")
    }
    assert offered == wanted
    assert {row["currency"] for row in house.offered("marketing_spend")} == {"USD"}
    assert all(isinstance(month, date) for _, month in offered)


def test_touchpoints_are_what_people_did(pulled: Pulled) -> None:
    sandbox, house = pulled
    marketing = sandbox.world.marketing
    named = {program.name: program for program in marketing.programs}
    until = sandbox.clock.now().timestamp() - LAG_SECONDS
    wanted: set[tuple[str, str, str, str, datetime]] = set()
    for activity, contact in logged(sandbox, shapes.FORM):
        program = named[str(activity.value).rsplit(".", 1)[0]]
        wanted.add(_touch(f"form:{conversion_id(activity.guid)}", contact, program, activity))
    for activity, contact in logged(sandbox, shapes.CLICK):
        if activity.guid not in marketing.bot_guids and activity.at < until:
            program = named[str(activity.value).rsplit(".", 1)[0]]
            wanted.add(_touch(f"click:{event_id(activity.guid)}", contact, program, activity))
    numbered = {program.program_id: program for program in marketing.programs}
    first: dict[tuple[int, str], Activity] = {}
    for activity, contact in logged(sandbox, shapes.PROGRESSION):
        first.setdefault((int(activity.value_id or 0), contact), activity)
    for (number, contact), activity in first.items():
        campaign = campaign_id(number)
        source_id = f"list:{list_id(number)}:{contact.split(':')[1]}:{campaign}"
        wanted.add(_touch(source_id, contact, numbered[number], activity))
    offered = house.offered("touchpoints")
    assert len(offered) == len({row["touchpoint_id"] for row in offered})
    assert {
        (
            row["source_id"],
            row["lead_id"],
            row["campaign_id"],
            row["channel"],
            row["occurred_at"],
        )
        for row in offered
    } == wanted
    kinds = {row["kind"] for row in offered}
    assert kinds == {"form_fill", "email_click", "program_status"}


def _touch(
    source_id: str, contact: str, program: Program, activity: Activity
) -> tuple[str, str, str, str, datetime]:
    channel = program.channel.lower().replace(" ", "_")
    return (
        source_id,
        contact,
        ours(campaign_id(program.program_id)),
        "email" if activity.type_id == shapes.CLICK else channel,
        moment(activity.at),
    )


def test_activities_are_forms_and_mails_and_nobodys_human_touch(pulled: Pulled) -> None:
    sandbox, house = pulled
    until = sandbox.clock.now().timestamp() - LAG_SECONDS
    outcomes = {shapes.OPEN: "opened", shapes.CLICK: "clicked", shapes.UNSUBSCRIBED: "unsubscribed"}
    returned = {
        (activity.lead_id, activity.value_id, activity.details[3])
        for activity, _ in logged(sandbox, shapes.BOUNCED, shapes.SOFT_BOUNCED)
    }
    wanted: set[tuple[str, str, str, str | None]] = set()
    for activity, contact in logged(sandbox, shapes.FORM):
        wanted.add((f"form:{conversion_id(activity.guid)}", contact, "inbound", None))
    for activity, contact in logged(sandbox, *outcomes):
        if activity.at < until:
            source_id = f"mail:{event_id(activity.guid)}"
            wanted.add((source_id, contact, "inbound", outcomes[activity.type_id]))
    for activity, contact in logged(sandbox, shapes.SEND):
        run = (activity.lead_id, activity.value_id, activity.details[0])
        outcome = "bounced" if run in returned else "sent"
        if activity.at < until:
            wanted.add((f"mail:{event_id(activity.guid)}", contact, "outbound", outcome))
    offered = house.offered("activities")
    assert {
        (row["source_id"], row["lead_id"], row["direction"], row["outcome"]) for row in offered
    } == wanted
    assert not any(row["is_human"] or row["is_two_way"] for row in offered)
    assert {row["kind"] for row in offered} == {"form", "email"}


def test_nothing_points_at_a_record_that_is_not_there(pulled: Pulled) -> None:
    _, house = pulled
    leads = {row["lead_id"] for row in house.offered("leads") if row["_deleted_at"] is None}
    campaigns = {row["campaign_id"] for row in house.offered("campaigns")}
    for row in house.offered("touchpoints"):
        assert row["lead_id"] in leads
        assert row["campaign_id"] in campaigns
    assert {row["lead_id"] for row in house.offered("activities")} <= leads
    assert {row["campaign_id"] for row in house.offered("marketing_spend")} <= campaigns
