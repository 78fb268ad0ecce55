"""What a load says of its records: new, vanished, unreadable fields; counts that do not agree."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from revops_pipelines.engine.declarations import Column, Stream
from revops_pipelines.engine.ingest.fields import MOST_FIELDS, Field, Uncast
from revops_pipelines.engine.ingest.landing import LandingWriter
from revops_pipelines.engine.ingest.load import Loaded, ensure_raw_tables, load_stream
from revops_pipelines.engine.warehouse.schema import ensure_schema

DAY = datetime(2026, 3, 1, tzinfo=UTC)


def column(name: str, kind: str = "VARCHAR", path: str = "") -> Column:
    return Column(name, kind, path or f"/{name}")


DEALS = Stream(
    "deals",
    "Deals.",
    ("id",),
    (
        column("id"),
        column("stage", path="/fields/stage"),
        column("amount", "DECIMAL(18,2)", "/fields/amount"),
        column("seats", "BIGINT", "/fields/seats"),
        column("closed_at", "TIMESTAMP", "/closed_at"),
    ),
    lambda _: None,
)


def deal(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "closed_at": None,
        "fields": {"stage": "won", "amount": "12.50", "seats": 3, **fields},
    }


class Nights:
    """Loads of one stream, a day apart."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, landing: Path) -> None:
        self.connection, self.landing, self.days = connection, landing, 0

    def load(
        self,
        records: list[dict[str, Any]],
        stream: Stream = DEALS,
        promised: int | None = None,
        ids: list[str] | None = None,
    ) -> Loaded:
        at = DAY + timedelta(days=self.days)
        self.days += 1
        ensure_raw_tables(self.connection, "crm", [stream])
        writer = LandingWriter(self.landing, "crm", "deals", at)
        writer.write([json.dumps(record).encode() for record in records])
        if promised is not None:
            writer.promised(promised)
        if ids is not None:
            writer.complete_ids([key] for key in ids)
        return load_stream(self.connection, "crm", stream, writer.finalise({}), "run", at)

    def quarantined(self) -> list[tuple[Any, ...]]:
        return self.connection.execute(
            "SELECT source_id, column_name, masked_value, first_seen_at FROM ops.quarantine "
            "WHERE entity = 'raw.crm__deals' AND rule = 'cast' ORDER BY ALL"
        ).fetchall()


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        ensure_schema(connection)
        yield Nights(connection, tmp_path)


def day(number: int) -> datetime:
    return (DAY + timedelta(days=number)).replace(tzinfo=None)


def test_the_first_load_is_what_is_known(nights: Nights) -> None:
    drift = nights.load([deal(1), deal(2, extra=True)]).drift
    assert (drift.new, drift.vanished, drift.uncast) == ((), (), ())


def test_a_new_field_is_announced_with_its_day_for_a_month(nights: Nights) -> None:
    nights.load([deal(1)])
    nights.load([deal(2, colour="red") | {"owner/team": "x"}])
    found = nights.load([deal(3)]).drift.new
    assert found == (Field("/fields/colour", day(1)), Field("/owner~1team", day(1)))
    # A month later it is an old field like any other.
    nights.days = 32
    assert nights.load([deal(4, colour="blue")]).drift.new == ()


def test_a_declared_field_that_all_records_had_is_missed_at_once(nights: Nights) -> None:
    nights.load([deal(number) for number in range(100)])
    without = [{**deal(number), "fields": {"amount": "1", "seats": 1}} for number in range(4)]
    assert nights.load(without).drift.vanished == (Field("/fields/stage", day(1)),)
    # It stays missed until it is back, also in loads without any record.
    assert nights.load([]).drift.vanished == (Field("/fields/stage", day(1)),)
    assert nights.load(without).drift.vanished == (Field("/fields/stage", day(1)),)
    assert nights.load([deal(7)]).drift.vanished == ()


def test_a_field_that_only_some_records_have_is_not_missed_in_a_few(nights: Nights) -> None:
    some = [deal(number) for number in range(0, 100, 5)]
    bare = [{"id": str(number), "closed_at": None} for number in range(1, 100, 5)] * 4
    nights.load([*some, *bare])
    assert nights.load(bare[:20]).drift.vanished == ()
    gone = {field.path for field in nights.load(bare).drift.vanished}
    assert gone == {"/fields/stage", "/fields/amount", "/fields/seats"}


