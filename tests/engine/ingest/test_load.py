"""Landed records as rows: typed columns, versions, deletes, what a load counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from revops_pipelines.engine.declarations import Column, Stream
from revops_pipelines.engine.ingest.errors import VolumeAlarmError
from revops_pipelines.engine.ingest.guards import VolumeGuard
from revops_pipelines.engine.ingest.landing import LandingWriter
from revops_pipelines.engine.ingest.load import Loaded, ensure_raw_tables, load_stream
from revops_pipelines.engine.warehouse.schema import ensure_schema

DAY = datetime(2026, 3, 1, tzinfo=UTC)


def stream(*columns: Column, key: tuple[str, ...] = ("id",), updated: str | None = None) -> Stream:
    return Stream("items", "Items.", key, columns, lambda _: None, updated=updated)


ID = Column("id", "VARCHAR", "/id")
NAME = Column("name", "VARCHAR", "/name")
AT = Column("at", "TIMESTAMP", "/at")
DATED = stream(ID, NAME, AT, updated="at")
UNDATED = stream(ID, NAME)


class Warehouse:
    """An in-memory warehouse and loads into it, one day after the other."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, landing: Path) -> None:
        self.connection, self.landing, self.days = connection, landing, 0

    def load(
        self,
        stream: Stream,
        records: list[Any],
        *,
        deletes: list[tuple[Any, ...]] | None = None,
        ids: list[str] | None = None,
        **options: Any,
    ) -> Loaded:
        at = DAY + timedelta(days=self.days)
        self.days += 1
        ensure_raw_tables(self.connection, "shop", [stream])
        writer = LandingWriter(self.landing, "shop", stream.name, at)
        writer.write([json.dumps(record).encode() for record in records])
        for delete in deletes or []:
            writer.delete(*delete)
        if ids is not None:
            writer.complete_ids([key] for key in ids)
        landed = writer.finalise({"day": self.days})
        return load_stream(self.connection, "shop", stream, landed, "run", at, **options)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def alive(self) -> list[str]:
        found = "SELECT id FROM raw.shop__items WHERE _deleted_at IS NULL ORDER BY id"
        return [row[0] for row in self.rows(found)]


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        ensure_schema(connection)
        yield Warehouse(connection, tmp_path)


@pytest.mark.parametrize(
    ("kind", "sent", "read"),
    [
        ("TIMESTAMP", "2026-03-01T01:02:03.456Z", datetime(2026, 3, 1, 1, 2, 3, 456000)),
        ("TIMESTAMP", "2026-03-01T01:02:03+02:00", datetime(2026, 2, 28, 23, 2, 3)),
        ("TIMESTAMP", "2026-03-01T01:02:03+0000", datetime(2026, 3, 1, 1, 2, 3)),
        ("TIMESTAMP", "2026-03-01", datetime(2026, 3, 1)),
        ("TIMESTAMP", 1772326923, datetime(2026, 3, 1, 1, 2, 3)),
        ("TIMESTAMP", 1772326923456, datetime(2026, 3, 1, 1, 2, 3, 456000)),
        ("TIMESTAMP", "1772326923", datetime(2026, 3, 1, 1, 2, 3)),
        ("TIMESTAMP", 9 * 10**18, None),
        ("TIMESTAMP", "soon", None),
        ("TIMESTAMP", "", None),
        ("VARCHAR", "x", "x"),
        ("VARCHAR", 5, "5"),
        ("VARCHAR", None, None),
        ("VARCHAR", {"a": 1}, '{"a":1}'),
        ("BIGINT", "12", 12),
        ("BIGINT", "12 apples", None),
        ("BIGINT", 10**30, None),
        ("DECIMAL(18,2)", "12.345", Decimal("12.35")),
        ("BOOLEAN", True, True),
        ("BOOLEAN", "false", False),
        ("JSON", {"a": [1]}, '{"a":[1]}'),
        ("JSON", "text", '"text"'),
        ("VARCHAR[]", ["a, b", 'c"'], ["a, b", 'c"']),
        ("VARCHAR[]", "a", None),
        ("DATE", "2026-03-01", datetime(2026, 3, 1).date()),
    ],
)
def test_columns_are_typed(warehouse: Warehouse, kind: str, sent: Any, read: Any) -> None:
    typed = stream(ID, Column("value", kind, "/deep/er/value"))
    warehouse.load(typed, [{"id": "1", "deep": {"er": {"value": sent}}}])
    ((value, payload),) = warehouse.rows("SELECT value, payload FROM raw.shop__items")
    assert value == read
    assert json.loads(payload)["deep"]["er"]["value"] == sent


