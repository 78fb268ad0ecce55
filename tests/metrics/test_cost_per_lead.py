"""cost_per_lead: all of marketing, or media alone, for each hand raised."""

from __future__ import annotations

from typing import Any

from metric_warehouse import Warehouse, at, on

MAY = on("2026-05-01")


def lead(warehouse: Warehouse, name: str, **columns: Any) -> None:
    row = {"lead_id": name, "raised_at": at("2026-05-10 10:00"), "channel": "direct"}
    warehouse.put("leads", row | columns)


def touch(warehouse: Warehouse, name: str, person: str, when: str, campaign: str) -> None:
    row = {"touchpoint_id": name, "lead_id": person, "campaign_id": campaign, "channel": campaign}
    warehouse.put("touchpoints", row | {"occurred_at": at(when)})


def spend(warehouse: Warehouse, campaign: str, amount: Any, when: str = "2026-05-01") -> None:
    row = {"spend_id": f"{campaign} {when}", "campaign_id": campaign, "channel": campaign}
    warehouse.put(
        "marketing_spend", row | {"amount": amount, "currency": "USD", "spent_on": on(when)}
    )


def built(warehouse: Warehouse) -> None:
    warehouse.build("marketing_cost", "cost_per_lead")


def by(warehouse: Warehouse, dimension: str) -> dict[str, tuple[float, int]]:
    """Member -> cost and leads of May."""
    rows = warehouse.rows(
        f"SELECT json_extract_string(dimensions, '$.{dimension}') AS member, numerator, n "
        "FROM metrics.metric_values WHERE metric = 'cost_per_lead_media' AND grain = 'month' "
        "AND period_start_on = '2026-05-01' AND member IS NOT NULL"
    )
    return {member: (float(cost), n) for member, cost, n in rows}


def test_all_of_it_and_media_alone(warehouse: Warehouse) -> None:
    for name in "abcd":
        lead(warehouse, name)
    spend(warehouse, "ads", 100)
    expense = {"expense_id": "e", "department": "marketing", "kind": "tools", "currency": "USD"}
    warehouse.put("expenses", expense | {"amount": 300, "spent_on": MAY})
    built(warehouse)
    assert warehouse.values("cost_per_lead") == {MAY: (400, 4, 100, 4)}
    assert warehouse.values("cost_per_lead_media") == {MAY: (100, 4, 25, 4)}


def test_a_lead_belongs_to_the_touch_nearest_to_the_hand(warehouse: Warehouse) -> None:
    lead(warehouse, "a")
    touch(warehouse, "1", "a", "2026-05-01 10:00", "webinar")
    touch(warehouse, "2", "a", "2026-05-10 10:00", "ads")
    touch(warehouse, "3", "a", "2026-05-10 10:01", "letter")
    lead(warehouse, "b")
    touch(warehouse, "4", "b", "2025-05-10 09:59", "ads")
    lead(warehouse, "c", channel=None)
    lead(warehouse, "d")
    touch(warehouse, "5", "d", "2026-04-10 10:00", "webinar")
    touch(warehouse, "6", "d", "2026-05-10 10:05", "ads")
    touch(warehouse, "7", "d", "2026-05-10 11:01", "letter")
    spend(warehouse, "ads", 60)
    spend(warehouse, "tradeshow", 40)
    built(warehouse)
    assert by(warehouse, "channel") == {
        "ads": (60, 2),
        "direct": (0, 1),
        "unknown": (0, 1),
        "tradeshow": (40, 0),
    }
    assert by(warehouse, "campaign") == {
        "ads": (60, 2),
        "no_campaign": (0, 2),
        "tradeshow": (40, 0),
    }


def test_spend_without_leads_has_no_value(warehouse: Warehouse) -> None:
    spend(warehouse, "ads", 60)
    built(warehouse)
    assert warehouse.values("cost_per_lead", columns="value, n") == {MAY: (None, 0)}


def test_who_is_no_lead(warehouse: Warehouse) -> None:
    lead(warehouse, "a")
    lead(warehouse, "spam", excluded_reason="spam")
    lead(warehouse, "bought", is_inbound=False, raised_at=None, created_at=at("2026-05-01 00:00"))
    lead(warehouse, "tomorrow", raised_at=at("2026-07-01 00:00"))
    spend(warehouse, "ads", 60)
    built(warehouse)
    shown = warehouse.values("cost_per_lead", columns="value, n, excluded")
    assert shown == {MAY: (60, 1, '{"spam":1}')}
