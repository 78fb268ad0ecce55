"""What is written down when a closed period's value changes: old, new, the records and why."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from metric_warehouse import METRICS, Warehouse, at, on

from revops_pipelines.engine.metrics.restate import Restatement, restate

MAY, WEEK = on("2026-05-01"), on("2026-05-04")
BUILT = ("win_rate", "win_rate_value")


def deal(name: str, **columns: Any) -> dict[str, Any]:
    """A deal won on 6 May."""
    return {
        "opportunity_id": name,
        "created_at": at("2026-01-01 00:00"),
        "closed_at": at("2026-05-06 10:00"),
        "is_closed": True,
        "is_won": True,
        "amount": 100,
    } | columns


@pytest.fixture
def published(tmp_path: Path) -> Callable[[Warehouse], Path]:
    """Publishes a warehouse as it is; gives the file."""

    def copy(warehouse: Warehouse) -> Path:
        path = tmp_path / "published.duckdb"
        path.unlink(missing_ok=True)
        source = warehouse.rows("SELECT current_database()")[0][0]
        warehouse.connection.execute(f"ATTACH '{path}' AS copied")
        warehouse.connection.execute(f"COPY FROM DATABASE {source} TO copied")
        warehouse.connection.execute("DETACH copied")
        return path

    return copy


def first_night(warehouse: Warehouse, published: Callable[[Warehouse], Path]) -> Path:
    """Two deals won, one lost, one of them in euro; nothing to compare with yet."""
    warehouse.connection.execute("DROP TABLE IF EXISTS ops.metric_definitions")
    warehouse.put("fx_rates", {"currency": "EUR", "rate": "1.10", "valid_on": on("2026-05-01")})
    warehouse.put("opportunities", deal("a"), deal("b", is_won=False), deal("c", currency="EUR"))
    warehouse.build("win_rate")
    path = published(warehouse)
    assert restate(warehouse.connection, METRICS.values(), path.with_name("none")) == []
    return published(warehouse)


def night(warehouse: Warehouse, path: Path) -> dict[tuple[str, str], Restatement]:
    """Measures and compares again; by (metric, grain)."""
    warehouse.build("win_rate")
    found = restate(warehouse.connection, METRICS.values(), path)
    assert len({(each.metric, each.grain, each.period_start_on) for each in found}) == len(found)
    return {(each.metric, each.grain): each for each in found if each.grain != "quarter"}


def test_nothing_changed(warehouse: Warehouse, published: Any) -> None:
    path = first_night(warehouse, published)
    assert night(warehouse, path) == {}
    assert warehouse.rows("SELECT * FROM metrics.restatements") == []


def test_d8_late_deleted_and_changed_records_are_named(
    warehouse: Warehouse, published: Any
) -> None:
    path = first_night(warehouse, published)
    warehouse.put("opportunities", deal("late", is_won=False))
    warehouse.connection.execute(
        "UPDATE conformed.opportunities SET _deleted_at = TIMESTAMP '2026-06-29 00:00' "
        "WHERE opportunity_id = 'b'"
    )
    warehouse.connection.execute(
        "UPDATE conformed.opportunities SET is_won = FALSE, _updated_at = TIMESTAMP '2026-06-29' "
        "WHERE opportunity_id = 'a'"
    )
    found = night(warehouse, path)["win_rate", "month"]
    assert (found.period_start_on, found.old_n, found.new_n) == (MAY, 3, 3)
    assert [round(float(value), 4) for value in (found.old_value, found.new_value)] == [
        0.6667,
        0.3333,
    ]
    assert found.records == {"a": "changed", "b": "deleted", "late": "arrived"}
    assert found.why == "1 arrived, 1 changed, 1 deleted"
    kept = warehouse.rows(
        "SELECT period_start_on, records, restated_at FROM metrics.restatements "
        "WHERE metric = 'win_rate' AND grain = 'month'"
    )
    assert kept[0][0] == MAY
    assert json.loads(kept[0][1]) == found.records
    assert kept[0][2] == at("2026-06-30 12:00")


def test_a_rate_that_changed_is_an_input(warehouse: Warehouse, published: Any) -> None:
    path = first_night(warehouse, published)
    warehouse.connection.execute("UPDATE conformed.fx_rates SET rate = 1.20")
    found = night(warehouse, path)
    assert ("win_rate", "month") not in found
    assert found["win_rate_value", "week"].period_start_on == WEEK
    assert found["win_rate_value", "month"].records == {"c": "inputs"}


def test_a_value_that_is_gone_is_told(warehouse: Warehouse, published: Any) -> None:
    path = first_night(warehouse, published)
    warehouse.connection.execute("DELETE FROM conformed.opportunities")
    found = night(warehouse, path)["win_rate", "month"]
    assert (found.new_value, found.new_n) == (None, None)
    assert set(found.records.values()) == {"deleted"}


def test_an_open_period_may_change(warehouse: Warehouse, published: Any) -> None:
    warehouse.put("opportunities", deal("june", closed_at=at("2026-06-06 10:00")))
    path = first_night(warehouse, published)
    warehouse.put("opportunities", deal("june too", closed_at=at("2026-06-07 10:00")))
    assert {each.period_start_on for each in night(warehouse, path).values()} == set()


def test_another_definition_is_no_record_s_doing(warehouse: Warehouse, published: Any) -> None:
    path = first_night(warehouse, published)
    metric = METRICS["win_rate"]
    main, *others = metric.series
    facts = main.facts.replace("WHERE is_decided", "WHERE is_decided AND is_won")
    warehouse.connection.execute(
        "UPDATE metrics.metric_values SET value = 1 WHERE metric = 'win_rate'"
    )
    redefined = replace(metric, series=(replace(main, facts=facts), *others))
    found = restate(warehouse.connection, [redefined], path)
    assert {each.why for each in found} == {"definition"}
    assert {tuple(each.records) for each in found} == {()}


def test_it_adds_up_over_the_nights(warehouse: Warehouse, published: Any) -> None:
    path = first_night(warehouse, published)
    warehouse.put("opportunities", deal("late", is_won=False))
    assert night(warehouse, path)
    again = published(warehouse)
    assert night(warehouse, again) == {}
    assert warehouse.rows(
        "SELECT count(*) FROM metrics.restatements WHERE metric = 'win_rate' AND grain = 'month'"
    ) == [(1,)]
