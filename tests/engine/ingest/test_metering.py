"""Counting calls, stopping at a budget, and keeping what was pulled up to a checkpoint."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from revops_pipelines.engine.declarations import (
    Column,
    Connection,
    Pull,
    Source,
    SourceOptions,
    Stream,
)
from revops_pipelines.engine.ingest.errors import QuotaExhaustedError
from revops_pipelines.engine.ingest.http import Allowance, HttpClient, Response
from revops_pipelines.engine.ingest.metering import Calls, Meter, metered
from revops_pipelines.engine.ingest.pull import Failed, Landed, SourceJob, pull_sources

NOW = datetime(2026, 3, 2, 2, 30, tzinfo=UTC)
PAGES = 6


class _Paged(BaseHTTPRequestHandler):
    """Six pages of one record; each answer says how many calls are left of a hundred."""

    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        page = int(self.path.rpartition("/")[2])
        body = json.dumps({"id": f"r{page}"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Left", str(100 - self.asked))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    handler = type("Handler", (_Paged,), {"asked": 0})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class _Options(SourceOptions):
    base_url: str
    has_checkpoints: bool = True


def _connect(connection: Connection) -> HttpClient:
    return HttpClient(connection.options.base_url, read_allowance=_left)


def _left(response: Response) -> Allowance | None:
    left = response.headers.get("x-left")
    return None if left is None else Allowance(int(left), 100)


def _pull(pull: Pull) -> None:
    first = pull.cursor.get("page", 0)
    for page in range(first, PAGES):
        pull.write([pull.client.get(f"/pages/{page}").body])
        if pull.options.has_checkpoints:
            pull.checkpoint({"page": page + 1})
    if not first:
        pull.complete_ids(())
    pull.finish({})


PAGED = Stream("pages", "Pages.", ("id",), (Column("id", "VARCHAR", "/id"),), _pull)


def pulled(landing: Path, cursor: Any = None, **options: Any) -> Landed | Failed:
    source = Source(
        name="book",
        title="A book",
        area="tests",
        secrets={},
        options=_Options,
        connect=_connect,
        check=lambda _: (),
        streams=lambda _: (PAGED,),
        offers=lambda _: (),
    )
    cursors = {"pages": cursor} if cursor else {}
    job = SourceJob("book", source, _Options(**options), {}, cursors=cursors)
    return pull_sources([job], landing, lambda: NOW)["book", "pages"]


def test_calls_used_and_left_are_known(tmp_path: Path, url: str) -> None:
    result = pulled(tmp_path, base_url=url)
    assert isinstance(result, Landed)
    assert (result.calls, result.is_complete) == (Calls(6, 94, 100), True)


def test_a_budget_stops_and_the_next_run_goes_on(tmp_path: Path, url: str) -> None:
    first = pulled(tmp_path, base_url=url, max_calls=4)
    assert isinstance(first, Landed)
    assert isinstance(first.stopped, QuotaExhaustedError)
    assert "stopped after 4 calls" in str(first.stopped)
    # Nothing is concluded from what did not come.
    assert (first.rows, first.cursor, first.is_complete) == (4, {"page": 4}, False)
    second = pulled(tmp_path, first.cursor, base_url=url, max_calls=4)
    assert isinstance(second, Landed)
    assert (second.stopped, second.rows, second.cursor) == (None, 2, {})


def test_the_vendors_allowance_is_left_to_others(tmp_path: Path, url: str) -> None:
    result = pulled(tmp_path, base_url=url, spare_calls=97)
    assert isinstance(result, Landed)
    assert "97 calls left today" in str(result.stopped)
    assert (result.rows, result.calls) == (3, Calls(3, 97, 100))


def test_without_a_checkpoint_nothing_of_it_counts(tmp_path: Path, url: str) -> None:
    result = pulled(tmp_path, base_url=url, max_calls=4, has_checkpoints=False)
    assert isinstance(result, Failed)
    assert isinstance(result.error, QuotaExhaustedError)
    assert list((tmp_path / "book" / "pages").iterdir()) == []


def test_a_client_counts_on_the_meter_it_was_made_under(url: str) -> None:
    meter = Meter()
    with metered(meter):
        inside = HttpClient(url)
    outside = HttpClient(url)
    for client in (inside, outside, inside):
        client.get("/pages/1")
        client.close()
    assert meter.reading().used == 2
    assert outside.meter.reading() == Calls(1)
