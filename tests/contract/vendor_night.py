"""A vendor that the sandbox serves, a warehouse that pulls from it, and what a quiet run gives.

Belongs here: what every test of a source against its vendor needs. Does not: the faults that a test
plays.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest

from revops_pipelines.engine.declarations import Source
from revops_pipelines.engine.ingest.errors import IngestError
from revops_pipelines.engine.ingest.guards import VolumeGuard
from revops_pipelines.engine.ingest.load import Loaded, ensure_raw_tables, load_stream
from revops_pipelines.engine.ingest.pull import Failed, SourceJob, pull_sources
from revops_pipelines.engine.registry import discover
from revops_pipelines.engine.warehouse.schema import ensure_schema
from revops_pipelines.resources import sources
from revops_pipelines.sandbox.clock import SandboxClock, opening
from revops_pipelines.sandbox.frame import Framed, Options
from revops_pipelines.sandbox.server import serving
from revops_pipelines.sandbox.vendors import vendor, vendors
from revops_pipelines.sandbox.world.world import World, build_world

SOURCES = {name: source for name, source in discover(sources, Source).items() if name in vendors()}
ANCHOR = date(2026, 6, 30)
QUIET = Options(limits=False, bulk_seconds=0.0)
# The two instants whose tables are known: a few people do little in a day, and Dataverse's change
# token lives seven.
STEP = timedelta(days=6)
FIRST, SECOND = opening(ANCHOR), opening(ANCHOR) + STEP
# Reports by the day are asked for from here on: each day is a call.
BEGAN = ANCHOR - timedelta(days=20)
# A test's faults have as many nights to pass.
NIGHTS = 4

# Every way of paging and of signing in is in these; `make thorough` runs all.
USUAL = ("hubspot", "marketo", "stripe", "ga4")


def named(name: str) -> Any:
    """The source as a test's parameter."""
    return name if name in USUAL else pytest.param(name, marks=pytest.mark.thorough)


each_source = pytest.mark.parametrize("name", [named(name) for name in SOURCES])

# What differs by when a record was read: some vendors' records age without changing.
UNTYPED = "payload payload_hash _updated_at"

Tables = dict[str, list[tuple[Any, ...]]]


@cache
def company() -> World:
    """A few dozen people and what they buy."""
    return build_world(7, ANCHOR, 0.01)


