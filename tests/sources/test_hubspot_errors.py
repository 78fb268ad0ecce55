"""How HubSpot's answers are read: errors by what to do about them, pages, odd results."""

from __future__ import annotations

import doctest
import importlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from revops_pipelines.engine.declarations import Connection
from revops_pipelines.engine.ingest.errors import ProtocolError, Verdict
from revops_pipelines.engine.ingest.http import Response
from revops_pipelines.engine.ingest.windows import Window
from revops_pipelines.resources.sources.hubspot.client import HubSpot, Paths, connect, read_error
from revops_pipelines.resources.sources.hubspot.options import HubSpotOptions
from revops_pipelines.resources.sources.hubspot.reading import Wish, changed_ids, read_records
from revops_pipelines.sandbox.faults import answer, changed
from revops_pipelines.sandbox.server import Sandbox

MODULES = ("client", "reading", "sql", "tables")
Open = Callable[..., AbstractContextManager[Sandbox]]


def response(status: int, /, **body: Any) -> Response:
    return Response(status, {}, json.dumps(body, separators=(",", ":")).encode())


@pytest.mark.parametrize("name", MODULES)
def test_worked_examples(name: str) -> None:
    module = importlib.import_module(f"revops_pipelines.resources.sources.hubspot.{name}")
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (401, {"status": "error", "category": "INVALID_AUTHENTICATION"}, Verdict.REFRESH),
        (401, {"status": "error", "category": "EXPIRED_AUTHENTICATION"}, Verdict.REFRESH),
        (401, {"status": "error"}, Verdict.REFRESH),
        (403, {"status": "error", "category": "MISSING_SCOPES"}, Verdict.PERMISSION),
        (429, {"errorType": "RATE_LIMIT", "policyName": "SECONDLY"}, Verdict.THROTTLED),
        (429, {"errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"}, Verdict.THROTTLED),
        (429, {"category": "RATE_LIMITS", "policyName": "DAILY"}, Verdict.QUOTA),
        (400, {"category": "VALIDATION_ERROR", "message": "no"}, Verdict.FATAL),
        (404, {"category": "OBJECT_NOT_FOUND", "message": "no"}, Verdict.FATAL),
        (414, {"message": "too long"}, Verdict.FATAL),
        (423, {"message": "locked"}, Verdict.RETRY),
        (477, {"message": "MIGRATION_IN_PROGRESS"}, Verdict.QUOTA),
        (500, {"message": "internal error", "category": "INTERNAL"}, Verdict.RETRY),
        (200, {"status": "error", "category": "VALIDATION_ERROR", "message": "x"}, Verdict.FATAL),
    ],
)
def test_errors_by_what_to_do(status: int, body: dict[str, Any], verdict: Verdict) -> None:
    error = read_error(response(status, **body))
    assert error is not None
    assert error.verdict is verdict


@pytest.mark.parametrize(
    "context",
    [
        {"context": {"missingScopes": ["crm.objects.deals.read"]}},
        {"context": {"requiredScopes": ["crm.objects.deals.read"]}},
        {"errors": [{"context": {"requiredGranularScopes": ["crm.objects.deals.read"]}}]},
    ],
)
def test_a_missing_scope_is_named(context: dict[str, Any]) -> None:
    error = read_error(response(403, status="error", category="MISSING_SCOPES", **context))
    assert error is not None
    assert "crm.objects.deals.read" in error.message


def test_data_is_no_error() -> None:
    assert read_error(response(200, results=[], total=0)) is None
    # Somebody's text may hold the very words, escaped.
    body = response(200, results=[{"id": "1", "properties": {"x": '{"status":"error"}'}}])
    assert read_error(body) is None


def test_a_batch_in_parts_is_data_where_records_are_only_not_there() -> None:
    missing = {"status": "error", "category": "OBJECT_NOT_FOUND"}
    none = {**missing, "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND"}
    assert read_error(response(207, status="COMPLETE", results=[], errors=[missing, none])) is None
    broken = {"status": "error", "category": "INTERNAL_ERROR"}
    error = read_error(response(207, status="COMPLETE", results=[], errors=[missing, broken]))
    assert error is not None
    assert error.verdict is Verdict.RETRY
    assert read_error(Response(207, {}, b"<half")) is not None


