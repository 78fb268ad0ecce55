"""Subscription schedules, as Stripe shows them.

Belongs here: the schedule and its phases. Does not: which subscriptions have one (`schedules.py`).
"""

from __future__ import annotations

from typing import Any

from revops_pipelines.sandbox.stripe.schedules import Phase, Schedule
from revops_pipelines.sandbox.stripe.shapes_catalog import LIVEMODE

_INVOICES = {
    "account_tax_ids": None,
    "custom_fields": None,
    "days_until_due": None,
    "description": None,
    "footer": None,
    "issuer": {"type": "self"},
}


def schedule(record: Schedule, at: int) -> dict[str, Any]:
    """https://docs.stripe.com/api/subscription_schedules/object"""
    holds = record.holds(at)
    customer = record.subscription.customer
    return {
        "id": record.id,
        "object": "subscription_schedule",
        "application": None,
        "billing_mode": {"flexible": None, "type": "classic"},
        "canceled_at": None if holds else record.canceled_at,
        "completed_at": None,
        "created": record.created,
        "current_phase": _current(record, at) if holds else None,
        "customer": customer.id,
        "customer_account": None,
        "default_settings": {
            "application_fee_percent": None,
            "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
            "billing_cycle_anchor": "automatic",
            "billing_thresholds": None,
            "collection_method": "charge_automatically",
            "default_payment_method": None,
            "description": None,
            "invoice_settings": dict(_INVOICES),
            "on_behalf_of": None,
            "transfer_data": None,
        },
        "end_behavior": "release",
        "livemode": LIVEMODE,
        "metadata": {},
        "phases": [_phase(phase, customer.currency) for phase in record.phases],
        "released_at": None if holds else record.released_at,
        "released_subscription": (
            None if holds or record.released_at is None else record.subscription.id
        ),
        "status": _status(record, at),
        "subscription": (record.subscription.id if holds or record.released_at is None else None),
        "test_clock": None,
    }


def _status(record: Schedule, at: int) -> str:
    if record.holds(at):
        return "active"
    return "released" if record.canceled_at is None else "canceled"


def _current(record: Schedule, at: int) -> dict[str, int]:
    phase = [each for each in record.phases if each.start <= at][-1]
    return {"end_date": phase.end, "start_date": phase.start}


def _phase(phase: Phase, currency: str) -> dict[str, Any]:
    return {
        "add_invoice_items": [],
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": None,
        "billing_thresholds": None,
        "collection_method": None,
        "currency": currency.lower(),
        "default_payment_method": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "end_date": phase.end,
        "invoice_settings": None,
        "items": [
            {
                "billing_thresholds": None,
                "discounts": [],
                "metadata": {},
                "price": item.price.id,
                **({} if item.price.is_metered else {"quantity": item.quantity}),
                "tax_rates": [],
            }
            for item in phase.items
        ],
        "metadata": {},
        "on_behalf_of": None,
        "proration_behavior": "create_prorations",
        "start_date": phase.start,
        "transfer_data": None,
        "trial_end": None,
    }
