"""What is read from Stripe: its lists, and the events that tell of changes.

Belongs here: the streams. Does not: how they are pulled (`pull.py`), the columns of their raw
tables (`tables.py`), or what they mean for revenue (`offers.py`, `ledger.py`).

Event types are listed one by one: `*` would bring `invoice.upcoming`, whose object has no id.
Source: https://docs.stripe.com/api/events/types
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from revops_pipelines.engine.declarations import Stream
from revops_pipelines.resources.sources.stripe.changes import pull_catalogue, pull_discounts
from revops_pipelines.resources.sources.stripe.options import StripeOptions
from revops_pipelines.resources.sources.stripe.pull import Feed, pull_feed
from revops_pipelines.resources.sources.stripe.tables import COLUMNS
from revops_pipelines.resources.sources.stripe.walk import Listing


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


# Longer than Stripe exists.
_EVER_DAYS = 36_500
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
        # Once billed they are lines of their invoice, and never land if they did not wait for it.
        # No event tells that one was changed or billed: what waits is listed as a whole.
        listings=lambda _: _list("invoiceitems", (("pending", "true"),)),
        endpoint="invoiceitems",
        events=(),
        deletes=("invoiceitem.deleted",),
        lists_all=False,
        again_days=lambda _: _EVER_DAYS,
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
    "disputes": Feed(
        listings=lambda _: _list("disputes"),
        endpoint="disputes",
        retrieve="/v1/disputes/{id}",
        events=_events(
            "charge.dispute",
            "closed",
            "created",
            "funds_reinstated",
            "funds_withdrawn",
            "updated",
        ),
    ),
    "balance_transactions": Feed(
        # Money that settles has no event: what is new enough to be pending is listed again.
        listings=lambda _: _list("balance_transactions"),
        endpoint="balance_transactions",
        events=(),
        again_days=lambda options: options.settling_days,
    ),
    "subscription_schedules": Feed(
        listings=lambda _: _list("subscription_schedules"),
        endpoint="subscription_schedules",
        retrieve="/v1/subscription_schedules/{id}",
        events=_events(
            "subscription_schedule",
            "aborted",
            "canceled",
            "completed",
            "created",
            "expiring",
            "released",
            "updated",
        ),
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
    "disputes": "Payments that customers dispute with their bank.",
    "balance_transactions": "What every charge, refund and dispute did to the balance, with fees.",
    "subscription_schedules": "Changes of subscriptions that are planned ahead.",
}

STREAMS: tuple[Stream, ...] = (
    *(
        Stream(
            name=name,
            description=_DESCRIPTIONS[name],
            key=("id",),
            columns=COLUMNS[name],
            pull=partial(pull_feed, feed=feed),
            scopes=(feed.endpoint, "events"),
        )
        for name, feed in FEEDS.items()
    ),
    Stream(
        name="discounts",
        description="Coupons as they were put on customers and subscriptions, those gone as well.",
        key=("id",),
        columns=COLUMNS["discounts"],
        pull=pull_discounts,
        updated="started_at",
        scopes=("customers", "subscriptions", "events"),
    ),
    Stream(
        name="catalogue_changes",
        description="Events of products, prices and coupons: what they were before, kept for good.",
        key=("id",),
        columns=COLUMNS["catalogue_changes"],
        pull=pull_catalogue,
        updated="changed_at",
        scopes=("events",),
    ),
)