def test_numbers_may_tell_when_a_record_changed(warehouse: Warehouse) -> None:
    numbered = stream(ID, Column("at", "BIGINT", "/at"), updated="at")
    warehouse.load(numbered, [{"id": "1", "at": 1772326923}])
    assert warehouse.rows("SELECT _updated_at FROM raw.shop__items") == [
        (datetime(2026, 3, 1, 1, 2, 3),)
    ]


def test_an_unchanged_record_is_no_version(warehouse: Warehouse) -> None:
    record = {"id": "1", "name": "a", "at": "2026-01-01T00:00:00Z"}
    for kind in (DATED, UNDATED):
        first = warehouse.load(kind, [record])
        again = warehouse.load(kind, [record, record])
        assert (first.rows_changed, again.rows_changed, again.rows_total) == (1, 0, 1)
        assert warehouse.rows("SELECT * FROM raw.shop__items__history") == []
        warehouse.connection.execute("DROP SCHEMA raw CASCADE")
        ensure_schema(warehouse.connection)


def test_undated_records_change_when_they_are_fetched(warehouse: Warehouse) -> None:
    for name in ("a", "b", "a"):
        warehouse.load(UNDATED, [{"id": "1", "name": name}])
    found = "SELECT name, _updated_at FROM raw.shop__items__versions ORDER BY _updated_at"
    days = [DAY.replace(tzinfo=None) + timedelta(days=day) for day in range(3)]
    assert warehouse.rows(found) == list(zip(("a", "b", "a"), days, strict=True))
    assert warehouse.rows("SELECT name FROM raw.shop__items") == [("a",)]


def test_keys_of_several_columns(warehouse: Warehouse) -> None:
    linked = stream(
        Column("one", "VARCHAR", "/one"), Column("two", "BIGINT", "/two"), NAME, key=("one", "two")
    )
    warehouse.load(linked, [{"one": "a", "two": n, "name": "x"} for n in range(3)])
    loaded = warehouse.load(
        linked,
        [{"one": "a", "two": 1, "name": "y"}, {"one": None, "two": 1}, {"one": "a", "two": "x"}],
        deletes=[(["a", "2"], None, "gone")],
    )
    assert (loaded.rows_changed, loaded.rows_deleted, loaded.rows_rejected) == (1, 1, 2)
    found = "SELECT two, name, _deleted_at IS NULL FROM raw.shop__items ORDER BY two"
    assert warehouse.rows(found) == [(0, "x", True), (1, "y", True), (2, "x", False)]


def dated(key: str, day: int, name: str = "") -> dict[str, str]:
    return {"id": key, "name": name or f"{key}{day}", "at": f"2026-01-{day:02d}T00:00:00Z"}


def test_a_later_version_brings_a_deleted_record_back(warehouse: Warehouse) -> None:
    warehouse.load(DATED, [dated("a", 1)], deletes=[(["a"], datetime(2026, 1, 2), "archived")])
    assert warehouse.alive() == []
    warehouse.load(DATED, [dated("a", 1)])
    assert warehouse.alive() == []
    warehouse.load(DATED, [dated("a", 3)])
    assert warehouse.alive() == ["a"]
    assert warehouse.rows("SELECT _deleted_at FROM raw.shop__items__history") == [(None,)]
    assert len(warehouse.rows("FROM raw.shop__items__tombstones")) == 1


