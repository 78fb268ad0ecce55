"""What goes wrong with a Salesforce org: logins, limits, gaps, broken answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from salesforce_warehouse import Warehouse, org_options

from revops_pipelines.engine.declarations import Connection, Reach
from revops_pipelines.engine.ingest.errors import (
    AddressRefusedError,
    CredentialsRefusedError,
    CursorLoopError,
    IngestError,
    PermissionMissingError,
    ProtocolError,
    QuotaExhaustedError,
    RequestRefusedError,
    ServerError,
)
from revops_pipelines.engine.ingest.landing import Landed
from revops_pipelines.engine.ingest.pull import Failed
from revops_pipelines.resources.sources.salesforce.check import check
from revops_pipelines.resources.sources.salesforce.client import connect
from revops_pipelines.sandbox.faults import Fault, answer, changed
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.salesforce.access import CLIENT_ID, USERNAME
from revops_pipelines.sandbox.salesforce.keypair import private_key
from revops_pipelines.sandbox.server import Sandbox, running
from revops_pipelines.sandbox.world.world import World

EXPIRED = b'[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]'
LIMIT = b'[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]'
Open = Callable[..., AbstractContextManager[Sandbox]]


@pytest.fixture
def open_org(small_world: World) -> Open:
    """Serves an org of one's own; keywords are those of `Options`."""

    def opened(**options: Any) -> AbstractContextManager[Sandbox]:
        settled = {"limits": False, "bulk_seconds": 0.0} | options
        return running(
            world=small_world,
            anchor=small_world.anchor,
            systems=("salesforce",),
            options=Options(**settled),
        )

    return opened


@pytest.fixture
def house(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path, org_options(tries=2))


def checked(served: Sandbox, **secrets: str) -> dict[str, Reach]:
    """What the check says, by stream."""
    options = org_options(base_url=served.urls["salesforce"], username=USERNAME)
    keys = {**served.keys["salesforce"], **secrets}
    api = connect(Connection("salesforce", options, keys, served.clock.now))
    found = {reach.subject: reach for reach in check(api)}
    api.close()
    return found


def error_of(outcome: Landed | Failed) -> BaseException:
    assert isinstance(outcome, Failed)
    return outcome.error


# --- logging in


def test_a_private_key_opens_the_org(open_org: Open) -> None:
    with open_org() as served:
        lines = checked(served, client_id=CLIENT_ID, client_secret=private_key())
    assert lines["opportunities"].ok


def test_a_wrong_secret_ends_the_check_with_what_to_do(open_org: Open) -> None:
    with open_org() as served:
        lines = checked(served, client_secret="canary-77aa")
        assert served.requests("salesforce") == 1
    (line,) = lines.values()
    assert not line.ok
    assert "External Client Apps" in line.remedy
    assert "canary" not in repr(line)


def test_a_session_that_ends_on_the_way_is_renewed_once(open_org: Open, house: Warehouse) -> None:
    with open_org() as served:
        faults = served.faults["salesforce"]
        faults.next(answer(401, EXPIRED), path="/queryAll", times=1, after=2)
        house.pull_all(served, ("tasks", "events", "users"))
        assert served.requests("salesforce", "/oauth2/token") == 2
    assert house.rows("SELECT count(*) > 0 FROM raw.salesforce__events") == [(True,)]


def test_a_session_that_is_never_accepted_is_no_storm(open_org: Open, house: Warehouse) -> None:
    with open_org() as served:
        served.faults["salesforce"].next(answer(401, EXPIRED), path="/services/data", times=None)
        outcome = house.pull(served)
        # Streams that begin between a renewal and its refusal may each renew once more.
        assert 2 <= served.requests("salesforce", "/oauth2/token") <= len(house.streams)
        # At most each stream's first request and the one after the renewal.
        assert served.requests("salesforce", "/services/data") <= 2 * len(house.streams)
    errors = [error_of(each) for each in outcome.values()]
    assert all(isinstance(error, CredentialsRefusedError) for error in errors)
    assert house.cursors == {}


