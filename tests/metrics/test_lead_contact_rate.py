"""lead_contact_rate: what is contact and what only looks like it."""

from __future__ import annotations

from typing import Any

import pytest
from metric_warehouse import Warehouse, at, on

QUALIFIED = at("2026-05-04 10:00")


def put(warehouse: Warehouse, **activity: Any) -> None:
    warehouse.put("leads", {"lead_id": "l", "is_inbound": False, "qualified_at": QUALIFIED})
    talk = {
        "activity_id": "a",
        "lead_id": "l",
        "is_two_way": True,
        "direction": "inbound",
        "occurred_at": at("2026-05-05 10:00"),
    }
    warehouse.put("activities", talk | activity)
    warehouse.build("lead_contact_rate")


@pytest.mark.parametrize(
    "activity",
    [
        {},
        {"kind": "email"},
        {"kind": "meeting", "direction": "outbound"},
        {"occurred_at": at("2026-05-01 10:00")},
        {"occurred_at": at("2026-05-18 09:59")},
    ],
    ids=str,
)
def test_what_is_contact(warehouse: Warehouse, activity: dict[str, Any]) -> None:
    put(warehouse, **activity)
    assert warehouse.values("lead_contact_rate") == {on("2026-05-01"): (1, 1, 1, 1)}


@pytest.mark.parametrize(
    "activity",
    [
        {"is_two_way": False},
        {"outcome": "voicemail"},
        {"outcome": "bounced"},
        {"kind": "form"},
        {"kind": "task"},
        {"occurred_at": at("2026-05-18 10:00")},
        {"_deleted_at": at("2026-05-06 10:00")},
    ],
    ids=str,
)
def test_what_is_not(warehouse: Warehouse, activity: dict[str, Any]) -> None:
    put(warehouse, **activity)
    assert warehouse.values("lead_contact_rate") == {on("2026-05-01"): (0, 1, 0, 1)}


def test_a_young_cohort_is_immature(warehouse: Warehouse) -> None:
    for lead, qualified in (("l", "2026-05-31 10:00"), ("m", "2026-06-15 10:00")):
        warehouse.put(
            "leads", {"lead_id": lead, "is_inbound": False, "qualified_at": at(qualified)}
        )
    warehouse.put("leads", {"lead_id": "never", "raised_at": at("2026-05-31 10:00")})
    warehouse.build("lead_contact_rate")
    assert warehouse.values("lead_contact_rate", columns="n, is_mature") == {
        on("2026-05-01"): (1, True),
        on("2026-06-01"): (1, False),
    }
