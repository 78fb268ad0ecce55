"""Stripe's lists: which records each holds, by what they can be filtered, what may be expanded.

Belongs here: one entry per list. Does not: paging (`shelf.py`) or routes (`app.py`).
"""

from __future__ import annotations

from typing import Any

from revops_pipelines.sandbox.frame import Crm
from revops_pipelines.sandbox.stripe import (
    shapes_catalog,
    shapes_invoice,
    shapes_schedule,
    shapes_subscription,
)
from revops_pipelines.sandbox.stripe.listed import Listed, intent_of, own_looks
from revops_pipelines.sandbox.stripe.lists_money import make_money_lists
from revops_pipelines.sandbox.stripe.query import truth
from revops_pipelines.sandbox.stripe.replies import RefusedError, error
from revops_pipelines.sandbox.stripe.schedules import Schedule, schedules
from revops_pipelines.sandbox.stripe.shelf import Shelf
from revops_pipelines.sandbox.world.billing import Billing
from revops_pipelines.sandbox.world.billing_records import SubscriptionRecord

SUBSCRIPTION_STATUSES = frozenset(
    {
        "active",
        "all",
        "canceled",
        "ended",
        "incomplete",
        "incomplete_expired",
        "past_due",
        "paused",
        "trialing",
        "unpaid",
    }
)
ENDED = ("canceled", "incomplete_expired")
INVOICE_STATUSES = frozenset({"draft", "open", "paid", "uncollectible", "void"})


def _active_price(record: Any, wanted: str, at: int) -> bool:
    is_active = record.inactive_at is None or at < record.inactive_at
    return is_active == truth("active", wanted)


def _always_active(record: Any, wanted: str, at: int) -> bool:
    return truth("active", wanted)


def _subscription_status(record: SubscriptionRecord, wanted: str, at: int) -> bool:
    if wanted not in SUBSCRIPTION_STATUSES:
        raise RefusedError(error(400, f"Invalid status: {wanted}", param="status"))
    status = shapes_subscription.look_at(record, at).status
    if wanted == "ended":
        return status in ENDED
    return wanted in ("all", status)


def _subscription_not_ended(record: SubscriptionRecord, wanted: str, at: int) -> bool:
    """Without `status` only those that have not ended are listed."""
    if not wanted:
        return shapes_subscription.look_at(record, at).status not in ENDED
    return _subscription_status(record, wanted, at)


def _subscription_price(record: SubscriptionRecord, wanted: str, at: int) -> bool:
    look = shapes_subscription.look_at(record, at)
    return any(item.price.id == wanted for item in look.items)


def _collection(record: SubscriptionRecord, wanted: str, at: int) -> bool:
    method = "charge_automatically" if record.story.pays_after is None else "send_invoice"
    return method == wanted


def _invoice_status(record: Any, wanted: str, at: int) -> bool:
    if wanted not in INVOICE_STATUSES:
        raise RefusedError(error(400, f"Invalid status: {wanted}", param="status"))
    return shapes_invoice.status(record, at) == wanted


def _invoice_collection(record: Any, wanted: str, at: int) -> bool:
    return ("send_invoice" if record.due_at else "charge_automatically") == wanted


def _pending(record: Any, wanted: str, at: int) -> bool:
    waits = record.invoice is None or record.invoice.created > at
    return waits == truth("pending", wanted)


def _payment_status(record: Any, wanted: str, at: int) -> bool:
    return bool(shapes_invoice.invoice_payment(record, at)["status"] == wanted)


def _price_looks(record: Any) -> tuple[int, ...]:
    return (record.created, *((record.inactive_at,) if record.inactive_at else ()))


def _product_looks(record: Any) -> tuple[int, ...]:
    return (record.created, record.updated)


def _customer_of(record: Any) -> str:
    return str(record.customer.id)


def _subscription_of(record: Any) -> str | None:
    return record.subscription.id if record.subscription else None


def make_lists(billing: Billing, crm: Crm) -> dict[str, Listed]:
    """Every list of the sandbox by its path below `/v1/`; customers' metadata name `crm`'s ids."""
    return {
        **_catalog(billing),
        **_subscribers(billing, crm),
        **_bills(billing),
        **make_money_lists(billing),
    }