def test_a_token_is_not_sent_to_where_an_answer_points(open_org: Open, house: Warehouse) -> None:
    def elsewhere(body: bytes) -> bytes:
        told = json.loads(body)
        return json.dumps(told | {"instance_url": "https://evil.example"}).encode()

    with open_org() as served:
        served.faults["salesforce"].next(changed(elsewhere), path="/oauth2/token", times=None)
        outcome = house.pull(served, ("users",))
        assert served.requests("salesforce", "/services/data") == 0
    assert isinstance(error_of(outcome["users"]), AddressRefusedError)


@pytest.mark.parametrize(
    "refusal",
    [
        answer(403, b"{}"),
        answer(404, b""),
        answer(410, b'[{"message":"no","errorCode":"UNSUPPORTED_API_VERSION"}]'),
        answer(400, b'{"error":"invalid_client","error_description":"no"}'),
    ],
)
def test_a_refused_login_is_no_gap_of_an_object(
    refusal: Fault, open_org: Open, house: Warehouse
) -> None:
    with open_org() as served:
        served.faults["salesforce"].next(refusal, path="/oauth2/token", times=None)
        outcome = house.pull(served, ("events", "users", "organization"))
    assert {type(error_of(each)) for each in outcome.values()} == {CredentialsRefusedError}
    assert house.cursors == {}


@pytest.mark.parametrize(
    "refusal",
    [
        answer(403, b"<html></html>", media_type="text/html"),
        answer(403, b'[{"message":"off","errorCode":"API_DISABLED_FOR_ORG"}]'),
    ],
)
def test_a_refusal_of_everything_is_no_gap_of_an_object(
    refusal: Fault, open_org: Open, house: Warehouse
) -> None:
    with open_org() as served:
        served.faults["salesforce"].next(refusal, path="/services/data", times=None)
        outcome = house.pull(served, ("events", "users"))
    assert {type(error_of(each)) for each in outcome.values()} == {PermissionMissingError}
    assert house.cursors == {}


# --- limits


def test_the_days_calls_are_not_waited_for(open_org: Open, house: Warehouse) -> None:
    with open_org() as served:
        served.faults["salesforce"].next(answer(403, LIMIT), path="/services/data", times=None)
        outcome = house.pull(served)
        assert served.requests("salesforce", "/services/data") <= len(house.streams)
    errors = [error_of(each) for each in outcome.values()]
    assert all(isinstance(error, QuotaExhaustedError) for error in errors)
    assert house.cursors == {}


def test_too_many_at_once_is_waited_for(open_org: Open, house: Warehouse) -> None:
    left = (("Sforce-Limit-Info", "api-usage=400/15000"),)
    with open_org() as served:
        busy = answer(403, LIMIT, headers=left, retry_after="0")
        served.faults["salesforce"].next(busy, path="/queryAll", times=3)
        house.pull_all(served, ("events", "users"))
        assert served.faults["salesforce"].played == 3


def test_calls_that_are_left_to_others_are_left(open_org: Open, house: Warehouse) -> None:
    with open_org(limits=True, rates={"salesforce.daily": 100}) as served:
        outcome = house.pull(served, spare_calls=70)
        # Beyond the thirty, each stream may have had one under way.
        asked = served.requests("salesforce", "/services/data")
        assert 30 <= asked <= 30 + len(house.streams)
    stopped = [each for each in outcome.values() if isinstance(each, Failed)]
    assert stopped
    assert all(isinstance(each.error, QuotaExhaustedError) for each in stopped)
    assert all(each.calls is not None and each.calls.limit == 100 for each in outcome.values())


def test_what_was_read_before_the_stop_is_kept_and_gone_on_from(
    open_org: Open, house: Warehouse, tmp_path: Path
) -> None:
    whole = Warehouse(tmp_path / "whole")
    with open_org() as served:
        whole.pull_all(served, ("tasks",))
        # Login, describe, count, two pages of six.
        outcome = house.pull(served, ("tasks",), page_records=200, max_calls=5)
        landed = outcome["tasks"]
        assert isinstance(landed, Landed)
        assert isinstance(landed.stopped, QuotaExhaustedError)
        assert landed.rows == 400
        assert "full_at" not in house.cursors["tasks"]
        house.pull_all(served, ("tasks",), page_records=200)
        assert "full_at" in house.cursors["tasks"]
    query = "SELECT payload_hash FROM raw.salesforce__tasks ORDER BY 1"
    assert house.rows(query) == whole.rows(query)


