"""Marketo's manners: errors inside 200, tokens, limits, paging, bulk extracts."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests

from revops_pipelines.sandbox.world.marketing_shapes import ACTIVITY_TYPES

# The class is in conftest.py, which is not to be imported.
Caller = Any
START = "2024-01-01T00:00:00Z"
ALL_TYPES = [kind.type_id for kind in ACTIVITY_TYPES]
ACTIVITIES = "/rest/v1/activities.json"


def _joined(values: list[int]) -> str:
    return ",".join(str(value) for value in values)


def test_the_token_is_shared_and_expires_by_the_sandbox_clock(
    open_marketo: Callable[..., Any],
) -> None:
    with open_marketo() as marketo:
        first = marketo.token
        assert marketo.sign_in() == first
        assert marketo.get("/rest/v1/activities/types.json")["success"]
        marketo.clock.advance(timedelta(seconds=3_600))
        assert marketo.code_of("/rest/v1/activities/types.json") == "602"
        assert marketo.sign_in() != first
        assert marketo.get("/rest/v1/activities/types.json")["success"]
        marketo.token = "junk"
        assert marketo.code_of("/rest/v1/activities/types.json") == "601"


def test_the_token_counts_in_the_query_only_under_the_switch(
    open_marketo: Callable[..., Any],
) -> None:
    path = "/rest/v1/activities/types.json"
    for switches, good in ((frozenset(), False), (frozenset({"marketo.token_in_query"}), True)):
        with open_marketo(switches=switches) as marketo:
            query = {"access_token": marketo.token}
            answer = requests.get(f"{marketo.url}{path}", params=query, timeout=5).json()
            assert answer["success"] is good


def test_wrong_credentials_are_a_401(marketo: Caller) -> None:
    query = {"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"}
    answer = requests.get(f"{marketo.url}/identity/oauth/token", params=query, timeout=5)
    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")


def test_limits_answer_606_and_607_inside_200(open_marketo: Callable[..., Any]) -> None:
    with open_marketo(rates={"marketo.calls": 3}) as marketo:
        answers = [marketo.get("/rest/v1/activities/types.json") for _ in range(5)]
        assert [answer["success"] for answer in answers] == [True] * 3 + [False] * 2
        assert answers[-1]["errors"][0]["code"] == "606"
    with open_marketo(rates={"marketo.daily": 2}) as marketo:
        codes = [marketo.get("/rest/v1/activities/types.json") for _ in range(3)]
        assert codes[2]["errors"][0]["code"] == "607"
        marketo.clock.advance(timedelta(hours=20))
        marketo.sign_in()
        assert marketo.get("/rest/v1/activities/types.json")["success"]


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        (ACTIVITIES, {"nextPageToken": "x", "activityTypeIds": _joined(list(range(11)))}, "1003"),
        (ACTIVITIES, {"activityTypeIds": "1"}, "1003"),
        (ACTIVITIES, {"nextPageToken": "not ours", "activityTypeIds": "1"}, "1003"),
        ("/rest/v1/leads.json", {"filterType": "id", "filterValues": "1", "fields": "x"}, "1006"),
        ("/rest/v1/leads.json", {"filterType": "cookies", "filterValues": "1"}, "1003"),
        ("/rest/v1/lead/1.json", {}, "1004"),
        ("/rest/v1/nothing.json", {}, "610"),
        ("/rest/v1/activities/pagingtoken.json", {"sinceDatetime": "soon"}, "1003"),
        ("/rest/asset/v1/programs.json", {"maxReturn": 201}, "1003"),
    ],
)
def test_mistakes_are_named_inside_200(
    marketo: Caller, path: str, query: dict[str, Any], code: str
) -> None:
    assert marketo.code_of(path, **query) == code


def test_activities_page_to_the_end_through_short_and_empty_pages(marketo: Caller) -> None:
    now = int(marketo.clock.now().timestamp())
    for types in (ALL_TYPES[:10], [32, 37]):
        pages = list(marketo.pages(ACTIVITIES, START, activityTypeIds=_joined(types)))
        got = [row["marketoGUID"] for page in pages for row in page["result"]]
        expected = [
            str(activity.guid)
            for activity in marketo.world.marketing.activities
            if activity.seen_at <= now and activity.type_id in types
        ]
        assert got == expected
        assert expected
    assert any(page["moreResult"] and len(page["result"]) < 10 for page in pages)


def test_a_page_is_no_larger_than_asked(marketo: Caller) -> None:
    first = next(marketo.pages(ACTIVITIES, START, activityTypeIds="12", batchSize=7))
    assert len(first["result"]) == 7
    assert first["moreResult"]


def test_lead_changes_hold_new_leads_and_the_fields_asked_for(marketo: Caller) -> None:
    path = "/rest/v1/activities/leadchanges.json"
    rows = [
        row
        for page in marketo.pages(path, START, fields="leadStatus,leadScore")
        for row in page["result"]
    ]
    assert {row["activityTypeId"] for row in rows} == {12, 13}
    changed = {field["name"] for row in rows for field in row["fields"]}
    # A score is no data value: it has an activity type of its own.
    assert changed == {"leadStatus"}


def test_deleted_leads_are_forgotten_after_14_days(open_marketo: Callable[..., Any]) -> None:
    with open_marketo(limits=False) as marketo:
        gone = sorted(
            lead.deleted_at for lead in marketo.world.marketing.leads if lead.deleted_at is not None
        )
        now = int(marketo.clock.now().timestamp())
        deleted_at = next(at for at in gone if at > now)
        path = "/rest/v1/activities/deletedleads.json"
        marketo.clock.advance(timedelta(seconds=deleted_at - now))
        marketo.sign_in()
        rows = [row for page in marketo.pages(path, START) for row in page["result"]]
        assert rows[-1]["activityTypeId"] == 37
        lead = rows[-1]["leadId"]
        assert marketo.code_of(f"/rest/v1/lead/{lead}.json") == "1004"
        marketo.clock.advance(timedelta(days=15))
        marketo.sign_in()
        rows = [row for page in marketo.pages(path, START) for row in page["result"]]
        assert lead not in [row["leadId"] for row in rows]


def test_many_leads_by_id_in_a_form_body(marketo: Caller) -> None:
    now = int(marketo.clock.now().timestamp())
    leads = [lead for lead in marketo.world.marketing.leads if lead.is_there(now)][:60]
    body = {
        "_method": "GET",
        "filterType": "id",
        "filterValues": ",".join(str(lead.lead_id) for lead in leads),
        "fields": "email,leadScore,unsubscribed,updatedAt",
        "batchSize": "50",
    }
    page = marketo.raw("POST", "/rest/v1/leads.json", data=body).json()
    assert len(page["result"]) == 50
    rest = marketo.raw(
        "POST", "/rest/v1/leads.json", data={**body, "nextPageToken": page["nextPageToken"]}
    ).json()
    assert "nextPageToken" not in rest
    got = {row["id"]: row["email"] for row in page["result"] + rest["result"]}
    assert got == {lead.lead_id: lead.values[1] for lead in leads}


def test_programs_are_browsed_by_offset_until_a_warning(marketo: Caller) -> None:
    path = "/rest/asset/v1/programs.json"
    assert len(marketo.get(path)["result"]) == 20
    found: list[dict[str, Any]] = []
    while page := marketo.get(path, maxReturn=200, offset=len(found)).get("result"):
        found += page
    now = int(marketo.clock.now().timestamp())
    expected = [each for each in marketo.world.marketing.programs if each.created_at <= now]
    assert [each["id"] for each in found] == [each.program_id for each in expected]
    assert sum(cost["cost"] for each in found for cost in each["costs"]) == sum(
        cost.amount for each in expected for cost in each.costs if cost.seen_at <= now
    )


def test_under_the_switch_costs_are_told_only_by_id(open_marketo: Callable[..., Any]) -> None:
    with open_marketo(limits=False, switches=frozenset({"marketo.costs_by_id"})) as marketo:
        page = marketo.get("/rest/asset/v1/programs.json", maxReturn=200)["result"]
        assert all("costs" not in program for program in page)
        one = marketo.get(f"/rest/asset/v1/program/{page[1]['id']}.json")["result"][0]
        assert one["costs"]


def _exported(marketo: Caller, kind: str, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    job = marketo.post(f"/bulk/v1/{kind}/export/create.json", request)["result"][0]
    at = f"/bulk/v1/{kind}/export/{job['exportId']}"
    assert job["status"] == "Created"
    assert marketo.code_of(f"{at}/file.json") == "1003"
    assert marketo.post(f"{at}/enqueue.json")["result"][0]["status"] in ("Queued", "Processing")
    while (job := marketo.get(f"{at}/status.json")["result"][0])["status"] != "Completed":
        assert job["status"] in ("Queued", "Processing")
    return job, marketo.raw("GET", f"{at}/file.json").content


def test_a_lead_extract_is_whole_and_its_checksum_holds(marketo: Caller) -> None:
    fields = ["id", "email", "createdAt", "leadScore", "phone", "favouriteTopic"]
    span = {"startAt": "2026-05-30T00:00:00Z", "endAt": "2026-06-30T00:00:00Z"}
    job, body = _exported(marketo, "leads", {"fields": fields, "filter": {"createdAt": span}})
    assert job["fileChecksum"] == "sha256:" + hashlib.sha256(body).hexdigest()
    rows = list(csv.DictReader(io.StringIO(body.decode())))
    assert len(rows) == job["numberOfRecords"]
    now = int(marketo.clock.now().timestamp())
    expected = {
        str(lead.lead_id)
        for lead in marketo.world.marketing.leads
        if 1_780_099_200 <= lead.created_at <= 1_782_777_600 and lead.is_there(now)
    }
    assert {row["id"] for row in rows} == expected
    assert "null" in {row["phone"] for row in rows}
    at = f"/bulk/v1/leads/export/{job['exportId']}/file.json"
    part = marketo.raw("GET", at, headers={"range": "bytes=10-"})
    assert (part.status_code, body[:10] + part.content) == (206, body)


def test_an_activity_extract_keeps_attributes_as_one_object(marketo: Caller) -> None:
    span = {"startAt": "2026-06-01T00:00:00Z", "endAt": "2026-06-30T12:00:00Z"}
    request = {"filter": {"createdAt": span, "activityTypeIds": [2]}}
    _, body = _exported(marketo, "activities", request)
    rows = list(csv.DictReader(io.StringIO(body.decode())))
    assert {row["activityTypeId"] for row in rows} == {"2"}
    assert json.loads(rows[0]["attributes"])["Webpage ID"] == 301


@pytest.mark.parametrize(
    ("filtered", "code"),
    [
        ({"createdAt": {"startAt": "2026-01-01", "endAt": "2026-03-01"}}, "1003"),
        ({"smartListId": 5}, "1035"),
        ({}, "1003"),
    ],
)
def test_extracts_refuse_filters(marketo: Caller, filtered: dict[str, Any], code: str) -> None:
    answer = marketo.post(
        "/bulk/v1/leads/export/create.json", {"fields": ["id"], "filter": filtered}
    )
    assert answer["errors"][0]["code"] == code


def test_the_export_queue_is_short_and_the_days_allowance_ends(
    open_marketo: Callable[..., Any],
) -> None:
    span = {"createdAt": {"startAt": "2026-06-01T00:00:00Z", "endAt": "2026-06-30T00:00:00Z"}}
    create, request = "/bulk/v1/leads/export/create.json", {"fields": ["id"], "filter": span}

    def enqueued(marketo: Caller) -> dict[str, Any]:
        job = marketo.post(create, request)["result"][0]["exportId"]
        return marketo.post(f"/bulk/v1/leads/export/{job}/enqueue.json")

    with open_marketo(bulk_seconds=600.0) as marketo:
        answers = [enqueued(marketo) for _ in range(11)]
        statuses = [answer["result"][0]["status"] for answer in answers[:10]]
        assert statuses == ["Processing"] * 2 + ["Queued"] * 8
        assert answers[10]["errors"][0]["code"] == "1029"
    with open_marketo(bulk_seconds=0.0, rates={"marketo.export_bytes": 10}) as marketo:
        assert enqueued(marketo)["result"][0]["status"] == "Completed"
        assert "quota" in enqueued(marketo)["errors"][0]["message"]
