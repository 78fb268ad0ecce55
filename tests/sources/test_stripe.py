"""Stripe against the simulated company over HTTP: whole, night by night, and through faults.

The oracle of what is true is the simulation's own (`world/truth_billing.py`); the roll-up from the
ledger to months is written here in plain Python.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from revops_pipelines.engine.declarations import Connection
from revops_pipelines.engine.ingest.load import Loaded, ensure_raw_tables, load_stream
from revops_pipelines.engine.ingest.pull import Failed, Landed, SourceJob, pull_sources
from revops_pipelines.engine.warehouse.schema import ensure_schema
from revops_pipelines.resources.sources.stripe import SOURCE
from revops_pipelines.sandbox.clock import SandboxClock, opening
from revops_pipelines.sandbox.faults import answer
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.server import Sandbox, running
from revops_pipelines.sandbox.world import truth_billing, truth_terms
from revops_pipelines.sandbox.world.world import World, build_world

ANCHOR = date(2026, 6, 30)
SEEDS = (7, 11, 23)
CENT = Decimal("0.01")
STREAMS = {stream.name: stream for stream in SOURCE.streams(None)}
FAST = {"requests_per_second": 100_000, "endpoint_requests_per_second": 100_000}
Open = Callable[..., AbstractContextManager[Sandbox]]


class Warehouse:
    """Pulls and loads as a run does; offers are read as the conform engine reads them."""

    def __init__(self, folder: Path) -> None:
        self.landing = folder
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")
        ensure_schema(self.connection)
        ensure_raw_tables(self.connection, "stripe", list(STREAMS.values()))
        self.cursors: dict[str, Any] = {}

    def pull(self, sandbox: Sandbox, **options: Any) -> Mapping[str, Landed | Failed]:
        settled = SOURCE.options.model_validate(
            {**SOURCE.sandbox_options(sandbox.urls), **FAST, **options}  # type: ignore[misc]
        )
        job = SourceJob("stripe", SOURCE, settled, sandbox.keys["stripe"], cursors=self.cursors)
        pulled = pull_sources([job], self.landing, sandbox.clock.now, threads=4)
        return {name: result for (_, name), result in pulled.items()}

    def night(self, sandbox: Sandbox, **options: Any) -> dict[str, Loaded]:
        done = {}
        for name, landed in self.pull(sandbox, **options).items():
            assert isinstance(landed, Landed), landed
            self.cursors[name] = landed.cursor
            done[name] = load_stream(
                self.connection, "stripe", STREAMS[name], landed, "run", sandbox.clock.now()
            )
        return done

    def offered(self, entity: str) -> list[dict[str, Any]]:
        (offer,) = [o for o in SOURCE.offers(SOURCE.options()) if o.entity == entity]
        result = self.connection.execute(offer.sql.replace("@source", "stripe"))
        names = [column[0] for column in result.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
        return sorted(rows, key=lambda row: str(row["source_id"]))

    def everything(self) -> dict[str, list[dict[str, Any]]]:
        return {o.entity: self.offered(o.entity) for o in SOURCE.offers(SOURCE.options())}


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    made = Warehouse(tmp_path / "landing")
    yield made
    made.connection.close()


@pytest.fixture
def another(tmp_path: Path) -> Iterator[Callable[[], Warehouse]]:
    """Makes warehouses that begin empty."""
    made: list[Warehouse] = []

    def make() -> Warehouse:
        made.append(Warehouse(tmp_path / f"landing-{len(made)}"))
        return made[-1]

    yield make
    for each in made:
        each.connection.close()


@pytest.fixture(scope="module", params=SEEDS)
def company(request: pytest.FixtureRequest) -> World:
    return build_world(request.param, ANCHOR, 0.12)


@pytest.fixture(scope="module")
def loaded(company: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """The company as of noon of the anchor day; to be read only."""
    made = Warehouse(tmp_path_factory.mktemp("landing"))
    with opened(company) as sandbox:
        made.night(sandbox)
    yield made
    made.connection.close()


@pytest.fixture(scope="module")
def one() -> World:
    """One company, for what does not depend on which."""
    return build_world(SEEDS[0], ANCHOR, 0.08)


def opened(world: World, start: datetime | None = None) -> AbstractContextManager[Sandbox]:
    clock = SandboxClock(start) if start else None
    return running(anchor=ANCHOR, world=world, clock=clock, options=Options(limits=False))


def month_ends(first: date, last: date) -> list[tuple[date, date]]:
    """(first day, last day) of each month that is over by `last`."""
    found = []
    month = first.replace(day=1)
    while (following := (month + timedelta(days=32)).replace(day=1)) <= last:
        found.append((month, following - timedelta(days=1)))
        month = following
    return found


def local_mrr(periods: list[dict[str, Any]], last_days: list[date]) -> dict[Any, Decimal]:
    """Worth by (customer, currency, last day of month), where it is not zero."""
    totals: dict[Any, Decimal] = defaultdict(Decimal)
    for row in periods:
        if row["status"] in ("active", "past_due"):
            for day in last_days:
                ends = row["valid_to_on"]
                if row["valid_from_on"] <= day and (ends is None or ends > day):
                    totals[row["customer_id"], row["currency"], day] += row["monthly_amount"]
    return {key: worth for key, worth in totals.items() if worth}


def test_mrr_of_every_customer_and_month_is_true(company: World, loaded: Warehouse) -> None:
    now = opening(ANCHOR)
    months = month_ends(truth_billing.day_of(company.billing.start), now.date())
    last_days = {last: first for first, last in months}
    local = local_mrr(loaded.offered("subscription_periods"), list(last_days))
    dollars = {
        (customer.removeprefix("stripe:"), last_days[day]): (
            worth * company.billing.rates.monthly_rate(currency, last_days[day])
        ).quantize(CENT, ROUND_HALF_UP)
        for (customer, currency, day), worth in local.items()
    }
    true = {
        (row["customer_id"], row["month"]): row["closing"]
        for row in truth_billing.mrr_rows(company.billing, now)
        if row["closing"]
    }
    assert len(months) >= 24
    assert dollars == true


def test_the_ledger_is_true_row_for_row(company: World, loaded: Warehouse) -> None:
    """Also where nothing is counted: trials, pauses, debts, free plans."""
    now = opening(ANCHOR)
    today = now.date()

    def known(ends: date | None) -> date | None:
        """Ends that lie ahead are written down already, but nobody can know them to be true."""
        return ends if ends is not None and ends <= today else None

    def named(row: Mapping[str, Any]) -> tuple[Any, ...]:
        names = ("subscription_id", "item_id", "product", "status", "currency")
        texts = (str(row[name]).removeprefix("stripe:") for name in names)
        return (*texts, row["quantity"], *(row[name] for name in truth_billing.WORTHS))

    found = {
        (*named(row), row["valid_from_on"], known(row["valid_to_on"]))
        for row in loaded.offered("subscription_periods")
        if row["valid_from_on"] <= today
    }
    true = {
        (*named(row), row["from_on"], row["to_on"])
        for row in truth_billing.ledger_rows(company.billing, now)
    }
    assert {row[3] for row in true} >= {"trialing", "active", "past_due", "paused", "free"}
    assert found == true


def test_every_term_is_true(company: World, loaded: Warehouse) -> None:
    now = opening(ANCHOR)
    names = ("starts_on", "ends_on", "ended_on", "annual_amount", "currency")
    found = {
        (str(row["subscription_id"]).removeprefix("stripe:"), *(row[name] for name in names))
        for row in loaded.offered("contracts")
    }
    true = {
        (term.subscription_id, *(getattr(term, name) for name in names))
        for term in truth_terms.terms(company.billing, now)
    }
    assert len(true) > 40
    assert found == true


def test_periods_of_an_item_never_overlap(loaded: Warehouse) -> None:
    ends: dict[str, date] = {}
    rows = loaded.offered("subscription_periods")
    for row in sorted(rows, key=lambda row: (row["item_id"], row["valid_from_on"])):
        assert row["valid_from_on"] >= ends.get(row["item_id"], date.min)
        assert row["valid_to_on"] is None or row["valid_to_on"] > row["valid_from_on"]
        ends[row["item_id"]] = row["valid_to_on"] or date.max


def but_for_deleted(tables: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Without what Stripe no longer tells of deleted customers to one who comes later."""
    told = dict(tables)
    gone = {row["source_id"] for row in tables["customers"] if row["_deleted_at"]}
    told["customers"] = [row for row in tables["customers"] if row["source_id"] not in gone]
    return told | {"gone": gone}


