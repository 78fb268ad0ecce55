"""pipeline_velocity: one population, one window."""

from __future__ import annotations

from typing import Any

from metric_warehouse import Warehouse, at, on

MAY = on("2026-05-01")


def put(warehouse: Warehouse, deal: str, **columns: Any) -> None:
    """A deal qualified on 10 April and open."""
    row = {
        "opportunity_id": deal,
        "created_at": at("2026-04-01 00:00"),
        "qualified_at": at("2026-04-10 00:00"),
        "amount": 10_000,
    }
    warehouse.put("opportunities", row | columns)


def closed(day: str, won: bool) -> dict[str, Any]:
    return {"is_closed": True, "is_won": won, "closed_at": at(day)}


def test_the_worked_example(warehouse: Warehouse) -> None:
    """50 open deals, one in five won, at 10,000, in 30 days: 3,333.33 a day."""
    for number in range(50):
        put(warehouse, f"open {number}")
    for number in range(10):
        created = {"created_at": at("2026-04-05 00:00")}
        put(warehouse, f"done {number}", **closed("2026-05-05 00:00", number < 2), **created)
    warehouse.build("pipeline_velocity")
    columns = "numerator, denominator, value, n"
    numerator, denominator, value, n = warehouse.values("pipeline_velocity", columns=columns)[MAY]
    assert (numerator, denominator, float(value), n) == (100_000, 30, 3333.33333333, 50)


def test_who_is_in_the_population(warehouse: Warehouse) -> None:
    put(warehouse, "open")
    put(warehouse, "never qualified", qualified_at=None)
    put(warehouse, "qualified in June", qualified_at=at("2026-06-01 00:00"))
    put(warehouse, "renewal", kind="renewal")
    put(warehouse, "deleted", _deleted_at=at("2026-06-02 00:00"))
    put(warehouse, "won", **closed("2026-05-31 00:00", True))
    put(warehouse, "won unqualified", qualified_at=None, **closed("2026-05-31 00:00", True))
    put(warehouse, "won in June", **closed("2026-06-01 00:00", True))
    warehouse.build("pipeline_velocity")
    columns = "numerator, denominator, n, excluded"
    shown = warehouse.values("pipeline_velocity", columns=columns)
    # At the end of May `open` and `won in June` are open.
    assert shown[MAY] == (20_000, 60, 2, '{"deleted":1,"renewal":1}')


def test_days_between_closing_and_reopening_are_not_open(warehouse: Warehouse) -> None:
    put(warehouse, "reopened")
    stays = (
        ("s2", "2026-04-05 00:00", "2026-04-20 00:00", False),
        ("lost", "2026-04-20 00:00", "2026-05-10 00:00", True),
        ("s2", "2026-05-10 00:00", None, False),
    )
    for stage, entered, left, is_closed in stays:
        warehouse.put(
            "opportunity_stage_history",
            {
                "opportunity_id": "reopened",
                "stage": stage,
                "is_closed": is_closed,
                "entered_at": at(entered),
                "left_at": at(left) if left else None,
            },
        )
    warehouse.build("pipeline_velocity")
    shown = warehouse.values("pipeline_velocity", columns="n, value")
    assert shown == {MAY: (1, None), on("2026-06-01"): (1, None)}
