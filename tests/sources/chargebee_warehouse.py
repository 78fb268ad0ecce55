"""A warehouse in memory for the Chargebee tests: load by hand or from a server, read the offers.

Belongs here: what several of these tests need. Does not: any expectation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from revops_pipelines.engine.declarations import Cursor, Stream
from revops_pipelines.engine.ingest.landing import Landed, LandingWriter
from revops_pipelines.engine.ingest.load import Loaded, ensure_raw_tables, load_stream
from revops_pipelines.engine.ingest.pull import Failed, SourceJob, pull_sources
from revops_pipelines.engine.ingest.raw_tables import raw_table
from revops_pipelines.engine.warehouse.schema import ensure_schema
from revops_pipelines.resources.sources.chargebee import SOURCE
from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.server import Sandbox, running
from revops_pipelines.sandbox.world.world import World

ANCHOR = date(2026, 6, 30)
NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
NAME = "billing_eu"
Row = dict[str, Any]


@dataclass
class Warehouse:
    """Raw tables of one Chargebee site under a name of its own, and what it offers from them."""

    folder: Path
    options: Any = field(default_factory=SOURCE.options)

    def __post_init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")
        ensure_schema(self.connection)
        self.streams: dict[str, Stream] = {s.name: s for s in SOURCE.streams(self.options)}
        ensure_raw_tables(self.connection, NAME, tuple(self.streams.values()))
        self.offers = {offer.entity: offer.sql for offer in SOURCE.offers(self.options)}
        self.cursors: dict[str, Cursor] = {}

    def pull(self, sandbox: Sandbox, **changed: Any) -> Mapping[str, Landed | Failed]:
        """Pull from a running sandbox; what each stream did."""
        fast = {"requests_per_minute": 10_000_000, "base_url": sandbox.urls["chargebee"]}
        options = self.options.model_copy(update=fast | changed)
        job = SourceJob(NAME, SOURCE, options, sandbox.keys["chargebee"], cursors=self.cursors)
        pulled = pull_sources([job], self.folder, sandbox.clock.now, threads=4)
        return {stream: outcome for (_, stream), outcome in pulled.items()}

    def night(self, sandbox: Sandbox, **changed: Any) -> dict[str, Loaded]:
        """Pull and load; any stream's failure is the test's failure."""
        done = {}
        for name, landed in self.pull(sandbox, **changed).items():
            assert isinstance(landed, Landed), landed
            done[name] = self.load(name, landed, sandbox.clock.now())
        return done

    def put(self, stream: str, records: Iterable[Mapping[str, Any]], at: datetime = NOON) -> None:
        """Load records as if they had been pulled."""
        writer = LandingWriter(self.folder, NAME, stream, at)
        writer.write([msgspec.json.encode(record) for record in records])
        load_stream(self.connection, NAME, self.streams[stream], writer.finalise({}), "run", at)

    def clear(self) -> None:
        """Forget all that was loaded."""
        for stream in self.streams.values():
            table = raw_table(NAME, stream)
            for name in (table.current, table.history, table.tombstones):
                self.connection.execute(f"DELETE FROM {name}")

    def offered(self, entity: str) -> list[Row]:
        """The rows of an entity, in order of their identifiers."""
        result = self.connection.execute(self.offers[entity].replace("@source", NAME))
        names = [column[0] for column in result.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
        return sorted(rows, key=lambda row: str(row["source_id"]))

    def everything(self) -> dict[str, list[Row]]:
        """All rows of all entities."""
        return {entity: self.offered(entity) for entity in self.offers}

    def load(self, stream: str, landed: Landed, at: datetime) -> Loaded:
        """Load what a pull landed, and remember its cursor."""
        self.cursors[stream] = landed.cursor
        return load_stream(self.connection, NAME, self.streams[stream], landed, "run", at)


def opened(
    world: World, start: datetime | None = None, **options: Any
) -> AbstractContextManager[Sandbox]:
    """The company behind its Chargebee site, without limits."""
    return running(
        anchor=ANCHOR,
        world=world,
        clock=SandboxClock(start) if start else None,
        options=Options(**{"limits": False} | options),
        systems=("chargebee",),
    )


def local(identity: str) -> str:
    """An identifier without the source's name."""
    return identity.removeprefix(f"{NAME}:")