def test_nights_are_equal_to_one_full_load(
    company: World, warehouse: Warehouse, another: Callable[[], Warehouse]
) -> None:
    start = datetime(2026, 6, 4, 2, 30, tzinfo=UTC)
    with opened(company, start) as sandbox:
        whole = warehouse.night(sandbox)
        for _ in range(8):
            sandbox.clock.advance(timedelta(days=3))
            calls = sandbox.requests("stripe")
            part = warehouse.night(sandbox)
        at_last = sandbox.requests("stripe") - calls
        fresh = another()
        calls = sandbox.requests("stripe")
        fresh.night(sandbox)
        at_once = sandbox.requests("stripe") - calls
    assert sum(each.rows_read for each in part.values()) < (
        sum(each.rows_read for each in whole.values()) / 4
    )
    assert at_last < at_once * 2
    assert but_for_deleted(warehouse.everything()) == but_for_deleted(fresh.everything())


def test_a_night_in_which_nothing_happened_changes_nothing(
    small_world: World, warehouse: Warehouse
) -> None:
    with opened(small_world) as sandbox:
        warehouse.night(sandbox)
        before = warehouse.everything()
        again = warehouse.night(sandbox)
    assert sum(each.rows_changed for each in again.values()) == 0
    assert warehouse.everything() == before


