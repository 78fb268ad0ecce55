"""Customers, subscriptions and their items, as Stripe shows them.

Belongs here: who subscribes to what, as of an instant. Does not: bills (`shapes_invoice.py`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from revops_pipelines.sandbox.frame import Crm
from revops_pipelines.sandbox.stripe.shapes_catalog import LIVEMODE, plan, price
from revops_pipelines.sandbox.world.billing_records import (
    CustomerRecord,
    SubscriptionLook,
    SubscriptionRecord,
)
from revops_pipelines.sandbox.world.billing_story import Customer, Ending, Item

# Lists inside an object show so many and the way to the rest.
# Source: https://docs.stripe.com/api/expanding_objects
NESTED = 10


def nested(url: str, entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A list inside an object: its first page."""
    return {
        "object": "list",
        "data": list(entries[:NESTED]),
        "has_more": len(entries) > NESTED,
        "total_count": len(entries),
        "url": url,
    }


# The world tells whose a customer is in the ids of its own CRM.
_TOLD = Crm().metadata_key


def customer(record: CustomerRecord, at: int, crm: Crm) -> dict[str, Any]:
    """https://docs.stripe.com/api/customers/object"""
    story = record.story
    look = record.looks[max(0, bisect_right(record.changed_at, at) - 1)]
    has_history = bool(story.subscriptions)
    return {
        "id": story.id,
        "object": "customer",
        "address": address(story),
        "balance": look.balance,
        "created": story.created,
        "currency": story.currency.lower() if has_history else None,
        "customer_account": None,
        "default_source": None,
        "delinquent": look.delinquent,
        "description": None,
        "discount": None,
        "email": story.email,
        "invoice_prefix": story.prefix,
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": f"pm_1{story.id[4:]}" if has_history else None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": LIVEMODE,
        "metadata": _metadata(story, crm),
        "name": story.account.name,
        "next_invoice_sequence": look.next_number,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def _metadata(story: Customer, crm: Crm) -> dict[str, str]:
    """What sales wrote beside the customer; one entry may name the CRM's company."""
    return {
        (crm.metadata_key if key == _TOLD else key): (
            crm.account_id(value) if key == _TOLD else value
        )
        for key, value in story.metadata
    }


def deleted_customer(record: CustomerRecord) -> dict[str, Any]:
    """What is left to see of a deleted customer."""
    return {"id": record.id, "object": "customer", "deleted": True}


def address(story: Customer) -> dict[str, Any]:
    """Only the country is known."""
    return {
        "city": None,
        "country": story.account.country,
        "line1": None,
        "line2": None,
        "postal_code": None,
        "state": None,
    }


def look_at(record: SubscriptionRecord, at: int) -> SubscriptionLook:
    """How a subscription looks at an instant, not before its creation."""
    return record.looks[max(0, bisect_right(record.changed_at, at) - 1)]


def subscription(
    record: SubscriptionRecord, at: int, schedule: str | None = None
) -> dict[str, Any]:
    """https://docs.stripe.com/api/subscriptions/object, in the classic billing mode."""
    story, look = record.story, look_at(record, at)
    items = [_item(record, look, item, at) for item in look.items]
    sent = story.pays_after is not None
    return {
        "id": story.id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": look.anchor,
        "billing_cycle_anchor_config": None,
        "billing_mode": {"flexible": None, "type": "classic"},
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": look.cancel_at,
        "cancel_at_period_end": look.cancel_at_period_end,
        "canceled_at": look.canceled_at,
        "cancellation_details": _cancellation(story.ending, look),
        "collection_method": "send_invoice" if sent else "charge_automatically",
        "created": story.created,
        "currency": record.customer.currency.lower(),
        "customer": record.customer.id,
        "customer_account": None,
        "days_until_due": 30 if sent else None,
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": _discounts(record, at),
        "ended_at": look.ended_at,
        "invoice_settings": {
            "account_tax_ids": None,
            "custom_fields": None,
            "description": None,
            "footer": None,
            "issuer": {"type": "self"},
        },
        "items": nested(f"/v1/subscription_items?subscription={story.id}", items),
        "latest_invoice": look.latest_invoice,
        "livemode": LIVEMODE,
        "managed_payments": {"enabled": False},
        "metadata": dict(story.metadata),
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": {"behavior": "void", "resumes_at": None} if look.paused else None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": schedule,
        "start_date": story.created,
        "status": look.status,
        "test_clock": None,
        "transfer_data": None,
        "trial_end": story.trial_end,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": story.created if story.trial_end is not None else None,
    }


def subscription_items(record: SubscriptionRecord, at: int) -> list[dict[str, Any]]:
    """All items of a subscription as of an instant."""
    look = look_at(record, at)
    return [_item(record, look, item, at) for item in look.items]


def _item(
    record: SubscriptionRecord, look: SubscriptionLook, item: Item, at: int
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": item.id,
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": record.item_created[item.id],
        "current_period_end": look.period_end,
        "current_period_start": look.period_start,
        "discounts": [],
        "metadata": {},
        "plan": plan(item.price, at),
        "price": price(item.price, at),
        "quantity": item.quantity,
        "subscription": record.id,
        "tax_rates": [],
    }
    if item.price.is_metered:
        # Metered items have no quantity; their use is counted.
        del found["quantity"]
    return found


def _cancellation(ending: Ending | None, look: SubscriptionLook) -> dict[str, Any]:
    """Why it ends, known from the request on; nobody asked where payments failed."""
    reason = None
    if ending is not None and look.canceled_at is not None and ending.kind != "expired":
        failed = ending.kind == "payment_failed"
        reason = "payment_failed" if failed else "cancellation_requested"
    feedback = ending.feedback if ending is not None and reason is not None else None
    return {"comment": None, "feedback": feedback, "reason": reason}


def _discounts(record: SubscriptionRecord, at: int) -> list[str]:
    """Discounts still to be used: a coupon for once is used up by the first bill."""
    rebate = record.story.rebate
    if rebate is None or rebate.coupon.duration == "once" or not rebate.holds(at):
        return []
    return [rebate.id]
