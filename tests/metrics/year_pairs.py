"""Puts customers into a warehouse by what they paid in May 2025 and pay in May 2026."""

from __future__ import annotations

from typing import Any

from metric_warehouse import Warehouse, on


def put_pair(
    warehouse: Warehouse, customer: str, then: Any, now: Any, currency: str = "USD"
) -> None:
    for amount, since, until in (
        (then, "2025-05-01", "2025-06-01"),
        (now, "2026-05-01", "2026-06-01"),
    ):
        if amount:
            warehouse.put(
                "subscription_periods",
                {
                    "subscription_id": f"s{customer}",
                    "customer_id": customer,
                    "item_id": since,
                    "monthly_amount": amount,
                    "currency": currency,
                    "valid_from_on": on(since),
                    "valid_to_on": on(until),
                },
            )
