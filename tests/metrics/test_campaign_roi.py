"""campaign_roi: what touches brought, beside the money that was spent then."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from metric_warehouse import Warehouse, at, on

FEBRUARY, MARCH, MAY = on("2026-02-01"), on("2026-03-01"), on("2026-05-01")


def story(warehouse: Warehouse, **columns: Any) -> None:
    """An ad in February, a webinar in March, won in May; money in all three months."""
    warehouse.put("leads", {"lead_id": "ada", "raised_at": at("2026-03-20 10:00")})
    deal = {
        "opportunity_id": "d",
        "lead_id": "ada",
        "amount": 900,
        "created_at": at("2026-03-25 09:00"),
        "is_closed": True,
        "is_won": True,
        "closed_at": at("2026-05-20 09:00"),
    }
    warehouse.put("opportunities", deal | columns)
    for name, when in (("ads", "2026-02-10 10:00"), ("webinar", "2026-03-10 10:00")):
        touch = {"touchpoint_id": name, "lead_id": "ada", "campaign_id": name, "channel": name}
        warehouse.put("touchpoints", touch | {"occurred_at": at(when)})
    for name, month, amount in (("ads", FEBRUARY, 300), ("webinar", MARCH, 100), ("ads", MAY, 50)):
        spend = {"spend_id": f"{name} {month}", "campaign_id": name, "channel": name}
        money = {"amount": amount, "currency": "USD", "spent_on": month}
        warehouse.put("marketing_spend", spend | money)


def built(warehouse: Warehouse) -> Warehouse:
    warehouse.build("attribution", "marketing_cost", "campaign_roi")
    return warehouse


def test_money_meets_what_it_brought(warehouse: Warehouse) -> None:
    story(warehouse)
    built(warehouse)
    assert warehouse.values("campaign_roi") == {
        FEBRUARY: (450, 300, 1.5, 1),
        MARCH: (450, 100, 4.5, 1),
        MAY: (0, 50, 0, 0),
    }


def test_models_side_by_side(warehouse: Warehouse) -> None:
    story(warehouse)
    built(warehouse)
    for model, channel, wanted in (
        ("first", "ads", {FEBRUARY: (3,), MAY: (0,)}),
        ("last", "ads", {FEBRUARY: (0,), MAY: (0,)}),
        ("last", "webinar", {MARCH: (9,)}),
    ):
        dimensions = f'{{"channel":"{channel}","model":"{model}"}}'
        shown = warehouse.values("campaign_roi", dimensions=dimensions, columns="value")
        assert shown == wanted
    campaign = '{"campaign":"ads","model":"first"}'
    shown = warehouse.values("campaign_roi", "quarter", campaign, columns="value")
    assert shown == {on("2026-01-01"): (3,), on("2026-04-01"): (0,)}


def test_what_no_touch_preceded_is_not_marketings(warehouse: Warehouse) -> None:
    story(warehouse, lead_id=None)
    built(warehouse)
    assert {row[0] for row in warehouse.values("campaign_roi", columns="value").values()} == {0}


def test_touches_without_spend_have_no_return(warehouse: Warehouse) -> None:
    story(warehouse)
    warehouse.connection.execute("DELETE FROM conformed.marketing_spend")
    built(warehouse)
    shown = warehouse.values("campaign_roi", columns="numerator, value")
    assert shown == {FEBRUARY: (450, None), MARCH: (450, None)}


def test_it_is_judged_when_touches_can_bring_no_more() -> None:
    warehouse = Warehouse(as_of=datetime(2027, 3, 2, 12, tzinfo=UTC))
    story(warehouse)
    shown = built(warehouse).values("campaign_roi", columns="is_mature")
    assert shown == {FEBRUARY: (True,), MARCH: (False,), MAY: (False,)}
