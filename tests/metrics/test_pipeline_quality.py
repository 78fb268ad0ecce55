"""pipeline_quality: chances by stage, age and source, as they were known on the day."""

from __future__ import annotations

from typing import Any

from deal_days import put_deal
from metric_warehouse import Warehouse, at, on

MAY = on("2026-05-01")


def put_decided(
    warehouse: Warehouse, name: str, won: int, lost: int, line: str, end: str, **columns: Any
) -> None:
    for number in range(won + lost):
        outcome = "won" if number < won else "lost"
        put_deal(warehouse, f"{name}{number}", line, f"{end} {outcome}", **columns)


def chances(warehouse: Warehouse) -> dict[str, tuple[Any, ...]]:
    """Deal -> (age band, reference, win rate) at the end of May."""
    warehouse.build("pipeline_quality")
    rows = warehouse.rows(
        "SELECT opportunity_id, age_band, reference, win_rate FROM metrics.pipeline_quality "
        "WHERE grain = 'month' AND period_start_on = DATE '2026-05-01' AND excluded IS NULL"
    )
    return {row[0]: row[1:] for row in rows}


def test_by_stage_age_and_source(warehouse: Warehouse) -> None:
    put_decided(warehouse, "early", 10, 10, "03-01 stage s1", "03-20", channel="web")
    put_decided(warehouse, "other", 0, 40, "03-01 stage s2", "03-20", channel="web")
    put_decided(warehouse, "event", 20, 0, "03-01 stage s1", "03-20", channel="event")
    put_deal(warehouse, "young", "05-20 stage s1 amount 100", channel="web")
    put_deal(warehouse, "from an event", "05-20 stage s1 amount 100", channel="event")
    put_deal(warehouse, "older", "04-20 stage s1 amount 100", channel="web")
    put_deal(warehouse, "further", "05-20 stage s2 amount 100", channel="web")
    assert chances(warehouse) == {
        "young": ("0-30", "cell", 0.5),
        "from an event": ("0-30", "cell", 1.0),
        "older": ("31-90", "all", 0.375),
        "further": ("0-30", "cell", 0.0),
    }
    found = warehouse.values("pipeline_quality", columns="numerator, denominator, value")
    assert found[MAY] == (187.5, 400, 0.46875)


def test_a_deal_speaks_for_every_age_that_it_reached(warehouse: Warehouse) -> None:
    put_decided(warehouse, "slow", 5, 15, "01-01 stage s1", "05-01")
    put_deal(warehouse, "young", "05-20 stage s1")
    put_deal(warehouse, "of 60 days", "04-01 stage s1")
    put_deal(warehouse, "of 150 days", "01-01 stage s1")
    put_deal(warehouse, "of 200 days", "01-01 stage s1", created_at=at("2025-11-12 09:00"))
    assert chances(warehouse) == {
        "young": ("0-30", "cell", 0.25),
        "of 60 days": ("31-90", "cell", 0.25),
        "of 150 days": ("91-180", "cell", 0.25),
    } | {"of 200 days": ("181-", "all", 0.25)}


def test_nothing_of_the_future_is_known(warehouse: Warehouse) -> None:
    put_decided(warehouse, "then", 1, 1, "03-01", "03-20")
    put_decided(warehouse, "later", 8, 0, "03-01", "06-20")
    put_deal(warehouse, "open", "05-20 amount 100")
    assert chances(warehouse)["open"] == ("0-30", "all", 0.5)
    june = warehouse.values("pipeline_quality", columns="value, is_mature")[on("2026-06-01")]
    assert [float(june[0]), june[1]] == [0.9, False]


def test_what_is_long_ago_is_forgotten(warehouse: Warehouse) -> None:
    put_decided(warehouse, "then", 0, 3, "01-01", "06-05")
    warehouse.connection.execute(
        "UPDATE conformed.opportunity_snapshots SET snapshot_on = snapshot_on - 369"
    )
    warehouse.connection.execute(
        "UPDATE conformed.opportunities SET created_at = created_at - INTERVAL 369 DAY"
    )
    put_decided(warehouse, "lately", 1, 0, "01-01", "05-31")
    put_deal(warehouse, "open", "05-20 amount 100")
    assert chances(warehouse)["open"][2] == 0.25
    assert warehouse.value("pipeline_quality", "2026-06-01") == 1


def test_left_out(warehouse: Warehouse) -> None:
    put_decided(warehouse, "then", 1, 1, "03-01", "03-20")
    put_deal(warehouse, "kept", "04-20")
    put_deal(warehouse, "renewal", "04-20", kind="renewal")
    put_deal(warehouse, "unpriced", "04-20 amount none")
    put_deal(warehouse, "chf", "04-20 currency CHF")
    put_deal(warehouse, "late", "06-20", created_at=at("2026-03-01 09:00"))
    assert list(chances(warehouse)) == ["kept"]
    found = warehouse.values("pipeline_quality", columns="value, excluded")
    assert found[MAY] == (
        0.5,
        '{"missing_rate":1,"no_amount":1,"no_history":1,"renewal":1}',
    )


def test_before_anything_is_decided_there_is_no_chance(warehouse: Warehouse) -> None:
    put_deal(warehouse, "open", "04-20")
    warehouse.build("pipeline_quality")
    assert warehouse.values("pipeline_quality") == {}