def deletion(world: World) -> tuple[str, datetime]:
    """A customer that is deleted within the simulation, and when."""
    found = [
        (customer.id, datetime.fromtimestamp(customer.deleted_at, UTC))
        for customer in world.billing.customers
        if customer.deleted_at is not None
    ]
    return max(found, key=lambda each: each[1])


def test_a_customer_deleted_between_two_nights_is_kept_with_the_time(
    one: World, warehouse: Warehouse
) -> None:
    customer, deleted_at = deletion(one)
    with opened(one, deleted_at - timedelta(hours=5)) as sandbox:
        warehouse.night(sandbox)
        (before,) = [r for r in warehouse.offered("customers") if r["source_id"] == customer]
        sandbox.clock.advance(timedelta(days=1))
        warehouse.night(sandbox)
    (after,) = [r for r in warehouse.offered("customers") if r["source_id"] == customer]
    assert before["_deleted_at"] is None
    assert after == before | {"_deleted_at": deleted_at.replace(tzinfo=None)}


def test_a_customer_deleted_before_the_first_night_is_known_from_its_bills(
    one: World, warehouse: Warehouse
) -> None:
    customer, deleted_at = deletion(one)
    with opened(one, deleted_at + timedelta(days=1)) as sandbox:
        warehouse.night(sandbox)
    (row,) = [r for r in warehouse.offered("customers") if r["source_id"] == customer]
    assert row["name"]
    assert row["_deleted_at"] is not None
    billed = {row["customer_id"] for row in warehouse.offered("subscription_periods")}
    known = {row["customer_id"] for row in warehouse.offered("customers")}
    assert billed <= known


def test_a_cursor_older_than_the_feed_means_a_full_load(
    one: World, warehouse: Warehouse, another: Callable[[], Warehouse]
) -> None:
    """Events of the days between are gone for good: nothing may be taken from the feed alone."""
    with opened(one, datetime(2026, 4, 20, 2, 30, tzinfo=UTC)) as sandbox:
        warehouse.night(sandbox)
        sandbox.clock.advance(timedelta(days=45))
        again = warehouse.night(sandbox)
        fresh = another()
        whole = fresh.night(sandbox)
    assert again["invoices"].rows_read == whole["invoices"].rows_read
    assert but_for_deleted(warehouse.everything()) == but_for_deleted(fresh.everything())


