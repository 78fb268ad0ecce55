"""The simulated marketing hub's manners: spellings, pages, scopes, time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hubspot_caller import Caller, Opener

from revops_pipelines.sandbox.hubspot.marketing_ids import form_id
from revops_pipelines.sandbox.hubspot_marketing import KEYS, build_app

SUBMISSIONS = f"/form-integrations/v1/submissions/forms/{form_id('Contact Sales')}"
EVENTS = "/email/public/v1/events"


def test_dated_and_older_paths_agree(hubspot: Caller) -> None:
    for dated, older in (
        ("/marketing/campaigns/2026-09", "/marketing/v3/campaigns"),
        ("/marketing/campaigns/2026-09/", "/marketing/v3/campaigns/"),
        ("/marketing/emails/2026-09", "/marketing/v3/emails/"),
        ("/marketing/forms/2026-09-beta", "/marketing/v3/forms"),
        ("/crm/lists/2026-09/3001", "/crm/v3/lists/3001"),
        ("/crm/lists/2026-09/3001/memberships", "/crm/v3/lists/3001/memberships"),
        ("/crm/objects/2026-09/line_items", "/crm/v3/objects/0-8"),
        ("/crm/objects/2026-09/goal_targets", "/crm/v3/objects/0-74"),
    ):
        one, other = hubspot.get(dated), hubspot.get(older)
        assert one.get("results", one) == other.get("results", other)


def test_the_package_of_its_own_plays_the_same_account() -> None:
    from revops_pipelines.sandbox import hubspot as crm

    assert (build_app, KEYS) == (crm.build_app, crm.KEYS)


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/marketing/campaigns/2026-09", "marketing.campaigns.read"),
        ("/marketing/v3/campaigns", "marketing.campaigns.read"),
        ("/marketing/emails/2026-09", "content"),
        (EVENTS, "content"),
        ("/marketing/v3/forms", "forms"),
        (SUBMISSIONS, "forms"),
        ("/crm/lists/2026-09/3001", "crm.lists.read"),
        ("/crm/objects/2026-09/line_items", "crm.objects.line_items.read"),
        ("/crm/objects/2026-09/goal_targets", "crm.objects.goals.read"),
        ("/crm/objects/2026-09/forecasts", "crm.objects.forecasts.read"),
    ],
)
def test_each_needs_its_scope(open_hubspot: Opener, path: str, scope: str) -> None:
    with open_hubspot(switches=frozenset({f"hubspot.without:{scope}"})) as hubspot:
        refused = hubspot.call("GET", path)
        assert (refused.status_code, refused.json()["category"]) == (403, "MISSING_SCOPES")
        assert scope in refused.text
        assert hubspot.call("GET", "/crm/owners/2026-09").status_code == 200


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/marketing/campaigns/2026-09", 100),
        ("/marketing/emails/2026-09", 100),
        (SUBMISSIONS, 50),
        (EVENTS, 1_000),
        ("/crm/lists/2026-09/3001/memberships", 250),
    ],
)
def test_pages_are_bounded(hubspot: Caller, path: str, most: int) -> None:
    assert hubspot.call("GET", path, params={"limit": most}).status_code == 200
    refused = hubspot.call("GET", path, params={"limit": most + 1})
    assert (refused.status_code, refused.json()["category"]) == (400, "VALIDATION_ERROR")


def test_events_of_a_range_are_those_within_both_ends(hubspot: Caller) -> None:
    every = hubspot.get(EVENTS, limit=1_000, eventType="OPEN")["events"]
    assert {each["type"] for each in every} == {"OPEN"}
    first, last = every[-2]["created"], every[1]["created"]
    some = hubspot.get(
        EVENTS, limit=1_000, eventType="OPEN", startTimestamp=first, endTimestamp=last
    )["events"]
    assert some == [each for each in every if first <= each["created"] <= last]
    assert some[0]["created"] == last
    assert some[-1]["created"] == first
    [reader] = {each["recipient"] for each in some[:1]}
    own = hubspot.get(EVENTS, limit=1_000, recipient=reader)["events"]
    assert {each["recipient"] for each in own} == {reader}


def test_what_does_not_exist(hubspot: Caller) -> None:
    for path in (
        "/marketing/campaigns/2026-09/nobody",
        "/marketing/campaigns/2026-09/nobody/budget/totals",
        "/marketing/emails/2026-09/1",
        "/marketing/v3/forms/nobody",
        "/form-integrations/v1/submissions/forms/nobody",
        "/crm/lists/2026-09/1/memberships",
        "/marketing/pages/2026-09",
    ):
        answer = hubspot.call("GET", path)
        assert (answer.status_code, answer.json()["category"]) == (404, "OBJECT_NOT_FOUND"), path


def test_lists_are_searched_by_name_and_id(hubspot: Caller) -> None:
    def names(**wanted: Any) -> list[str]:
        found = hubspot.post("/crm/lists/2026-09/search", {"count": 500, "offset": 0, **wanted})
        return [each["name"] for each in found["lists"]]

    assert names(query="website") == ["Members of Website"]
    assert names(listIds=["3001"]) == ["Members of Website"]
    assert names(processingTypes=["DYNAMIC"]) == []
    page = hubspot.post("/crm/lists/2026-09/search", {"count": 5, "offset": 3})
    assert (page["offset"], page["hasMore"], len(page["lists"])) == (8, True, 5)


def test_time_brings_spend_submissions_and_members(open_hubspot: Opener) -> None:
    campaigns = "/marketing/campaigns/2026-09"

    def seen(hubspot: Caller) -> tuple[int, int, int, int]:
        found = hubspot.every(campaigns, properties="hs_spend_items_sum_amount")
        spent = sum(int(each["properties"]["hs_spend_items_sum_amount"]) for each in found)
        lists = hubspot.post("/crm/lists/2026-09/search", {"count": 500, "offset": 0})["lists"]
        members = sum(int(each["additionalProperties"]["hs_list_size"]) for each in lists)
        return len(found), spent, members, len(hubspot.every(SUBMISSIONS, limit=50))

    with open_hubspot() as hubspot:
        before = seen(hubspot)
        hubspot.clock.advance(timedelta(days=50))
        after = seen(hubspot)
    assert all(later > earlier for earlier, later in zip(before, after, strict=True))
