"""A warehouse in memory for the Dynamics tests: load by hand or from a server, read offers.

Belongs here: what several of these tests need. Does not: any expectation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from revops_pipelines.engine.declarations import Cursor, Stream
from revops_pipelines.engine.ingest.landing import Landed, LandingWriter
from revops_pipelines.engine.ingest.load import ensure_raw_tables, load_stream
from revops_pipelines.engine.ingest.pull import Failed, SourceJob, pull_sources
from revops_pipelines.engine.ingest.raw_tables import raw_table
from revops_pipelines.engine.warehouse.schema import ensure_schema
from revops_pipelines.resources.sources.dynamics import SOURCE
from revops_pipelines.sandbox.clock import SandboxClock, opening
from revops_pipelines.sandbox.dynamics import KEYS, build_app
from revops_pipelines.sandbox.frame import Framed, Options
from revops_pipelines.sandbox.server import serving
from revops_pipelines.sandbox.world.world import World

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
ANCHOR = date(2026, 6, 30)
# As the simulated company writes them, at an address that nobody serves.
SETTINGS = dict((SOURCE.sandbox_options or dict)({"dynamics": "http://127.0.0.1:9"}))  # type: ignore[operator]
LABEL = "@OData.Community.Display.V1.FormattedValue"
TABLE = "@Microsoft.Dynamics.CRM.lookuplogicalname"
Row = dict[str, Any]


@dataclass
class Served:
    """A simulated Dynamics that answers at `url`."""

    url: str
    app: Framed
    clock: SandboxClock
    world: World = field(repr=False)

    def requests(self, path: str = "") -> int:
        """How many calls it got on paths that contain `path`."""
        return sum(count for called, count in self.app.requests.items() if path in called)


@contextmanager
def served(world: World, clock: SandboxClock | None = None, **options: Any) -> Iterator[Served]:
    """Serve a world's Dynamics; keywords are those of `sandbox.frame.Options`."""
    options.setdefault("limits", False)
    clock = clock or SandboxClock(opening(ANCHOR))
    app = build_app(world, clock, Options(**options))
    with serving({"dynamics": app}) as urls:
        yield Served(urls["dynamics"], app, clock, world)


@dataclass
class Warehouse:
    """Raw tables of one environment, and what the source offers from them."""

    folder: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    name: str = "dynamics"

    def __post_init__(self) -> None:
        self.options = SOURCE.options.model_validate({**SETTINGS, **self.settings})
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")
        ensure_schema(self.connection)
        self.streams: dict[str, Stream] = {s.name: s for s in SOURCE.streams(self.options)}
        ensure_raw_tables(self.connection, self.name, tuple(self.streams.values()))
        self.offers = {offer.entity: offer.sql for offer in SOURCE.offers(self.options)}
        self.cursors: dict[str, Cursor] = {}
        self._filled: set[str] = set()

    def put(
        self,
        stream: str,
        records: Iterable[Mapping[str, Any]],
        deleted: Iterable[tuple[str, datetime | None, str]] = (),
        at: datetime = NOON,
    ) -> None:
        """Load records and tombstones as if they had been pulled."""
        writer = LandingWriter(self.folder, self.name, stream, at)
        writer.write([msgspec.json.encode(record) for record in records])
        for key, moment, reason in deleted:
            writer.delete((key,), moment, reason)
        self._load(stream, writer.finalise({}), at)

    def clear(self) -> None:
        """Forget all that was loaded."""
        for stream in self._filled:
            table = raw_table(self.name, self.streams[stream])
            for name in (table.current, table.history, table.tombstones):
                self.connection.execute(f"DELETE FROM {name}")
        self._filled.clear()
        self.cursors.clear()

    def offered(self, entity: str) -> list[Row]:
        """The rows of an entity."""
        result = self.connection.execute(self.offers[entity].replace("@source", self.name))
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def only(self, entity: str) -> Row:
        """The one row of an entity."""
        rows = self.offered(entity)
        assert len(rows) == 1, rows
        return rows[0]

    def pull(self, dynamics: Served, streams: Sequence[str] = ()) -> dict[str, Landed | Failed]:
        """Pull from a running sandbox and load what came; returns what each stream did."""
        there = {"base_url": dynamics.url, "login_url": dynamics.url}
        job = SourceJob(
            self.name,
            SOURCE,
            self.options.model_copy(update=there),
            KEYS,
            tuple(streams),
            self.cursors,
        )
        now = dynamics.clock.now()
        pulled = pull_sources([job], self.folder, lambda: now, threads=4)
        for (_, stream), outcome in pulled.items():
            if isinstance(outcome, Landed):
                self._load(stream, outcome, now)
                self.cursors[stream] = outcome.cursor
        return {stream: outcome for (_, stream), outcome in pulled.items()}

    def pull_all(self, dynamics: Served, streams: Sequence[str] = ()) -> None:
        """Pull; any stream's failure is the test's failure."""
        for outcome in self.pull(dynamics, streams).values():
            if isinstance(outcome, Failed):
                raise outcome.error

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The result of a query."""
        return self.connection.execute(sql).fetchall()

    def _load(self, stream: str, landed: Landed, at: datetime) -> None:
        self._filled.add(stream)
        load_stream(self.connection, self.name, self.streams[stream], landed, "test", at)
