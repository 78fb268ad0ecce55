"""Puts agreements into a warehouse: terms, and what their subscriptions pay."""

from __future__ import annotations

from typing import Any

from metric_warehouse import Warehouse, on


def put_term(
    warehouse: Warehouse, key: str, starts: str, ends: str, customer: str = "c", **columns: Any
) -> None:
    """A term of the subscription `s<customer>`, unless `columns` say otherwise."""
    row = {
        "contract_id": key,
        "customer_id": customer,
        "subscription_id": f"s{customer}",
        "starts_on": on(starts),
        "ends_on": on(ends),
        "currency": "USD",
    }
    warehouse.put("contracts", row | columns)


def put_paid(
    warehouse: Warehouse,
    amount: Any,
    since: str,
    until: str | None,
    customer: str = "c",
    **columns: Any,
) -> None:
    """What the subscription `s<customer>` is worth a month, and when."""
    row = {
        "subscription_id": f"s{customer}",
        "customer_id": customer,
        "item_id": "i",
        "monthly_amount": amount,
        "valid_from_on": on(since),
        "valid_to_on": on(until) if until else None,
    }
    warehouse.put("subscription_periods", row | columns)