def test_a_tombstone_without_a_time_counts_once(warehouse: Warehouse) -> None:
    gone = [(["a"], None, "merged")]
    warehouse.load(DATED, [dated("a", 1)])
    first = warehouse.load(DATED, [], deletes=gone)
    again = warehouse.load(DATED, [dated("a", 1)], deletes=gone)
    assert (first.rows_deleted, again.rows_deleted) == (1, 0)
    assert warehouse.rows("SELECT _deleted_at, _deleted_reason FROM raw.shop__items") == [
        (datetime(2026, 3, 2), "merged")
    ]


def test_a_tombstone_may_come_before_its_record(warehouse: Warehouse) -> None:
    warehouse.load(DATED, [dated("b", 1)], deletes=[(["a"], datetime(2026, 1, 2), "archived")])
    warehouse.load(DATED, [dated("a", 1)])
    assert warehouse.alive() == ["b"]


def test_an_undated_record_that_is_seen_again_lives(warehouse: Warehouse) -> None:
    one = {"id": "a", "name": "x"}
    warehouse.load(UNDATED, [one])
    warehouse.load(UNDATED, [], deletes=[(["a"], None, "deleted")])
    assert warehouse.alive() == []
    loaded = warehouse.load(UNDATED, [one])
    assert warehouse.alive() == ["a"]
    assert loaded.rows_changed == 0


def test_what_is_missing_from_a_complete_list_is_deleted(warehouse: Warehouse) -> None:
    warehouse.load(DATED, [dated(key, 1) for key in "abc"], ids=["a", "b", "c"])
    loaded = warehouse.load(DATED, [dated("d", 1)], ids=["a"])
    # What was landed exists, even if the list was made before.
    assert warehouse.alive() == ["a", "d"]
    assert loaded.rows_deleted == 2
    assert warehouse.load(DATED, [], ids=["a", "d"]).rows_deleted == 0
    warehouse.load(DATED, [], ids=["a", "b", "d"])
    assert warehouse.alive() == ["a", "b", "d"]


def test_records_of_a_later_pull_are_not_judged_by_an_earlier_list(warehouse: Warehouse) -> None:
    warehouse.load(DATED, [dated("a", 1)])
    warehouse.load(DATED, [dated("b", 1)])
    warehouse.days = 0
    warehouse.load(DATED, [], ids=["a"])
    assert warehouse.alive() == ["a", "b"]


def test_a_volume_alarm_rolls_everything_back(warehouse: Warehouse) -> None:
    warehouse.load(DATED, [dated(str(number), 1) for number in range(50)])
    before = warehouse.rows("FROM raw.shop__items ORDER BY ALL")
    with pytest.raises(VolumeAlarmError):
        warehouse.load(DATED, [dated("0", 2)], ids=[])
    assert warehouse.rows("FROM raw.shop__items ORDER BY ALL") == before
    assert warehouse.rows("SELECT cursor FROM ops.cursors") == [('{"day": 1}',)]
    warehouse.load(DATED, [dated("0", 2)], ids=[], guard=VolumeGuard(share=1))
    assert warehouse.alive() == ["0"]


def test_bookkeeping(warehouse: Warehouse) -> None:
    warehouse.load(DATED, [dated("a", 1), dated("b", 1)])
    warehouse.load(DATED, [dated("a", 2)], deletes=[(["b"], None, "gone")])
    assert warehouse.rows("SELECT source, stream, cursor FROM ops.cursors") == [
        ("shop", "items", '{"day": 2}')
    ]
    counts = "SELECT rows_read, rows_changed, rows_deleted, run_id FROM ops.loads ORDER BY load_id"
    assert warehouse.rows(counts) == [(2, 2, 0, "run"), (1, 1, 1, "run")]


