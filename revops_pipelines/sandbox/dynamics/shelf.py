"""All rows of one table, indexed for lists, filters and changes at any moment.

Belongs here: which rows are there and when each last changed, on arrays. Does not: what they say
(`people.py` and its neighbours) or how they are written (`render.py`).
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from revops_pipelines.sandbox.dynamics.story import Change

FOREVER = int(np.iinfo(np.int64).max)
Numbers = npt.NDArray[np.int64]


class Kind(Protocol):
    """What a table's rows are made from, by their position in order of number."""

    @property
    def name(self) -> str:
        """Logical name of the table."""

    def __len__(self) -> int: ...

    def number(self, position: int) -> int:
        """The number in its identifier; ascending with the position."""

    def gone(self, position: int) -> int | None:
        """When it was deleted."""

    def moments(self, position: int) -> Sequence[int]:
        """When it was made and changed, ascending."""

    def story(self, position: int) -> list[Change]:
        """Its changes; the first made it."""


class Row(NamedTuple):
    """A row of a small table, told at once."""

    number: int
    story: list[Change]
    gone: int | None = None


class Rows:
    """A small table's rows, kept as they are."""

    def __init__(self, name: str, rows: Sequence[Row]) -> None:
        self.name = name
        self._rows = sorted(rows, key=lambda row: row.number)

    def __len__(self) -> int:
        return len(self._rows)

    def number(self, position: int) -> int:
        """The number in its identifier."""
        return self._rows[position].number

    def gone(self, position: int) -> int | None:
        """When it was deleted."""
        return self._rows[position].gone

    def moments(self, position: int) -> list[int]:
        """When it was made and changed."""
        return [change.at for change in self.story(position)]

    def story(self, position: int) -> list[Change]:
        """Its changes."""
        return self._rows[position].story


class Shelf:
    """The index of one table."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        count = len(kind)
        self.numbers: Numbers = np.fromiter((kind.number(i) for i in range(count)), np.int64, count)
        self.born: Numbers = np.zeros(count, np.int64)
        self.gone: Numbers = np.full(count, FOREVER, np.int64)
        self._changed_at, self._record = self._entries()

    def _entries(self) -> tuple[Numbers, Numbers]:
        at, record = array("q"), array("q")
        for position in range(len(self.kind)):
            moments = self.kind.moments(position)
            gone = self.kind.gone(position)
            self.born[position] = moments[0]
            if gone is not None:
                self.gone[position] = max(gone, moments[0])
            at.extend(moments)
            record.extend([position] * len(moments))
        changed, of = np.array(at, np.int64), np.array(record, np.int64)
        order = np.lexsort((of, changed))
        return changed[order], of[order]

    def find(self, number: int) -> int | None:
        """Position of the row with that number."""
        position = int(np.searchsorted(self.numbers, number))
        if position < len(self.numbers) and self.numbers.item(position) == number:
            return position
        return None

    def stands(self, position: int, now: int) -> bool:
        """Is it there?"""
        return bool(self.born.item(position) <= now < self.gone.item(position))

    def standing(self, now: int, after: int = -1) -> Iterator[int]:
        """Positions of the rows that are there, behind the number `after`, in order of number."""
        position = int(np.searchsorted(self.numbers, after, side="right"))
        while position < len(self.numbers):
            window = slice(position, position + 8_000)
            there = (self.born[window] <= now) & (now < self.gone[window])
            yield from (np.nonzero(there)[0] + position).tolist()
            position += 8_000

    def touched(self, since: int, upto: int) -> list[tuple[int, int]]:
        """Last change (within `since` < change <= `upto`) and position of rows that are there."""
        low = int(np.searchsorted(self._changed_at, since, side="right"))
        high = int(np.searchsorted(self._changed_at, upto, side="right"))
        moments, positions = self._changed_at[low:high].tolist(), self._record[low:high].tolist()
        # The last one of a row is what remains.
        last = dict(zip(positions, moments, strict=True))
        return sorted((at, p) for p, at in last.items() if self.stands(p, upto))

    def removed(self, since: int, upto: int) -> list[tuple[int, int]]:
        """When and which rows went within `since` < deletion <= `upto`."""
        chosen = np.nonzero((self.gone > since) & (self.gone <= upto))[0].tolist()
        return sorted((self.gone.item(position), position) for position in chosen)

    def modified(self, position: int, now: int) -> int:
        """When it last changed."""
        moments = self.kind.moments(position)
        return moments[max(0, bisect_right(moments, now) - 1)]