@dataclass
class Vendor:
    """A served vendor, and a warehouse that pulls from it.

    `settings` are options beyond the sandbox's. `loaded` is what the last night loaded.
    """

    source: Source
    url: str
    app: Framed
    clock: SandboxClock
    landing: Path
    warehouse: duckdb.DuckDBPyConnection
    settings: dict[str, Any] = field(default_factory=dict)
    loaded: dict[str, Loaded] = field(default_factory=dict)

    def night(
        self,
        *,
        skew: timedelta = timedelta(),
        afresh: bool = False,
        guard: VolumeGuard | None = None,
    ) -> dict[str, Failed]:
        """Pull and load every stream; the failed ones by name.

        `skew` is how far our clock is ahead of the vendor's; `afresh` forgets all cursors.
        """
        options = self.options()
        streams = self.source.streams(options)
        ensure_raw_tables(self.warehouse, self.source.name, streams)
        job = SourceJob(
            self.source.name,
            self.source,
            options,
            vendor(self.source.name).KEYS,
            cursors={} if afresh else self.cursors(),
        )

        def now() -> Any:
            return self.clock.now() + skew

        pulled = pull_sources([job], self.landing, now, threads=2)
        failed = {}
        self.loaded.clear()
        for stream in streams:
            landed = pulled[self.source.name, stream.name]
            if isinstance(landed, Failed):
                failed[stream.name] = landed
                continue
            try:
                self.loaded[stream.name] = load_stream(
                    self.warehouse, self.source.name, stream, landed, "run", now(), guard=guard
                )
            except IngestError as error:
                failed[stream.name] = Failed(self.source.name, stream.name, error)
        return failed

    def nights_until_well(self) -> int:
        """Nights until no stream fails any more; a failed one's cursor must not have moved."""
        for night in range(1, NIGHTS + 1):
            before = self.cursors()
            failed = self.night()
            assert {s: c for s, c in self.cursors().items() if s in failed} == {
                s: c for s, c in before.items() if s in failed
            }
            if not failed:
                return night
        raise AssertionError({stream: repr(result.error) for stream, result in failed.items()})

    def options(self) -> Any:
        """The source's options: nobody counts here, so nobody waits."""
        assert self.source.sandbox_options is not None
        given = dict(self.source.sandbox_options(dict.fromkeys(vendors(), self.url)))
        quick: dict[str, Any] = {
            field: 0.01 if field == "poll_seconds" else 100_000
            for field in self.source.options.model_fields
            if field == "poll_seconds" or re.search("requests_per_|burst_requests", field)
        }
        if "began_on" in self.source.options.model_fields:
            quick["began_on"] = BEGAN
        if "window_days" in self.source.options.model_fields:
            quick["window_days"] = 5
        return self.source.options.model_validate({**given, **quick, **self.settings})

    def cursors(self) -> dict[str, Any]:
        """Where each stream's last committed pull ended."""
        rows = self.warehouse.execute("SELECT stream, cursor FROM ops.cursors").fetchall()
        return {stream: json.loads(cursor) for stream, cursor in rows}

    def tables(self, without: str = "") -> Tables:
        """All rows of all raw tables, without when and by which load they came.

        `without` names more columns that are not to be compared.
        """
        left_out = ", ".join(["_extracted_at", "_load_id", *without.split()])
        found = {}
        for stream in self.source.streams(self.options()):
            table = f"raw.{self.source.name}__{stream.name}"
            rows = self.warehouse.execute(
                f"SELECT * EXCLUDE ({left_out}) FROM {table} ORDER BY ALL"
            )
            found[stream.name] = rows.fetchall()
        return found


@dataclass(frozen=True)
class Start:
    """A warehouse to begin with: its database, and where the vendor was that it was read from."""

    file: Path
    url: str


@dataclass(frozen=True)
class Quiet:
    """What a source's raw tables are at two instants, some days apart, when nothing went wrong.

    `columns` is the second by its typed columns alone, `start` the warehouse of the first.
    """

    first: Tables
    second: Tables
    columns: Tables
    start: Start


@contextmanager
def served(name: str, folder: Path, start: Start | None = None) -> Iterator[Vendor]:
    """The vendor at noon of the anchor day, and a warehouse: empty, or a copy of the `start`."""
    clock = SandboxClock(FIRST, 0)
    app = vendor(name).build_app(company(), clock, QUIET)
    with serving({name: app}) as urls, duckdb.connect() as warehouse:
        warehouse.execute("SET TimeZone = 'UTC'")
        if start is None:
            ensure_schema(warehouse)
        else:
            copy(warehouse, start.file, "quiet", "memory")
            # Links are kept whole, and this server has an address of its own.
            warehouse.execute(
                "UPDATE ops.cursors SET cursor = replace(cursor::VARCHAR, ?, ?)",
                [start.url, urls[name]],
            )
        yield Vendor(SOURCES[name], urls[name], app, clock, folder / "landing", warehouse)


def copy(warehouse: duckdb.DuckDBPyConnection, file: Path, source: str, target: str) -> None:
    """Copy a database: the file's (attached as `quiet`) into memory, or the other way.

    Two workers may read the file at once: it is locked for writing only by the one that fills it.
    """
    mode = "READ_ONLY" if source == "quiet" else "READ_WRITE"
    warehouse.execute(f"ATTACH '{file}' AS quiet ({mode})")
    warehouse.execute(f"COPY FROM DATABASE {source} TO {target}")
    warehouse.execute("DETACH quiet")
