"""A shelf: all records of one kind, oldest first, served newest first as of an instant.

Belongs here: paging, bounds and indexes over records, and their bytes, rendered once a version.
Does not: what a kind's filters are (`lists.py`) or how its objects look (`shapes_*.py`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

import msgspec

from revops_pipelines.sandbox.stripe.query import Asked
from revops_pipelines.sandbox.stripe.replies import RefusedError, missing


class Record(Protocol):
    """What a shelf holds."""

    @property
    def id(self) -> str:
        """Its identifier."""

    @property
    def created(self) -> int:
        """Since when it is shown, epoch seconds."""


Shape = Callable[[Any, int], dict[str, Any]]
Test = Callable[[Any, int], bool]


def fixed(record: Record) -> tuple[int, ...]:
    """The looks of a record that never changes."""
    return (record.created,)


class Shelf:
    """All records of one kind.

    `looks` lists the instants from which a record looks different, in order; `keys` says by which
    of its values it can be found quickly, by filter name; `gone_at` when it leaves the lists.
    """

    def __init__(
        self,
        noun: str,
        url: str,
        records: Sequence[Any],
        shape: Shape,
        looks: Callable[[Any], Sequence[int]] = fixed,
        keys: Mapping[str, Callable[[Any], str | None]] | None = None,
        gone_at: Callable[[Any], int | None] | None = None,
    ) -> None:
        self.noun = noun
        self.url = url
        self.shape = shape
        self.looks = looks
        self.gone_at = gone_at
        self.records = sorted(records, key=lambda record: record.created)
        self._created = [record.created for record in self.records]
        self._places = {record.id: place for place, record in enumerate(self.records)}
        self._keys = keys or {}
        self._indexes: dict[str, dict[str, list[int]]] = {}
        self._rendered: dict[tuple[int, int], bytes] = {}

    def find(self, identity: str, now: int) -> Any | None:
        """The record of that identifier, if it exists by now; also when it is gone since."""
        place = self._places.get(identity)
        if place is None or self._created[place] > now:
            return None
        return self.records[place]

    def is_gone(self, record: Any, now: int) -> bool:
        """Has it left the lists?"""
        if self.gone_at is None:
            return False
        gone = self.gone_at(record)
        return gone is not None and gone <= now

    def body(self, record: Any, now: int) -> bytes:
        """The record's object as of now, as JSON."""
        looks = self.looks(record)
        look = bisect_right(looks, now) - 1
        key = (self._places[record.id], look)
        found = self._rendered.get(key)
        if found is None:
            found = msgspec.json.encode(self.shape(record, looks[max(look, 0)]))
            self._rendered[key] = found
        return found

    def page(
        self, asked: Asked, now: int, test: Test | None = None, by: str | None = None
    ) -> tuple[list[Any], bool]:
        """The records of a page, newest first, and whether more follow in the asked direction.

        `by` names the key that narrows the search; `test` decides about each record left.
        """
        places = self._narrowed(asked, by)
        low, high = self._bounds(places, asked, now)
        if asked.ending_before is not None:
            cursor = self._place(asked.ending_before, "ending_before", now)
            low = max(low, bisect_right(places, cursor))
            found = list(islice(self._kept(places, range(low, high), now, test), asked.limit + 1))
            return found[: asked.limit][::-1], len(found) > asked.limit
        if asked.starting_after is not None:
            cursor = self._place(asked.starting_after, "starting_after", now)
            high = min(high, bisect_left(places, cursor))
        downwards = range(high - 1, low - 1, -1)
        found = list(islice(self._kept(places, downwards, now, test), asked.limit + 1))
        return found[: asked.limit], len(found) > asked.limit

    def _kept(
        self, places: Sequence[int], steps: range, now: int, test: Test | None
    ) -> Iterator[Any]:
        for step in steps:
            record = self.records[places[step]]
            if not self.is_gone(record, now) and (test is None or test(record, now)):
                yield record

    def _place(self, identity: str, param: str, now: int) -> int:
        place = self._places.get(identity)
        if place is None or self._created[place] > now:
            raise RefusedError(missing(self.noun, identity, param, status=400))
        return place

    def _bounds(self, places: Sequence[int], asked: Asked, now: int) -> tuple[int, int]:
        """Positions in `places` of what was created within the bounds and by now."""
        before = now + 1 if asked.before is None else min(asked.before, now + 1)
        high = bisect_left(self._created, before)
        low = 0 if asked.since is None else bisect_left(self._created, asked.since)
        return bisect_left(places, low), bisect_left(places, high)

    def _narrowed(self, asked: Asked, by: str | None) -> Sequence[int]:
        wanted = asked.one(by) if by is not None else None
        if by is None or wanted is None:
            return range(len(self.records))
        if by not in self._indexes:
            self._indexes[by] = self._indexed(self._keys[by])
        return self._indexes[by].get(wanted, [])

    def _indexed(self, key: Callable[[Any], str | None]) -> dict[str, list[int]]:
        index: dict[str, list[int]] = {}
        for place, record in enumerate(self.records):
            value = key(record)
            if value is not None:
                index.setdefault(value, []).append(place)
        return index

    def key(self, name: str) -> Callable[[Any], str | None]:
        """How a record's value for a key is found."""
        return self._keys[name]

    @property
    def keys(self) -> frozenset[str]:
        """The filters that an index answers."""
        return frozenset(self._keys)
