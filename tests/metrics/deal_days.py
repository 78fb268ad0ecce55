"""Puts deals and their days into a warehouse, from one line each.

Belongs here: short words for tests that read `opportunity_snapshots`. Does not: any case.
"""

from __future__ import annotations

from typing import Any

from metric_warehouse import Warehouse, at, on

NAMES = {
    "amount": "amount",
    "due": "close_on",
    "stage": "stage",
    "category": "forecast_category",
    "owner": "owner_id",
    "currency": "currency",
    "chance": "probability",
}


def put_deal(warehouse: Warehouse, deal: str, *days: str, **columns: Any) -> None:
    """A deal and how it stood from each day on.

    A day is `05-20 amount 500 due 07-15 won`: month and day of 2026, then what changed; `none` is
    null. The record is created on the first day, closes on the last if that says won or lost.
    """
    state: dict[str, Any] = {
        "opportunity_id": deal,
        "pipeline": "sales",
        "stage": "s1",
        "amount": 100,
        "currency": "USD",
        "close_on": None,
        "forecast_category": None,
        "probability": None,
        "owner_id": columns.get("owner_id"),
        "is_closed": False,
        "is_won": False,
    }
    rows = []
    for line in days:
        day, *words = line.split()
        state = state | _changes(words) | {"snapshot_on": on(f"2026-{day}")}
        rows.append(state)
    first, last = rows[0], rows[-1]
    record = {
        "opportunity_id": deal,
        "stage": last["stage"],
        "amount": last["amount"],
        "currency": last["currency"],
        "owner_id": last["owner_id"],
        "created_at": at(f"{first['snapshot_on']} 09:00"),
        "close_on": last["close_on"],
        "is_closed": last["is_closed"],
        "is_won": last["is_won"],
        "closed_at": at(f"{last['snapshot_on']} 15:00") if last["is_closed"] else None,
    }
    warehouse.put("opportunities", record | columns)
    warehouse.put("opportunity_snapshots", *rows)


def _changes(words: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"is_closed": False, "is_won": False}
    rest = iter(words)
    for word in rest:
        if word in ("won", "lost"):
            found |= {"is_closed": True, "is_won": word == "won"}
            continue
        value: Any = next(rest)
        if word == "due" and value != "none":
            value = on(f"2026-{value}")
        found[NAMES[word]] = None if value == "none" else value
    return found
