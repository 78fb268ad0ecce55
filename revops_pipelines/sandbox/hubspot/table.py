"""All records of one type, indexed for lists and searches at any moment.

Belongs here: which records are there, in which order, and when each was last changed, on arrays.
Does not: what they say (`contacts.py` and its neighbours) or how it is written (`render.py`).

Every change through the horizon is an entry (moment, until when it was the latest, record), sorted
by (moment, id): what stands at `now` are the entries with `moment <= now < until`, so time may move
on without any index being rebuilt.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from revops_pipelines.sandbox.hubspot.story import Change

FOREVER = np.iinfo(np.int64).max
Numbers = npt.NDArray[np.int64]


class Kind(Protocol):
    """What a type of record tells about its records, by their position in order of id."""

    @property
    def name(self) -> str:
        """Plural name of the type."""

    @property
    def modified(self) -> str:
        """Property that holds when a record last changed."""

    @property
    def created(self) -> str:
        """Property that holds when it was created."""

    def __len__(self) -> int: ...

    def id(self, position: int) -> int:
        """Its identifier; ascending with the position."""

    def born(self, position: int) -> int:
        """When it appeared."""

    def made(self, position: int) -> int:
        """The create date it shows; before it appeared for a record made by a merge."""

    def gone(self, position: int) -> tuple[int | None, bool]:
        """When it left the lists, and whether into the archive."""

    def moments(self, position: int) -> Sequence[int]:
        """When it appeared and changed, ascending."""

    def story(self, position: int) -> list[Change]:
        """Its changes."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Records that stand at a moment: their positions and when each last changed."""

    positions: Numbers
    modified: Numbers


class Table:
    """The index of one type of record."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        count = len(kind)
        self.ids: Numbers = np.fromiter((kind.id(i) for i in range(count)), np.int64, count)
        self.born: Numbers = np.fromiter((kind.born(i) for i in range(count)), np.int64, count)
        self.made: Numbers = np.fromiter((kind.made(i) for i in range(count)), np.int64, count)
        self.gone: Numbers = np.full(count, FOREVER, np.int64)
        self.archived = np.zeros(count, np.bool_)
        self._changed_at, self._until, self._record = self._entries()

    def _entries(self) -> tuple[Numbers, Numbers, Numbers]:
        # Arrays, not lists: at large scales there are millions of entries.
        at, until, record = array("q"), array("q"), array("q")
        for position in range(len(self.kind)):
            gone, archived = self.kind.gone(position)
            if gone is not None:
                self.gone[position] = gone
                self.archived[position] = archived
            ends = FOREVER if gone is None else gone
            moments = [moment for moment in self.kind.moments(position) if moment < ends]
            at.extend(moments)
            until.extend([*moments[1:], ends][: len(moments)])
            record.extend([position] * len(moments))
        changed, ending, of = (np.array(column, np.int64) for column in (at, until, record))
        order = np.lexsort((of, changed))
        return changed[order], ending[order], of[order]

    def find(self, id_: int) -> int | None:
        """Position of the record with that identifier."""
        position = int(np.searchsorted(self.ids, id_))
        if position < len(self.ids) and self.ids[position] == id_:
            return position
        return None

    def facts(self, position: int) -> tuple[int, int, int]:
        """Its identifier, when it appeared and when it left the lists."""
        return (
            self.ids.item(position),
            self.born.item(position),
            self.gone.item(position),
        )

    def stands(self, position: int, now: int) -> bool:
        """Is it there, and neither archived nor merged away?"""
        return self.born.item(position) <= now < self.gone.item(position)

    def in_archive(self, position: int, now: int) -> bool:
        """Was it archived by now?"""
        return self.archived.item(position) and self.gone.item(position) <= now

    def page(self, after: int, limit: int, now: int, *, archived: bool = False) -> list[int]:
        """Up to `limit + 1` positions behind the id `after`, in order of id."""
        found: list[int] = []
        position = int(np.searchsorted(self.ids, after, side="right"))
        while position < len(self.ids) and len(found) <= limit:
            window = slice(position, position + 8 * limit)
            gone = self.gone[window]
            if archived:
                there = self.archived[window] & (gone <= now)
            else:
                there = (self.born[window] <= now) & (now < gone)
            found.extend((np.nonzero(there)[0] + position).tolist())
            position += 8 * limit
        return found[: limit + 1]

    def standing(self, now: int, since: int, before: int) -> Standing:
        """Records that stand now and last changed in `[since, before)`, by (change, id)."""
        low = int(np.searchsorted(self._changed_at, since))
        high = int(np.searchsorted(self._changed_at, min(before, now + 1)))
        chosen = self._until[low:high] > now
        return Standing(self._record[low:high][chosen], self._changed_at[low:high][chosen])
