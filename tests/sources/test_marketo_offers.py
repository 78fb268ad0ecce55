"""What Marketo's records mean, against what the simulation meant."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from marketo_warehouse import (
    Marketo,
)

from revops_pipelines.resources.sources.marketo import SOURCE
from revops_pipelines.sandbox.world.marketing import RAISING_FORMS
from revops_pipelines.sandbox.world.marketing_shapes import FORM, Marketing
from revops_pipelines.sandbox.world.world import World


def _offered(marketo: Marketo, entity: str) -> list[dict[str, Any]]:
    [offer] = [each for each in SOURCE.offers(marketo.options) if each.entity == entity]
    result = marketo.warehouse.execute(offer.sql.replace("@source", "marketo"))
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _winner(marketing: Marketing, number: int, now: int) -> int:
    lead = next(each for each in marketing.leads if each.lead_id == number)
    return number if lead.merged_at is None or lead.merged_at > now else int(lead.merged_into or 0)


def test_leads_are_offered_with_their_first_raised_hand(quiet_marketo: Marketo) -> None:
    now, marketing = quiet_marketo.now, quiet_marketo.marketing
    raised: dict[int, int] = {}
    for activity in marketing.activities:
        name = (activity.value or "").rsplit(".", 1)[-1]
        if activity.type_id == FORM and activity.at < now - 5 and name in RAISING_FORMS:
            raised.setdefault(_winner(marketing, activity.lead_id, now), activity.at)
    offered = {row["source_id"]: row for row in _offered(quiet_marketo, "leads")}
    there = {str(lead.lead_id): lead for lead in marketing.leads if lead.is_there(now)}
    assert offered.keys() == there.keys()
    for number, row in offered.items():
        at = raised.get(int(number))
        moment = None if at is None else datetime.fromtimestamp(at, tz=UTC).replace(tzinfo=None)
        assert (row["raised_at"], row["is_inbound"]) == (moment, moment is not None)
        assert row["email"] == str(there[number].values[1]).lower()
        assert row["country"] is None or len(row["country"]) == 2
    custom = [row["custom"] for row in offered.values() if row["custom"]]
    assert custom
    assert {name for text in custom for name in msgspec.json.decode(text)} <= {
        "newsletterOptIn",
        "favouriteTopic",
        "expectedSpend",
    }


def test_a_raised_hand_is_never_before_the_person_raised_it(
    quiet_marketo: Marketo, marketo_world: World
) -> None:
    people = {int(each.marketo_id): each for each in marketo_world.people if each.marketo_id}
    checked = 0
    for row in _offered(quiet_marketo, "leads"):
        person = people.get(int(row["source_id"]))
        if person is not None and row["raised_at"] is not None:
            assert person.raised_at is not None
            later = row["raised_at"].replace(tzinfo=UTC) - person.raised_at
            assert timedelta() <= later < timedelta(seconds=1)
            checked += 1
    assert checked > 50


def test_marketing_is_nobodys_human_touch(quiet_marketo: Marketo) -> None:
    offered = _offered(quiet_marketo, "activities")
    assert not any(row["is_human"] for row in offered)
    kinds = {(row["kind"], row["direction"]) for row in offered}
    assert kinds == {
        ("form", "inbound"),
        ("web", "inbound"),
        ("email", "inbound"),
        ("email", "outbound"),
    }
    leads = {row["lead_id"] for row in _offered(quiet_marketo, "leads")}
    assert {row["lead_id"] for row in offered} <= leads
    assert "bounced" in {row["outcome"] for row in offered}


def test_touchpoints_leave_out_bots_and_name_their_program(quiet_marketo: Marketo) -> None:
    bots = {str(guid) for guid in quiet_marketo.marketing.bot_guids}
    offered = _offered(quiet_marketo, "touchpoints")
    clicks = {row["source_id"] for row in offered if row["kind"] == "email_click"}
    assert clicks
    assert not clicks & bots
    assert bots & set(quiet_marketo.living("activities", "marketo_guid"))
    programs = {f"marketo:{each.program_id}" for each in quiet_marketo.marketing.programs}
    assert {row["campaign_id"] for row in offered} <= programs
    assert {row["kind"] for row in offered} == {"form_fill", "email_click", "program_status"}


def test_spend_is_the_truth_by_program_and_month(quiet_marketo: Marketo) -> None:
    wanted: dict[tuple[str, date], int] = {}
    for program in quiet_marketo.marketing.programs:
        for cost in program.costs:
            if cost.seen_at <= quiet_marketo.now and program.created_at <= quiet_marketo.now:
                key = (f"marketo:{program.program_id}", cost.month)
                wanted[key] = wanted.get(key, 0) + cost.amount
    offered = _offered(quiet_marketo, "marketing_spend")
    assert {(row["campaign_id"], row["spent_on"]): row["amount"] for row in offered} == wanted
    assert {row["currency"] for row in offered} == {"USD"}
    channels = {row["channel"] for row in _offered(quiet_marketo, "campaigns")}
    assert "online_advertising" in channels


def test_merges_are_told_to_the_identity(quiet_marketo: Marketo) -> None:
    now = quiet_marketo.now
    wanted = {
        (f"marketo:{lead.lead_id}", f"marketo:{lead.merged_into}")
        for lead in quiet_marketo.marketing.leads
        if lead.merged_at is not None and lead.merged_at < now - 5
    }
    offered = _offered(quiet_marketo, "merges")
    assert {(row["record_id"], row["canonical_id"]) for row in offered} == wanted
    assert wanted
