"""Bulk 2.0 query jobs: their states, results in sets, and what they refuse."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
import requests
from salesforce_caller import API, Caller, Opener
from starlette.applications import Starlette

from revops_pipelines.sandbox.clock import SandboxClock, opening
from revops_pipelines.sandbox.frame import Manners, Options, framed
from revops_pipelines.sandbox.salesforce.access import Access
from revops_pipelines.sandbox.salesforce.bulk import Bulk
from revops_pipelines.sandbox.salesforce.org import Org
from revops_pipelines.sandbox.salesforce.query import Queries
from revops_pipelines.sandbox.server import serving
from revops_pipelines.sandbox.world.world import World

JOBS = f"{API}/jobs/query"


def created(caller: Caller, query: str, **asked: str) -> dict[str, Any]:
    body = {"operation": "query", "query": query, **asked}
    answer = caller.call("POST", JOBS, json=body)
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()
    return job


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()[0]["errorCode"]


def test_a_job_and_its_sets(salesforce: Caller) -> None:
    job = created(salesforce, "SELECT Id, CreatedDate, IsConverted, MQL_At__c FROM Lead")
    assert (job["object"], job["operation"], job["apiVersion"]) == ("Lead", "query", 68.0)
    shown = salesforce.call("GET", f"{JOBS}/{job['id']}").json()
    assert (shown["state"], shown["jobType"]) == ("JobComplete", "V2Query")
    rows: list[dict[str, str]] = []
    params: dict[str, Any] = {"maxRecords": 100}
    while True:
        page = salesforce.call("GET", f"{JOBS}/{job['id']}/results", params=params)
        found = list(csv.DictReader(io.StringIO(page.text)))
        assert page.headers["Sforce-NumberOfRecords"] == str(len(found))
        rows += found
        if page.headers["Sforce-Locator"] == "null":
            break
        params["locator"] = page.headers["Sforce-Locator"]
    leads = salesforce.query("SELECT Id, CreatedDate, MQL_At__c FROM Lead")
    assert len(rows) == shown["numberRecordsProcessed"] == len(leads) > 200
    assert [row["Id"] for row in rows] == [row["Id"] for row in leads]
    assert rows[0]["CreatedDate"] == leads[0]["CreatedDate"].replace("+0000", "Z")
    assert {row["IsConverted"] for row in rows} == {"true", "false"}
    assert [row["MQL_At__c"] == "" for row in rows] == [row["MQL_At__c"] is None for row in leads]


def test_texts_with_lines_and_quotes(salesforce: Caller) -> None:
    query = "SELECT Id, TextBody FROM EmailMessage LIMIT 3"
    job = created(salesforce, query, columnDelimiter="PIPE", lineEnding="CRLF")
    page = salesforce.call("GET", f"{JOBS}/{job['id']}/results")
    rows = list(csv.DictReader(io.StringIO(page.text, newline=""), delimiter="|"))
    records = salesforce.query(query)
    assert [row["TextBody"] for row in rows] == [row["TextBody"] for row in records]
    assert "\n" in rows[0]["TextBody"]
    assert '"' in rows[0]["TextBody"]


def test_parents_in_a_job(salesforce: Caller) -> None:
    job = created(salesforce, "SELECT Id, RecordType.Name FROM Opportunity LIMIT 2")
    page = salesforce.call("GET", f"{JOBS}/{job['id']}/results")
    assert page.text.splitlines()[0] == '"Id","RecordType.Name"'
    assert '"New Business"' in page.text


def test_a_job_shows_what_was_there_when_it_was_created(open_salesforce: Opener) -> None:
    with open_salesforce() as served:
        query = "SELECT Id, SystemModstamp FROM Task ORDER BY SystemModstamp DESC LIMIT 1"
        job = created(served, query)
        before = served.query(query)
        served.clock.advance(timedelta(days=3))
        served.sign_in()
        page = served.call("GET", f"{JOBS}/{job['id']}/results")
        assert before[0]["Id"] in page.text
        assert served.query(query) != before


def test_deleted_ones_only_where_asked_for(keeping: Caller) -> None:
    counts = {}
    for operation in ("query", "queryAll"):
        job = created(keeping, "SELECT Id FROM Contact", operation=operation)
        shown = keeping.call("GET", f"{JOBS}/{job['id']}").json()
        counts[operation] = shown["numberRecordsProcessed"]
    assert counts["query"] < counts["queryAll"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"operation": "insert"}, "INVALIDJOB"),
        ({"columnDelimiter": "DOT"}, "INVALIDJOB"),
        ({"query": "SELECT Id, Address FROM Lead"}, "API_ERROR"),
        ({"query": "SELECT COUNT() FROM Lead"}, "API_ERROR"),
        ({"query": "SELECT FIELDS(STANDARD) FROM Lead"}, "API_ERROR"),
        ({"query": "SELECT Id FROM Lead LIMIT 5 OFFSET 5"}, "API_ERROR"),
        ({"query": "SELECT Id FROM TaskStatus"}, "INVALIDENTITY"),
        ({"query": "SELECT Nothing FROM Lead"}, "INVALID_FIELD"),
        ({"query": ""}, "MALFORMED_QUERY"),
    ],
)
def test_refused_jobs(salesforce: Caller, asked: dict[str, str], code: str) -> None:
    body = {"operation": "query", "query": "SELECT Id FROM Lead", **asked}
    assert code_of(salesforce.call("POST", JOBS, json=body)) == (400, code)


def test_a_job_belongs_to_its_version(salesforce: Caller) -> None:
    job = created(salesforce, "SELECT Id FROM Lead")
    other = f"/services/data/v67.0/jobs/query/{job['id']}"
    assert salesforce.call("GET", other).status_code == 409
    assert salesforce.call("GET", f"{other}/results").status_code == 409


def test_ended_jobs_are_deleted(salesforce: Caller) -> None:
    job = created(salesforce, "SELECT Id FROM Lead")
    listed = salesforce.call("GET", JOBS).json()
    assert job["id"] in {each["id"] for each in listed["records"]}
    assert salesforce.call("DELETE", f"{JOBS}/{job['id']}").status_code == 204
    assert code_of(salesforce.call("GET", f"{JOBS}/{job['id']}")) == (404, "NOT_FOUND")


def test_jobs_under_way(open_salesforce: Opener) -> None:
    with open_salesforce(bulk_seconds=3_600.0) as served:
        job = created(served, "SELECT Id FROM Lead")
        path = f"{JOBS}/{job['id']}"
        assert job["state"] == "UploadComplete"
        assert code_of(served.call("GET", f"{path}/results")) == (400, "INVALIDJOBSTATE")
        assert code_of(served.call("DELETE", path)) == (400, "INVALIDJOBSTATE")
        aborted = served.call("PATCH", path, json={"state": "Aborted"})
        assert aborted.json()["state"] == "Aborted"
        assert code_of(served.call("PATCH", path, json={"state": "Aborted"}))[0] == 400
        assert served.call("DELETE", path).status_code == 204


def test_sets_that_cannot_be(salesforce: Caller) -> None:
    job = created(salesforce, "SELECT Id FROM Lead")
    for params in ({"maxRecords": "0"}, {"maxRecords": "x"}, {"locator": "!"}):
        answer = salesforce.call("GET", f"{JOBS}/{job['id']}/results", params=params)
        assert code_of(answer) == (400, "INVALID_ARGUMENT")


def test_the_states_of_a_job_in_order(northbeam: World) -> None:
    """On a stopwatch of the test's own."""
    elapsed = [0.0]
    clock, options = SandboxClock(opening(northbeam.anchor)), Options(bulk_seconds=9.0)
    org, access = Org(northbeam, clock, options), Access(clock, options)
    bulk = Bulk(org, Queries(org), access, options, monotonic=lambda: elapsed[0])
    manners = Manners(authenticate=lambda call: None)
    app = framed(
        "salesforce",
        Starlette(routes=bulk.routes()),
        clock=clock,
        options=options,
        manners=manners,
    )
    with serving({"salesforce": app}) as urls, requests.Session() as session:
        caller = Caller(urls["salesforce"], app, clock, northbeam, session)
        path = f"{JOBS}/{created(caller, 'SELECT Id FROM Lead')['id']}"
        states = []
        for elapsed[0] in (0.0, 2.9, 3.1, 8.9, 9.0):
            shown = caller.call("GET", path).json()
            states.append((shown["state"], shown["numberRecordsProcessed"] > 0))
    assert states == [
        ("UploadComplete", False),
        ("UploadComplete", False),
        ("InProgress", False),
        ("InProgress", False),
        ("JobComplete", True),
    ]
