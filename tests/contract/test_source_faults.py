"""The network's and the vendors' faults, tried on every source that the sandbox plays.

A new source is under it without a line changed here. The oracle is always the same: whatever went
wrong on the way, the raw tables equal those of a quiet run once nothing fails any more, and a
stream that failed has moved neither its rows nor its cursor.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest

from revops_pipelines.engine.declarations import Source
from revops_pipelines.engine.ingest.errors import IngestError
from revops_pipelines.engine.ingest.load import ensure_raw_tables, load_stream
from revops_pipelines.engine.ingest.pull import Failed, SourceJob, pull_sources
from revops_pipelines.engine.registry import discover
from revops_pipelines.engine.warehouse.schema import ensure_schema
from revops_pipelines.resources import sources
from revops_pipelines.sandbox import faults
from revops_pipelines.sandbox.clock import SandboxClock, opening
from revops_pipelines.sandbox.frame import Framed, Options
from revops_pipelines.sandbox.server import serving
from revops_pipelines.sandbox.vendors import vendor, vendors
from revops_pipelines.sandbox.world.world import World, build_world

SOURCES = {name: source for name, source in discover(sources, Source).items() if name in vendors()}
ANCHOR = date(2026, 6, 30)
QUIET = Options(limits=False, bulk_seconds=0.0)
# A fault that lasts ends with the night; then the vendor is well again.
NIGHTS = 4
ONCE: Mapping[str, faults.Fault] = {
    "h1_throttled": faults.answer(429, b"{}", retry_after="0"),
    "h4_server_error": faults.answer(500, b"{}"),
    "h5_html_page": faults.html(502),
    "h5_html_in_200": faults.html(200),
    "h6_short_body": faults.truncated(),
    "h6_short_json": faults.truncated(honest_length=True),
    "h8_reset": faults.reset(),
    "h17_token_expired": faults.answer(401, b"{}"),
}
LASTING: Mapping[str, faults.Fault] = {
    "h2_throttled_for_long": faults.answer(429, b"{}", retry_after="0"),
    "h4_down": faults.answer(503, b"{}", retry_after="0"),
    "h18_forbidden": faults.answer(403, b"{}"),
}
# A short pause between tries is part of what is tried; hours of it are not.
MOST_CALLS = 400

each_source = pytest.mark.parametrize("name", SOURCES)


@cache
def company() -> World:
    """A few dozen people and what they buy."""
    return build_world(7, ANCHOR, 0.01)


@dataclass
class Vendor:
    """A served vendor, and a warehouse that pulls from it."""

    source: Source
    url: str
    app: Framed
    clock: SandboxClock
    landing: Path
    warehouse: duckdb.DuckDBPyConnection

    def night(self) -> dict[str, Failed]:
        """Pull and load every stream; the failed ones by name."""
        options = self._options()
        streams = self.source.streams(options)
        ensure_raw_tables(self.warehouse, self.source.name, streams)
        job = SourceJob(
            self.source.name,
            self.source,
            options,
            vendor(self.source.name).KEYS,
            cursors=self.cursors(),
        )
        pulled = pull_sources([job], self.landing, self.clock.now, threads=2)
        failed = {}
        for stream in streams:
            landed = pulled[self.source.name, stream.name]
            if isinstance(landed, Failed):
                failed[stream.name] = landed
                continue
            at = self.clock.now()
            try:
                load_stream(self.warehouse, self.source.name, stream, landed, "run", at)
            except IngestError as error:
                failed[stream.name] = Failed(self.source.name, stream.name, error)
        return failed

    def _options(self) -> Any:
        assert self.source.sandbox_options is not None
        given = dict(self.source.sandbox_options(dict.fromkeys(vendors(), self.url)))
        # Nobody counts here, so nobody waits.
        quick = {
            field: 0.01 if field == "poll_seconds" else 100_000
            for field in self.source.options.model_fields
            if field == "poll_seconds" or re.search("requests_per_|burst_requests", field)
        }
        return self.source.options.model_validate({**given, **quick})

    def cursors(self) -> dict[str, Any]:
        """Where each stream's last committed pull ended."""
        rows = self.warehouse.execute("SELECT stream, cursor FROM ops.cursors").fetchall()
        return {stream: json.loads(cursor) for stream, cursor in rows}

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of all raw tables, without when and by which load they came."""
        found = {}
        for stream in self.source.streams(self._options()):
            table = f"raw.{self.source.name}__{stream.name}"
            rows = self.warehouse.execute(
                f"SELECT * EXCLUDE (_extracted_at, _load_id) FROM {table} ORDER BY ALL"
            )
            found[stream.name] = rows.fetchall()
        return found


@contextmanager
def served(name: str, folder: Path) -> Iterator[Vendor]:
    """The vendor at noon of the anchor day, and an empty warehouse."""
    clock = SandboxClock(opening(ANCHOR), 0)
    app = vendor(name).build_app(company(), clock, QUIET)
    with serving({name: app}) as urls, duckdb.connect() as warehouse:
        warehouse.execute("SET TimeZone = 'UTC'")
        ensure_schema(warehouse)
        yield Vendor(SOURCES[name], urls[name], app, clock, folder / "landing", warehouse)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Any, Any]]:
    """The raw tables at two instants when nothing went wrong, by source.

    Each instant is pulled twice, as it is where a fault ended the first night: the look-back of the
    second may tell of what came and went within it.
    """

    @cache
    def of(name: str) -> tuple[Any, Any]:
        with served(name, tmp_path_factory.mktemp(name)) as vendor:
            assert (vendor.night(), vendor.night()) == ({}, {})
            first = vendor.tables()
            vendor.clock.advance(timedelta(days=1))
            assert (vendor.night(), vendor.night()) == ({}, {})
            return first, vendor.tables()

    return of


def _nights_until_well(vendor: Vendor) -> int:
    for night in range(1, NIGHTS + 1):
        before = vendor.cursors()
        failed = vendor.night()
        assert {s: c for s, c in vendor.cursors().items() if s in failed} == {
            s: c for s, c in before.items() if s in failed
        }
        if not failed:
            return night
    raise AssertionError({stream: repr(result.error) for stream, result in failed.items()})


@each_source
def test_faults_on_the_way_change_nothing(
    name: str, quiet: Callable[[str], tuple[Any, Any]], tmp_path: Path
) -> None:
    """Each of them once in the first load and once in the night after, a few calls apart."""
    first, second = quiet(name)
    with served(name, tmp_path) as vendor:
        _plan(vendor)
        _nights_until_well(vendor)
        assert vendor.app.faults.played > len(ONCE) / 2
        vendor.app.faults.clear()
        assert vendor.night() == {}
        assert vendor.tables() == first
        vendor.clock.advance(timedelta(days=1))
        _plan(vendor)
        _nights_until_well(vendor)
        vendor.app.faults.clear()
        assert vendor.night() == {}
        assert vendor.tables() == second


def _plan(vendor: Vendor) -> None:
    # Every plan counts the calls that it sees; those before it in the list take theirs first.
    for place, fault in enumerate(ONCE.values()):
        vendor.app.faults.next(fault, after=2 * place)


@each_source
@pytest.mark.parametrize("fault", LASTING)
def test_what_lasts_fails_the_night_and_loses_nothing(
    name: str, fault: str, quiet: Callable[[str], tuple[Any, Any]], tmp_path: Path
) -> None:
    first, second = quiet(name)
    with served(name, tmp_path) as vendor:
        assert (vendor.night(), vendor.night()) == ({}, {})
        kept = vendor.cursors()
        vendor.clock.advance(timedelta(days=1))
        vendor.app.faults.next(LASTING[fault], times=None)
        before = sum(vendor.app.requests.values())
        # What the account does not have was empty before and stays so.
        failed = vendor.night()
        assert set(failed) >= {stream for stream, rows in first.items() if rows}
        assert sum(vendor.app.requests.values()) - before < MOST_CALLS
        assert {stream: vendor.cursors()[stream] for stream in failed} == {
            stream: kept[stream] for stream in failed
        }
        assert vendor.tables() == first
        vendor.app.faults.clear()
        assert (vendor.night(), vendor.night()) == ({}, {})
        assert vendor.tables() == second
