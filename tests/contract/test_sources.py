"""The standard suite over every source plug-in, found by the registry.

A new source is under it without a line changed here.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pydantic import ValidationError

from revops_pipelines.contracts import CONTRACTS
from revops_pipelines.contracts.contract import columns_of, identifiers_of
from revops_pipelines.engine.conform.prepare import LEADING_AREAS, MERGES
from revops_pipelines.engine.declarations import Connection, Source, Stream
from revops_pipelines.engine.ingest.raw_tables import ensure_raw_tables, raw_table
from revops_pipelines.engine.registry import discover
from revops_pipelines.engine.warehouse.schema import ensure_schema
from revops_pipelines.resources import sources

SOURCES = discover(sources, Source)
CANARY = "canary-3f9c1d-secret"
# Columns that no contract has: a merge tells who is gone and who stays.
MERGE_COLUMNS = {"entity", "record_id", "canonical_id"}
# Entities whose rows are a vendor's records: they change and are deleted there.
RECORDS = {"accounts", "leads", "activities", "opportunities", "customers", "subscriptions"}
PARTS = {"check", "client", "offers", "options", "pull", "streams"}

each_source = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())


class _Refusing(BaseHTTPRequestHandler):
    """A server that knows nobody."""

    def do_GET(self) -> None:
        body = b'{"status":"error","message":"who are you?","error":{"type":"x"}}'
        self.send_response(401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def refusing() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Refusing)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def options_of(source: Source, url: str = "http://127.0.0.1:9", folder: Path | None = None) -> Any:
    """Valid options: pointed at `url`, or at a folder for a source that reads files."""
    if source.sandbox_options is not None:
        urls = dict.fromkeys(SOURCES, url)
        return source.options.model_validate(dict(source.sandbox_options(urls)))
    if "base_url" in source.options.model_fields:
        return source.options.model_validate({"base_url": url})
    return source.options.model_validate({"path": str(folder or Path.cwd())})


def connected(source: Source, options: Any) -> Any:
    secrets = dict.fromkeys(source.secrets, CANARY)
    now = datetime(2026, 6, 30, 12, tzinfo=UTC)
    return source.connect(Connection(source.name, options, secrets, lambda: now))


@pytest.fixture
def empty() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    ensure_schema(connection)
    yield connection
    connection.close()


def test_there_are_sources() -> None:
    assert "hubspot" in SOURCES


@each_source
def test_its_area_has_a_place_in_the_order_of_trust(source: Source) -> None:
    assert source.area in LEADING_AREAS
    assert source.title


@each_source
def test_its_parts_have_the_common_names(source: Source) -> None:
    package = importlib.import_module(f"{sources.__name__}.{source.name}")
    if not hasattr(package, "__path__") or source.area == "files":
        return
    names = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert names >= PARTS


@each_source
def test_every_option_is_explained_and_cannot_change(source: Source) -> None:
    unexplained = [
        name for name, field in source.options.model_fields.items() if not field.description
    ]
    assert not unexplained
    assert source.options.model_config.get("frozen")
    with pytest.raises(ValidationError, match=r"[Ee]xtra"):
        source.options.model_validate({"no_such_option": 1})


@each_source
def test_its_secrets_are_declared_by_variable_and_are_no_options(source: Source) -> None:
    for argument, variable in source.secrets.items():
        assert re.fullmatch(r"[A-Z][A-Z0-9_]*", variable)
        assert argument not in source.options.model_fields
    if source.area != "files":
        assert source.secrets


@each_source
def test_connecting_asks_nobody(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("connect must not use the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    connected(source, options_of(source))


@each_source
def test_no_secret_shows_in_what_is_connected(source: Source) -> None:
    client = connected(source, options_of(source))
    assert CANARY not in repr(client)
    assert CANARY not in str(client)


@each_source
def test_the_check_tells_the_remedy_and_no_secret(
    source: Source, refusing: str, tmp_path: Path
) -> None:
    client = connected(source, options_of(source, refusing, tmp_path / "missing"))
    found = source.check(client)
    assert found
    assert not any(reach.ok for reach in found)
    assert all(reach.detail and reach.remedy for reach in found)
    assert CANARY not in repr(found)


@each_source
def test_its_streams_can_become_tables(source: Source, empty: duckdb.DuckDBPyConnection) -> None:
    streams = source.streams(options_of(source))
    names = [stream.name for stream in streams]
    assert len(names) == len(set(names))
    # Judges names, types, paths, the key and the updated column.
    ensure_raw_tables(empty, source.name, streams)


@each_source
def test_its_streams_are_described(source: Source) -> None:
    for stream in source.streams(options_of(source)):
        assert stream.description, stream.name


@each_source
def test_keys_are_text(source: Source) -> None:
    """Tombstones carry keys as text; a key of another type would have two spellings."""
    for stream in source.streams(options_of(source)):
        types = raw_table(source.name, stream).key_types
        assert set(types.values()) == {"VARCHAR"}, stream.name


@each_source
def test_offers_are_of_contracts_and_name_their_tables(source: Source) -> None:
    options = options_of(source)
    streams = {stream.name: stream for stream in source.streams(options)}
    for offer in source.offers(options):
        assert offer.entity in {*CONTRACTS, MERGES}
        assert set(offer.streams) <= set(streams), offer.entity
        assert _tables_in(offer.sql) == set(offer.streams), offer.entity


@each_source
@pytest.mark.parametrize("name", ["", "another_name"])
def test_offers_run_on_empty_tables(
    source: Source, name: str, empty: duckdb.DuckDBPyConnection
) -> None:
    """Whatever the source is called in the settings; with contract columns only."""
    options = options_of(source)
    configured = name or source.name
    ensure_raw_tables(empty, configured, source.streams(options))
    for offer in source.offers(options):
        result = empty.execute(offer.sql.replace("@source", configured))
        columns = [column[0] for column in result.description or ()]
        assert result.fetchall() == [], offer.entity
        assert len(columns) == len(set(columns)), offer.entity
        _check_columns(offer.entity, set(columns))


def _check_columns(entity: str, columns: set[str]) -> None:
    if entity == MERGES:
        assert columns == MERGE_COLUMNS
        return
    contract = CONTRACTS[entity]
    assert columns <= set(columns_of(contract)), entity
    assert columns >= {*identifiers_of(contract), "source_id"}, entity
    if entity in RECORDS:
        assert columns >= {"_updated_at", "_deleted_at"}, entity


@each_source
def test_offers_are_the_same_each_time(source: Source) -> None:
    """SQL that changed from call to call would change every row's hash."""
    options = options_of(source)
    assert source.offers(options) == source.offers(options)


def _tables_in(sql: str) -> set[str]:
    """Streams whose tables the SQL reads."""
    found = re.findall(r"raw\.\"?@source__([a-z0-9_]+)", sql)
    return {name.removesuffix("__versions").removesuffix("__history") for name in found}


@each_source
def test_its_pulses_are_streams_that_change_all_day(source: Source) -> None:
    """A source without any pulse is read at night only; a CRM cannot be."""
    streams: tuple[Stream, ...] = source.streams(options_of(source))
    if source.area == "CRM":
        assert any(stream.pulse for stream in streams)
