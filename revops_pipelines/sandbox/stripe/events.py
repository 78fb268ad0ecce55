"""The event feed: what changed in the last 30 days, newest first.

Belongs here: which event each look of a record is, and the feed's window. Does not: the objects
themselves (`shapes_*.py`).

As at Stripe, items that leave a subscription have no event of their own, and the object in an event
is a snapshot: the way it looked at that moment.
Source: https://docs.stripe.com/api/events
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from revops_pipelines.sandbox.stripe.disputes import Dispute
from revops_pipelines.sandbox.stripe.listed import Listed
from revops_pipelines.sandbox.stripe.replies import VERSION
from revops_pipelines.sandbox.stripe.schedules import Schedule
from revops_pipelines.sandbox.stripe.shapes_catalog import LIVEMODE, discount
from revops_pipelines.sandbox.stripe.shapes_subscription import look_at
from revops_pipelines.sandbox.world.billing import Billing
from revops_pipelines.sandbox.world.billing_calendar import DAY
from revops_pipelines.sandbox.world.billing_ids import numbered
from revops_pipelines.sandbox.world.billing_records import (
    Charge,
    CustomerRecord,
    Invoice,
    InvoicePayment,
    SubscriptionRecord,
)

KEPT_DAYS = 30
TRIAL_WARNING_DAYS = 3
# A renewal is announced so long before, with a bill that does not exist yet and has no id.
UPCOMING_DAYS = 7

# In the order in which events of one second are told; the place is a part of their identifier.
TYPES = (
    "product.created",
    "product.updated",
    "price.created",
    "price.updated",
    "coupon.created",
    "customer.created",
    "customer.updated",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.trial_will_end",
    "customer.discount.created",
    "customer.discount.deleted",
    "invoiceitem.created",
    "invoice.upcoming",
    "invoice.created",
    "invoice.finalized",
    "invoice.sent",
    "charge.failed",
    "charge.succeeded",
    "invoice_payment.paid",
    "invoice.updated",
    "invoice.payment_failed",
    "invoice.paid",
    "invoice.payment_succeeded",
    "invoice.voided",
    "invoice.marked_uncollectible",
    "refund.created",
    "charge.refunded",
    "credit_note.created",
    "charge.dispute.created",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_reinstated",
    "subscription_schedule.created",
    "subscription_schedule.updated",
    "subscription_schedule.released",
    "subscription_schedule.canceled",
    "customer.subscription.deleted",
    "customer.deleted",
)
_RANK = {kind: place for place, kind in enumerate(TYPES)}


@dataclass(frozen=True, slots=True)
class Event:
    """One change. `before` is the instant of the look that it replaced, for updates."""

    id: str
    created: int
    kind: str
    list_name: str
    record: Any
    before: int | None = None


# Says what kinds of event a record's look at an instant is.
Kinds = Callable[[Any, int], list[str]]


def feed(billing: Billing, lists: Mapping[str, Listed], since: int) -> list[Event]:
    """Every event of the simulation from an instant on, oldest first."""
    found: list[Event] = []
    for name, kinds in _KINDS.items():
        shelf = lists[name].shelf
        for record in shelf.records:
            looks = tuple(shelf.looks(record))
            if looks[-1] >= since or name in ("subscriptions", "customers"):
                found += _events(name, record, looks, kinds, since)
    found.sort(key=lambda event: (event.created, _RANK[event.kind], event.id))
    return found


def _events(
    name: str, record: Any, looks: tuple[int, ...], kinds: Kinds, since: int
) -> Iterator[Event]:
    for place, at in enumerate(looks):
        if at < since:
            continue
        for kind in kinds(record, at):
            before = looks[place - 1] if place and kind.endswith(".updated") else None
            yield Event(_identity(record.id, kind, place), at, kind, name, record, before)
    for at, kind in _besides(name, record):
        if at >= since:
            yield Event(_identity(record.id, kind, 0), at, kind, name, record)


def _identity(identity: str, kind: str, place: int) -> str:
    core = identity.rpartition("_")[2]
    return f"evt_1{core}{numbered(place)}{numbered(_RANK[kind])}"


def _besides(name: str, record: Any) -> Iterator[tuple[int, str]]:
    """Events that are not a new look of the record."""
    if name == "customers" and record.story.deleted_at is not None:
        yield record.story.deleted_at, "customer.deleted"
    if name == "invoices":
        yield from _upcoming(record)
    elif name == "subscriptions":
        yield from _of_subscription(record)


def _upcoming(record: Invoice) -> Iterator[tuple[int, str]]:
    at = record.created - UPCOMING_DAYS * DAY
    if record.reason == "subscription_cycle" and at > record.period_start:
        yield at, "invoice.upcoming"


def _of_subscription(record: SubscriptionRecord) -> Iterator[tuple[int, str]]:
    story = record.story
    if story.trial_end is not None:
        yield story.trial_end - TRIAL_WARNING_DAYS * DAY, "customer.subscription.trial_will_end"
    if story.rebate is not None:
        yield story.created, "customer.discount.created"
        end = story.created if story.rebate.coupon.duration == "once" else story.rebate.end
        if end is not None and (story.ended_at is None or end <= story.ended_at):
            yield end, "customer.discount.deleted"


def _created_or_updated(noun: str) -> Kinds:
    def kinds(record: Any, at: int) -> list[str]:
        return [f"{noun}.created" if at == record.created else f"{noun}.updated"]

    return kinds


def _created(noun: str) -> Kinds:
    def kinds(record: Any, at: int) -> list[str]:
        return [f"{noun}.created"] if at == record.created else []

    return kinds


def _customer(record: CustomerRecord, at: int) -> list[str]:
    return ["customer.created"] if at == record.created else ["customer.updated"]


def _subscription(record: SubscriptionRecord, at: int) -> list[str]:
    if at == record.created:
        return ["customer.subscription.created"]
    look = look_at(record, at)
    if look.status == "canceled" and look.ended_at == at:
        return ["customer.subscription.deleted"]
    return ["customer.subscription.updated"]


def _invoice(record: Invoice, at: int) -> list[str]:
    marks = {
        "invoice.created": at == record.created,
        "invoice.finalized": at == record.finalized_at,
        "invoice.sent": at == record.finalized_at and record.due_at is not None,
        "invoice.payment_failed": at in record.attempts,
        "invoice.paid": at == record.paid_at,
        "invoice.payment_succeeded": at == record.paid_at,
        "invoice.voided": at == record.voided_at,
        "invoice.marked_uncollectible": at == record.written_off_at,
        "invoice.updated": at > record.created,
    }
    return [kind for kind, happens in marks.items() if happens]


def _charge(record: Charge, at: int) -> list[str]:
    kinds = []
    if at == record.created:
        kinds.append("charge.succeeded" if record.failure is None else "charge.failed")
    if any(refund.created == at for refund in record.refunds):
        kinds.append("charge.refunded")
    return kinds


def _payment(record: InvoicePayment, at: int) -> list[str]:
    return ["invoice_payment.paid"] if at == record.invoice.paid_at else []


def _dispute(record: Dispute, at: int) -> list[str]:
    marks = {
        "charge.dispute.created": at == record.created,
        "charge.dispute.funds_withdrawn": at == record.created,
        "charge.dispute.updated": at == record.answered_at,
        "charge.dispute.closed": at == record.closed_at,
        "charge.dispute.funds_reinstated": at == record.closed_at and record.is_won,
    }
    return [kind for kind, happens in marks.items() if happens]


def _schedule(record: Schedule, at: int) -> list[str]:
    if at == record.created:
        return ["subscription_schedule.created"]
    if record.holds(at):
        return ["subscription_schedule.updated"]
    ending = "released" if record.canceled_at is None else "canceled"
    return [f"subscription_schedule.{ending}"]


_KINDS: Mapping[str, Kinds] = {
    "products": _created_or_updated("product"),
    "prices": _created_or_updated("price"),
    "coupons": _created("coupon"),
    "customers": _customer,
    "subscriptions": _subscription,
    "invoices": _invoice,
    "invoiceitems": _created("invoiceitem"),
    "invoice_payments": _payment,
    "charges": _charge,
    "refunds": _created("refund"),
    "credit_notes": _created("credit_note"),
    "disputes": _dispute,
    "subscription_schedules": _schedule,
}


def shape(lists: Mapping[str, Listed]) -> Callable[[Event, int], dict[str, Any]]:
    """How an event looks: https://docs.stripe.com/api/events/object"""

    def event(record: Event, at: int) -> dict[str, Any]:
        render = lists[record.list_name].shelf.shape
        if record.kind.startswith("customer.discount."):
            subject = record.record
            shown = discount(subject.story.rebate, subject.customer, subject.story)
        elif record.kind == "invoice.upcoming":
            shown = render(record.record, record.record.created)
            shown["billing_reason"] = "upcoming"
            del shown["id"]
        else:
            shown = render(record.record, record.created)
        data: dict[str, Any] = {"object": shown}
        if record.before is not None:
            data["previous_attributes"] = _differences(render(record.record, record.before), shown)
        return {
            "id": record.id,
            "object": "event",
            "api_version": VERSION,
            "created": record.created,
            "data": data,
            "livemode": LIVEMODE,
            "pending_webhooks": 0,
            "request": {"id": None, "idempotency_key": None},
            "type": record.kind,
        }

    return event


def _differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What an update replaced, by top-level field."""
    return {name: value for name, value in before.items() if after.get(name) != value}
