"""stage_conversion: advanced, lost, open or moved, one path at a time."""

from __future__ import annotations

import pytest
from deal_stages import put_deal
from metric_warehouse import Warehouse, at, on


@pytest.mark.parametrize(
    ("path", "outcomes"),
    [
        ("new 1, demo 5, won 9", {"new": "advanced", "demo": "advanced"}),
        ("new 1, demo 5, lost 9", {"new": "advanced", "demo": "lost"}),
        ("new 1, demo 5", {"new": "advanced", "demo": "open"}),
        ("new 1, offer 5, lost 9", {"new": "advanced", "offer": "lost"}),
        (
            "new 1, demo 3, new 5, offer 7, lost 9",
            {"new": "advanced", "demo": "advanced", "offer": "lost"},
        ),
        ("demo 1, new 5, lost 9", {"demo": "lost", "new": "lost"}),
        ("demo 1, new 5", {"demo": "open", "new": "open"}),
        ("demo 1, lost 3, demo 5, won 9", {"demo": "advanced"}),
        ("demo 1, lost 3, demo 5", {"demo": "open"}),
        ("new 1, other/demo 5, other/lost 9", {"new": "moved", "demo": "lost"}),
    ],
)
def test_what_becomes_of_a_deal(warehouse: Warehouse, path: str, outcomes: dict[str, str]) -> None:
    put_deal(warehouse, "o", path)
    warehouse.build("stage_conversion")
    found = warehouse.rows("SELECT stage, outcome FROM metrics.stage_conversion")
    assert dict(found) == outcomes
    assert len(found) == len(outcomes)


def test_a_stage_belongs_to_its_pipeline(warehouse: Warehouse) -> None:
    put_deal(warehouse, "o", "new 1, demo 3, other/new 5")
    warehouse.build("stage_conversion")
    found = warehouse.rows("SELECT pipeline, stage, outcome FROM metrics.stage_conversion")
    assert sorted(found) == [
        ("other", "new", "open"),
        ("sales", "demo", "moved"),
        ("sales", "new", "advanced"),
    ]


def test_shares_by_stage(warehouse: Warehouse) -> None:
    put_deal(warehouse, "a", "new 1, demo 5, won 9")
    put_deal(warehouse, "b", "new 1, demo 5, lost 9")
    put_deal(warehouse, "c", "new 1, lost 9")
    put_deal(warehouse, "d", "new 1")
    put_deal(warehouse, "e", "new 1, other/demo 5")
    put_deal(warehouse, "f", "new 1, lost 5", _deleted_at=at("2026-06-01 00:00"))
    warehouse.build("stage_conversion")
    columns = "numerator, denominator, excluded"

    def of(stage: str) -> object:
        dimensions = f'{{"pipeline":"sales","stage":"{stage}"}}'
        shown = warehouse.values("stage_conversion", dimensions=dimensions, columns=columns)
        return shown[on("2026-05-01")]

    assert of("new") == (2, 3, '{"deleted":1,"moved_to_other_pipeline":1,"still_open":1}')
    assert of("demo") == (1, 2, "{}")
    total = warehouse.values("stage_conversion", columns="numerator, denominator, is_mature")
    assert total == {on("2026-05-01"): (3, 5, False)}
