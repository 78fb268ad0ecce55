"""A warehouse in memory for the Salesforce tests: load by hand or from a server, read the offers.

Belongs here: what several of these tests need. Does not: any expectation.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
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
from revops_pipelines.resources.sources.salesforce import SOURCE
from revops_pipelines.resources.sources.salesforce.options import SalesforceOptions
from revops_pipelines.sandbox.server import Sandbox

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
Row = dict[str, Any]


def org_options(**options: Any) -> SalesforceOptions:
    """What the simulated org's administrator would write, with quick looks at Bulk jobs."""
    told = dict(SOURCE.sandbox_options({"salesforce": "https://northbeam.my.salesforce.com"}))
    return SalesforceOptions.model_validate(told | {"poll_seconds": 0.02} | options)


@dataclass
class Warehouse:
    """Raw tables of one Salesforce org, and what the source offers from them."""

    folder: Path
    options: SalesforceOptions = field(default_factory=org_options)

    def __post_init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")
        ensure_schema(self.connection)
        self.streams: dict[str, Stream] = {s.name: s for s in SOURCE.streams(self.options)}
        ensure_raw_tables(self.connection, "salesforce", tuple(self.streams.values()))
        self.offers = {offer.entity: offer.sql for offer in SOURCE.offers(self.options)}
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
        writer = LandingWriter(self.folder, "salesforce", stream, at)
        writer.write([msgspec.json.encode(record) for record in records])
        for key, moment, reason in deleted:
            writer.delete((key,), moment, reason)
        self._load(stream, writer.finalise({}), at)

    def clear(self) -> None:
        """Forget all that was loaded."""
        for stream in self._filled:
            table = raw_table("salesforce", self.streams[stream])
            for name in (table.current, table.history, table.tombstones):
                self.connection.execute(f"DELETE FROM {name}")
        self._filled.clear()
        self.cursors.clear()

    def offered(self, entity: str, options: SalesforceOptions | None = None) -> list[Row]:
        """The rows of an entity, under other options if they are given."""
        text = self.offers[entity]
        if options is not None:
            text = next(o.sql for o in SOURCE.offers(options) if o.entity == entity)
        result = self.connection.execute(text.replace("@source", "salesforce"))
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def only(self, entity: str, options: SalesforceOptions | None = None) -> Row:
        """The one row of an entity."""
        rows = self.offered(entity, options)
        assert len(rows) == 1, rows
        return rows[0]

    def everything(self) -> dict[str, list[str]]:
        """All rows of all offers, in an order of their own."""
        return {
            entity: sorted(
                json.dumps(row, default=str, sort_keys=True) for row in self.offered(entity)
            )
            for entity in self.offers
        }

    def pull(
        self, sandbox: Sandbox, streams: Sequence[str] = (), **options: Any
    ) -> dict[str, Landed | Failed]:
        """Pull from a running sandbox and load what came; returns what each stream did."""
        told = {"base_url": sandbox.urls["salesforce"], **options}
        job = SourceJob(
            "salesforce",
            SOURCE,
            self.options.model_copy(update=told),
            sandbox.keys["salesforce"],
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

    def pull_all(self, sandbox: Sandbox, streams: Sequence[str] = (), **options: Any) -> None:
        """Pull; any stream's failure is the test's failure."""
        for outcome in self.pull(sandbox, streams, **options).values():
            if isinstance(outcome, Failed):
                raise outcome.error

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The result of a query."""
        return self.connection.execute(sql).fetchall()

    def _load(self, stream: str, landed: Landed, at: datetime) -> None:
        self._filled.add(stream)
        load_stream(self.connection, "salesforce", self.streams[stream], landed, "test", at)


def record(
    identifier: str,
    created: str = "2026-01-05T09:00:00.000Z",
    updated: str = "2026-06-01T09:00:00.000Z",
    **fields: Any,
) -> Row:
    """A record as it is landed."""
    return {
        "Id": identifier,
        "IsDeleted": False,
        "CreatedDate": created,
        "SystemModstamp": updated,
        **fields,
    }
