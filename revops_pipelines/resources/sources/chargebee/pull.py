"""How a stream of Chargebee is pulled: whole at first, then by closed windows of `updated_at`.

Belongs here: windows, pages, deletions, lists inside records. Does not: the lists' names
(`streams.py`).

Records that were never touched since Chargebee began to keep `updated_at` have none, and every
filter by it leaves them out, so the first pull has no filter; nor has the one that, now and then,
looks for what vanished without a trace. Deleted records stay in the lists that know
`include_deleted`. Items, prices and coupons are few and are always read whole.

A pull that is stopped on its way goes on: everything from the offset of the last page, a window
from the last page's `updated_at`.

Source: https://apidocs.chargebee.com/docs/api/list-operations
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from revops_pipelines.engine.declarations import Pull
from revops_pipelines.engine.ingest.errors import ProtocolError, RequestRefusedError
from revops_pipelines.engine.ingest.paging import follow
from revops_pipelines.engine.ingest.windows import Window, pull_window, slices
from revops_pipelines.resources.sources.chargebee.options import ChargebeeOptions

# Up to when all is landed, and when everything was read last, as epoch seconds; and, while
# everything is being read, the offset to go on from.
UNTIL, WHOLE_AT, OFFSET = "until", "whole_at", "offset"
# A window is read side by side in so many parts, none shorter than a week: a call each is little.
PARTS, SHORTEST = 8, timedelta(days=7)
# Lines of a document that come at once; the most there are.
LINES_LIMIT = 300


class Page(msgspec.Struct):
    """The envelope of every list: rows that hold each record under its noun."""

    rows: list[dict[str, msgspec.Raw]] = msgspec.field(name="list")
    next_offset: str | None = None


class Head(msgspec.Struct):
    """What of a record is read while pulling; the rest stays bytes.

    A value of another kind than expected is the loader's to judge: it sets aside what has no key
    and keeps what does not cast.
    """

    id: Any = None
    deleted: Any = False
    updated_at: Any = None
    occurred_at: Any = None
    line_items_next_offset: Any = None

    @property
    def at(self) -> int | None:
        """When it changed or happened, epoch seconds."""
        told = self.updated_at if self.occurred_at is None else self.occurred_at
        return told if isinstance(told, int) else None


@dataclass(frozen=True, slots=True)
class Feed:
    """How one stream is read.

    `path` below `/api/v2/`; `noun` is what its records are called in a row. `clock` is the field
    that windows are cut by; None: read whole each time. `keeps_deleted`: it knows
    `include_deleted`. `forgets`: what is no longer listed is not deleted, only old.
    """

    path: str
    noun: str
    clock: str | None = "updated_at"
    keeps_deleted: bool = False
    forgets: bool = False
    params: tuple[tuple[str, str], ...] = ()


Params = Sequence[tuple[str, str]]
Records = list[tuple[Head, bytes]]
# Called after each page is landed.
Reached = Callable[[Page, Records], None]


def pull_feed(pull: Pull, feed: Feed) -> None:
    """Pull a stream: all of it, or what changed since the cursor."""
    if _is_whole(pull, feed):
        _pull_whole(pull, feed)
    else:
        _pull_window(pull, feed, feed.clock or "")


def _is_whole(pull: Pull, feed: Feed) -> bool:
    """At first, now and then, and until it is done."""
    if feed.clock is None or UNTIL not in pull.cursor or OFFSET in pull.cursor:
        return True
    options: ChargebeeOptions = pull.options
    age = int(pull.now.timestamp()) - int(pull.cursor.get(WHOLE_AT, 0))
    return not feed.forgets and age > options.reload_days * 86_400


def _pull_whole(pull: Pull, feed: Feed) -> None:
    """Read everything. What changes meanwhile belongs to the next window."""
    offset = pull.cursor.get(OFFSET)
    until = int(pull.cursor[UNTIL]) if offset else int(_window(pull).end.timestamp())
    done = {UNTIL: until, WHOLE_AT: int(pull.now.timestamp())}

    def reached(page: Page, records: Records) -> None:
        if page.next_offset:
            pull.checkpoint({**done, OFFSET: page.next_offset})

    landing = _Landing(pull, feed)
    is_all = landing.read((), offset, reached)
    # A record that was put aside is not landed, and yet it is there.
    if is_all and not feed.forgets and not landing.has_rejects:
        pull.complete_ids(())
    pull.finish(done)


def _pull_window(pull: Pull, feed: Feed, clock: str) -> None:
    """Read what changed since the cursor, side by side where that is long ago."""
    window = _window(pull)
    done = {UNTIL: int(window.end.timestamp()), WHOLE_AT: int(pull.cursor.get(WHOLE_AT, 0))}
    landing = _Landing(pull, feed)
    parts = _filters(clock, window)

    def reached(page: Page, records: Records) -> None:
        last = records[-1][0].at if records else None
        if len(parts) == 1 and last is not None:
            pull.checkpoint({**done, UNTIL: last})

    def read(part: Params) -> None:
        landing.read(part, None, reached)

    pull.each(read, parts)
    pull.finish(done)


def _window(pull: Pull) -> Window:
    """From the last pull's end, less a look-back, to a closed end by the slower clock."""
    options: ChargebeeOptions = pull.options
    until = pull.cursor.get(UNTIL)
    epoch = datetime.fromtimestamp(0, UTC)
    return pull_window(
        datetime.fromtimestamp(int(until), UTC) if until is not None else None,
        epoch,
        pull.now,
        lag=timedelta(seconds=options.lag_seconds),
        look_back=timedelta(minutes=options.look_back_minutes),
        server_now=pull.client.server_now(),
    )


