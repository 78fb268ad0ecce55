"""data_quality: each kind of check, on a few records, and what is not held against anybody."""

from __future__ import annotations

from typing import Any

from metric_warehouse import Warehouse, at, on

JUNE = on("2026-06-01")


def found(warehouse: Warehouse, entity: str, kind: str) -> dict[str, tuple[int, int]]:
    """Column -> (checked, passed)."""
    warehouse.build("data_quality")
    rows = warehouse.rows(
        "SELECT column_name, checked, passed FROM metrics.data_quality "
        f"WHERE entity = '{entity}' AND kind = '{kind}'"
    )
    return {column: (checked, passed) for column, checked, passed in rows}


def shown(warehouse: Warehouse, dimensions: str) -> tuple[Any, ...]:
    return warehouse.values("data_quality", dimensions=dimensions)[JUNE]


def test_completeness_counts_the_cells_that_are_needed(warehouse: Warehouse) -> None:
    warehouse.put("users", {"user_id": "u1", "team": "west"}, {"user_id": "u2"})
    assert found(warehouse, "users", "completeness") == {"team": (2, 1)}
    assert shown(warehouse, '{"entity":"users","kind":"completeness"}') == (1, 2, 0.5, 2)


def test_uniqueness_knows_no_case_and_no_nulls(warehouse: Warehouse) -> None:
    warehouse.put(
        "accounts",
        {"account_id": "a1", "domain": "one.example"},
        {"account_id": "a2", "domain": "One.example"},
        {"account_id": "a3", "domain": "two.example"},
        {"account_id": "a4"},
    )
    assert found(warehouse, "accounts", "uniqueness") == {"domain": (3, 2)}


def test_a_reference_must_lead_somewhere(warehouse: Warehouse) -> None:
    warehouse.put("users", {"user_id": "u1"})
    warehouse.put(
        "accounts",
        {"account_id": "a1", "owner_id": "u1"},
        {"account_id": "a2", "owner_id": "gone"},
        {"account_id": "a3", "parent_account_id": "a1"},
    )
    assert found(warehouse, "accounts", "referential_integrity") == {
        "owner_id": (2, 1),
        "parent_account_id": (1, 1),
    }


def test_a_deleted_record_may_be_referred_to_and_is_not_held_to_anything(
    warehouse: Warehouse,
) -> None:
    gone, later = at("2026-06-01 00:00"), at("2026-07-01 00:00")
    warehouse.put("users", {"user_id": "u1", "_deleted_at": gone})
    warehouse.put("users", {"user_id": "u2", "team": "west", "_deleted_at": later})
    warehouse.put("accounts", {"account_id": "a1", "owner_id": "u1"})
    assert found(warehouse, "users", "completeness") == {"team": (1, 1)}
    assert found(warehouse, "accounts", "referential_integrity") == {"owner_id": (1, 1)}


def test_drift_between_the_systems(warehouse: Warehouse) -> None:
    warehouse.put(
        "accounts",
        {"account_id": "a1", "country": "DE", "domain": "one.example"},
        {"account_id": "a2", "country": "US"},
    )
    warehouse.put(
        "customers",
        {"customer_id": "c1", "account_id": "a1", "country": "AT", "domain": "ONE.example"},
        {"customer_id": "c2", "account_id": "a2", "country": "US", "domain": "two.example"},
        {"customer_id": "c3", "country": "US"},
    )
    assert found(warehouse, "customers", "drift") == {"country": (2, 1), "domain": (1, 1)}


def test_broken_rules_stand_beside_what_came_through(warehouse: Warehouse) -> None:
    warehouse.put("users", {"user_id": "u1"}, {"user_id": "u2"}, {"user_id": "u3"})
    moment = "TIMESTAMP '2026-06-30 00:00:00'"
    for entity, record in (("users", "x"), ("leads", "y"), ("leads", "y")):
        warehouse.connection.execute(
            f"INSERT INTO ops.quarantine VALUES ('{entity}', 'test', '{record}', 'cast', 'name', "
            f"'***', {moment}, {moment}, 'run')"
        )
    assert found(warehouse, "users", "validity") == {"all": (4, 3)}
    assert found(warehouse, "leads", "validity") == {"all": (2, 0)}


def test_freshness_is_of_the_latest_load_of_each_stream(warehouse: Warehouse) -> None:
    for stream, day in (("deals", "30"), ("deals", "01"), ("calls", "29"), ("notes", "20")):
        warehouse.connection.execute(
            "INSERT INTO ops.loads VALUES "
            f"('l', 'crm', '{stream}', 'run', 1, 1, 0, TIMESTAMP '2026-06-{day} 11:00:00')"
        )
    assert found(warehouse, "crm", "freshness") == {"streams": (3, 2)}
    assert shown(warehouse, '{"kind":"freshness"}')[:2] == (2, 3)


def test_it_is_placed_in_the_running_month(warehouse: Warehouse) -> None:
    warehouse.put("users", {"user_id": "u1"})
    built = warehouse.build("data_quality")
    assert built.detail_rows == 2
    assert warehouse.values("data_quality", columns="value, is_mature") == {JUNE: (0.5, False)}
    assert list(warehouse.values("data_quality", grain="quarter")) == [on("2026-04-01")]