def test_a_proxys_page_speaks_by_its_status() -> None:
    assert read_error(Response(502, {}, b"<html>bad gateway</html>")) is None


@pytest.mark.parametrize("version", ["2026-09", "2027-03", "v3"])
def test_every_path_has_its_version(version: str) -> None:
    paths = Paths(version)
    every = [
        paths.objects("deals"),
        paths.associations("deals", "contacts"),
        paths.owners(),
        paths.pipelines("deals"),
        paths.properties("deals"),
        paths.exchange_rates(),
        paths.account(),
    ]
    assert all(f"/{version}/" in f"{path}/" or "/v4/" in path for path in every)


def connected(served: Sandbox, **options: Any) -> HubSpot:
    settled = HubSpotOptions(
        base_url=served.urls["hubspot"], search_requests_per_second=10_000, **options
    )
    return connect(Connection("hubspot", settled, served.keys["hubspot"], served.clock.now))


def always(served: Sandbox) -> Window:
    return Window(served.world.start, served.clock.now())


def test_a_search_that_is_not_in_order_is_not_believed(open_sandbox: Open) -> None:
    def turned(body: bytes) -> bytes:
        page = json.loads(body)
        page["results"].reverse()
        return json.dumps(page).encode()

    with open_sandbox() as served:
        api = connected(served)
        served.faults["hubspot"].next(changed(turned), path="/search$")
        with pytest.raises(ProtocolError, match="not sorted"):
            list(changed_ids(api, "contacts", "lastmodifieddate", always(served)))
        api.close()


def test_a_search_that_ends_early_although_it_promised_more(open_sandbox: Open) -> None:
    """A total that counts records deleted meanwhile must not make us ask for ever."""
    with open_sandbox() as served:
        api = connected(served)
        served.faults["hubspot"].next(answer(200, b'{"total":5,"results":[]}'), path="/search$")
        assert list(changed_ids(api, "contacts", "lastmodifieddate", always(served))) == []
        api.close()


def test_an_empty_window_is_one_question(open_sandbox: Open) -> None:
    with open_sandbox() as served:
        api = connected(served)
        future = Window(served.clock.now() + timedelta(days=1), datetime(2030, 1, 1, tzinfo=UTC))
        assert list(changed_ids(api, "deals", "hs_lastmodifieddate", future)) == []
        assert served.requests("hubspot") == 1
        api.close()


def test_records_by_id_are_as_a_list_gives_them(sandbox: Sandbox) -> None:
    api = connected(sandbox)
    wish = Wish("deals", ("dealname", "pipeline"), ("dealstage",), ("contacts", "companies"))
    deals = [deal for deal in sandbox.world.deals if deal.created_at < sandbox.clock.now()]
    ids = [deal.hubspot_id for deal in deals]
    read = {record["id"]: record for record in map(json.loads, read_records(api, wish, ids))}
    params = {
        "properties": ",".join(wish.properties),
        "propertiesWithHistory": "dealstage",
        "associations": "contacts,companies",
        "limit": 50,
    }
    page = json.loads(api.http.get(api.paths.objects("deals"), params=params).body)
    assert page["results"]
    for record in page["results"]:
        found = read[record["id"]]
        assert {**found, "associations": 0} == {**record, "associations": 0}
        for kind in ("contacts", "companies"):
            assert _ends(found, kind) == _ends(record, kind)
    api.close()


def _ends(record: dict[str, Any], kind: str) -> set[str]:
    linked = record.get("associations", {}).get(kind, {"results": []})
    return {end["id"] for end in linked["results"]}


def test_an_id_that_was_merged_away_answers_with_the_one_kept(sandbox: Sandbox) -> None:
    merged = next(each for each in sandbox.world.contacts if each.merged_at is not None)
    assert merged.merged_at is not None
    assert merged.merged_at < sandbox.clock.now()
    api = connected(sandbox)
    wish = Wish("contacts", ("email",), (), ())
    found = [json.loads(record) for record in read_records(api, wish, [merged.hubspot_id, "1"])]
    assert len(found) == 1
    assert found[0]["id"] != merged.hubspot_id
    api.close()
