"""How a stream of Stripe is pulled: whole at first, then by the events since.

Belongs here: full loads, the event feed, re-fetching, lists inside records. Does not: the lists'
paths and event types (`streams.py`).

No object of Stripe tells when it changed. `/v1/events` does, for 30 days: an incremental pull asks
which records had an event since the last one (and a look-back), fetches these anew, and lists what
was created since. A cursor older than the feed means a full load; it is never moved up to fit.
Events are only asked *which* record changed: what they show of it is rendered in the version of
the API that was current then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from revops_pipelines.engine.declarations import Pull
from revops_pipelines.engine.ingest.errors import RequestRefusedError
from revops_pipelines.resources.sources.stripe.options import StripeOptions
from revops_pipelines.resources.sources.stripe.walk import (
    EARLIEST,
    Head,
    Listing,
    Records,
    heads,
    pages,
    read_page,
    walk,
)

DAY_SECONDS = 86_400
# `types[]` takes at most 20 names.
MOST_TYPES = 20
# Which event was the last one whose records are landed, as epoch seconds of Stripe's own clock.
CURSOR = "events_until"


class Event(msgspec.Struct):
    """What of an event is read. `data.object` is the record as it was; only names are taken."""

    created: int
    type: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Feed:
    """How one stream is read.

    `listings` are read whole on a full load; `retrieve` is the path of one record, `{id}` in it;
    `relist` instead names the filter by which the records of a changed object are listed.
    `named` finds the id in an event's object (None: not ours). `expand` names what is asked to be
    written out instead of an id; `nested` the list inside a record that is paged to its end.
    """

    listings: Callable[[StripeOptions], tuple[Listing, ...]]
    endpoint: str
    events: tuple[str, ...]
    deletes: tuple[str, ...] = ()
    retrieve: str = ""
    relist: str = ""
    named: Callable[[str, Mapping[str, Any]], str | None] = lambda _, record: record.get("id")
    expand: tuple[str, ...] = ()
    nested: str = ""
    # False: the lists hold a moving part of the records, so what is missing is not deleted.
    lists_all: bool = True
    # Days of creation that are listed again, for what changes without an event.
    again_days: Callable[[StripeOptions], int] = lambda _: 0


def pull_feed(pull: Pull, feed: Feed) -> None:
    """Pull a stream: all of it, or what changed since the cursor."""
    options: StripeOptions = pull.options
    newest = newest_event(pull)
    now = int(pull.now.timestamp())
    until = int(pull.cursor.get(CURSOR, 0))
    since = until - options.look_back_minutes * 60
    if max(now, newest or 0) - since > options.event_days * DAY_SECONDS:
        _pull_whole(pull, feed)
    else:
        _pull_changes(pull, feed, since)
    # Without any event in 30 days there is no server time to go by, and nothing to miss.
    pull.finish({CURSOR: max(newest or now, until)})


def newest_event(pull: Pull) -> int | None:
    """When the account's last event happened, read before anything is listed."""
    page = read_page(pull, Listing("/v1/events", "events"), [("limit", "1")])
    return heads(page.data)[0][0].at if page.data else None


def _pull_whole(pull: Pull, feed: Feed) -> None:
    landing = _Landing(pull, feed)
    walk(pull, feed.listings(pull.options), landing.take)
    if feed.lists_all:
        pull.complete_ids((each,) for each in landing.seen)


def _pull_changes(pull: Pull, feed: Feed, since: int) -> None:
    changed, deleted = _events_since(pull, feed, since)
    for key, at in deleted.items():
        pull.delete((key,), datetime.fromtimestamp(at, UTC), "deleted")
    landing = _Landing(pull, feed)
    listed_since = since - feed.again_days(pull.options) * DAY_SECONDS
    walk(pull, feed.listings(pull.options), landing.take, max(listed_since, EARLIEST + 1))
    fetch = landing.relist if feed.relist else landing.fetch
    missing = [
        (key, at) for key, at in changed.items() if key not in landing.seen and key not in deleted
    ]
    pull.each(fetch, missing)


