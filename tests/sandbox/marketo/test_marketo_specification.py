"""Marketo's answers against the published Swagger documents.

Two things in those are read as what the vendor really does: a `type: object` for an attribute's
value stands for any value, and the asset API's programs say that a list's default kind is called
`program` where the single answer says `default`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator

Caller = Any
START = "2024-01-01T00:00:00Z"
SPAN = {"createdAt": {"startAt": "2026-06-01T00:00:00Z", "endAt": "2026-06-30T00:00:00Z"}}


@pytest.fixture(scope="session")
def documents(specs: Path) -> dict[str, dict[str, Any]]:
    """The Swagger documents, by the beginning of their paths."""
    folder = specs / "marketo"
    mapi = json.loads((folder / "swagger-mapi.json").read_text())
    mapi["definitions"]["Attribute"]["properties"]["value"] = {}
    asset = json.loads((folder / "swagger-asset.json").read_text())
    identity = json.loads((folder / "swagger-identity.json").read_text())
    return {"/rest/v1": mapi, "/bulk/v1": mapi, "/rest/asset": asset, "/identity": identity}


def _check(
    documents: dict[str, dict[str, Any]], path: str, body: Any, *, method: str = "get"
) -> None:
    document = next(each for prefix, each in documents.items() if path.startswith(prefix))
    schema = document["paths"][path][method]["responses"]["200"]["schema"]
    errors = Draft4Validator({**schema, "definitions": document["definitions"]}).iter_errors(body)
    assert [f"{list(error.path)}: {error.message}" for error in errors] == []


def test_the_token(documents: dict[str, Any], marketo: Caller) -> None:
    query = {
        "grant_type": "client_credentials",
        "client_id": "sandbox-marketo-id",
        "client_secret": "sandbox-marketo-secret",
    }
    answer = marketo.raw("GET", "/identity/oauth/token", params=query)
    _check(documents, "/identity/oauth/token", answer.json())


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/rest/v1/activities/types.json", {}),
        ("/rest/v1/activities/pagingtoken.json", {"sinceDatetime": START}),
        ("/rest/v1/leads/describe.json", {}),
        ("/rest/v1/leads.json", {"filterType": "id", "filterValues": "1000001,1000004"}),
        ("/rest/v1/leads.json", {"filterType": "email", "filterValues": "nobody@x.example"}),
        ("/rest/v1/programs/members/describe.json", {}),
        ("/rest/v1/opportunities/describe.json", {}),
        ("/rest/v1/opportunities/roles/describe.json", {}),
        ("/rest/asset/v1/programs.json", {"maxReturn": 200}),
        ("/rest/asset/v1/programs.json", {"offset": 10_000}),
    ],
)
def test_single_answers(
    documents: dict[str, Any], marketo: Caller, path: str, query: dict[str, Any]
) -> None:
    _check(documents, path, marketo.get(path, **query))


def test_describe2(documents: dict[str, Any], marketo: Caller) -> None:
    path = "/rest/v1/leads/describe2.json"
    body = marketo.get(path)
    # The document types one searchable field as an object that lists strings; it is a list.
    _check(documents, path, body)
    assert body["result"][0]["searchableFields"] == [["email"], ["id"]]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/rest/v1/activities.json", {"activityTypeIds": "1,2,6,7,8,9,10,11,12,13"}),
        ("/rest/v1/activities.json", {"activityTypeIds": "22,27,32,37,46,104"}),
        ("/rest/v1/activities/leadchanges.json", {"fields": "leadStatus,emailInvalid"}),
        ("/rest/v1/activities/deletedleads.json", {}),
    ],
)
def test_every_page_of_the_logs(
    documents: dict[str, Any], marketo: Caller, path: str, query: dict[str, Any]
) -> None:
    rows = 0
    for page in marketo.pages(path, START, **query):
        _check(documents, path, page)
        rows += len(page["result"])
    assert rows > 0 or "deleted" in path


def test_one_lead_and_one_program(documents: dict[str, Any], marketo: Caller) -> None:
    now = int(marketo.clock.now().timestamp())
    lead = next(lead for lead in marketo.world.marketing.leads if lead.is_there(now))
    _check(
        documents, "/rest/v1/lead/{leadId}.json", marketo.get(f"/rest/v1/lead/{lead.lead_id}.json")
    )
    for program in marketo.world.marketing.programs[:12]:
        body = marketo.get(f"/rest/asset/v1/program/{program.program_id}.json")
        _check(documents, "/rest/asset/v1/program/{id}.json", body)


def test_members_and_opportunities(documents: dict[str, Any], marketo: Caller) -> None:
    marketing = marketo.world.marketing
    members = 0
    for program in marketing.programs[:8]:
        body = marketo.get(
            f"/rest/v1/programs/{program.program_id}/members.json",
            filterType="reachedSuccess",
            filterValues="true",
        )
        _check(documents, "/rest/v1/programs/{programId}/members.json", body)
        members += len(body["result"])
    assert members
    leads = ",".join(str(lead.lead_id) for lead in marketing.leads[:300])
    path = "/rest/v1/opportunities/roles.json"
    roles = marketo.get(path, filterType="leadId", filterValues=leads)
    _check(documents, path, roles)
    numbers = {role["externalOpportunityId"] for role in roles["result"]}
    path = "/rest/v1/opportunities.json"
    found = marketo.get(
        path, filterType="externalOpportunityId", filterValues=",".join(sorted(numbers))
    )
    _check(documents, path, found)
    assert {each["externalOpportunityId"] for each in found["result"]} == numbers != set()


@pytest.mark.parametrize(
    ("kind", "request_body"),
    [
        ("leads", {"fields": ["id", "email"], "filter": SPAN}),
        ("activities", {"filter": SPAN}),
        ("program/members", {"fields": ["leadId"], "filter": {"programIds": [1001, 1005]}}),
    ],
)
def test_bulk_extracts(
    documents: dict[str, Any], marketo: Caller, kind: str, request_body: dict[str, Any]
) -> None:
    base = f"/bulk/v1/{kind}/export"
    created = marketo.post(f"{base}/create.json", request_body)
    _check(documents, f"{base}/create.json", created, method="post")
    job = created["result"][0]["exportId"]
    queued = marketo.post(f"{base}/{job}/enqueue.json")
    _check(documents, f"{base}/{{exportId}}/enqueue.json", queued, method="post")
    while True:
        body = marketo.get(f"{base}/{job}/status.json")
        _check(documents, f"{base}/{{exportId}}/status.json", body)
        if body["result"][0]["status"] == "Completed":
            break
    _check(documents, f"{base}.json", marketo.get(f"{base}.json"))
    canceled = marketo.post(f"{base}/{job}/cancel.json")
    _check(documents, f"{base}/{{exportId}}/cancel.json", canceled, method="post")


def test_errors_have_the_shape_of_an_answer_without_result(
    documents: dict[str, Any], marketo: Caller
) -> None:
    body = marketo.get("/rest/v1/lead/1.json")
    definitions = documents["/rest/v1"]["definitions"]
    schema = {"$ref": "#/definitions/ResponseWithoutResult", "definitions": definitions}
    assert list(Draft4Validator(schema).iter_errors(body)) == []
    assert body["success"] is False
