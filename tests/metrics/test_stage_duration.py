"""stage_duration: days in a stage, all visits together, open ones still running."""

from __future__ import annotations

from deal_stages import put_deal
from metric_warehouse import Warehouse, on

MAY = on("2026-05-01")
NEW = '{"pipeline":"sales","stage":"new"}'


def test_visits_are_added_and_open_ones_run_on(warehouse: Warehouse) -> None:
    put_deal(warehouse, "a", "new 1, demo 3, new 5, won 9")
    put_deal(warehouse, "b", "new 1, demo 3")
    warehouse.build("stage_duration")
    found = warehouse.rows(
        "SELECT opportunity_id, stage, visits, days, left_at IS NULL FROM metrics.stage_duration "
        "ORDER BY ALL"
    )
    assert found == [
        ("a", "demo", 1, 2.0, False),
        ("a", "new", 2, 6.0, False),
        ("b", "demo", 1, 58.5, True),
        ("b", "new", 1, 2.0, False),
    ]


def test_quantiles_by_stage(warehouse: Warehouse) -> None:
    for number, day in enumerate((3, 4, 6, 11)):
        put_deal(warehouse, f"o{number}", f"new 1, demo {day}")
    put_deal(warehouse, "still there", "new 1")
    warehouse.build("stage_duration")
    # Gone after 2, 3, 5 and 10 days, one is still there: half have left by day 5.
    columns = "value, n"
    assert warehouse.values("stage_duration", dimensions=NEW, columns=columns) == {MAY: (5, 5)}
    p90 = warehouse.values("stage_duration_p90", dimensions=NEW, columns=columns)
    assert p90 == {MAY: (None, 5)}
