"""Trying a source by itself: a small server to answer it, a warehouse of its own, night by night.

Belongs here: what a plug-in's own test needs, so that it can be short wherever the plug-in lies.
Does not: anything that a run uses.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import duckdb

from revops_pipelines.contracts import CONTRACTS
from revops_pipelines.engine.conform.stage import INCOMING, SourceOffer, stage
from revops_pipelines.engine.conform.validate import CHANGED, violations
from revops_pipelines.engine.declarations import Connection, Reach, Source
from revops_pipelines.engine.ingest.load import Loaded, ensure_raw_tables, load_stream
from revops_pipelines.engine.ingest.pull import Failed, SourceJob, pull_sources
from revops_pipelines.engine.warehouse.schema import ensure_schema


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came: names of headers are lower case, `body` is the text sent."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: str = ""


# What a server answers: a status, and what becomes the JSON body.
Answers = Callable[[Asked], tuple[int, Any]]


@contextmanager
def served(answers: Answers) -> Iterator[str]:
    """Serve `answers` on this machine while the block runs; yields the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            url = urlsplit(self.path)
            size = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            text = self.rfile.read(size).decode()
            asked = Asked(self.command, url.path, dict(parse_qsl(url.query)), headers, text)
            status, content = answers(asked)
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815 - names that the library looks for

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Rehearsal:
    """A source with a warehouse in memory; each `night` goes on where the last one ended.

    `options` are those of `[sources.x]`; `name` is what the source is called there.
    """

    def __init__(
        self,
        source: Source,
        home: Path,
        options: Mapping[str, Any],
        secrets: Mapping[str, str],
        name: str = "",
    ) -> None:
        self.source, self.home, self.secrets = source, home, secrets
        self.options = source.options.model_validate(dict(options))
        self.name = name or source.name
        self.warehouse = duckdb.connect()
        self.warehouse.execute("SET TimeZone = 'UTC'")
        ensure_schema(self.warehouse)
        ensure_raw_tables(self.warehouse, self.name, source.streams(self.options))

    def __enter__(self) -> Rehearsal:
        return self

    def __exit__(self, *error: object) -> None:
        self.warehouse.close()

    def check(self) -> Sequence[Reach]:
        """What `revops check` would be told."""
        now = datetime(2026, 1, 1, tzinfo=UTC)
        client = self.source.connect(Connection(self.name, self.options, self.secrets, lambda: now))
        try:
            return self.source.check(client)
        finally:
            close = getattr(client, "close", None)
            if callable(close):
                close()

    def night(self, now: datetime) -> dict[str, Loaded]:
        """Pull and load every stream; what each load did. Raises the first error of a stream."""
        cursors = {
            str(stream): json.loads(cursor)
            for stream, cursor in self.rows("SELECT stream, cursor FROM ops.cursors")
        }
        job = SourceJob(self.name, self.source, self.options, self.secrets, cursors=cursors)
        streams = {stream.name: stream for stream in self.source.streams(self.options)}
        done: dict[str, Loaded] = {}
        for (_, name), landed in pull_sources([job], self.home, lambda: now).items():
            if isinstance(landed, Failed):
                raise landed.error
            done[name] = load_stream(
                self.warehouse, self.name, streams[name], landed, "rehearsal", now
            )
        return done

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query; raw tables are `raw.<source>__<stream>`."""
        return self.warehouse.execute(sql).fetchall()

    def conformed(self, entity: str, columns: str = "*") -> list[tuple[Any, ...]]:
        """What is offered to an entity, as its contract has it, by `source_id`.

        Raises OfferError for columns that the contract does not have, and ValueError for rows that
        would go to quarantine.
        """
        offers = [
            SourceOffer(self.name, offer)
            for offer in self.source.offers(self.options)
            if offer.entity == entity
        ]
        stage(self.warehouse, CONTRACTS[entity], offers)
        self.warehouse.execute(f"CREATE OR REPLACE TEMP TABLE {CHANGED} AS FROM {INCOMING}")
        broken = sorted(
            {
                f"{found.column} {found.rule}"
                for found in violations(self.warehouse, CONTRACTS[entity])
            }
        )
        if broken:
            raise ValueError(f"rows of {entity} break their contract: {'; '.join(broken)}")
        rows = f"SELECT * EXCLUDE (_row, _row_hash, _uncast) FROM {INCOMING} ORDER BY source_id"
        return self.rows(f"SELECT {columns} FROM ({rows})")
