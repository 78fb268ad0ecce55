"""Rows D1-D6, D14: records that change shape, come twice, late, broken or without a key."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
from faulty_server import Action, Answer, FaultyServer, Request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shop import ITEMS, NIGHT, Shop, next_day, night, tables

from revops_pipelines.engine.declarations import Column
from revops_pipelines.engine.ingest.landing import LandingWriter
from revops_pipelines.engine.ingest.load import ensure_raw_tables, load_stream
from revops_pipelines.engine.warehouse.open import open_warehouse
from revops_pipelines.engine.warehouse.schema import ensure_schema

SECOND_NIGHT = NIGHT + timedelta(days=1)


def rows(home: Path, sql: str) -> list[tuple[Any, ...]]:
    connection = open_warehouse(home / "warehouse.duckdb", read_only=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def injected(*records: bytes):  # type: ignore[no-untyped-def]
    """A fault that adds raw records to the first page."""

    def fault(request: Request, answer: Answer) -> Action:
        if request.path != "/items" or request.nth != 1:
            return answer
        present = answer.body.removeprefix(b'{"items": [')
        comma = b"" if present.startswith(b"]") else b", "
        return answer.with_body(b'{"items": [' + b", ".join(records) + comma + present)

    return fault


def test_d1_new_and_removed_columns(tmp_path: Path, server: FaultyServer, shop: Shop) -> None:
    assert not night(tmp_path, server.url).failed
    shop.put("i002", NIGHT + timedelta(hours=1), colour="red")
    second = night(tmp_path, server.url, SECOND_NIGHT)
    assert [field.path for field in second.loaded["items"].drift.new] == ["/colour"]
    found = rows(tmp_path, "SELECT name, payload->>'colour' FROM raw.shop__items WHERE id = 'i002'")
    assert found == [(None, "red")]
    # The connector learns of the column: it is read out of the payloads that are there.
    wider = replace(ITEMS, columns=(*ITEMS.columns, Column("colour", "VARCHAR", "/colour")))
    third = SECOND_NIGHT + timedelta(days=1)
    assert not night(tmp_path, server.url, third, streams=(wider,)).failed
    assert rows(tmp_path, "SELECT id FROM raw.shop__items WHERE colour = 'red'") == [("i002",)]
    assert rows(tmp_path, "SELECT count(*) FROM raw.shop__items__versions") == [(61,)]


def test_d2_type_change_sets_the_value_aside_and_says_so(
    tmp_path: Path, server: FaultyServer, shop: Shop
) -> None:
    numbered = replace(ITEMS, columns=(*ITEMS.columns, Column("price", "INTEGER", "/price")))
    shop.put("i002", NIGHT - timedelta(hours=1), name="a", price=5)
    assert not night(tmp_path, server.url, streams=(numbered,)).failed
    shop.put("i003", NIGHT + timedelta(hours=1), name="b", price="five")
    loaded = night(tmp_path, server.url, SECOND_NIGHT, streams=(numbered,)).loaded["items"]
    assert [(each.column, each.records) for each in loaded.drift.uncast] == [("price", 1)]
    aside = rows(tmp_path, "SELECT source_id, rule, column_name FROM ops.quarantine")
    assert aside == [("i003", "cast", "price")]
    found = rows(
        tmp_path,
        "SELECT price, payload->>'price' FROM raw.shop__items WHERE id IN ('i002', 'i003') "
        "ORDER BY id",
    )
    assert found == [(5, "5"), (None, "five")]


@pytest.mark.parametrize("record", [b'{"id": null, "name": "x"}', b'{"name": "x"}', b"[1]", b"7"])
def test_d3_record_without_key_is_quarantined(
    tmp_path: Path, server: FaultyServer, record: bytes
) -> None:
    server.fault = injected(record)
    loaded = night(tmp_path, server.url).loaded["items"]
    assert (loaded.rows_read, loaded.rows_total, loaded.rows_rejected) == (61, 60, 1)
    found = rows(
        tmp_path, "SELECT entity, source, rule, column_name, masked_value FROM ops.quarantine"
    )
    size = f"{len(record)} characters"
    assert found == [("raw.shop__items", "shop", "null key", "id", size)]


def test_d4_duplicate_key_in_a_page_latest_wins(tmp_path: Path, server: FaultyServer) -> None:
    twice = [
        b'{"id": "dup", "updated": "2026-03-01T02:00:00Z", "name": "second"}',
        b'{"id": "dup", "updated": "2026-03-01T03:00:00Z", "name": "third"}',
        b'{"id": "dup", "updated": "2026-03-01T01:00:00Z", "name": "first"}',
    ]
    server.fault = injected(*twice)
    assert not night(tmp_path, server.url).failed
    versions = "SELECT name FROM raw.shop__items{} WHERE id = 'dup' ORDER BY updated"
    assert rows(tmp_path, versions.format("")) == [("third",)]
    assert rows(tmp_path, versions.format("__history")) == [("first",), ("second",)]


def test_d4_among_versions_of_one_instant_the_last_to_arrive_wins(
    tmp_path: Path, server: FaultyServer, shop: Shop
) -> None:
    at = b'"updated": "2026-03-02T02:28:00Z"'
    server.fault = injected(*(b'{"id": "dup", %s, "name": "%s"}' % (at, n) for n in (b"b", b"a")))
    assert not night(tmp_path, server.url).failed
    names = "SELECT name FROM raw.shop__items{} WHERE id = 'dup' ORDER BY name"
    assert rows(tmp_path, names.format("")) == [("a",)]
    server.forget()
    server.fault = injected(b'{"id": "dup", %s, "name": "b"}' % at)
    assert not night(tmp_path, server.url, SECOND_NIGHT).failed
    assert rows(tmp_path, names.format("")) == [("b",)]
    assert rows(tmp_path, names.format("__versions")) == [("a",), ("b",)]


Version = tuple[str, int, str]
versions = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 8), st.sampled_from("xy")),
    min_size=1,
    max_size=12,
    unique_by=lambda version: version[:2],
)
deletes = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 8)), max_size=4, unique=True)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(versions=versions, deletes=deletes, data=st.data())
def test_d5_any_order_and_any_split_into_loads_gives_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    versions: list[Version],
    deletes: list[tuple[str, int]],
    data: st.DataObject,
) -> None:
    # Records may arrive again; deletes fall on half minutes, between versions.
    events: list[tuple[str, Any]] = [("version", v) for v in versions] + [
        ("version", v) for v in versions[:3]
    ]
    events += [("delete", d) for d in deletes]
    arrival = data.draw(st.permutations(events))
    cuts = data.draw(st.lists(st.integers(0, len(arrival)), max_size=3))
    edges = [0, *sorted(cuts), len(arrival)]
    root = tmp_path_factory.mktemp("order")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        ensure_schema(connection)
        ensure_raw_tables(connection, "shop", [ITEMS])
        for number, (start, end) in enumerate(pairwise(edges)):
            _load(connection, root, arrival[start:end], number)
        current = connection.execute(
            "SELECT id, updated, name, _deleted_at FROM raw.shop__items ORDER BY ALL"
        ).fetchall()
        history = connection.execute(
            "SELECT id, updated, name, _deleted_at FROM raw.shop__items__history ORDER BY ALL"
        ).fetchall()
    assert (current, history) == _expected(versions, deletes)


def _load(
    connection: duckdb.DuckDBPyConnection, root: Path, events: list[Any], number: int
) -> None:
    at = NIGHT + timedelta(hours=number)
    writer = LandingWriter(root, "shop", "items", at)
    for kind, event in events:
        if kind == "version":
            key, minute, name = event
            record = {"id": key, "updated": _minute(minute).isoformat() + "Z", "name": name}
            writer.write([json.dumps(record).encode()])
        else:
            key, minute = event
            writer.delete([key], _minute(minute).replace(tzinfo=UTC) + _HALF, "deleted")
    load_stream(connection, "shop", ITEMS, writer.finalise({}), "run", at)


_HALF = timedelta(seconds=30)


def _minute(minute: int) -> datetime:
    return datetime(2026, 3, 1, 0, minute)


def _expected(
    versions: list[Version], deletes: list[tuple[str, int]]
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """The rules in plain words: the latest is current; the first delete after it marks it."""
    current, history = [], []
    for key in sorted({version[0] for version in versions}):
        own = sorted((_minute(minute), name) for k, minute, name in versions if k == key)
        at, name = own[-1]
        gone = [_minute(m) + _HALF for k, m in deletes if k == key and _minute(m) + _HALF >= at]
        current.append((key, at, name, min(gone, default=None)))
        history += [(key, *version, None) for version in own[:-1]]
    return current, history


def test_d6_deletes_are_marked_with_their_time(
    tmp_path: Path, server: FaultyServer, shop: Shop
) -> None:
    assert not night(tmp_path, server.url).failed
    next_day(shop)
    loaded = night(tmp_path, server.url, SECOND_NIGHT).loaded["items"]
    assert loaded.rows_deleted == 1
    found = rows(
        tmp_path,
        "SELECT id, _deleted_at, _deleted_reason FROM raw.shop__items "
        "WHERE _deleted_at IS NOT NULL",
    )
    assert found == [("i001", datetime(2026, 3, 2, 6, 30), "deleted")]


BROKEN = {
    "NaN": b'{"id": "bad", "price": NaN}',
    "Infinity": b'{"id": "bad", "price": -Infinity}',
    "lone surrogate": b'{"id": "bad", "name": "\\ud800"}',
    "invalid UTF-8": b'{"id": "bad", "name": "\xff\xfe"}',
    "raw control character": b'{"id": "bad", "name": "\x00"}',
    "depth": b'{"id": "bad", "name": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "leading zero": b'{"id": "bad", "price": 01}',
}


@pytest.mark.parametrize("fault", BROKEN)
def test_d14_broken_record_is_quarantined_and_its_page_survives(
    tmp_path: Path, server: FaultyServer, fault: str
) -> None:
    server.fault = injected(BROKEN[fault])
    result = night(tmp_path, server.url)
    assert not result.failed
    assert result.loaded["items"].rows_rejected == 1
    assert result.slept == []
    assert rows(tmp_path, "SELECT count(*), count(*) FILTER (id = 'bad') FROM raw.shop__items") == [
        (60, 0)
    ]
    assert len(rows(tmp_path, "FROM ops.quarantine WHERE entity = 'raw.shop__items'")) == 1


ODD = {
    "huge integer": (b'{"id": "odd", "name": 123456789012345678901234567890}', "1234567890" * 3),
    "escaped NUL": (b'{"id": "odd", "name": "a\\u0000b"}', "a\x00b"),
    "duplicate keys": (b'{"id": "odd", "name": "one", "name": "two"}', "one"),
    "line separators": (b'{"id": "odd", "name": "a\xe2\x80\xa8b\\nc"}', "a\u2028b\nc"),
    "line breaks between parts": (b'{"id":\n"odd",\r\n "name": "x"\n}', "x"),
    "nested": (b'{"id": "odd", "name": {"a": [1]}}', '{"a": [1]}'),
}


@pytest.mark.parametrize("fault", ODD)
def test_d14_odd_record_is_loaded_the_same_way_each_time(
    tmp_path: Path, server: FaultyServer, fault: str
) -> None:
    record, name = ODD[fault]
    server.fault = injected(record)
    result = night(tmp_path, server.url)
    assert not result.failed
    assert result.loaded["items"].rows_total == 61
    found = rows(tmp_path, "SELECT name FROM raw.shop__items WHERE id = 'odd'")
    assert [text.replace(" ", "") for (text,) in found] == [name.replace(" ", "")]
    assert tables(tmp_path)["shop__items__history"] == []