def test_a_customer_whose_deletion_nobody_saw_is_missed_by_the_full_load(
    one: World, warehouse: Warehouse
) -> None:
    customer, deleted_at = deletion(one)
    with opened(one, deleted_at - timedelta(days=40)) as sandbox:
        warehouse.night(sandbox)
        had_it = any(r["source_id"] == customer for r in warehouse.offered("customers"))
        sandbox.clock.advance(timedelta(days=75))
        warehouse.night(sandbox)
    (row,) = [r for r in warehouse.offered("customers") if r["source_id"] == customer]
    assert row["_deleted_at"] is not None
    assert not had_it or row["_deleted_at"] == sandbox.clock.now().replace(tzinfo=None)


LIMITED = (
    b'{"error":{"message":"Too many requests","type":"invalid_request_error","code":"rate_limit"}}'
)


def test_a_storm_of_refusals_loses_nothing(
    open_sandbox: Open, warehouse: Warehouse, another: Callable[[], Warehouse]
) -> None:
    with open_sandbox() as sandbox:
        warehouse.night(sandbox)
        stormy = another()
        for path in ("/v1/invoices", "/v1/events", "/v1/charges", "/v1/subscriptions"):
            fault = answer(429, LIMITED, retry_after="0")
            sandbox.faults["stripe"].next(fault, path=path, times=4)
        stormy.night(sandbox)
        assert sandbox.faults["stripe"].played == 16
    assert stormy.everything() == warehouse.everything()


def test_a_refused_key_fails_every_stream_and_moves_no_cursor(
    open_sandbox: Open, warehouse: Warehouse
) -> None:
    with open_sandbox() as sandbox:
        body = b'{"error":{"message":"Invalid API Key provided","type":"invalid_request_error"}}'
        sandbox.faults["stripe"].next(answer(401, body), times=None)
        results = warehouse.pull(sandbox)
    assert set(results) == set(STREAMS)
    assert all(isinstance(result, Failed) for result in results.values())
    assert "sandbox-stripe-key" not in repr(results)


def test_one_endpoint_without_permission_leaves_the_others(
    open_sandbox: Open, warehouse: Warehouse
) -> None:
    body = (
        b'{"error":{"message":"The provided key does not have the required permissions",'
        b'"type":"invalid_request_error"}}'
    )
    with open_sandbox() as sandbox:
        sandbox.faults["stripe"].next(answer(403, body), path="/v1/credit_notes", times=None)
        results = warehouse.pull(sandbox)
    failed = [name for name, result in results.items() if isinstance(result, Failed)]
    assert failed == ["credit_notes"]


def test_small_pages_and_lists_inside_records_are_read_to_the_end(
    one: World, warehouse: Warehouse, another: Callable[[], Warehouse]
) -> None:
    with opened(one) as sandbox:
        warehouse.night(sandbox)
        small = another()
        small.night(sandbox, page_size=7)
    assert small.everything() == warehouse.everything()
    lines = warehouse.connection.execute(
        "SELECT max(len(lines)), count(*) FILTER ((payload -> '$.lines.has_more')::BOOLEAN) "
        "FROM raw.stripe__invoices"
    ).fetchone()
    assert lines is not None
    assert lines[1] == 0


def test_the_check_says_that_all_can_be_read(open_sandbox: Open) -> None:
    with open_sandbox() as sandbox:
        options = SOURCE.options.model_validate(
            SOURCE.sandbox_options(sandbox.urls)  # type: ignore[misc]
        )
        key = sandbox.keys["stripe"]
        client = SOURCE.connect(Connection("stripe", options, key, sandbox.clock.now))
        assert all(reach.ok for reach in SOURCE.check(client))
