"""A shelf: all records of one kind, served as of an instant.

Belongs here: paging, filters and order over records, and their bytes, rendered once a version.
Does not: what a kind's filters are (`lists.py`) or how its records look (`shapes_*.py`).

A page's offset is its last record's place in the order, so that records which appear or change
between two pages shift nothing. The next one begins right after it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import msgspec

from revops_pipelines.sandbox.chargebee.query import Asked, asked, offset

Shape = Callable[[Any, int], dict[str, Any]]
Value = Callable[[Any, int], Any]
KEPT_ORDERS = 16
# The pages after a first one show the list as it was so recently: at any size, and while the
# clock runs, a list is put in order once.
FRESH_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Seen:
    """A record as of an instant: `place` among all of its kind, `look` since when it looks so."""

    record: Any
    place: int
    look: int


# Its value in the order, its place, and the record.
_Entry = tuple[int, int, Seen]


@dataclass
class Shelf:
    """All records of one kind, oldest first.

    `looks` lists the instants from which a record looks different, in order. `beside` renders what
    comes along with a record, by its noun. `is_undated` records were never touched since Chargebee
    began to keep `updated_at`. `kept_seconds` bounds how long a record is shown.
    """

    noun: str
    records: Sequence[Any]
    shape: Shape
    looks: Callable[[Any], Sequence[int]]
    identity: Callable[[Any], str]
    values: Mapping[str, Value] = field(default_factory=dict)
    sorts: frozenset[str] = frozenset({"updated_at"})
    beside: Mapping[str, Callable[[Any, int], dict[str, Any]]] = field(default_factory=dict)
    deleted_at: Callable[[Any], int | None] = lambda _: None
    is_undated: Callable[[Any], bool] = lambda _: False
    kept_seconds: int | None = None

    def __post_init__(self) -> None:
        self.records = sorted(self.records, key=lambda record: self.looks(record)[0])
        self._places = {self.identity(record): at for at, record in enumerate(self.records)}
        self._rendered: dict[tuple[int, int], bytes] = {}
        self._orders: OrderedDict[Any, tuple[int, list[_Entry]]] = OrderedDict()
        self._lock = Lock()

    @property
    def fields(self) -> frozenset[str]:
        """What can be filtered by."""
        return frozenset({"id", "updated_at", *self.values})

    def find(self, identity: str, now: int) -> Seen | None:
        """The record of that identifier, if it exists by now and is not deleted."""
        place = self._places.get(identity)
        if place is None:
            return None
        seen = self._seen(place, now)
        if seen is None or self.is_gone(seen.record, now):
            return None
        return seen

    def is_gone(self, record: Any, now: int) -> bool:
        """Is it deleted?"""
        gone = self.deleted_at(record)
        return gone is not None and gone <= now

    def row(self, seen: Seen) -> bytes:
        """The record and what comes along with it, each under its noun."""
        key = (seen.place, seen.look)
        found = self._rendered.get(key)
        if found is None:
            row = {self.noun: self.body(seen)}
            row |= {noun: render(seen.record, seen.look) for noun, render in self.beside.items()}
            found = self._rendered[key] = msgspec.json.encode(row)
        return found

    def body(self, seen: Seen) -> dict[str, Any]:
        """The record's object as it looks."""
        shown = self.shape(seen.record, seen.look)
        if not self.is_undated(seen.record):
            shown |= {"updated_at": seen.look, "resource_version": seen.look * 1000}
        if self.is_gone(seen.record, seen.look):
            shown["deleted"] = True
        return shown

    def page(self, query: bytes, now: int) -> bytes:
        """A page of rows, and the offset of the next one where more follow. RefusedError."""
        wanted = asked(query, self.fields, self.sorts)
        ordered = self._ordered(wanted, now)
        start = 0
        if wanted.after is not None:
            after = wanted.after
            start = bisect_right(ordered, after, key=lambda entry: (entry[0], entry[1]))
        shown = ordered[start : start + wanted.limit]
        rows = b",".join(self.row(entry[2]) for entry in shown)
        if start + wanted.limit >= len(ordered):
            return b'{"list":[' + rows + b"]}"
        mark = msgspec.json.encode(offset(shown[-1][0], shown[-1][1]))
        return b'{"list":[' + rows + b'],"next_offset":' + mark + b"}"

    def _ordered(self, wanted: Asked, now: int) -> list[_Entry]:
        """What passes the filters, in order; kept for the pages that follow."""
        with self._lock:
            made_at, found = self._orders.get(wanted.key, (None, []))
            age = FRESH_SECONDS if wanted.after is not None else 0
            if made_at is None or not 0 <= now - made_at <= age:
                found = sorted(self._entries(wanted, now), key=lambda entry: entry[:2])
                self._orders[wanted.key] = (now, found)
                self._orders.move_to_end(wanted.key)
                if len(self._orders) > KEPT_ORDERS:
                    self._orders.popitem(last=False)
            return found

    def _entries(self, wanted: Asked, now: int) -> list[_Entry]:
        sign = -1 if wanted.is_descending else 1
        entries = []
        for place in range(len(self.records)):
            seen = self._seen(place, now)
            if seen is None or (not wanted.include_deleted and self.is_gone(seen.record, now)):
                continue
            if all(test(self._value(name, seen)) for name, test in wanted.tests):
                by = self._value(wanted.sort_by, seen) if wanted.sort_by else place
                entries.append((sign * (by or 0), sign * place, seen))
        return entries

    def _value(self, name: str, seen: Seen) -> Any:
        if name == "updated_at":
            return None if self.is_undated(seen.record) else seen.look
        if name == "id":
            return self.identity(seen.record)
        return self.values[name](seen.record, seen.look)

    def _seen(self, place: int, now: int) -> Seen | None:
        record = self.records[place]
        looks = self.looks(record)
        if looks[0] > now:
            return None
        if self.kept_seconds is not None and looks[0] < now - self.kept_seconds:
            return None
        return Seen(record, place, looks[bisect_right(looks, now) - 1])