def test_notes_of_loads_are_kept_for_a_season(warehouse: Warehouse) -> None:
    warehouse.load(DATED, [dated("a", 1), dated("b", 1)])
    warehouse.days = 60
    warehouse.load(DATED, [dated("a", 2)])
    assert warehouse.rows("SELECT count(*) FROM ops.loads") == [(2,)]
    warehouse.days = 120
    warehouse.load(DATED, [])
    counts = "SELECT rows_read FROM ops.loads ORDER BY loaded_at"
    assert warehouse.rows(counts) == [(1,), (0,)]


def test_the_first_load_sorts_out_double_keys(warehouse: Warehouse) -> None:
    versions = [dated("a", day % 7 + 1, f"v{day % 7}") for day in range(20)]
    others = [dated(f"k{number}", 1) for number in range(5000)]
    loaded = warehouse.load(DATED, [*versions, *others, dated("a", 7, "last of the day")])
    assert (loaded.rows_changed, loaded.rows_total) == (5001, 5001)
    found = warehouse.rows("SELECT name FROM raw.shop__items WHERE id = 'a'")
    assert found == [("last of the day",)]
    history = warehouse.rows("SELECT name FROM raw.shop__items__history ORDER BY name")
    assert history == [(f"v{number}",) for number in range(7)]


def test_quarantine_keeps_when_a_reject_was_first_seen(warehouse: Warehouse) -> None:
    for _ in range(2):
        warehouse.load(DATED, [dated("a", 1), {"name": "nobody"}])
    found = "SELECT entity, rule, first_seen_at, last_seen_at FROM ops.quarantine"
    first = DAY.replace(tzinfo=None)
    assert warehouse.rows(found) == [
        ("raw.shop__items", "null key", first, first + timedelta(days=1))
    ]
    warehouse.load(DATED, [dated("a", 1)], ids=["a"])
    assert warehouse.rows(found) == []


@pytest.mark.parametrize(
    "broken",
    [
        stream(ID, key=("other",)),
        stream(ID, key=()),
        stream(ID, updated="other"),
        stream(ID, Column("x", "VARCHAR); DROP", "/x")),
        stream(ID, Column("x", "VARCHAR", "x")),
        stream(ID, Column("payload", "VARCHAR", "/payload")),
    ],
)
def test_declarations_that_cannot_become_tables_are_refused(
    warehouse: Warehouse, broken: Stream
) -> None:
    with pytest.raises(ValueError, match="items"):
        ensure_raw_tables(warehouse.connection, "shop", [broken])


def test_columns_may_move_and_keys_may_widen(warehouse: Warehouse) -> None:
    warehouse.load(
        DATED, [dated("a", 1), dated("a", 2), dated("b", 1)], deletes=[(["b"], None, "x")]
    )
    moved = stream(AT, NAME, ID, updated="at")
    warehouse.load(moved, [dated("c", 1)])
    found = "SELECT id, name, _deleted_at IS NULL FROM raw.shop__items ORDER BY id"
    assert warehouse.rows(found) == [("a", "a2", True), ("b", "b1", False), ("c", "c1", True)]
    wider = stream(ID, NAME, AT, key=("id", "name"), updated="at")
    warehouse.load(wider, [dated("c", 1, "other")])
    assert len(warehouse.rows(found)) == 4
    versions = "SELECT id, name FROM raw.shop__items__versions ORDER BY ALL"
    assert ("a", "a1") in warehouse.rows(versions)


def test_nothing_is_written_where_all_tables_are_there(warehouse: Warehouse) -> None:
    warehouse.load(DATED, [dated("a", 1)])
    before = warehouse.rows("SELECT view_oid FROM duckdb_views() WHERE schema_name = 'raw'")
    ensure_raw_tables(warehouse.connection, "shop", [DATED])
    assert warehouse.rows("SELECT view_oid FROM duckdb_views() WHERE schema_name = 'raw'") == before
