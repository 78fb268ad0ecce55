"""A served Marketo and a warehouse that pulls from it, for the connector's tests.

Belongs here: the fixtures and the comparison that those tests share. Does not: any test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from revops_pipelines.engine.ingest.load import ensure_raw_tables, load_stream
from revops_pipelines.engine.ingest.pull import Failed, Landed, SourceJob, pull_sources
from revops_pipelines.engine.warehouse.schema import ensure_schema
from revops_pipelines.resources.sources.marketo import SOURCE
from revops_pipelines.sandbox.clock import SandboxClock, opening
from revops_pipelines.sandbox.frame import Framed, Options
from revops_pipelines.sandbox.marketo import KEYS, build_app
from revops_pipelines.sandbox.server import serving
from revops_pipelines.sandbox.world.marketing_shapes import Marketing
from revops_pipelines.sandbox.world.world import World, build_world

ANCHOR = date(2026, 6, 30)
STREAMS = (
    "activity_types",
    "programs",
    "activities",
    "leads",
    "program_members",
    "opportunity_roles",
    "opportunities",
)
QUIET = Options(limits=False, bulk_seconds=0.0)


@pytest.fixture(scope="session")
def marketo_world() -> World:
    """A company of a few hundred people."""
    return build_world(7, ANCHOR, 0.06)


@dataclass
class Marketo:
    """A served Marketo and a warehouse that pulls from it."""

    url: str
    app: Framed
    clock: SandboxClock
    marketing: Marketing = field(repr=False)
    landing: Path
    warehouse: duckdb.DuckDBPyConnection
    settings: Mapping[str, Any]
    secrets: Mapping[str, str] = field(default_factory=lambda: KEYS)

    @property
    def now(self) -> int:
        return int(self.clock.now().timestamp())

    @property
    def options(self) -> Any:
        assert SOURCE.sandbox_options is not None
        given = SOURCE.sandbox_options({"marketo": self.url})
        # Nobody counts here, so nobody waits.
        quick = {"poll_seconds": 0.01, "burst_requests": 10_000, "rate_reached_seconds": 0}
        return SOURCE.options.model_validate({**given, **quick, **self.settings})

    def pull(self, *streams: str) -> dict[str, Landed | Failed]:
        """Pull and load; a failed stream is not loaded."""
        declared = SOURCE.streams(self.options)
        ensure_raw_tables(self.warehouse, "marketo", declared)
        job = SourceJob("marketo", SOURCE, self.options, self.secrets, streams, self.cursors())
        pulled = pull_sources([job], self.landing, self.clock.now, threads=4)
        for stream in declared:
            landed = pulled.get(("marketo", stream.name))
            if isinstance(landed, Landed):
                load_stream(self.warehouse, "marketo", stream, landed, "test", self.clock.now())
        return {name: result for (_, name), result in pulled.items()}

    def pull_well(self, *streams: str) -> None:
        failed = {
            name: result.error
            for name, result in self.pull(*streams).items()
            if isinstance(result, Failed)
        }
        assert failed == {}

    def cursors(self) -> dict[str, Any]:
        rows = self.rows("SELECT stream, cursor FROM ops.cursors")
        return {stream: msgspec.json.decode(cursor) for stream, cursor in rows}

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.warehouse.execute(sql).fetchall()

    def living(self, stream: str, key: str) -> dict[str, str]:
        """Payloads of records that are not deleted, by key."""
        table = f"raw.marketo__{stream}"
        return dict(self.rows(f"SELECT {key}, payload FROM {table} WHERE _deleted_at IS NULL"))

    def error_of(self, stream: str) -> BaseException:
        result = self.pull(stream)[stream]
        assert isinstance(result, Failed)
        return result.error


@contextmanager
def _opened(
    world: World, folder: Path, days_ago: float, sandbox: Options, settings: Mapping[str, Any]
) -> Iterator[Marketo]:
    clock = SandboxClock(opening(ANCHOR) - timedelta(days=days_ago))
    app = build_app(world, clock, sandbox)
    warehouse = duckdb.connect()
    warehouse.execute("SET TimeZone = 'UTC'")
    ensure_schema(warehouse)
    with serving({"marketo": app}) as urls:
        yield Marketo(urls["marketo"], app, clock, world.marketing, folder, warehouse, settings)
    warehouse.close()


@pytest.fixture
def open_marketo(marketo_world: World, tmp_path: Path) -> Callable[..., Any]:
    """Serves a Marketo with its own clock and an empty warehouse; keywords are source options."""

    def opened(days_ago: float = 0, sandbox: Options = QUIET, **settings: Any) -> Any:
        folder = tmp_path / f"landing{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        return _opened(marketo_world, folder, days_ago, sandbox, settings)

    return opened


@pytest.fixture(scope="session")
def quiet_marketo(
    marketo_world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Marketo]:
    """An undisturbed backfill; to be read only."""
    with _opened(marketo_world, tmp_path_factory.mktemp("landing"), 0, QUIET, {}) as marketo:
        marketo.pull_well()
        yield marketo


def assert_same(one: Marketo, other: Marketo) -> None:
    """Both warehouses hold the same living records."""
    for stream, key in (
        ("leads", "id"),
        ("activities", "marketo_guid"),
        ("programs", "id"),
        ("activity_types", "id"),
    ):
        assert one.living(stream, key) == other.living(stream, key), stream
    assert members(one) == members(other)


def members(marketo: Marketo) -> dict[str, str]:
    """Memberships of leads that are there: those of others leave with the next full extract."""
    return dict(
        marketo.rows(
            "SELECT m.program_id || ':' || m.lead_id, m.payload FROM raw.marketo__program_members m"
            " JOIN raw.marketo__leads l ON l.id = m.lead_id AND l._deleted_at IS NULL"
            " WHERE m._deleted_at IS NULL"
        )
    )


def envelope(code: str) -> bytes:
    """An error as Marketo words it inside HTTP 200."""
    return (
        b'{"requestId":"1","success":false,"errors":[{"code":"%s","message":"m"}]}' % code.encode()
    )