def _filters(clock: str, window: Window) -> list[Params]:
    """The window's parts; `between` holds both its bounds."""
    parts = slices(window, PARTS, SHORTEST) or [window]
    return [
        (
            (f"{clock}[between]", f"[{int(p.start.timestamp())},{int(p.end.timestamp())}]"),
            ("sort_by[asc]", clock),
        )
        for p in parts
    ]


class _Landing:
    """Lands records of one stream from many threads."""

    def __init__(self, pull: Pull, feed: Feed) -> None:
        self.pull, self.feed = pull, feed
        self.has_rejects = False
        self._landed = 0
        self._lock = threading.Lock()

    def read(self, filters: Params, offset: str | None, reached: Reached) -> bool:
        """Land everything that passes the filters, from the offset on; was it read from the start?

        An offset that the server no longer takes means reading anew, once: what comes twice is
        landed twice and counts once.
        """
        options: ChargebeeOptions = self.pull.options
        params = [("limit", str(options.page_size)), *self.feed.params, *filters]
        if self.feed.keeps_deleted:
            params.append(("include_deleted", "true"))
        try:
            self._take_all(params, offset, reached)
        except _OffsetRefusedError:
            self._take_all(params, None, reached)
            return True
        return offset is None

    def _reject(self, record: bytes, rule: str) -> None:
        self.has_rejects = True
        self.pull.reject(record, rule)

    def _take_all(self, params: Params, offset: str | None, reached: Reached) -> None:
        for page in self._pages(params, offset):
            records = self._records(page)
            self._take(records)
            reached(page, records)

    def _pages(self, params: Params, first: str | None) -> Iterator[Page]:
        def fetch(offset: str | None) -> Page:
            cursor = [("offset", offset)] if offset else []
            path = f"/api/v2/{self.feed.path}"
            try:
                page: Page = self.pull.client.read(
                    Page, path, params=[*params, *cursor], on_reject=self._reject
                )
            except RequestRefusedError as error:
                if offset is None or error.status != 400:
                    raise
                raise _OffsetRefusedError(str(error), error.status, error.code) from error
            return page

        return follow(fetch, lambda page: page.next_offset, lambda page: len(page.rows), first)

    def _records(self, page: Page) -> Records:
        noun = self.feed.noun
        if any(noun not in row for row in page.rows):
            raise ProtocolError(f"a row of {self.feed.path} holds no {noun}")
        return [(_HEAD.decode(row[noun]), bytes(row[noun])) for row in page.rows]

    def _take(self, records: Records) -> None:
        self.pull.write([self._whole(head, body) for head, body in records])
        for head, _ in records:
            if head.deleted is True and isinstance(head.id, str):
                at = head.at
                moment = datetime.fromtimestamp(at, UTC) if at is not None else None
                self.pull.delete((head.id,), moment, "deleted")
        with self._lock:
            self._landed += len(records)
            done = self._landed
        self.pull.progress(done)

    def _whole(self, head: Head, body: bytes) -> bytes:
        """The document with all its lines."""
        if head.line_items_next_offset is None:
            return body
        record = msgspec.json.decode(body)
        for part in self._parts(head):
            for name, entries in part.items():
                if name.startswith("line_item") and isinstance(entries, list):
                    held = record.setdefault(name, [])
                    held += [entry for entry in entries if entry not in held]
        record.pop("line_items_next_offset", None)
        encoded: bytes = msgspec.json.encode(record)
        return encoded

    def _parts(self, head: Head) -> Iterator[dict[str, object]]:
        """The rest of a document's lines, page by page."""

        def fetch(offset: str | None) -> dict[str, object]:
            params = [
                ("line_items_limit", str(LINES_LIMIT)),
                ("line_items_offset", offset or str(head.line_items_next_offset)),
            ]
            path = f"/api/v2/{self.feed.path}/{head.id}"
            row: dict[str, dict[str, object]] = self.pull.client.read(
                dict[str, dict[str, object]], path, params=params
            )
            return row[self.feed.noun]

        def size(part: dict[str, object]) -> int:
            lines = part.get("line_items")
            return len(lines) if isinstance(lines, list) else 0

        return follow(fetch, lambda part: part.get("line_items_next_offset"), size)


class _OffsetRefusedError(RequestRefusedError):
    """The server does not take an offset that it gave out itself."""


_HEAD = msgspec.json.Decoder(Head)
