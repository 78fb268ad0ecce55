"""Which deals' histories cannot be trusted, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
import duckdb
import pytest

from revops_pipelines.assets import conformed
from revops_pipelines.assets.conformed._examinations import examination_checks
from revops_pipelines.contracts.contract import columns_of
from revops_pipelines.engine.conform.declaration import Entity
from revops_pipelines.engine.conform.examine import ensure_findings, examine
from revops_pipelines.engine.registry import discover

ENTITIES = discover(conformed, Entity)
SNAPSHOTS = ENTITIES["opportunity_snapshots"]
READ = ("opportunities", "opportunity_stage_history", "opportunity_snapshots")

DEAL = {
    "opportunity_id": "crm:1",
    "pipeline": "sales",
    "stage": "won",
    "amount": 90,
    "currency": "USD",
    "created_at": "2026-01-05 22:00",
    "close_on": "2026-02-01",
    "is_closed": True,
    "is_won": True,
    "owner_id": "crm:u1",
}
DAYS = (
    {"snapshot_on": "2026-01-05", "stage": "demo", "amount": 50},
    {"snapshot_on": "2026-01-07", "stage": "offer", "amount": 50},
    {"snapshot_on": "2026-01-09", "stage": "offer", "amount": 90},
    {"snapshot_on": "2026-02-01", "stage": "won", "amount": 90, "is_closed": True, "is_won": True},
)
STAYS = (
    ("demo", "2026-01-05 22:00", "2026-01-07 08:00"),
    # Gone by the end of its day.
    ("trial", "2026-01-07 08:00", "2026-01-07 09:00"),
    ("offer", "2026-01-07 09:00", "2026-02-01 10:00"),
    ("won", "2026-02-01 10:00", None),
)


@pytest.fixture
def house() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for schema in ("conformed", "ops"):
            connection.execute(f"CREATE SCHEMA {schema}")
        for entity in READ:
            columns = columns_of(ENTITIES[entity].contract).items()
            listed = ", ".join(f'"{name}" {kind}' for name, kind in columns)
            connection.execute(f"CREATE TABLE conformed.{entity} ({listed})")
        yield connection


def put(house: duckdb.DuckDBPyConnection, entity: str, **row: Any) -> None:
    names, marks = ", ".join(row), ", ".join("?" for _ in row)
    house.execute(f"INSERT INTO conformed.{entity} ({names}) VALUES ({marks})", [*row.values()])


def put_deal(
    house: duckdb.DuckDBPyConnection, days: Any = DAYS, stays: Any = STAYS, **deal: Any
) -> None:
    put(house, "opportunities", **{**DEAL, **deal})
    for day in days:
        usual = {"is_closed": False, "is_won": False, "close_on": "2026-02-01", "currency": "USD"}
        of = {"opportunity_id": "crm:1", "pipeline": "sales", "owner_id": "crm:u1"}
        put(house, "opportunity_snapshots", **{**of, **usual, **day})
    for stage, entered, left in stays:
        put(
            house,
            "opportunity_stage_history",
            opportunity_id="crm:1",
            pipeline="sales",
            stage=stage,
            entered_at=entered,
            left_at=left,
        )


def findings(house: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    assert SNAPSHOTS.examination is not None
    examine(house, SNAPSHOTS.examination)
    return house.execute("SELECT opportunity_id, reason FROM ops.untrusted_deals").fetchall()


def test_a_history_that_agrees_with_its_record_is_trusted(house):
    put_deal(house)
    assert findings(house) == []


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        ({"amount": 91}, "other_amount_now"),
        ({"amount": None}, "other_amount_now"),
        ({"currency": "EUR"}, "other_amount_now"),
        ({"close_on": "2026-02-02"}, "other_close_date_now"),
        ({"stage": "paid"}, "other_stage_now"),
        ({"pipeline": "renewals"}, "other_stage_now"),
        ({"is_won": False}, "other_outcome_now"),
        ({"owner_id": "crm:u2"}, "other_owner_now"),
    ],
)
def test_a_record_that_says_otherwise(house, now, reason):
    put_deal(house, **now)
    assert findings(house) == [("crm:1", reason)]


def test_a_history_that_begins_late(house):
    put_deal(house, created_at="2026-01-02 10:00")
    assert findings(house) == [("crm:1", "begins_another_day")]


def test_a_deal_without_history(house):
    put_deal(house, days=())
    assert findings(house) == [("crm:1", "no_history")]


def test_stages_that_its_days_do_not_know(house):
    put_deal(house, days=(DAYS[0], DAYS[2], DAYS[3]))
    assert findings(house) == [("crm:1", "other_stages_then")]


def test_days_in_a_stage_that_it_never_was_in(house):
    put_deal(house, stays=(STAYS[0], ("offer", *STAYS[1][1:]), *STAYS[3:]))
    assert findings(house) == []
    house.execute("DELETE FROM conformed.opportunity_stage_history WHERE stage = 'offer'")
    assert findings(house) == [("crm:1", "other_stages_then")]


def test_without_stays_there_is_nothing_to_compare_stages_with(house):
    put_deal(house, stays=())
    assert findings(house) == []


def test_a_row_for_every_day_is_as_good_as_one_for_every_change(house):
    quiet = {"snapshot_on": "2026-01-06", "stage": "demo", "amount": 50}
    put_deal(house, days=(DAYS[0], quiet, *DAYS[1:]))
    assert findings(house) == []


def test_a_deleted_deal_is_compared_as_it_was_when_it_was_deleted(house):
    put_deal(
        house,
        days=DAYS[:2],
        stage="offer",
        amount=50,
        is_closed=False,
        is_won=False,
        _deleted_at="2026-01-08 12:00",
    )
    assert findings(house) == []


def test_several_reasons_of_one_deal_count_it_once(house):
    put_deal(house, amount=1, owner_id=None)
    assert SNAPSHOTS.examination is not None
    found = examine(house, SNAPSHOTS.examination)
    assert (found.subjects, found.reasons) == (
        1,
        (("other_amount_now", 1), ("other_owner_now", 1)),
    )


def test_the_check_warns_with_counts_and_identifiers_alone(house):
    put_deal(house, amount=1, name="Secret Corp")
    (told,) = examination_checks(house, dg.AssetKey("x"), SNAPSHOTS)
    assert (told.passed, told.severity) == (False, dg.AssetCheckSeverity.WARN)
    shown = str(told.metadata)
    assert "other_amount_now" in shown and "crm:1" in shown
    assert "Secret" not in shown and "90" not in shown


def test_the_table_is_there_before_anything_was_examined(house):
    assert SNAPSHOTS.examination is not None
    ensure_findings(house, SNAPSHOTS.examination)
    assert house.execute("SELECT * FROM ops.untrusted_deals").fetchall() == []
