"""The event log: what happened, with the records as they were then.

Belongs here: which event each look of a record is, and how long they are kept. Does not: the
records themselves (`shapes_*.py`).

How long Chargebee keeps events for the API is not published; its own pages show 90 days.
Sources: https://apidocs.chargebee.com/docs/api/events,
https://www.chargebee.com/docs/2.0/site-configuration/articles-and-faq
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from revops_pipelines.sandbox.chargebee.shelf import Seen, Shelf
from revops_pipelines.sandbox.world.billing_calendar import DAY

KEPT_DAYS = 90


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the record `place` of a list."""

    id: str
    at: int
    kind: str
    list_name: str
    place: int


def event_log(lists: Mapping[str, Shelf], keeps_all: bool) -> Shelf:
    """All events of the simulation as a list."""
    found: list[Event] = []
    for name, kinds in _KINDS.items():
        for place, record in enumerate(lists[name].records):
            for at, kind in kinds(record):
                found.append(Event(f"ev_{name[:3]}{place}x{at}{kind[-3:]}", at, kind, name, place))

    def content(event: Event, at: int) -> dict[str, Any]:
        shelf = lists[event.list_name]
        shown = shelf.body(Seen(shelf.records[event.place], event.place, event.at))
        beside = {
            noun: render(shelf.records[event.place], event.at)
            for noun, render in shelf.beside.items()
        }
        return {
            "id": event.id,
            "occurred_at": event.at,
            "source": "scheduled_job",
            "user": "full_access_key_v1",
            "event_type": event.kind,
            "api_version": "v2",
            "webhook_status": "not_configured",
            "content": {shelf.noun: shown, **beside},
            "object": "event",
        }

    return Shelf(
        "event",
        found,
        content,
        looks=lambda event: (event.at,),
        identity=lambda event: str(event.id),
        values={
            "event_type": lambda event, at: event.kind,
            "occurred_at": lambda event, at: event.at,
            "source": lambda event, at: "scheduled_job",
        },
        sorts=frozenset({"occurred_at"}),
        is_undated=lambda event: True,
        kept_seconds=None if keeps_all else KEPT_DAYS * DAY,
    )


def _of_subscription(life: Any) -> Iterator[tuple[int, str]]:
    yield from ((at, kind) for at, kind in life.marks if kind)


def _of_customer(record: Any) -> Iterator[tuple[int, str]]:
    first, *later = record.changed_at
    yield first, "customer_created"
    yield from ((at, "customer_changed") for at in later)
    if record.story.deleted_at is not None:
        yield record.story.deleted_at, "customer_deleted"


def _of_invoice(bill: Any) -> Iterator[tuple[int, str]]:
    first, *later = bill.looks
    yield first, "pending_invoice_created" if first < bill.issued_at else "invoice_generated"
    for at in later:
        yield at, "invoice_generated" if at == bill.issued_at else "invoice_updated"


def _of_note(note: Any) -> Iterator[tuple[int, str]]:
    first, *later = note.looks
    yield first, "credit_note_created"
    yield from ((at, "credit_note_updated") for at in later)


def _of_receipt(receipt: Any) -> Iterator[tuple[int, str]]:
    refused = getattr(receipt.source, "failure", None) is not None
    if receipt.payment is not None:
        yield receipt.source.created, "payment_refunded"
    else:
        yield receipt.source.created, "payment_failed" if refused else "payment_succeeded"


_KINDS = {
    "subscriptions": _of_subscription,
    "customers": _of_customer,
    "invoices": _of_invoice,
    "credit_notes": _of_note,
    "transactions": _of_receipt,
}
