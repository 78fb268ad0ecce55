"""Puts deals and the stages that they went through into a warehouse, from one line each."""

from __future__ import annotations

from typing import Any

from metric_warehouse import Warehouse, at

ORDER = {"new": 0, "demo": 1, "offer": 2, "won": 3, "lost": 4}


def put_deal(warehouse: Warehouse, deal: str, path: str, **columns: Any) -> None:
    """`path` is `new 1, demo 5, won 9`: stages with the day of May on which they were entered.

    A stage of another pipeline is written `pipeline/stage`.
    """
    steps = [step.split() for step in path.split(", ")]
    placed = [("sales/" + stage if "/" not in stage else stage, int(day)) for stage, day in steps]
    last = placed[-1][0].split("/")
    is_closed = last[1] in ("won", "lost")
    row = {
        "opportunity_id": deal,
        "pipeline": last[0],
        "stage": last[1],
        "amount": 100,
        "created_at": day_of_may(placed[0][1]),
        "is_closed": is_closed,
        "is_won": last[1] == "won",
        "closed_at": day_of_may(placed[-1][1]) if is_closed else None,
    }
    warehouse.put("opportunities", row | columns)
    ends: list[int | None] = [*(day for _, day in placed[1:]), None]
    for (place, day), end in zip(placed, ends, strict=True):
        pipeline, stage = place.split("/")
        warehouse.put(
            "opportunity_stage_history",
            {
                "opportunity_id": deal,
                "pipeline": pipeline,
                "stage": stage,
                "stage_label": stage.title(),
                "stage_order": ORDER[stage],
                "is_closed": stage in ("won", "lost"),
                "is_won": stage == "won",
                "entered_at": day_of_may(day),
                "left_at": None if end is None else day_of_may(end),
            },
        )


def day_of_may(day: int) -> Any:
    return at(f"2026-05-{day:02d} 00:00")