# --- what the org does not have


def test_a_feature_that_is_off_is_a_gap_that_shows(open_org: Open, house: Warehouse) -> None:
    off = frozenset({"salesforce.without:OpportunitySplit", "salesforce.without:ForecastingQuota"})
    with open_org(switches=off) as served:
        house.pull_all(served)
        lines = checked(served)
    assert "OpportunitySplit" in house.cursors["opportunity_splits"]["gap"]
    assert house.offered("quotas") == []
    assert house.offered("opportunities")
    assert not lines["opportunity_splits"].ok
    assert "Opportunity Splits in Setup" in lines["opportunity_splits"].remedy
    closed = {name for name, line in lines.items() if not line.ok}
    # The simulated org has no Shared Activities either.
    assert closed == {"opportunity_splits", "forecasting_quotas", "task_relations"}


def test_an_object_that_comes_later_is_read_from_the_beginning(
    open_org: Open, house: Warehouse
) -> None:
    with open_org(switches=frozenset({"salesforce.without:Event"})) as served:
        house.pull_all(served, ("events",))
        assert "gap" in house.cursors["events"]
    with open_org() as served:
        house.pull_all(served, ("events",))
    assert house.rows("SELECT count(*) > 50 FROM raw.salesforce__events") == [(True,)]
    assert "gap" not in house.cursors["events"]


def test_data_that_stops_is_no_gap(open_org: Open, house: Warehouse) -> None:
    with open_org() as served:
        house.pull_all(served, ("events", "users"))
        known = house.rows("SELECT count(*) FROM raw.salesforce__events WHERE _deleted_at IS NULL")
    with open_org(switches=frozenset({"salesforce.without:Event"})) as served:
        outcome = house.pull(served, ("events", "users"))
    assert isinstance(error_of(outcome["events"]), PermissionMissingError)
    assert isinstance(outcome["users"], Landed)
    assert house.rows("SELECT count(*) FROM raw.salesforce__events WHERE _deleted_at IS NULL") == (
        known
    )


def test_a_missing_permission_to_query_is_a_gap_as_well(open_org: Open, house: Warehouse) -> None:
    body = b'[{"message":"sObject type not supported.","errorCode":"INVALID_TYPE"}]'
    with open_org() as served:
        served.faults["salesforce"].next(answer(400, body), path="/queryAll", times=None)
        house.pull_all(served, ("events",))
        lines = checked(served)
    assert "INVALID_TYPE" in house.cursors["events"]["gap"]
    assert not lines["events"].ok


def test_fields_that_the_user_does_not_see_are_named(open_org: Open, house: Warehouse) -> None:
    hidden = frozenset(
        {"salesforce.without:Lead.EmailBouncedDate", "salesforce.without:Lead.LeadSource"}
    )
    with open_org(switches=hidden) as served:
        house.pull_all(served, ("leads",))
        lines = checked(served)
    assert house.cursors["leads"]["hidden"] == ["LeadSource", "EmailBouncedDate"]
    assert not lines["leads"].ok
    assert "EmailBouncedDate" in lines["leads"].detail
    assert house.rows("SELECT count(*) > 0, count(lead_source) FROM raw.salesforce__leads") == [
        (True, 0)
    ]


def test_an_object_that_does_not_date_its_changes_is_read_whole(
    open_org: Open, house: Warehouse
) -> None:
    undated = frozenset({"salesforce.without:ForecastingQuota.SystemModstamp"})
    with open_org(switches=undated) as served:
        for _ in range(2):
            house.pull_all(served, ("forecasting_quotas", "periods"))
            served.clock.advance(timedelta(days=1))
    assert len(house.offered("quotas")) > 0
    assert set(house.cursors["forecasting_quotas"]) == {"until"}


def test_the_check_says_what_can_be_read(open_org: Open) -> None:
    with open_org() as served:
        lines = checked(served)
    closed = {name for name, line in lines.items() if not line.ok}
    assert closed == {"task_relations"}
    assert set(lines) >= {"leads", "contacts", "opportunities", "organization", "fields"}


