"""What only the event feed tells: how the catalogue changed, and discounts.

Belongs here: the two streams that read events themselves. Does not: records that are fetched anew
when an event names them (`pull.py`).

Prices, products and coupons are lists of what holds now; what they were before is in their events,
which are kept here for good. Discounts have no list at all: those in force are inside customers and
subscriptions, those that came or went are in events. What an event shows is rendered in the
account's default version of the API, which is why nothing else is read from events.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from revops_pipelines.engine.declarations import Pull
from revops_pipelines.resources.sources.stripe.options import StripeOptions
from revops_pipelines.resources.sources.stripe.pull import (
    CURSOR,
    DAY_SECONDS,
    Event,
    event_listings,
    newest_event,
)
from revops_pipelines.resources.sources.stripe.walk import EARLIEST, Listing, Records, walk

CATALOGUE = tuple(
    f"{noun}.{ending}"
    for noun in ("coupon", "price", "product")
    for ending in ("created", "updated", "deleted")
)
DISCOUNTS = tuple(f"customer.discount.{ending}" for ending in ("created", "updated", "deleted"))
_DELETED = "customer.discount.deleted"


class _Holder(msgspec.Struct):
    """A customer has one discount, a subscription several; both written out."""

    discount: msgspec.Raw | None = None
    discounts: list[msgspec.Raw] = msgspec.field(default_factory=list)


class _Named(msgspec.Struct):
    id: str


def pull_catalogue(pull: Pull) -> None:
    """Every event of the catalogue since the last pull; at first those that Stripe still has."""
    newest, since, _ = _bounds(pull)

    def take(records: Records) -> None:
        pull.write(body for _, body in records)

    walk(pull, event_listings(CATALOGUE), take, since)
    pull.finish({CURSOR: newest})


def pull_discounts(pull: Pull) -> None:
    """Discounts that came and went since the last pull; at first also all that are in force."""
    newest, since, is_whole = _bounds(pull)
    landing = _Discounts(pull)
    walk(pull, event_listings(DISCOUNTS), landing.take_events, since)
    landing.settle()
    if is_whole:
        # After the events: what holds now is newer than any of them.
        walk(pull, _holders(pull.options), landing.take_holders)
        pull.complete_ids((each,) for each in landing.seen)
    pull.finish({CURSOR: newest})


def _bounds(pull: Pull) -> tuple[int, int, bool]:
    """The next cursor, since when events are read, and whether that is all there is."""
    options: StripeOptions = pull.options
    newest = newest_event(pull)
    now = int(pull.now.timestamp())
    until = int(pull.cursor.get(CURSOR, 0))
    since = until - options.look_back_minutes * 60
    following = max(newest or now, until)
    if max(now, newest or 0) - since > options.event_days * DAY_SECONDS:
        return following, EARLIEST, True
    return following, max(since, EARLIEST + 1), False


def _holders(options: StripeOptions) -> tuple[Listing, ...]:
    expanded = ("expand[]", "data.discounts")
    subscriptions = (
        Listing("/v1/subscriptions", "subscriptions", (("status", status), expanded))
        for status in options.subscription_statuses
    )
    return (Listing("/v1/customers", "customers"), *subscriptions)


@dataclass(slots=True)
class _Discounts:
    """Lands discounts from many threads. `last` is the newest event of each, with its discount."""

    pull: Pull
    seen: set[str] = field(default_factory=set)
    last: dict[str, tuple[int, bool, bytes]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take_events(self, records: Records) -> None:
        """Note what events show; the feed is newest first, and a created one may share a second."""
        for _, body in records:
            event = msgspec.json.decode(body, type=Event)
            discount = msgspec.json.encode(event.data["object"])
            key = msgspec.json.decode(discount, type=_Named).id
            told = (event.created, event.type == _DELETED, discount)
            with self.lock:
                self.last[key] = max(self.last.get(key, told), told)

    def settle(self) -> None:
        """Land the newest of each, and that some are gone."""
        for key, (at, is_gone, discount) in self.last.items():
            self.seen.add(key)
            self.pull.write([discount])
            if is_gone:
                self.pull.delete((key,), datetime.fromtimestamp(at, UTC), "deleted")

    def take_holders(self, records: Records) -> None:
        """Land the discounts inside customers and subscriptions."""
        found = [discount for _, body in records for discount in _inside(body)]
        self.pull.write(bytes(each) for each in found)
        with self.lock:
            self.seen.update(msgspec.json.decode(each, type=_Named).id for each in found)


def _inside(body: bytes) -> Iterator[msgspec.Raw]:
    holder = msgspec.json.decode(body, type=_Holder)
    if holder.discount is not None and bytes(holder.discount) != b"null":
        yield holder.discount
    yield from holder.discounts
