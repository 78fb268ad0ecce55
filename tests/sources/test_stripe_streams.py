"""Stripe's streams that no offer reads: whole, night by night, and against the simulation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from revops_pipelines.engine.ingest.load import ensure_raw_tables, load_stream
from revops_pipelines.engine.ingest.pull import Landed, SourceJob, pull_sources
from revops_pipelines.engine.warehouse.schema import ensure_schema
from revops_pipelines.resources.sources.stripe import SOURCE
from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.server import Sandbox, running
from revops_pipelines.sandbox.stripe.disputes import disputes
from revops_pipelines.sandbox.stripe.schedules import schedules
from revops_pipelines.sandbox.world.world import World, build_world

ANCHOR = date(2026, 6, 30)
START = datetime(2026, 6, 8, 2, 30, tzinfo=UTC)
NAMES = (
    "disputes",
    "balance_transactions",
    "subscription_schedules",
    "discounts",
    "catalogue_changes",
)
STREAMS = {stream.name: stream for stream in SOURCE.streams(None) if stream.name in NAMES}
FAST = {"requests_per_second": 100_000, "endpoint_requests_per_second": 100_000}


@dataclass
class Raw:
    """A warehouse of these streams alone."""

    landing: Path
    connection: duckdb.DuckDBPyConnection = field(default_factory=duckdb.connect)
    cursors: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.connection.execute("SET TimeZone = 'UTC'")
        ensure_schema(self.connection)
        ensure_raw_tables(self.connection, "stripe", list(STREAMS.values()))

    def night(self, sandbox: Sandbox) -> int:
        """Pull and load; how many rows changed."""
        given = SOURCE.sandbox_options(sandbox.urls)  # type: ignore[misc]
        options = SOURCE.options.model_validate({**given, **FAST})
        job = SourceJob("stripe", SOURCE, options, sandbox.keys["stripe"], NAMES, self.cursors)
        pulled = pull_sources([job], self.landing, sandbox.clock.now, threads=4)
        changed = 0
        for (_, name), landed in pulled.items():
            assert isinstance(landed, Landed), landed
            self.cursors[name] = landed.cursor
            now = sandbox.clock.now()
            loaded = load_stream(self.connection, "stripe", STREAMS[name], landed, "run", now)
            changed += loaded.rows_changed
        return changed

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def living(self, name: str) -> dict[str, str]:
        return dict(
            self.rows(f"SELECT id, payload FROM raw.stripe__{name} WHERE _deleted_at IS NULL")
        )


@pytest.fixture(scope="module")
def company() -> World:
    return build_world(7, ANCHOR, 0.15)


@pytest.fixture(scope="module")
def nights(
    company: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Raw, Raw, datetime]]:
    """Read at first and on seven later nights; and once, at the end of them."""
    slow, fresh = (Raw(tmp_path_factory.mktemp("landing")) for _ in range(2))
    clock = SandboxClock(START)
    with running(
        systems=("stripe",), world=company, clock=clock, options=Options(limits=False)
    ) as sandbox:
        slow.night(sandbox)
        for _ in range(7):
            clock.advance(timedelta(days=3))
            slow.night(sandbox)
        fresh.night(sandbox)
        assert slow.night(sandbox) == 0
        yield slow, fresh, clock.now()
    for each in (slow, fresh):
        each.connection.close()


@pytest.mark.parametrize("name", ["disputes", "balance_transactions", "subscription_schedules"])
def test_nights_are_equal_to_one_full_load(nights: tuple[Raw, Raw, datetime], name: str) -> None:
    slow, fresh, _ = nights
    assert slow.living(name) == fresh.living(name) != {}


def test_discounts_of_all_nights_are_those_of_one(nights: tuple[Raw, Raw, datetime]) -> None:
    slow, fresh, _ = nights
    assert slow.living("discounts") == fresh.living("discounts") != {}


def test_a_discount_that_ends_is_kept_with_the_time(company: World, tmp_path: Path) -> None:
    ends = {
        rebate.id: rebate.end
        for record in company.billing.books.subscriptions
        if (rebate := record.story.rebate) is not None
        and rebate.end is not None
        and rebate.coupon.duration == "repeating"
        and (record.story.ended_at is None or rebate.end <= record.story.ended_at)
    }
    identity, end = max(ends.items(), key=lambda each: each[1])
    ended = datetime.fromtimestamp(end, UTC)
    raw, late = Raw(tmp_path / "early"), Raw(tmp_path / "late")
    clock = SandboxClock(ended - timedelta(days=3))
    with running(
        systems=("stripe",), world=company, clock=clock, options=Options(limits=False)
    ) as sandbox:
        raw.night(sandbox)
        assert identity in raw.living("discounts")
        clock.advance(timedelta(days=6))
        raw.night(sandbox)
        late.night(sandbox)
    for each in (raw, late):
        rows = each.rows(
            f"SELECT _deleted_at, coupon_id FROM raw.stripe__discounts WHERE id = '{identity}'"
        )
        each.connection.close()
        assert [(at.replace(tzinfo=UTC), coupon is not None) for at, coupon in rows] == [
            (ended, True)
        ]


def test_the_catalogue_s_past_is_kept(nights: tuple[Raw, Raw, datetime]) -> None:
    slow, fresh, now = nights
    events = "SELECT id FROM raw.stripe__catalogue_changes"
    assert set(slow.rows(events)) >= set(fresh.rows(events))
    ((latest,),) = slow.rows("SELECT max(changed_at) FROM raw.stripe__catalogue_changes")
    assert latest is None or latest.replace(tzinfo=UTC) <= now


def test_a_price_change_keeps_what_it_was(company: World, tmp_path: Path) -> None:
    """Read within the month of a change, the event tells what held before."""
    changed = [
        price for price in company.billing.catalog.prices.values() if price.inactive_at is not None
    ]
    assert changed
    price = changed[0]
    at = datetime.fromtimestamp(price.inactive_at or 0, UTC) + timedelta(days=2)
    raw = Raw(tmp_path)
    with running(
        systems=("stripe",), world=company, clock=SandboxClock(at), options=Options(limits=False)
    ) as sandbox:
        raw.night(sandbox)
    rows = raw.rows(
        "SELECT type, active, before ->> 'active' FROM raw.stripe__catalogue_changes "
        f"WHERE object_id = '{price.id}'"
    )
    raw.connection.close()
    assert rows == [("price.updated", False, "true")]


def test_disputes_are_the_simulation_s(company: World, nights: tuple[Raw, Raw, datetime]) -> None:
    slow, _, now = nights
    at = int(now.timestamp())
    truth = {
        (each.id, each.charge.id, each.status(at), each.charge.amount)
        for each in disputes(company.billing.books.charges).values()
        if each.created <= at
    }
    found = slow.rows("SELECT id, charge_id, status, amount FROM raw.stripe__disputes")
    assert set(found) == truth
    assert len({status for _, _, status, _ in found}) > 1


def test_the_balance_settles(nights: tuple[Raw, Raw, datetime]) -> None:
    """Money becomes available without an event."""
    slow, _, now = nights
    at = int(now.timestamp())
    rows = slow.rows(
        "SELECT status, available_on <= created + 6 * 86400, available_on FROM "
        "raw.stripe__balance_transactions"
    )
    assert {status for status, _, on in rows if on <= at} == {"available"}
    assert {status for status, _, on in rows if on > at} <= {"pending"}
    assert all(soon for _, soon, _ in rows)
    assert slow.rows(
        "SELECT count(*) > 0 FROM raw.stripe__balance_transactions__history "
        "WHERE status = 'pending'"
    ) == [(True,)]
    assert slow.rows(
        "SELECT count(*) FROM raw.stripe__balance_transactions WHERE net <> amount - fee"
    ) == [(0,)]


def test_schedules_are_the_simulation_s(company: World, nights: tuple[Raw, Raw, datetime]) -> None:
    slow, _, now = nights
    at = int(now.timestamp())
    truth = {
        (each.id, each.holds(at), len(each.phases))
        for each in schedules(company.billing.books.subscriptions).values()
        if each.created <= at
    }
    found = slow.rows(
        "SELECT id, status = 'active', len(phases) FROM raw.stripe__subscription_schedules"
    )
    assert set(found) == truth
    assert slow.rows(
        "SELECT count(*) FROM raw.stripe__subscription_schedules "
        "WHERE status = 'active' AND phase_start IS NULL"
    ) == [(0,)]
