"""Lists newest first, walked by many requests at once.

Belongs here: splitting a list into windows of `created` and paging inside each. Does not: what is
done with the records (`pull.py`).

One cursor can only be followed page by page. `created[gte]` and `created[lt]` cut the list into
windows that can be read side by side; how many records lie where is learned from each page: when a
page of 100 covers an hour, the four hours below it hold about four pages.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import ClassVar

import msgspec

from revops_pipelines.engine.declarations import Pull
from revops_pipelines.engine.ingest.errors import CursorLoopError, RequestRefusedError
from revops_pipelines.engine.ingest.paging import follow
from revops_pipelines.resources.sources.stripe.options import StripeOptions

# Stripe opened in 2011; no object was created before.
EARLIEST = 1_293_840_000
# Expected in the shortest window that is split off: each window ends with a page half full, so
# shorter ones cost requests, longer ones time.
PAGES_EACH = 4
# Records made by a script share one second, which says nothing of what lies below them.
MOST_PARTS = 256


class Nested(msgspec.Struct):
    """A list inside a record; it holds the first ten of its entries."""

    has_more: bool = False


class Head(msgspec.Struct):
    """What of a record is read while pulling; the rest stays bytes.

    Invoice items call their creation `date`.
    """

    id: str
    created: int | None = None
    date: int | None = None
    deleted: bool = False
    lines: Nested | None = None
    items: Nested | None = None

    @property
    def at(self) -> int:
        """Epoch seconds of its creation."""
        return self.created or self.date or 0


class Page(msgspec.Struct):
    """The envelope of every list."""

    RECORD: ClassVar[type] = Head

    data: list[msgspec.Raw]
    has_more: bool = False


Records = list[tuple[Head, bytes]]
Handle = Callable[[Records], None]
_HEAD = msgspec.json.Decoder(Head)


@dataclass(frozen=True, slots=True)
class Listing:
    """A list: its path, the filters beside `created`, and the endpoint whose limit it counts to."""

    path: str
    endpoint: str
    params: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Window:
    """A piece of a list still to be read: `[since, before)`, below the record `after` if any."""

    listing: Listing
    since: int
    before: int | None = None
    after: Head | None = None


@dataclass(slots=True)
class _Walk:
    pull: Pull
    handle: Handle
    waiting: list[_Window] = field(default_factory=list)
    followed: set[tuple[Listing, str]] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, window: _Window) -> None:
        try:
            page = self.page(window)
        except RequestRefusedError as error:
            if window.after is None or error.code != "resource_missing":
                raise
            # The record that the cursor named is gone; read on from its second instead.
            self.add([replace(window, before=window.after.at + 1, after=None)])
            return
        records = heads(page.data)
        self.handle(records)
        if page.has_more:
            if not records:
                raise CursorLoopError(f"{window.listing.path}: an empty page that promises more")
            self.add(_rest(window, records[0][0], records[-1][0]))

    def page(self, window: _Window) -> Page:
        options: StripeOptions = self.pull.options
        params = [("limit", str(options.page_size)), *window.listing.params]
        if window.since > EARLIEST:
            params.append(("created[gte]", str(window.since)))
        if window.before is not None:
            params.append(("created[lt]", str(window.before)))
        if window.after is not None:
            params.append(("starting_after", window.after.id))
        return read_page(self.pull, window.listing, params)

    def add(self, windows: Iterable[_Window]) -> None:
        with self.lock:
            for window in windows:
                self.follow(window)
                self.waiting.append(window)

    def follow(self, window: _Window) -> None:
        if window.after is None:
            return
        step = (window.listing, window.after.id)
        if step in self.followed:
            raise CursorLoopError(f"{window.listing.path}: the page after {step[1]} came twice")
        self.followed.add(step)


def walk(pull: Pull, listings: Sequence[Listing], handle: Handle, since: int = EARLIEST) -> None:
    """Read the lists whole, from the second `since` on; `handle` is called from many threads.

    Newer records that appear meanwhile are above every window and disturb none; a record on the
    edge of two pages is read by both or by one, never by none. Raises CursorLoopError.
    """
    state = _Walk(pull, handle, [_Window(listing, since) for listing in listings])
    while state.waiting:
        windows, state.waiting = state.waiting, []
        pull.each(state.read, windows)


def read_page(pull: Pull, listing: Listing, params: Sequence[tuple[str, str]]) -> Page:
    """One page; a record in it that is no proper JSON is put aside."""
    page: Page = pull.client.read(
        Page, listing.path, params=params, endpoint=listing.endpoint, on_reject=pull.reject
    )
    return page


def pages(pull: Pull, listing: Listing) -> Iterator[Records]:
    """A short list, page by page."""

    def fetch(after: str | None) -> Page:
        cursor = [("starting_after", after)] if after else []
        return read_page(pull, listing, [("limit", "100"), *listing.params, *cursor])

    def following(page: Page) -> str | None:
        return heads(page.data)[-1][0].id if page.has_more and page.data else None

    for page in follow(fetch, following, lambda page: len(page.data)):
        if page.has_more and not page.data:
            raise CursorLoopError(f"{listing.path}: an empty page that promises more")
        yield heads(page.data)


def heads(data: Sequence[msgspec.Raw]) -> Records:
    """Each record's head beside its bytes."""
    return [(_HEAD.decode(raw), bytes(raw)) for raw in data]


def _rest(window: _Window, first: Head, last: Head) -> list[_Window]:
    """What is left of a window below its page, in pieces.

    The topmost piece goes on from the cursor, so that records created in the very second of the
    page's last one are not lost; the others begin afresh. Each is twice as long as the one above:
    how dense the list is far below is not known yet, and may be learned from few answers.
    """
    length = max(
        PAGES_EACH * (first.at - last.at), (last.at - window.since) // MOST_PARTS, MOST_PARTS
    )
    edges = [window.before]
    low = last.at - length
    while low > window.since:
        edges.append(low)
        length *= 2
        low -= length
    edges.append(window.since)
    (_, top), *lower = pairwise(edges)
    return [
        replace(window, since=top or window.since, after=last),
        *(_Window(window.listing, since or window.since, before) for before, since in lower),
    ]