# --- broken answers


def test_a_retired_version_says_so(open_org: Open, house: Warehouse) -> None:
    with open_org() as served:
        outcome = house.pull(served, ("users",), api_version="21.0")
    error = error_of(outcome["users"])
    assert isinstance(error, RequestRefusedError)
    assert error.status == 410


def without_next(body: bytes) -> bytes:
    page = json.loads(body)
    page.pop("nextRecordsUrl", None)
    return json.dumps(page).encode()


def same_next(body: bytes) -> bytes:
    page = json.loads(body)
    page |= {"done": False, "nextRecordsUrl": "/services/data/v68.0/query/again-200"}
    return json.dumps(page).encode()


def other_origin(body: bytes) -> bytes:
    page = json.loads(body)
    page |= {"done": False, "nextRecordsUrl": "https://evil.example/services/data/x"}
    return json.dumps(page).encode()


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (without_next, ProtocolError),
        (same_next, CursorLoopError),
        (other_origin, AddressRefusedError),
    ],
)
def test_pages_that_lead_nowhere_fail_the_stream(
    open_org: Open,
    house: Warehouse,
    change: Callable[[bytes], bytes],
    wanted: type[IngestError],
) -> None:
    with open_org() as served:
        faults = served.faults["salesforce"]
        if change is same_next:
            # Whatever page is asked for, the same one comes.
            again = json.dumps({"totalSize": 900, "done": True, "records": []}).encode()
            faults.next(changed(same_next), path="/queryAll", times=None, after=1)
            faults.next(answer(200, same_next(again)), path="/query/again", times=None)
        else:
            faults.next(changed(change), path="/queryAll", times=None, after=1)
        outcome = house.pull(served, ("tasks",), page_records=200)
    assert isinstance(error_of(outcome["tasks"]), wanted)
    assert "tasks" not in house.cursors


def shorter(body: bytes) -> bytes:
    return b"\n".join(body.split(b"\n")[:-3]) + b"\n"


def other_columns(body: bytes) -> bytes:
    return body.replace(b'"Id"', b'"Ident"', 1)


def half_a_row(body: bytes) -> bytes:
    return body[: len(body) // 2]


@pytest.mark.parametrize("change", [shorter, other_columns, half_a_row])
def test_a_bulk_result_is_whole_or_fails(
    open_org: Open, house: Warehouse, change: Callable[[bytes], bytes]
) -> None:
    with open_org() as served:
        served.faults["salesforce"].next(changed(change), path="/results$", times=1)
        outcome = house.pull(served, ("events",), bulk_above_records=0)
    assert isinstance(error_of(outcome["events"]), ProtocolError)
    assert house.rows("SELECT count(*) FROM raw.salesforce__events") == [(0,)]


def test_a_job_that_fails_fails_its_stream_with_the_reason(
    open_org: Open, house: Warehouse
) -> None:
    def failed(body: bytes) -> bytes:
        return json.dumps(
            json.loads(body) | {"state": "Failed", "errorMessage": "InternalServerError"}
        ).encode()

    with open_org() as served:
        served.faults["salesforce"].next(changed(failed), path="/jobs/query/[^/]+$", times=None)
        outcome = house.pull(served, ("events",), bulk_above_records=0)
    error = error_of(outcome["events"])
    assert isinstance(error, ServerError)
    assert "InternalServerError" in str(error)


def test_a_list_of_deletes_that_does_not_reach_back_is_not_believed(
    open_org: Open, house: Warehouse
) -> None:
    def reaches_back_a_day(body: bytes) -> bytes:
        late = (served.clock.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        return json.dumps(json.loads(body) | {"earliestDateAvailable": late}).encode()

    # With a stream that no pulse pulls: deletes are looked for at night.
    night = ("organization", "events")
    with open_org() as served:
        house.pull_all(served, night)
        served.clock.advance(timedelta(days=3))
        served.faults["salesforce"].next(changed(reaches_back_a_day), path="/deleted", times=1)
        landed = house.pull(served, night)["events"]
    assert isinstance(landed, Landed)
    assert landed.is_complete
    assert landed.ids > 50
