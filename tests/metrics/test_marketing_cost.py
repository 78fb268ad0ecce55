"""marketing_cost: by campaign and channel, media counted once."""

from __future__ import annotations

from typing import Any

from metric_warehouse import Warehouse, at, on

MAY = on("2026-05-01")


def spend(warehouse: Warehouse, name: str, amount: Any, **columns: Any) -> None:
    row = {"spend_id": name, "campaign_id": "k", "channel": "ads", "currency": "USD"}
    warehouse.put("marketing_spend", row | {"amount": amount, "spent_on": MAY} | columns)


def expense(warehouse: Warehouse, name: str, amount: Any, **columns: Any) -> None:
    row = {"expense_id": name, "department": "marketing", "kind": "salaries", "currency": "USD"}
    warehouse.put("expenses", row | {"amount": amount, "spent_on": MAY} | columns)


def shown(warehouse: Warehouse, dimension: str, metric: str = "marketing_cost") -> dict[str, Any]:
    """Member -> cost in May."""
    rows = warehouse.rows(
        f"SELECT json_extract_string(dimensions, '$.{dimension}') AS member, value "
        f"FROM metrics.metric_values WHERE metric = '{metric}' AND grain = 'month' "
        "AND period_start_on = '2026-05-01' AND member IS NOT NULL ORDER BY 1"
    )
    return {member: float(value) for member, value in rows}


def test_media_that_the_books_hold_is_counted_once(warehouse: Warehouse) -> None:
    spend(warehouse, "a", 300)
    spend(warehouse, "b", 200, campaign_id="j", channel="webinar", spent_on=on("2026-05-12"))
    expense(warehouse, "media", 450, kind="Media")
    expense(warehouse, "people", 1000)
    expense(warehouse, "sellers", 9000, department="sales")
    warehouse.build("marketing_cost")
    assert warehouse.value("marketing_cost", "2026-05-01") == 1450
    assert warehouse.value("marketing_cost_media", "2026-05-01") == 450
    channels = {"ads": 300, "webinar": 200, "books": -50, "no_channel": 1000}
    assert shown(warehouse, "channel") == channels
    assert shown(warehouse, "campaign") == {"k": 300, "j": 200, "no_campaign": 950}
    assert shown(warehouse, "kind") == {"media": 450, "salaries": 1000}


def test_a_month_without_media_in_the_books_takes_the_systems_word(warehouse: Warehouse) -> None:
    spend(warehouse, "a", 300)
    expense(warehouse, "people", 1000)
    expense(warehouse, "other month", 700, kind="media", spent_on=on("2026-04-01"))
    expense(warehouse, "gone", 450, kind="media", _deleted_at=at("2026-06-01 00:00"))
    warehouse.build("marketing_cost")
    assert warehouse.value("marketing_cost", "2026-05-01") == 1300
    assert warehouse.values("marketing_cost", columns="excluded")[MAY] == ('{"deleted":1}',)


def test_the_campaign_knows_the_channel(warehouse: Warehouse) -> None:
    warehouse.put("campaigns", {"campaign_id": "k", "name": "K", "channel": "tradeshow"})
    spend(warehouse, "a", 300, channel=None)
    spend(warehouse, "b", 5, channel=None, campaign_id=None)
    warehouse.build("marketing_cost")
    assert shown(warehouse, "channel") == {"tradeshow": 300, "unknown": 5}


def test_currencies_and_what_is_still_to_come(warehouse: Warehouse) -> None:
    warehouse.put("fx_rates", {"currency": "EUR", "rate": "1.10", "valid_on": on("2026-04-01")})
    spend(warehouse, "a", "10.05", currency="EUR")
    spend(warehouse, "b", 7, currency="CHF")
    spend(warehouse, "c", 7, spent_on=on("2026-07-01"))
    warehouse.build("marketing_cost")
    told = warehouse.values("marketing_cost", columns="excluded")
    assert told == {MAY: ('{"missing_rate":1}',)}
    assert float(warehouse.value("marketing_cost", "2026-05-01")) == 11.06
    assert shown(warehouse, "currency") == {"EUR": 11.06}
