"""A served analytics vendor and a warehouse that pulls from it, for both vendors' tests.

Belongs here: the fixture that those tests share, and the truth in the contract's words. Does not:
any test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from revops_pipelines.assets.conformed.web_traffic import ENTITY
from revops_pipelines.engine.conform.build import Conformed, conform
from revops_pipelines.engine.conform.stage import SourceOffer
from revops_pipelines.engine.declarations import Source
from revops_pipelines.engine.ingest.load import ensure_raw_tables, load_stream
from revops_pipelines.engine.ingest.pull import Failed, Landed, SourceJob, pull_sources
from revops_pipelines.engine.warehouse.schema import ensure_schema
from revops_pipelines.sandbox.clock import SandboxClock, opening
from revops_pipelines.sandbox.frame import Framed, Options
from revops_pipelines.sandbox.server import running
from revops_pipelines.sandbox.world.truth_web import web_rows
from revops_pipelines.sandbox.world.world import World
from revops_pipelines.settings import Settings

ANCHOR = date(2026, 6, 30)
QUIET = Options(limits=False)
DIMENSIONS = ("visited_on", "channel", "traffic_source", "medium", "campaign", "landing_page")
COUNTS = ("sessions", "users", "conversions")


@dataclass
class Web:
    """A served vendor, and the warehouse that pulls from it under a name of one's own."""

    source: Source
    url: str
    app: Framed
    clock: SandboxClock
    secrets: Mapping[str, str]
    landing: Path
    warehouse: duckdb.DuckDBPyConnection
    settings: Mapping[str, Any]
    world: World = field(repr=False)
    name: str = "website"

    @property
    def options(self) -> Any:
        assert self.source.sandbox_options is not None
        given = self.source.sandbox_options({self.source.name: self.url})
        return self.source.options.model_validate({**given, **self.settings})

    def pull(self) -> dict[str, Landed | Failed]:
        """Pull and load; a failed stream is not loaded."""
        declared = self.source.streams(self.options)
        ensure_raw_tables(self.warehouse, self.name, declared)
        job = SourceJob(self.name, self.source, self.options, self.secrets, (), self.cursors())
        pulled = pull_sources([job], self.landing, self.clock.now, threads=4)
        for stream in declared:
            landed = pulled.get((self.name, stream.name))
            if isinstance(landed, Landed):
                load_stream(self.warehouse, self.name, stream, landed, "test", self.clock.now())
        return {stream: result for (_, stream), result in pulled.items()}

    def pull_well(self) -> None:
        failed = {
            name: result.error for name, result in self.pull().items() if isinstance(result, Failed)
        }
        assert failed == {}

    def cursors(self) -> dict[str, Any]:
        rows = self.rows("SELECT stream, cursor FROM ops.cursors")
        return {stream: msgspec.json.decode(cursor) for stream, cursor in rows}

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.warehouse.execute(sql).fetchall()

    def conform(self) -> Conformed:
        offers = [SourceOffer(self.name, each) for each in self.source.offers(self.options)]
        now = self.clock.now()
        return conform(self.warehouse, ENTITY, offers, Settings(Path()), "test", now)

    def traffic(self, before: date) -> list[tuple[Any, ...]]:
        """Conformed rows of earlier days, dimensions first."""
        columns = ", ".join((*DIMENSIONS, *(f"CAST({each} AS BIGINT)" for each in COUNTS)))
        return ordered(
            self.rows(
                f"SELECT {columns} FROM conformed.web_traffic "
                f"WHERE visited_on < DATE '{before}' AND _deleted_at IS NULL"
            )
        )

    def error(self, stream: str) -> BaseException:
        result = self.pull()[stream]
        assert isinstance(result, Failed)
        return result.error


def ordered(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=lambda row: tuple(str(value) for value in row))


def true_traffic(world: World, now: datetime, before: date) -> list[tuple[Any, ...]]:
    """What really happened on earlier days, in the same columns."""
    return ordered(
        [
            tuple(row[name] for name in (*DIMENSIONS, *COUNTS))
            for row in web_rows(world, now)
            if row["visited_on"] < before
        ]
    )


@contextmanager
def opened(
    source: Source,
    world: World,
    folder: Path,
    days_ago: float = 0,
    options: Options = QUIET,
    **settings: Any,
) -> Iterator[Web]:
    """Serve a vendor with its own clock beside an empty warehouse; `settings` are its options."""
    clock = SandboxClock(opening(ANCHOR) - timedelta(days=days_ago))
    warehouse = duckdb.connect()
    warehouse.execute("SET TimeZone = 'UTC'")
    ensure_schema(warehouse)
    warehouse.execute("CREATE SCHEMA IF NOT EXISTS conformed")
    with running(systems=(source.name,), world=world, clock=clock, options=options) as sandbox:
        yield Web(
            source,
            sandbox.urls[source.name],
            sandbox.apps[source.name],
            clock,
            sandbox.keys[source.name],
            folder,
            warehouse,
            settings,
            world,
        )
    warehouse.close()
