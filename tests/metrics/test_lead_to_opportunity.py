"""lead_to_opportunity: whom a deal belongs to, and which deals count."""

from __future__ import annotations

from typing import Any

import pytest
from metric_warehouse import Warehouse, at, on

RAISED = at("2026-01-10 10:00")


def put_deal(warehouse: Warehouse, deal: str, *leads: str, **columns: Any) -> None:
    row = {"opportunity_id": deal, "created_at": at("2026-02-01 10:00")}
    warehouse.put("opportunities", row | columns)
    for lead in leads:
        warehouse.put("opportunity_contacts", {"opportunity_id": deal, "lead_id": lead})


@pytest.mark.parametrize(
    ("deal", "converted"),
    [
        ({}, 1),
        ({"created_at": at("2026-04-10 09:59")}, 1),
        ({"created_at": at("2026-04-10 10:00")}, 0),
        ({"created_at": at("2026-01-10 09:59")}, 0),
        ({"kind": "renewal"}, 0),
        ({"kind": "expansion"}, 1),
        ({"_deleted_at": at("2026-03-01 00:00")}, 0),
    ],
    ids=str,
)
def test_which_deal_counts(warehouse: Warehouse, deal: dict[str, Any], converted: int) -> None:
    warehouse.put("leads", {"lead_id": "l", "raised_at": RAISED})
    put_deal(warehouse, "o", "l", **deal)
    warehouse.build("lead_to_opportunity")
    assert warehouse.values("lead_to_opportunity") == {
        on("2026-01-01"): (converted, 1, converted, 1)
    }


def test_many_to_many_counts_each_lead_once(warehouse: Warehouse) -> None:
    for lead in "lmn":
        warehouse.put("leads", {"lead_id": lead, "raised_at": RAISED})
    put_deal(warehouse, "o", "l", "m", lead_id="l")
    put_deal(warehouse, "p", "l")
    warehouse.build("lead_to_opportunity")
    assert warehouse.values("lead_to_opportunity", columns="numerator, denominator") == {
        on("2026-01-01"): (2, 3)
    }


def test_a_primary_contact_suffices_and_a_claim_does_not(warehouse: Warehouse) -> None:
    warehouse.put(
        "leads",
        {"lead_id": "l", "raised_at": RAISED},
        {"lead_id": "m", "raised_at": RAISED, "lifecycle_stage": "opportunity"},
        {"lead_id": "x", "raised_at": RAISED, "excluded_reason": "internal"},
    )
    put_deal(warehouse, "o", lead_id="l")
    put_deal(warehouse, "p", "x")
    warehouse.build("lead_to_opportunity")
    shown = warehouse.values("lead_to_opportunity", columns="numerator, denominator, n_excluded")
    assert shown == {on("2026-01-01"): (1, 2, 1)}


def test_those_who_never_raised_a_hand_arrive_when_they_were_created(warehouse: Warehouse) -> None:
    warehouse.put(
        "leads",
        {"lead_id": "l", "is_inbound": False, "created_at": at("2026-05-10 10:00")},
    )
    put_deal(warehouse, "o", "l", created_at=at("2026-06-10 10:00"))
    warehouse.build("lead_to_opportunity")
    cohort = warehouse.values("lead_to_opportunity", columns="numerator, denominator, is_mature")
    period = warehouse.values("lead_to_opportunity_period", columns="numerator, denominator, value")
    assert cohort == {on("2026-05-01"): (1, 1, False)}
    assert period == {on("2026-05-01"): (0, 1, 0), on("2026-06-01"): (1, 0, None)}
