"""A warehouse in memory for the HubSpot tests: load by hand or from a server, read what is offered.

Belongs here: what several of these tests need. Does not: any expectation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from revops_pipelines.engine.declarations import Cursor, Source, Stream
from revops_pipelines.engine.ingest.landing import Landed, LandingWriter
from revops_pipelines.engine.ingest.load import ensure_raw_tables, load_stream
from revops_pipelines.engine.ingest.pull import Failed, SourceJob, pull_sources
from revops_pipelines.engine.ingest.raw_tables import raw_table
from revops_pipelines.engine.warehouse.schema import ensure_schema
from revops_pipelines.resources.sources.hubspot import SOURCE
from revops_pipelines.sandbox.server import Sandbox

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
Row = dict[str, Any]


@dataclass
class Warehouse:
    """Raw tables of one HubSpot account, and what the source (its CRM) offers from them."""

    folder: Path
    options: Any = field(default_factory=SOURCE.options)
    source: Source = SOURCE

    def __post_init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")
        ensure_schema(self.connection)
        self.streams: dict[str, Stream] = {s.name: s for s in self.source.streams(self.options)}
        ensure_raw_tables(self.connection, self.source.name, tuple(self.streams.values()))
        self.offers = {offer.entity: offer.sql for offer in self.source.offers(self.options)}
        self.cursors: dict[str, Cursor] = {}
        self._filled: set[str] = set()

    def put(
        self,
        stream: str,
        records: Iterable[Mapping[str, Any]],
        deleted: Iterable[tuple[str, datetime, str]] = (),
        at: datetime = NOON,
    ) -> None:
        """Load records and tombstones as if they had been pulled."""
        writer = LandingWriter(self.folder, self.source.name, stream, at)
        writer.write([msgspec.json.encode(record) for record in records])
        for key, moment, reason in deleted:
            writer.delete((key,), moment, reason)
        self._load(stream, writer.finalise({}), at)

    def clear(self) -> None:
        """Forget all that was loaded."""
        for stream in self._filled:
            table = raw_table(self.source.name, self.streams[stream])
            for name in (table.current, table.history, table.tombstones):
                self.connection.execute(f"DELETE FROM {name}")
        self._filled.clear()
        self.cursors.clear()

    def offered(self, entity: str) -> list[Row]:
        """The rows of an entity."""
        result = self.connection.execute(self.offers[entity].replace("@source", self.source.name))
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def only(self, entity: str) -> Row:
        """The one row of an entity."""
        rows = self.offered(entity)
        assert len(rows) == 1, rows
        return rows[0]

    def pull(self, sandbox: Sandbox, streams: Sequence[str] = ()) -> dict[str, Landed | Failed]:
        """Pull from a running sandbox and load what came; returns what each stream did."""
        job = SourceJob(
            self.source.name,
            self.source,
            self.options.model_copy(update={"base_url": sandbox.urls["hubspot"]}),
            sandbox.keys["hubspot"],
            tuple(streams),
            self.cursors,
        )
        now = sandbox.clock.now()
        pulled = pull_sources([job], self.folder, lambda: now, threads=4)
        for (_, stream), outcome in pulled.items():
            if isinstance(outcome, Landed):
                self._load(stream, outcome, now)
                self.cursors[stream] = outcome.cursor
        return {stream: outcome for (_, stream), outcome in pulled.items()}

    def pull_all(self, sandbox: Sandbox, streams: Sequence[str] = ()) -> None:
        """Pull; any stream's failure is the test's failure."""
        for outcome in self.pull(sandbox, streams).values():
            if isinstance(outcome, Failed):
                raise outcome.error

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The result of a query."""
        return self.connection.execute(sql).fetchall()

    def _load(self, stream: str, landed: Landed, at: datetime) -> None:
        self._filled.add(stream)
        load_stream(self.connection, self.source.name, self.streams[stream], landed, "test", at)


def record(
    identifier: str | int,
    properties: Mapping[str, str | None] | None = None,
    *,
    history: Mapping[str, Sequence[tuple[str, str]]] | None = None,
    linked: Mapping[str, Sequence[tuple[str, str]]] | None = None,
    created: str = "2026-01-05T09:00:00Z",
    updated: str = "2026-06-01T09:00:00.000Z",
) -> Row:
    """A CRM record as HubSpot sends it; `history` and `linked` are pairs, newest first."""
    made: Row = {
        "id": str(identifier),
        "properties": {"hs_object_id": str(identifier), **(properties or {})},
        "createdAt": created,
        "updatedAt": updated,
        "archived": False,
    }
    if history is not None:
        made["propertiesWithHistory"] = {
            name: [
                {"value": value, "timestamp": at, "sourceType": "CRM_UI"} for value, at in entries
            ]
            for name, entries in history.items()
        }
    if linked is not None:
        made["associations"] = {
            kind: {"results": [{"id": to, "type": type_} for to, type_ in entries]}
            for kind, entries in linked.items()
        }
    return made