def _events_since(pull: Pull, feed: Feed, since: int) -> tuple[dict[str, int], dict[str, int]]:
    """Ids with an event, and of these the ones that were deleted last, each with its time."""
    if not (feed.events or feed.deletes):
        return {}, {}
    last: dict[str, tuple[int, bool]] = {}
    lock = threading.Lock()

    def take(records: Records) -> None:
        for _, body in records:
            event = msgspec.json.decode(body, type=Event)
            key = feed.named(event.type, event.data.get("object") or {})
            if key is not None:
                with lock:
                    last[key] = max(
                        last.get(key, (0, False)), (event.created, event.type in feed.deletes)
                    )

    lists = event_listings((*feed.events, *feed.deletes))
    walk(pull, lists, take, max(since, EARLIEST + 1))
    changed = {key: at for key, (at, _) in last.items()}
    return changed, {key: at for key, (at, is_deleted) in last.items() if is_deleted}


def event_listings(types: Sequence[str]) -> list[Listing]:
    """The feed of some types of event, in as many lists as it takes."""
    chunks = [types[at : at + MOST_TYPES] for at in range(0, len(types), MOST_TYPES)]
    return [
        Listing("/v1/events", "events", tuple(("types[]", name) for name in chunk))
        for chunk in chunks
    ]


class _Landing:
    """Lands records of one stream from many threads and remembers which."""

    def __init__(self, pull: Pull, feed: Feed) -> None:
        self.pull, self.feed = pull, feed
        self.seen: set[str] = set()
        self._lock = threading.Lock()

    def take(self, records: Records) -> None:
        """Land a page; records whose inner list is cut off are completed side by side."""
        cut = [record for record in records if self._is_cut(record[0])]
        self.pull.write([body for head, body in records if not self._is_cut(head)])
        if cut:
            self.pull.each(lambda record: self.pull.write([self._whole(*record)]), cut)
        with self._lock:
            self.seen.update(head.id for head, _ in records)
            done = len(self.seen)
        self.pull.progress(done)

    def fetch(self, change: tuple[str, int]) -> None:
        """Land one changed record, or that it is gone."""
        key, at = change
        params = [("expand[]", name) for name in self.feed.expand]
        path = self.feed.retrieve.format(id=key)
        try:
            raw: msgspec.Raw = self.pull.client.read(
                msgspec.Raw, path, params=params, endpoint=self.feed.endpoint
            )
        except RequestRefusedError as error:
            if error.status != 404:
                raise
            self.pull.delete((key,), datetime.fromtimestamp(at, UTC), "deleted")
            return
        records = heads([raw])
        if records[0][0].deleted:
            self.pull.delete((key,), datetime.fromtimestamp(at, UTC), "deleted")
        else:
            self.take(records)

    def relist(self, change: tuple[str, int]) -> None:
        """Land all records of a changed object."""
        listing = self.feed.listings(self.pull.options)[0]
        params = (*listing.params, (self.feed.relist, change[0]))
        for records in pages(self.pull, replace(listing, params=params)):
            self.take(records)

    def _is_cut(self, head: Head) -> bool:
        """Does the list inside the record go on?"""
        nested = getattr(head, self.feed.nested) if self.feed.nested else None
        return nested is not None and nested.has_more

    def _whole(self, head: Head, body: bytes) -> bytes:
        """The record with the list inside it paged to its end."""
        record = msgspec.json.decode(body)
        inner = record[self.feed.nested]
        listing = _nested_list(self.feed.nested, head.id, self.feed.expand)
        inner["data"] = [
            msgspec.json.decode(each)
            for records in pages(self.pull, listing)
            for _, each in records
        ]
        inner["has_more"] = False
        return msgspec.json.encode(record)


def _nested_list(nested: str, key: str, expand: tuple[str, ...]) -> Listing:
    """Where a list inside a record is read alone, expanded as it is inside the record."""
    within = f"{nested}.data."
    inner = tuple(
        ("expand[]", f"data.{name.removeprefix(within)}")
        for name in expand
        if name.startswith(within)
    )
    if nested == "lines":
        return Listing(f"/v1/invoices/{key}/lines", "invoices", inner)
    return Listing("/v1/subscription_items", "subscription_items", (("subscription", key), *inner))