def test_an_undeclared_field_may_go(nights: Nights) -> None:
    nights.load([deal(number, colour="red") for number in range(100)])
    assert nights.load([deal(number) for number in range(100)]).drift.vanished == ()


def test_values_that_do_not_cast_are_set_aside_and_said(nights: Nights) -> None:
    nights.load([deal(1)])
    loaded = nights.load(
        [deal(1, amount="12,50"), deal(2, seats=2.5), deal(3, amount="", seats=None)]
    )
    assert loaded.drift.uncast == (Uncast("amount", 1), Uncast("seats", 1))
    assert nights.quarantined() == [
        ("1", "amount", "5 characters", day(1)),
        ("2", "seats", "3 characters", day(1)),
    ]
    # The record is there with the rest of its columns, the value in its payload.
    found = nights.connection.execute(
        "SELECT stage, amount, payload->'fields'->>'amount' FROM raw.crm__deals WHERE id = '1'"
    ).fetchone()
    assert found == ("won", None, "12,50")


def test_a_record_leaves_quarantine_when_it_is_mended_or_gone(nights: Nights) -> None:
    nights.load([deal(1, amount="much"), deal(2, amount="little"), deal(3, amount="none")])
    assert len(nights.quarantined()) == 3
    assert nights.load([deal(1, amount="5"), deal(2, amount="few")]).drift.uncast
    assert [(key, at) for key, _, _, at in nights.quarantined()] == [("2", day(0)), ("3", day(0))]
    nights.load([deal(2)], ids=["1", "2"])
    assert nights.quarantined() == []


def test_a_column_declared_as_text_has_nothing_to_cast(nights: Nights) -> None:
    nights.load([deal(1, amount="much")])
    columns = tuple(
        column("amount", path=each.path) if each.name == "amount" else each
        for each in DEALS.columns
    )
    mended = Stream("deals", "Deals.", ("id",), columns, lambda _: None)
    assert nights.load([deal(2)], mended).drift.uncast == ()
    assert nights.quarantined() == []
    rows = nights.connection.execute("SELECT amount FROM raw.crm__deals ORDER BY id").fetchall()
    assert rows == [("much",), ("12.50",)]


def test_a_map_keyed_by_ids_does_not_fill_the_table(nights: Nights) -> None:
    nights.load([deal(1, **{f"id_{n}": 1 for n in range(2 * MOST_FIELDS)})])
    rows = nights.connection.execute(
        "SELECT count(*), count(*) FILTER (path IN ('/fields/stage', '/id')) FROM ops.fields"
    ).fetchone()
    assert rows == (MOST_FIELDS, 2)


def test_odd_records_have_no_fields(nights: Nights) -> None:
    loaded = nights.load([deal(1), [1], 7])  # type: ignore[list-item]
    assert (loaded.rows_total, loaded.drift.uncast) == (1, ())


@pytest.mark.parametrize(
    ("promised", "landed", "agrees", "short"),
    [(None, 3, True, 0), (3, 3, True, 0), (2, 3, True, 0), (4, 3, True, 1), (5, 3, False, 2)],
)
def test_h20_counts_are_compared(
    nights: Nights, promised: int | None, landed: int, agrees: bool, short: int
) -> None:
    records = [deal(number) for number in range(landed)]
    found = nights.load([*records, records[0]], promised=promised).reconciled
    assert (found.agrees, found.short) == (agrees, short)
    assert promised is None or found.landed == landed


def test_listed_keys_that_never_came_are_named(nights: Nights) -> None:
    nights.load([deal(1), deal(2)])
    found = nights.load([], ids=["1", "3", "4"]).reconciled
    assert (found.agrees, found.missing, found.missing_keys) == (False, 2, ("3", "4"))
    # The list names a deleted record as well: its tombstone accounts for it.
    found = nights.load([deal(3), deal(4)], ids=["1", "2", "3", "4"]).reconciled
    assert found.agrees
