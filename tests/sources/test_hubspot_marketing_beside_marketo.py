"""The same company in HubSpot's marketing and in Marketo: the same campaigns, spend and touches.

What must differ is named in docs/systems/hubspot_marketing.md; everything else is equal here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from hubspot_warehouse import Row, Warehouse
from marketo_warehouse import ANCHOR, Marketo

from revops_pipelines.resources.sources.hubspot_marketing import SOURCE as HUBSPOT
from revops_pipelines.resources.sources.marketo import SOURCE as MARKETO
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.server import running
from revops_pipelines.sandbox.world.world import World

OPTIONS = HUBSPOT.options.model_validate(
    {
        "requests_per_10_seconds": 100_000,
        "search_requests_per_second": 10_000,
        "channel_property": "channel",
    }
)
Touch = tuple[str, str, str, str, datetime]


@pytest.fixture(scope="module")
def house(marketo_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """HubSpot's marketing of Marketo's company, at the same moment."""
    warehouse = Warehouse(tmp_path_factory.mktemp("house"), OPTIONS, HUBSPOT)
    with running(world=marketo_world, anchor=ANCHOR, options=Options(limits=False)) as sandbox:
        warehouse.pull_all(sandbox)
    yield warehouse
    warehouse.connection.close()


def offered(marketo: Marketo, entity: str) -> list[Row]:
    [offer] = [each for each in MARKETO.offers(marketo.options) if each.entity == entity]
    result = marketo.warehouse.execute(offer.sql.replace("@source", "marketo"))
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def names(campaigns: list[Row]) -> dict[str, str]:
    return {row["campaign_id"]: row["name"] for row in campaigns}


def test_campaigns_have_the_same_names_and_channels(
    house: Warehouse, quiet_marketo: Marketo
) -> None:
    def told(rows: list[Row]) -> dict[str, tuple[Any, ...]]:
        return {row["name"]: (row["channel"], row["created_at"]) for row in rows}

    assert told(house.offered("campaigns")) == told(offered(quiet_marketo, "campaigns"))


def test_spend_is_the_same_to_the_cent(house: Warehouse, quiet_marketo: Marketo) -> None:
    def told(rows: list[Row], campaigns: list[Row]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        called = names(campaigns)
        return {
            (called[row["campaign_id"]], row["spent_on"]): (
                row["amount"],
                row["currency"],
                row["channel"],
            )
            for row in rows
        }

    ours = told(house.offered("marketing_spend"), house.offered("campaigns"))
    theirs = told(offered(quiet_marketo, "marketing_spend"), offered(quiet_marketo, "campaigns"))
    assert ours == theirs
    assert len(ours) > 100


def test_touches_are_the_same_to_the_second(
    house: Warehouse, quiet_marketo: Marketo, marketo_world: World
) -> None:
    def told(rows: list[Row], campaigns: list[Row], leads: list[Row]) -> dict[str, list[Touch]]:
        called = names(campaigns)
        email = {row["lead_id"]: row["email"] for row in leads}
        found: dict[str, list[Touch]] = {}
        for row in sorted(rows, key=lambda row: row["occurred_at"]):
            campaign = called[row["campaign_id"]]
            touch = (email[row["lead_id"]], campaign, row["channel"])
            found.setdefault(row["kind"], []).append((*touch, row["kind"], row["occurred_at"]))
        return found

    ours = told(house.offered("touchpoints"), house.offered("campaigns"), house.offered("leads"))
    theirs = told(
        offered(quiet_marketo, "touchpoints"),
        offered(quiet_marketo, "campaigns"),
        offered(quiet_marketo, "leads"),
    )
    gone = removed_by_marketing(marketo_world, quiet_marketo.now)
    for kind in ("form_fill", "email_click"):
        still = [touch for touch in ours[kind] if touch[0] not in gone]
        assert sorted(still) == sorted(each for each in theirs[kind] if each[0] not in gone)
        assert still
    # A list holds a member once, since the first time.
    first: dict[tuple[str, str], Touch] = {}
    for touch in theirs["program_status"]:
        first.setdefault(touch[:2], touch)
    joined = [touch for touch in ours["program_status"] if touch[0] not in gone]
    assert sorted(joined) == sorted(each for each in first.values() if each[0] not in gone)
    assert ours.keys() == theirs.keys()


def removed_by_marketing(world: World, now: int) -> set[str]:
    """Addresses of people of whom Marketo's administrators removed a lead."""
    people = world.people
    return {
        people[lead.person_index].email
        for lead in world.marketing.leads
        if lead.deleted_at is not None and lead.deleted_at <= now
    }
