"""Rows S1-S5, S8, S10: secrets, addresses, bombs, names and file modes, as far as pulling goes."""

from __future__ import annotations

import gzip
import logging
import os
import stat
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from faulty_server import Action, Answer, Cut, Fault, FaultyServer, Hang, Request, serving
from shop import ITEMS, NIGHT, RENEWED, SECRET, Shop, night, stocked

from revops_pipelines.engine.declarations import Column
from revops_pipelines.engine.ingest.address import check_peer, origin_of
from revops_pipelines.engine.ingest.errors import (
    AddressRefusedError,
    BodyTooLargeError,
    IngestError,
    ServerError,
)
from revops_pipelines.engine.ingest.http import Caps, HttpClient, Retries
from revops_pipelines.engine.ingest.raw_tables import ensure_raw_tables, raw_table
from revops_pipelines.engine.warehouse.open import open_warehouse
from revops_pipelines.engine.warehouse.schema import ensure_schema

FAULTS: dict[str, Fault] = {
    "refused": lambda request, answer: Answer.of({"error": "token"}, 401),
    "echoed": lambda request, answer: Answer.of(
        {"ok": False, "code": "610", "message": f"bad token {SECRET}"}
    ),
    "renewed and echoed": lambda request, answer: (
        Answer.of({"error": "token"}, 401)
        if SECRET in request.headers.get("authorization", "")
        else answer
        if request.path == "/token"
        else Answer.of({"ok": False, "code": "610", "message": f"bad token {RENEWED}"})
    ),
    "broken": lambda request, answer: Answer.of({}, 500),
    "cut": lambda request, answer: Cut(answer, 20, reset=True),
    "hung": lambda request, answer: Hang(),
    "html": lambda request, answer: Answer(200, f"<html>{SECRET}".encode()),
    "not json": lambda request, answer: Answer(200, f'{{"{SECRET}'.encode()),
    "not the page": lambda request, answer: Answer.of({"items": SECRET}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_s1_no_secret_in_errors_logs_or_files(
    tmp_path: Path, server: FaultyServer, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    caplog.set_level(logging.DEBUG)
    server.fault = FAULTS[fault]
    result = night(tmp_path, server.url, tries=2, total_seconds=0.2, read_seconds=0.2)
    assert set(result.failed) == {"items", "people"}
    for error in result.failed.values():
        chain: BaseException | None = error
        while chain is not None:
            assert SECRET not in repr(chain) + str(vars(chain))
            assert RENEWED not in repr(chain)
            chain = chain.__cause__ or chain.__context__
    assert SECRET not in caplog.text
    assert RENEWED not in caplog.text
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes()


def test_s1_secret_in_a_query_is_kept_out_of_the_librarys_log(
    server: FaultyServer, caplog: pytest.LogCaptureFixture, client: Callable[..., HttpClient]
) -> None:
    # The library's own logger too: HubSpot's client, in other tests, turns it down for the process.
    caplog.set_level(logging.DEBUG, logger="urllib3")
    speaking = client(server.url, secrets=("a secret/with=signs",))
    speaking.get("/people", params={"key": "a secret/with=signs"})
    assert "/people" in caplog.text
    assert "signs" not in caplog.text
    assert "signs" not in repr(speaking)


@pytest.fixture
def client() -> Iterator[Callable[..., HttpClient]]:
    """Clients that know the shop's token; closed afterwards."""
    made: list[HttpClient] = []

    def make(url: str, **options: object) -> HttpClient:
        options.setdefault("auth", lambda: {"Authorization": f"Bearer {SECRET}"})
        options.setdefault("retries", Retries(tries=1))
        made.append(HttpClient(url, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def other() -> Iterator[FaultyServer]:
    """Another host, that must never be spoken to."""
    with serving(stocked().respond) as running:
        yield running


@pytest.mark.parametrize(
    "link",
    [
        "{other}/items",
        "{own}@{host}/items",
        "{own}\\@{host}/items",
        "http://user:word@{ownhost}/items",
        "https://{ownhost}/items",
        "//{host}/items",
        "@{host}/items",
        ":80@{host}/items",
        "{own} .{host}/items",
        "file:///etc/passwd",
        "{own}\t@{host}/",
        "ftp://{ownhost}/items",
    ],
)
def test_s2_link_to_another_origin_is_not_followed(
    server: FaultyServer, other: FaultyServer, client: Callable[..., HttpClient], link: str
) -> None:
    url = link.format(
        own=server.url,
        ownhost=server.url.removeprefix("http://"),
        other=other.url,
        host=other.url.removeprefix("http://"),
    )
    server.respond = lambda request: Answer.of({}, 404)
    with pytest.raises(IngestError):
        client(server.url).get(url)
    assert other.requests == []


def test_s2_link_to_the_same_origin_is_followed(
    server: FaultyServer, client: Callable[..., HttpClient]
) -> None:
    assert client(server.url).get(f"{server.url}/people?page=2").status == 200
    assert server.requests[0].query == {"page": "2"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_s3_redirect_is_not_followed(
    server: FaultyServer, other: FaultyServer, client: Callable[..., HttpClient], status: int
) -> None:
    server.fault = lambda request, answer: Answer(status, b"", {"Location": other.url + "/people"})
    with pytest.raises(AddressRefusedError, match=str(status)):
        client(server.url).get("/people")
    assert other.requests == []
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com",
        "https://169.254.169.254",
        "https://10.0.0.1",
        "https://192.168.1.1:8443",
        "https://[fe80::1]",
        "https://[fd00::1]",
        "https://[::ffff:10.0.0.1]",
        "https://0.0.0.0",
        "https://user:word@api.example.com",
        "not a url",
    ],
)
def test_s4_private_addresses_and_plain_http_are_refused(url: str) -> None:
    with pytest.raises(AddressRefusedError):
        HttpClient(url)


def test_s4_a_name_may_not_lead_into_the_private_network() -> None:
    public = origin_of("https://api.example.com")
    check_peer(public, "93.184.216.34", allow_private=False)
    for peer in ("127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:192.168.0.1"):
        with pytest.raises(AddressRefusedError):
            check_peer(public, peer, allow_private=False)
    check_peer(public, "10.1.2.3", allow_private=True)
    with pytest.raises(AddressRefusedError):
        check_peer(public, "169.254.169.254", allow_private=True)


@pytest.mark.parametrize("name", ['x"; DROP TABLE ops.cursors; --', "Ümläut x", "select", "a'b"])
def test_s5_column_names_are_inert(tmp_path: Path, server: FaultyServer, name: str) -> None:
    path = f"/{name}"
    odd = replace(ITEMS, columns=(*ITEMS.columns, Column(name, "VARCHAR", path)))
    assert not night(tmp_path, server.url, streams=(odd,)).failed
    assert not night(tmp_path, server.url, NIGHT + timedelta(days=1), streams=(odd,)).failed


@pytest.mark.parametrize("name", ['x"y', "a b", "a;b", "../x", "", "X"])
def test_s5_names_of_sources_and_streams_are_allow_listed(name: str) -> None:
    with pytest.raises(ValueError, match="names of sources"):
        raw_table(name, ITEMS)


def test_s5_columns_that_differ_only_in_case_are_refused() -> None:
    twice = replace(ITEMS, columns=(*ITEMS.columns, Column("Name", "VARCHAR", "/Name")))
    with pytest.raises(ValueError, match="twice"):
        raw_table("shop", twice)


def test_s8_gzip_bomb_is_cut_at_the_cap(
    server: FaultyServer, client: Callable[..., HttpClient]
) -> None:
    bomb = gzip.compress(bytes(60_000_000), 9)
    server.fault = lambda request, answer: answer.with_body(bomb, Content_Encoding="gzip")
    speaking = client(server.url, caps=Caps(body_bytes=2_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLargeError):
            speaking.get("/people")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000


def test_s8_large_body_is_cut_at_the_cap(
    server: FaultyServer, client: Callable[..., HttpClient]
) -> None:
    server.fault = lambda request, answer: answer.with_body(b"[" + b"1," * 2_000_000 + b"1]")
    speaking = client(server.url, caps=Caps(body_bytes=1_000_000))
    with pytest.raises(BodyTooLargeError):
        speaking.get("/people")
    # The connection that still holds the rest is not used again.
    server.fault = lambda request, answer: answer
    assert b"person 1" in speaking.get("/people").body


def test_gzip_is_read_and_a_damaged_one_is_no_data(
    server: FaultyServer, client: Callable[..., HttpClient]
) -> None:
    speaking = client(server.url)

    def packed(cut: int) -> Fault:
        def fault(request: Request, answer: Answer) -> Action:
            body = gzip.compress(answer.body)
            return answer.with_body(body[: len(body) - cut], Content_Encoding="gzip")

        return fault

    server.fault = packed(0)
    assert b"person 1" in speaking.get("/people").body
    server.fault = packed(5)
    with pytest.raises(IngestError, match="cut short"):
        speaking.get("/people")


@pytest.mark.parametrize("bomb", [b"[" * 900_000, b'{"items":' * 100_000])
def test_s8_depth_bomb_is_refused(tmp_path: Path, server: FaultyServer, bomb: bytes) -> None:
    server.fault = lambda request, answer: Answer(200, bomb)
    result = night(tmp_path, server.url, tries=1)
    assert isinstance(result.failed["items"], ServerError)
    assert "nested" in str(result.failed["items"])


def test_s10_files_are_private_whatever_the_umask(
    tmp_path: Path, server: FaultyServer, shop: Shop
) -> None:
    kept = tmp_path / "kept"
    before = os.umask(0)
    seen: dict[str, int] = {}

    def look(point: str) -> None:
        if point in ("landing.finalised", "load.noted"):
            for path in kept.rglob("*"):
                seen[str(path.relative_to(kept))] = stat.S_IMODE(path.stat().st_mode)

    try:
        assert not night(kept, server.url, crash_point=look).failed
    finally:
        os.umask(before)
    folders = {path: mode for path, mode in seen.items() if (kept / path).is_dir()}
    assert set(folders.values()) == {0o700}
    data = [path for path in seen if path.startswith("landing") and path.endswith("json")]
    assert len(data) >= 4
    others = {path: mode for path, mode in seen.items() if path not in folders and "." in path}
    assert {mode for path, mode in others.items() if not path.endswith(".wal")} == {0o600}


def test_ensure_raw_tables_makes_empty_tables(tmp_path: Path) -> None:
    with open_warehouse(tmp_path / "w.duckdb") as connection:
        ensure_schema(connection)
        ensure_raw_tables(connection, "shop", [ITEMS])
        ensure_raw_tables(connection, "shop", [ITEMS])
        found = connection.execute("SELECT count(*) FROM raw.shop__items__versions").fetchone()
    assert found == (0,)
