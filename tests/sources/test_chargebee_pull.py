"""Pulling from a Chargebee site: whole, night by night, through faults, stops and refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from chargebee_warehouse import ANCHOR, NAME, Warehouse, opened

from revops_pipelines.engine.declarations import Connection
from revops_pipelines.engine.ingest.errors import Verdict
from revops_pipelines.engine.ingest.pull import Failed, Landed
from revops_pipelines.engine.ingest.transport import Response
from revops_pipelines.resources.sources.chargebee import SOURCE
from revops_pipelines.resources.sources.chargebee.client import connect, read_error
from revops_pipelines.sandbox.chargebee import ids
from revops_pipelines.sandbox.faults import answer
from revops_pipelines.sandbox.server import Sandbox
from revops_pipelines.sandbox.world.world import World, build_world

LISTS = {stream.name for stream in SOURCE.streams(SOURCE.options())}
Make = Callable[..., Warehouse]


@pytest.fixture(scope="module")
def one() -> World:
    """One company, for what does not depend on which."""
    return build_world(7, ANCHOR, 0.05)


@pytest.fixture
def make(tmp_path: Any) -> Iterator[Make]:
    """Makes warehouses that begin empty."""
    made: list[Warehouse] = []

    def another(**options: Any) -> Warehouse:
        made.append(Warehouse(tmp_path / f"landing-{len(made)}", SOURCE.options(**options)))
        return made[-1]

    yield another
    for each in made:
        each.connection.close()


def connected(sandbox: Sandbox, **secrets: str) -> Any:
    options = SOURCE.options(base_url=sandbox.urls["chargebee"])
    keys = sandbox.keys["chargebee"] | secrets
    return connect(Connection(NAME, options, keys, sandbox.clock.now))


def test_nights_are_equal_to_one_full_load(one: World, make: Make) -> None:
    nightly, fresh = make(), make()
    with opened(one, datetime(2026, 6, 4, 2, 30, tzinfo=UTC)) as sandbox:
        whole = nightly.night(sandbox)
        for _ in range(8):
            sandbox.clock.advance(timedelta(days=3))
            part = nightly.night(sandbox)
        fresh.night(sandbox)
    changing = ("invoices", "transactions", "subscriptions", "customers", "events")
    for name in changing:
        assert part[name].rows_read < whole[name].rows_read / 2, name
    assert nightly.everything() == fresh.everything()


def test_a_long_absence_is_caught_up_in_parts_side_by_side(one: World, make: Make) -> None:
    nightly, fresh = make(), make()
    with opened(one, datetime(2026, 5, 5, 2, 30, tzinfo=UTC)) as sandbox:
        nightly.night(sandbox)
        sandbox.clock.advance(timedelta(days=26))
        before = sandbox.requests("chargebee", "/invoices")
        nightly.night(sandbox)
        assert sandbox.requests("chargebee", "/invoices") - before >= 3
        fresh.night(sandbox)
    assert nightly.everything() == fresh.everything()


def test_a_night_in_which_nothing_happened_changes_nothing(one: World, make: Make) -> None:
    warehouse = make()
    with opened(one) as sandbox:
        warehouse.night(sandbox)
        before = warehouse.everything()
        again = warehouse.night(sandbox)
    assert sum(each.rows_changed for each in again.values()) == 0
    assert warehouse.everything() == before


def test_records_without_updated_at_are_there(one: World, make: Make) -> None:
    warehouse = make()
    with opened(one) as sandbox:
        warehouse.night(sandbox)
        warehouse.night(sandbox)
    count = "SELECT count(*) FILTER (updated_at IS NULL), count(*) FROM raw.{}__transactions"
    undated, all_ = warehouse.connection.execute(count.format(NAME)).fetchone() or (0, 0)
    assert 0 < undated < all_
    tried = [*one.billing.books.charges, *one.billing.books.refunds]
    assert all_ == sum(record.created <= int(sandbox.clock.now().timestamp()) for record in tried)


def deletion(world: World) -> tuple[str, datetime]:
    """A customer that is deleted within the simulation, and when."""
    found = [
        (ids.customer_id(customer.id), datetime.fromtimestamp(customer.deleted_at, UTC))
        for customer in world.billing.customers
        if customer.deleted_at is not None
    ]
    return max(found, key=lambda each: each[1])


def test_a_deleted_customer_is_kept_with_the_time(one: World, make: Make) -> None:
    customer, deleted_at = deletion(one)
    warehouse, late = make(), make()
    with opened(one, deleted_at - timedelta(hours=5)) as sandbox:
        warehouse.night(sandbox)
        (before,) = [r for r in warehouse.offered("customers") if r["source_id"] == customer]
        sandbox.clock.advance(timedelta(days=1))
        warehouse.night(sandbox)
        late.night(sandbox)
    for each in (warehouse, late):
        (after,) = [r for r in each.offered("customers") if r["source_id"] == customer]
        gone = {"_deleted_at": deleted_at.replace(tzinfo=None)}
        assert after == before | gone | {"_updated_at": deleted_at.replace(tzinfo=None)}
    assert before["_deleted_at"] is None


def test_everything_is_read_anew_now_and_then(one: World, make: Make) -> None:
    """What vanished without a trace is found missing then."""
    warehouse = make()
    with opened(one) as sandbox:
        warehouse.night(sandbox)
        ghost = {"id": "ghost", "company": "Nobody", "created_at": 1_700_000_000}
        warehouse.put("customers", [ghost], sandbox.clock.now())
        warehouse.night(sandbox)
        (row,) = [r for r in warehouse.offered("customers") if r["source_id"] == "ghost"]
        assert row["_deleted_at"] is None
        sandbox.clock.advance(timedelta(days=31))
        warehouse.night(sandbox)
    (row,) = [r for r in warehouse.offered("customers") if r["source_id"] == "ghost"]
    assert row["_deleted_at"] is not None


def test_events_that_chargebee_forgets_are_kept(one: World, make: Make) -> None:
    warehouse = make()
    count = f"SELECT count(*), count(_deleted_at) FROM raw.{NAME}__events"
    with opened(one, datetime(2026, 2, 10, 2, 30, tzinfo=UTC)) as sandbox:
        warehouse.night(sandbox)
        at_first = warehouse.connection.execute(count).fetchone() or (0, 0)
        for _ in range(3):
            sandbox.clock.advance(timedelta(days=40))
            warehouse.night(sandbox)
        held = warehouse.connection.execute(count).fetchone() or (0, 0)
        fresh = make()
        fresh.night(sandbox)
        told = fresh.connection.execute(count).fetchone() or (0, 0)
    assert held[0] > told[0]
    assert at_first[0] > 0
    assert held[1] == 0


LIMITED = (
    b'{"message":"Sorry, the API request limit is exceeded.","type":"operation_failed",'
    b'"api_error_code":"api_request_limit_exceeded","http_status_code":429}'
)


def test_a_storm_of_refusals_loses_nothing(one: World, make: Make) -> None:
    calm, stormy = make(), make()
    with opened(one) as sandbox:
        calm.night(sandbox)
        for path in ("/invoices", "/events", "/transactions", "/subscriptions"):
            fault = answer(429, LIMITED, retry_after="0")
            sandbox.faults["chargebee"].next(fault, path=path, times=4)
        stormy.night(sandbox)
        assert sandbox.faults["chargebee"].played == 16
    assert stormy.everything() == calm.everything()


def test_a_refused_key_fails_every_stream_and_moves_no_cursor(one: World, make: Make) -> None:
    warehouse = make()
    body = b'{"message":"Invalid API key","api_error_code":"api_authentication_failed"}'
    with opened(one) as sandbox:
        sandbox.faults["chargebee"].next(answer(401, body), times=None)
        results = warehouse.pull(sandbox)
    assert set(results) == LISTS
    assert all(isinstance(result, Failed) for result in results.values())
    assert "sandbox-chargebee-key" not in repr(results)


FORBIDDEN = (
    b'{"message":"The key has no access to this","type":"invalid_request",'
    b'"api_error_code":"api_authorization_failed","http_status_code":403}'
)


def test_one_list_without_permission_leaves_the_others(one: World, make: Make) -> None:
    warehouse = make()
    with opened(one) as sandbox:
        fault = answer(403, FORBIDDEN)
        sandbox.faults["chargebee"].next(fault, path="/credit_notes", times=None)
        results = warehouse.pull(sandbox)
    failed = [name for name, result in results.items() if isinstance(result, Failed)]
    assert failed == ["credit_notes"]


ODD_PAGE = (
    b'{"list":['
    b'{"customer":{"id":"good","company":"Acme","created_at":1700000000,"updated_at":1700000000}},'
    b'{"customer":{"id":null,"company":"Nameless"}},'
    b'{"customer":{"id":"odd","company":"Odd","created_at":"soon","updated_at":"later",'
    b'"deleted":"maybe"}},'
    b'{"customer":{"id":"bad","company":NaN}}]}'
)


def test_odd_records_are_set_aside_and_the_page_survives(one: World, make: Make) -> None:
    warehouse = make()
    with opened(one) as sandbox:
        warehouse.put("customers", [{"id": "bad", "company": "As it was"}], sandbox.clock.now())
        sandbox.faults["chargebee"].next(answer(200, ODD_PAGE), path="/customers")
        warehouse.night(sandbox)
    rows = {row["source_id"]: row for row in warehouse.offered("customers")}
    assert set(rows) == {"good", "odd", "bad"}
    assert rows["odd"]["created_at"] is None
    # It could not be read, which does not mean that it is gone.
    assert rows["bad"]["_deleted_at"] is None
    found = warehouse.connection.execute(
        "SELECT rule, count(*) FROM ops.quarantine WHERE entity LIKE '%customers' GROUP BY ALL"
    ).fetchall()
    assert {"null key"} < {rule for rule, _ in found}


OFFSET_GONE = (
    b'{"message":"offset : not valid","type":"invalid_request","param":"offset",'
    b'"api_error_code":"param_wrong_value","http_status_code":400}'
)


def test_an_offset_that_is_refused_means_reading_anew(one: World, make: Make) -> None:
    calm, warehouse = make(), make(page_size=20)
    with opened(one) as sandbox:
        calm.night(sandbox)
        fault = answer(400, OFFSET_GONE)
        sandbox.faults["chargebee"].next(fault, path="/invoices", after=3)
        warehouse.night(sandbox)
        assert sandbox.faults["chargebee"].played == 1
    assert warehouse.everything() == calm.everything()


def test_a_pull_that_was_stopped_goes_on_from_its_last_page(one: World, make: Make) -> None:
    calm, warehouse = make(), make(page_size=20, max_calls=25)
    with opened(one) as sandbox:
        calm.night(sandbox)
        calls = sandbox.requests("chargebee")
        runs = 0
        while runs < 40:
            runs += 1
            results = warehouse.pull(sandbox)
            for name, result in results.items():
                if isinstance(result, Landed):
                    warehouse.load(name, result, sandbox.clock.now())
            if not any(result_is_partial(result) for result in results.values()):
                break
        spent = sandbox.requests("chargebee") - calls
    assert 2 < runs < 40
    assert warehouse.everything() == calm.everything()
    assert spent < 25 * runs + 1


def result_is_partial(result: Landed | Failed) -> bool:
    return isinstance(result, Failed) or "offset" in result.cursor


def test_small_pages_and_long_invoices_are_read_to_the_end(one: World, make: Make) -> None:
    calm, small = make(), make(page_size=7)
    with opened(one) as sandbox:
        calm.night(sandbox)
    with opened(one, switches=frozenset({"chargebee.short_lists"})) as sandbox:
        small.night(sandbox)
    assert small.everything() == calm.everything()


def test_the_wrong_catalog_is_named(one: World, make: Make) -> None:
    with opened(one, switches=frozenset({"chargebee.catalog_1"})) as sandbox:
        results = make().pull(sandbox)
        failed = {name: str(r.error) for name, r in results.items() if isinstance(r, Failed)}
        assert set(failed) == {"items", "item_prices"}
        assert all("configuration_incompatible" in text for text in failed.values())
        right = make(product_catalog="1.0")
        assert set(right.night(sandbox)) == (LISTS - set(failed)) | {"plans", "addons"}


def test_the_check_says_that_all_can_be_read(one: World) -> None:
    with opened(one) as sandbox:
        found = SOURCE.check(connected(sandbox))
    assert {reach.subject for reach in found} == LISTS
    assert all(reach.ok for reach in found)


def test_the_check_names_the_catalog_of_the_site(one: World) -> None:
    with opened(one, switches=frozenset({"chargebee.catalog_1"})) as sandbox:
        found = {reach.subject: reach for reach in SOURCE.check(connected(sandbox))}
    assert "items" not in found
    assert found["plans"].ok
    assert 'product_catalog = "1.0"' in found["plans"].detail


def test_the_check_names_what_is_missing(one: World) -> None:
    with opened(one) as sandbox:
        fault = answer(403, FORBIDDEN)
        sandbox.faults["chargebee"].next(fault, path="/events", times=None)
        found = {reach.subject: reach for reach in SOURCE.check(connected(sandbox))}
        wrong = SOURCE.check(connected(sandbox, api_key="another-key"))
    assert not found["events"].ok
    assert "Read-only key with access to transactional data" in found["events"].remedy
    assert all(reach.ok for name, reach in found.items() if name != "events")
    assert all("CHARGEBEE_API_KEY" in reach.remedy for reach in wrong if not reach.ok)
    assert not any(reach.ok for reach in wrong)


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (429, {"api_error_code": "api_request_limit_exceeded"}, Verdict.THROTTLED),
        (409, {"api_error_code": "lock_timeout"}, Verdict.RETRY),
        (500, {"api_error_code": "internal_error"}, Verdict.RETRY),
        (503, {"api_error_code": "internal_temporary_error"}, Verdict.RETRY),
        (401, {"api_error_code": "api_authentication_failed"}, Verdict.REFRESH),
        (403, {"api_error_code": "api_authorization_failed"}, Verdict.PERMISSION),
        (400, {"api_error_code": "configuration_incompatible"}, Verdict.FATAL),
        (404, {"api_error_code": "site_not_found"}, Verdict.FATAL),
        (403, {"api_error_code": "something_new"}, Verdict.PERMISSION),
        (502, {"api_error_code": "something_new"}, Verdict.RETRY),
    ],
)
def test_errors_are_read_by_their_code(
    status: int, body: Mapping[str, Any], verdict: Verdict
) -> None:
    told = msgspec.json.encode({"message": "why", "http_status_code": status, **body})
    error = read_error(Response(status, {}, told))
    assert error is not None
    assert (error.verdict, error.message, error.code) == (verdict, "why", body["api_error_code"])


def test_data_and_pages_of_others_are_no_errors_of_chargebee() -> None:
    assert read_error(Response(200, {}, b'{"list":[]}')) is None
    assert read_error(Response(502, {}, b"<html>Bad gateway</html>")) is None


def test_a_site_or_a_base_url_is_needed() -> None:
    now = datetime(2026, 6, 30, tzinfo=UTC)
    secrets = {"api_key": "some-key"}
    with pytest.raises(ValueError, match="site"):
        connect(Connection(NAME, SOURCE.options(), secrets, lambda: now))
    with pytest.raises(ValueError, match="CHARGEBEE_API_KEY"):
        connect(Connection(NAME, SOURCE.options(site="acme"), {}, lambda: now))
    assert "acme.chargebee.com" in repr(
        connect(Connection(NAME, SOURCE.options(site="acme"), secrets, lambda: now))
    )
