"""logo_churn: who was there, who left, and why."""

from __future__ import annotations

from typing import Any

import pytest
from metric_warehouse import Warehouse, on
from test_mrr_movements import put_life, put_rates

FEBRUARY = on("2026-02-01")
EVERY = ("mrr", "mrr_movements", "logo_churn")


def test_lost_of_those_who_paid_at_the_start(warehouse: Warehouse) -> None:
    put_life(warehouse, 10, None, customer="lost")
    put_life(warehouse, 10, 5, customer="kept")
    put_life(warehouse, 10, 10, customer="kept too")
    put_life(warehouse, None, 10, customer="new")
    warehouse.build(*EVERY)
    assert warehouse.values("logo_churn", columns="numerator, denominator, n")[FEBRUARY] == (
        1,
        3,
        3,
    )
    annual = warehouse.value("logo_churn_annual", "2026-02-01")
    assert float(annual) == pytest.approx(1 - (2 / 3) ** 12)


@pytest.mark.parametrize(
    ("subscription", "status", "reasons"),
    [
        ({"ended_on": "2026-02-10", "cancel_reason": "voluntary"}, None, (1, 0)),
        ({"ended_on": "2026-02-10", "cancel_reason": "involuntary"}, None, (0, 1)),
        ({"ended_on": "2026-05-10", "cancel_reason": "voluntary"}, "unpaid", (0, 1)),
        (None, "paused", (1, 0)),
        (None, None, (0, 0)),
    ],
)
def test_why(
    warehouse: Warehouse,
    subscription: dict[str, Any] | None,
    status: str | None,
    reasons: tuple[int, int],
) -> None:
    put_life(warehouse, 10)
    if subscription:
        ended = {"ended_on": on(subscription["ended_on"])}
        warehouse.put(
            "subscriptions", subscription | ended | {"subscription_id": "sc", "customer_id": "c"}
        )
    if status:
        warehouse.put(
            "subscription_periods",
            {
                "subscription_id": "sc",
                "customer_id": "c",
                "item_id": "i",
                "monthly_amount": 10,
                "status": status,
                "valid_from_on": FEBRUARY,
            },
        )
    warehouse.build(*EVERY)
    found = tuple(
        warehouse.values(metric, columns="numerator")[FEBRUARY][0]
        for metric in ("logo_churn_voluntary", "logo_churn_involuntary")
    )
    assert found == reasons


def test_months_without_a_rate_say_nothing(warehouse: Warehouse) -> None:
    put_rates(warehouse, "1.0", currency="EUR")
    warehouse.put("fx_rates", {"currency": "GBP", "rate": "1.0", "valid_on": on("2026-03-01")})
    put_life(warehouse, 10, 10, None, customer="valued", currency="EUR")
    put_life(warehouse, 10, 10, 10, 10, customer="unvalued", currency="GBP")
    warehouse.build(*EVERY)
    shown = warehouse.values("logo_churn", columns="numerator, denominator")
    assert shown[on("2026-03-01")] == (1, 1)
    assert shown[on("2026-04-01")] == (0, 1)
