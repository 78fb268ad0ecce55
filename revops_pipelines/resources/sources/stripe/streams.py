"""What is read from Stripe: lists, event types, and the typed columns of each raw table.

Belongs here: the shape of the streams. Does not: how they are pulled (`pull.py`) or what they mean
for revenue (`offers.py`, `ledger.py`).

Event types are listed one by one: `*` would bring `invoice.upcoming`, whose object has no id.
Source: https://docs.stripe.com/api/events/types
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from revops_pipelines.engine.declarations import Column, Stream
from revops_pipelines.resources.sources.stripe.options import StripeOptions
from revops_pipelines.resources.sources.stripe.pull import Feed, pull_feed
from revops_pipelines.resources.sources.stripe.walk import Listing

# What of an invoice line the ledger reads. `subscription_item_details` is the parent of lines for a
# subscription's item, prorations included; a proration also names its `invoice_item`.
# Source: https://docs.stripe.com/api/invoice-line-item/object
LINE = """STRUCT(
    id VARCHAR, amount BIGINT, currency VARCHAR, quantity BIGINT, quantity_decimal VARCHAR,
    period STRUCT("start" BIGINT, "end" BIGINT),
    pricing STRUCT(price_details STRUCT(price VARCHAR, product VARCHAR)),
    parent STRUCT(
        subscription_item_details STRUCT(
            subscription VARCHAR, subscription_item VARCHAR, invoice_item VARCHAR,
            proration BOOLEAN,
            proration_details STRUCT(credited_items STRUCT(invoice VARCHAR))),
        invoice_item_details STRUCT(
            subscription VARCHAR, invoice_item VARCHAR, proration BOOLEAN)),
    discounts JSON[],
    discount_amounts STRUCT(amount BIGINT, discount VARCHAR)[],
    taxes STRUCT(amount BIGINT, tax_behavior VARCHAR)[])"""

ITEM = """STRUCT(
    id VARCHAR, created BIGINT, quantity BIGINT,
    current_period_start BIGINT, current_period_end BIGINT,
    price STRUCT(id VARCHAR, product VARCHAR, currency VARCHAR, unit_amount_decimal VARCHAR,
                 recurring STRUCT("interval" VARCHAR, interval_count BIGINT,
                                  usage_type VARCHAR)))"""

DISCOUNT = """STRUCT(id VARCHAR, source STRUCT(coupon VARCHAR), "start" BIGINT, "end" BIGINT)"""


def _columns(*columns: tuple[str, str] | tuple[str, str, str]) -> tuple[Column, ...]:
    """`id` first, then (name, type) for a top-level field or (name, type, pointer)."""
    rest = [
        Column(name, type_, pointer[0] if pointer else f"/{name}")
        for name, type_, *pointer in columns
    ]
    return (Column("id", "VARCHAR", "/id"), *rest)


def _list(name: str, *variants: tuple[tuple[str, str], ...]) -> tuple[Listing, ...]:
    return tuple(Listing(f"/v1/{name}", name, variant) for variant in variants or ((),))


def _expanded(listings: tuple[Listing, ...], *names: str) -> tuple[Listing, ...]:
    extra = tuple(("expand[]", f"data.{name}") for name in names)
    return tuple(Listing(each.path, each.endpoint, (*each.params, *extra)) for each in listings)


def _events(prefix: str, *endings: str) -> tuple[str, ...]:
    return tuple(f"{prefix}.{ending}" for ending in endings)


def _charge_of(kind: str, record: Mapping[str, Any]) -> str | None:
    """Disputes and refunds name the charge that they changed."""
    is_charge = record.get("object") == "charge"
    return str(record["id"]) if is_charge else record.get("charge")


def _subscription_of(kind: str, record: Mapping[str, Any]) -> str | None:
    """A discount names the subscription that it was put on, if it was one."""
    is_discount = kind.startswith("customer.discount.")
    return record.get("subscription") if is_discount else str(record["id"])


def _customer_of(kind: str, record: Mapping[str, Any]) -> str | None:
    is_discount = kind.startswith("customer.discount.")
    return record.get("customer") if is_discount else str(record["id"])


def _subscription_lists(options: StripeOptions) -> tuple[Listing, ...]:
    filters = [(("status", status),) for status in options.subscription_statuses]
    return _expanded(_list("subscriptions", *filters), "discounts")


_DISCOUNT_EVENTS = _events("customer.discount", "created", "deleted", "updated")

FEEDS: Mapping[str, Feed] = {
    "customers": Feed(
        listings=lambda _: _list("customers"),
        endpoint="customers",
        retrieve="/v1/customers/{id}",
        events=("customer.created", "customer.updated", *_DISCOUNT_EVENTS),
        deletes=("customer.deleted",),
        named=_customer_of,
    ),
    "products": Feed(
        listings=lambda _: _list("products"),
        endpoint="products",
        retrieve="/v1/products/{id}",
        events=_events("product", "created", "updated"),
        deletes=("product.deleted",),
    ),
    "prices": Feed(
        # Without `active` only active prices are listed.
        listings=lambda _: _list("prices", (("active", "true"),), (("active", "false"),)),
        endpoint="prices",
        retrieve="/v1/prices/{id}",
        events=_events("price", "created", "updated"),
        deletes=("price.deleted",),
        # Prices made inline for one subscription are in no list.
        lists_all=False,
    ),
    "coupons": Feed(
        listings=lambda _: _list("coupons"),
        endpoint="coupons",
        retrieve="/v1/coupons/{id}",
        events=_events("coupon", "created", "updated"),
        deletes=("coupon.deleted",),
    ),
    "subscriptions": Feed(
        listings=_subscription_lists,
        endpoint="subscriptions",
        retrieve="/v1/subscriptions/{id}",
        # `deleted` is the end of a subscription, not of its record.
        events=(
            *_events(
                "customer.subscription",
                "created",
                "deleted",
                "paused",
                "pending_update_applied",
                "pending_update_expired",
                "resumed",
                "trial_will_end",
                "updated",
            ),
            *_DISCOUNT_EVENTS,
        ),
        named=_subscription_of,
        expand=("discounts",),
        nested="items",
    ),
    "invoices": Feed(
        listings=lambda _: _expanded(_list("invoices"), "discounts", "lines.data.discounts"),
        endpoint="invoices",
        retrieve="/v1/invoices/{id}",
        events=_events(
            "invoice",
            "created",
            "finalization_failed",
            "finalized",
            "marked_uncollectible",
            "overdue",
            "overpaid",
            "paid",
            "payment_action_required",
            "payment_attempt_required",
            "payment_failed",
            "payment_succeeded",
            "sent",
            "updated",
            "voided",
        )
        + _events("credit_note", "created", "voided"),
        deletes=("invoice.deleted",),
        named=lambda kind, record: record.get(
            "invoice" if kind.startswith("credit_note.") else "id"
        ),
        expand=("discounts", "lines.data.discounts"),
        nested="lines",
    ),
    "invoice_items": Feed(
        # Once billed they are lines of their invoice; only what waits for one is listed.
        listings=lambda _: tuple(
            Listing("/v1/invoiceitems", "invoiceitems", (("pending", "true"),)) for _ in (0,)
        ),
        endpoint="invoiceitems",
        retrieve="/v1/invoiceitems/{id}",
        events=_events("invoiceitem", "created"),
        deletes=("invoiceitem.deleted",),
        lists_all=False,
    ),
    "invoice_payments": Feed(
        listings=lambda _: _list("invoice_payments"),
        endpoint="invoice_payments",
        # Only `paid` is told of by itself; opened and canceled ones follow from their invoice.
        events=(
            "invoice_payment.paid",
            *_events(
                "invoice",
                "finalized",
                "marked_uncollectible",
                "paid",
                "payment_failed",
                "voided",
            ),
        ),
        named=lambda kind, record: record.get(
            "invoice" if kind == "invoice_payment.paid" else "id"
        ),
        relist="invoice",
    ),
    "charges": Feed(
        listings=lambda _: _list("charges"),
        endpoint="charges",
        retrieve="/v1/charges/{id}",
        events=(
            *_events(
                "charge",
                "captured",
                "expired",
                "failed",
                "pending",
                "refund.updated",
                "refunded",
                "succeeded",
                "updated",
            ),
            *_events("charge.dispute", "closed", "created", "updated"),
            *_events("refund", "created", "failed", "updated"),
        ),
        named=_charge_of,
    ),
    "refunds": Feed(
        listings=lambda _: _list("refunds"),
        endpoint="refunds",
        retrieve="/v1/refunds/{id}",
        events=("charge.refund.updated", *_events("refund", "created", "failed", "updated")),
    ),
    "credit_notes": Feed(
        listings=lambda _: _list("credit_notes"),
        endpoint="credit_notes",
        retrieve="/v1/credit_notes/{id}",
        events=_events("credit_note", "created", "updated", "voided"),
    ),
}

_DESCRIPTIONS: Mapping[str, str] = {
    "customers": "Billed parties.",
    "products": "What is sold.",
    "prices": "What products cost, and how often.",
    "coupons": "Terms of discounts.",
    "subscriptions": "Agreements to pay again and again, with all their items.",
    "invoices": "Bills with all their lines.",
    "invoice_items": "Amounts that wait for the next bill, prorations mostly.",
    "invoice_payments": "Which payment paid which bill.",
    "charges": "Attempts to take money.",
    "refunds": "Money given back.",
    "credit_notes": "Amounts taken off bills after they were issued.",
}

_COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "customers": _columns(
        ("name", "VARCHAR"),
        ("email", "VARCHAR"),
        ("country", "VARCHAR", "/address/country"),
        ("currency", "VARCHAR"),
        ("created", "BIGINT"),
        ("metadata", "JSON"),
        ("test_clock", "VARCHAR"),
    ),
    "products": _columns(("name", "VARCHAR"), ("created", "BIGINT")),
    "prices": _columns(
        ("product_id", "VARCHAR", "/product"),
        ("currency", "VARCHAR"),
        ("unit_amount_decimal", "VARCHAR"),
        ("billing_scheme", "VARCHAR"),
        ("interval", "VARCHAR", "/recurring/interval"),
        ("interval_count", "BIGINT", "/recurring/interval_count"),
        ("usage_type", "VARCHAR", "/recurring/usage_type"),
        ("divide_by", "BIGINT", "/transform_quantity/divide_by"),
        ("created", "BIGINT"),
    ),
    "coupons": _columns(
        ("percent_off", "DECIMAL(9,4)"),
        ("amount_off", "BIGINT"),
        ("currency", "VARCHAR"),
        ("duration", "VARCHAR"),
        ("duration_in_months", "BIGINT"),
        ("created", "BIGINT"),
    ),
    "subscriptions": _columns(
        ("customer_id", "VARCHAR", "/customer"),
        ("status", "VARCHAR"),
        ("currency", "VARCHAR"),
        ("collection_method", "VARCHAR"),
        ("created", "BIGINT"),
        ("start_date", "BIGINT"),
        ("trial_start", "BIGINT"),
        ("trial_end", "BIGINT"),
        ("canceled_at", "BIGINT"),
        ("cancel_at", "BIGINT"),
        ("cancel_at_period_end", "BOOLEAN"),
        ("ended_at", "BIGINT"),
        ("cancellation_reason", "VARCHAR", "/cancellation_details/reason"),
        ("pause_behavior", "VARCHAR", "/pause_collection/behavior"),
        ("test_clock", "VARCHAR"),
        ("items", f"{ITEM}[]", "/items/data"),
        ("discounts", f"{DISCOUNT}[]"),
    ),
    "invoices": _columns(
        ("customer_id", "VARCHAR", "/customer"),
        ("subscription_id", "VARCHAR", "/parent/subscription_details/subscription"),
        ("number", "VARCHAR"),
        ("status", "VARCHAR"),
        ("currency", "VARCHAR"),
        ("billing_reason", "VARCHAR"),
        ("collection_method", "VARCHAR"),
        ("auto_advance", "BOOLEAN"),
        ("attempted", "BOOLEAN"),
        ("total", "BIGINT"),
        ("amount_due", "BIGINT"),
        ("amount_paid", "BIGINT"),
        ("amount_remaining", "BIGINT"),
        ("created", "BIGINT"),
        ("due_date", "BIGINT"),
        ("finalized_at", "BIGINT", "/status_transitions/finalized_at"),
        ("paid_at", "BIGINT", "/status_transitions/paid_at"),
        ("voided_at", "BIGINT", "/status_transitions/voided_at"),
        ("uncollectible_at", "BIGINT", "/status_transitions/marked_uncollectible_at"),
        ("customer_name", "VARCHAR"),
        ("customer_email", "VARCHAR"),
        ("customer_country", "VARCHAR", "/customer_address/country"),
        ("test_clock", "VARCHAR"),
        ("total_taxes", "STRUCT(amount BIGINT)[]"),
        ("lines", f"{LINE}[]", "/lines/data"),
        ("discounts", f"{DISCOUNT}[]"),
    ),
    "invoice_items": _columns(
        ("customer_id", "VARCHAR", "/customer"),
        ("date", "BIGINT"),
        ("amount", "BIGINT"),
        ("net_amount", "BIGINT"),
        ("currency", "VARCHAR"),
        ("quantity", "BIGINT"),
        ("quantity_decimal", "VARCHAR"),
        ("proration", "BOOLEAN"),
        ("period_start", "BIGINT", "/period/start"),
        ("period_end", "BIGINT", "/period/end"),
        ("price_id", "VARCHAR", "/pricing/price_details/price"),
        ("product_id", "VARCHAR", "/pricing/price_details/product"),
        ("subscription_id", "VARCHAR", "/parent/subscription_details/subscription"),
        ("item_id", "VARCHAR", "/parent/subscription_details/subscription_item"),
        ("discounts", "JSON[]"),
        ("invoice_id", "VARCHAR", "/invoice"),
        ("test_clock", "VARCHAR"),
    ),
    "invoice_payments": _columns(
        ("invoice_id", "VARCHAR", "/invoice"),
        ("status", "VARCHAR"),
        ("currency", "VARCHAR"),
        ("amount_paid", "BIGINT"),
        ("payment_intent_id", "VARCHAR", "/payment/payment_intent"),
        ("charge_id", "VARCHAR", "/payment/charge"),
        ("created", "BIGINT"),
    ),
    "charges": _columns(
        ("customer_id", "VARCHAR", "/customer"),
        ("payment_intent_id", "VARCHAR", "/payment_intent"),
        ("status", "VARCHAR"),
        ("currency", "VARCHAR"),
        ("amount", "BIGINT"),
        ("amount_refunded", "BIGINT"),
        ("failure_code", "VARCHAR"),
        ("created", "BIGINT"),
    ),
    "refunds": _columns(
        ("charge_id", "VARCHAR", "/charge"),
        ("status", "VARCHAR"),
        ("currency", "VARCHAR"),
        ("amount", "BIGINT"),
        ("created", "BIGINT"),
    ),
    "credit_notes": _columns(
        ("customer_id", "VARCHAR", "/customer"),
        ("invoice_id", "VARCHAR", "/invoice"),
        ("status", "VARCHAR"),
        ("reason", "VARCHAR"),
        ("currency", "VARCHAR"),
        ("total", "BIGINT"),
        ("created", "BIGINT"),
        ("voided_at", "BIGINT"),
    ),
}

STREAMS: tuple[Stream, ...] = tuple(
    Stream(
        name=name,
        description=_DESCRIPTIONS[name],
        key=("id",),
        columns=_COLUMNS[name],
        pull=partial(pull_feed, feed=feed),
        scopes=(feed.endpoint, "events"),
    )
    for name, feed in FEEDS.items()
)