def _catalog(billing: Billing) -> dict[str, Listed]:
    catalog = billing.catalog
    prices = Shelf(
        "price",
        "/v1/prices",
        list(catalog.prices.values()),
        shapes_catalog.price,
        _price_looks,
        keys={
            "product": lambda price: price.product.id,
            "currency": lambda price: price.currency.lower(),
        },
    )
    return {
        "products": Listed(
            Shelf(
                "product",
                "/v1/products",
                list(catalog.products.values()),
                shapes_catalog.product,
                _product_looks,
            ),
            {"active": _always_active},
        ),
        "prices": Listed(
            prices,
            {
                "active": _active_price,
                "type": lambda price, wanted, at: (
                    ("one_time" if price.interval is None else "recurring") == wanted
                ),
            },
        ),
        "coupons": Listed(
            Shelf("coupon", "/v1/coupons", billing.books.coupons, shapes_catalog.coupon, own_looks)
        ),
    }


def _subscribers(billing: Billing, crm: Crm) -> dict[str, Listed]:
    books = billing.books
    planned = schedules(books.subscriptions)

    def shape(record: SubscriptionRecord, at: int) -> dict[str, Any]:
        plan = planned.get(record.id)
        led_by = plan.id if plan is not None and plan.holds(at) else None
        return shapes_subscription.subscription(record, at, led_by)

    def looks(record: SubscriptionRecord) -> tuple[int, ...]:
        plan = planned.get(record.id)
        own = _subscription_looks(record)
        return own if plan is None else tuple(sorted({*own, plan.ends_at}))

    customers = Shelf(
        "customer",
        "/v1/customers",
        books.customers,
        lambda record, at: shapes_subscription.customer(record, at, crm),
        own_looks,
        keys={"email": lambda record: record.story.email},
        gone_at=lambda record: record.story.deleted_at,
    )
    subscriptions = Shelf(
        "subscription",
        "/v1/subscriptions",
        books.subscriptions,
        shape,
        looks,
        keys={"customer": _customer_of},
    )
    return {
        "customers": Listed(customers, ignored=frozenset({"test_clock"})),
        "subscriptions": Listed(
            subscriptions,
            {
                "status": _subscription_not_ended,
                "price": _subscription_price,
                "collection_method": _collection,
            },
            defaults={"status": ""},
            ignored=frozenset({"test_clock"}),
        ),
        "subscription_schedules": _plans(list(planned.values())),
    }


def _plans(planned: list[Schedule]) -> Listed:
    shelf = Shelf(
        "subscription_schedule",
        "/v1/subscription_schedules",
        planned,
        shapes_schedule.schedule,
        own_looks,
        keys={"customer": lambda record: record.subscription.customer.id},
    )
    # All of them have started with their subscription.
    return Listed(shelf, {"scheduled": lambda record, wanted, at: not truth("scheduled", wanted)})


def _subscription_looks(record: SubscriptionRecord) -> tuple[int, ...]:
    """Its own looks, and the end of its discount."""
    rebate = record.story.rebate
    if rebate is None or rebate.end is None:
        return record.changed_at
    return tuple(sorted({*record.changed_at, rebate.end}))


def _bills(billing: Billing) -> dict[str, Listed]:
    books = billing.books
    invoices = Shelf(
        "invoice",
        "/v1/invoices",
        books.invoices,
        shapes_invoice.invoice,
        own_looks,
        keys={"customer": _customer_of, "subscription": _subscription_of},
    )
    items = Shelf(
        "invoiceitem",
        "/v1/invoiceitems",
        books.invoice_items,
        shapes_invoice.invoice_item,
        own_looks,
        keys={
            "customer": _customer_of,
            "invoice": lambda record: record.invoice.id if record.invoice else None,
        },
    )
    payments = Shelf(
        "invoice_payment",
        "/v1/invoice_payments",
        books.payments,
        shapes_invoice.invoice_payment,
        own_looks,
        keys={"invoice": lambda record: record.invoice.id, "payment[payment_intent]": intent_of},
    )
    return {
        "invoices": Listed(
            invoices, {"status": _invoice_status, "collection_method": _invoice_collection}
        ),
        "invoiceitems": Listed(items, {"pending": _pending}),
        "invoice_payments": Listed(
            payments, {"status": _payment_status}, ignored=frozenset({"payment[type]"})
        ),
    }
