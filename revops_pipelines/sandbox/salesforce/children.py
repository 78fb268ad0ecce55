"""Records that belong to others: rows of histories, roles, relations.

Belongs here: numbering them without keeping them, and field histories from a parent's changes. Does
not: what any of them says.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from revops_pipelines.sandbox.salesforce.story import Change, moments_of
from revops_pipelines.sandbox.salesforce.table import Records

# A child's changes, and when it was deleted.
Child = tuple[Sequence[Change], int | None]
# When a child appeared and changed, and when it was deleted.
Brief = tuple[Sequence[int], int | None]


class Children:
    """The children of every parent, numbered through in the order of the parents."""

    def __init__(
        self,
        sobject: str,
        parents: int,
        told: Callable[[int], Sequence[Child]],
        base: int = 0,
        brief: Callable[[int], Sequence[Brief]] | None = None,
    ) -> None:
        """`told` gives a parent's children by its position; `base` is the first number less one.

        `brief` tells the same without what they say, where that is cheaper.
        """
        self.sobject = sobject
        self._told = told
        self._brief = brief or (lambda parent: [_in_brief(child) for child in told(parent)])
        self._base = base
        counts = (len(self._brief(parent)) for parent in range(parents))
        self._ends = array("q", accumulate(counts))
        self._last: tuple[int, Sequence[Child]] = (-1, ())
        self._last_brief: tuple[int, Sequence[Brief]] = (-1, ())

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def number(self, position: int) -> int:
        """The number in its id."""
        return self._base + position + 1

    def gone(self, position: int) -> int | None:
        """When it was deleted."""
        return self._briefly(position)[1]

    def archived(self, position: int) -> int | None:
        """Never."""
        return None

    def moments(self, position: int) -> Sequence[int]:
        """When it appeared and changed."""
        return self._briefly(position)[0]

    def story(self, position: int) -> Sequence[Change]:
        """Its changes."""
        parent, place = self._place(position)
        if self._last[0] != parent:
            self._last = (parent, self._told(parent))
        return self._last[1][place][0]

    def _briefly(self, position: int) -> Brief:
        parent, place = self._place(position)
        if self._last_brief[0] != parent:
            self._last_brief = (parent, self._brief(parent))
        return self._last_brief[1][place]

    def _place(self, position: int) -> tuple[int, int]:
        """Which parent's it is, and which of its children."""
        parent = bisect_right(self._ends, position)
        return parent, position - (self._ends[parent - 1] if parent else 0)


def _in_brief(child: Child) -> Brief:
    return moments_of(child[0]), child[1]


class FieldHistory:
    """What a field-history object tells of its parents.

    `tracked` maps a field to the name that the history gives it; of a lookup it writes two rows,
    one with names and one with ids.
    """

    def __init__(
        self,
        records: Records,
        link: str,
        parent_id: Callable[[int], str],
        tracked: Mapping[str, str],
        name_of: Callable[[str], str],
    ) -> None:
        """`link` is the field that holds the parent's id; `name_of` tells a record's name."""
        self._records = records
        self._link = link
        self._parent_id = parent_id
        self._tracked = tracked
        self._name_of = name_of

    def told(self, parent: int) -> list[Child]:
        """The rows of one parent."""
        gone = self._records.gone(parent)
        return [
            ([change], gone)
            for change in self._rows(self._parent_id(parent), self._records.story(parent))
            if gone is None or change.at <= gone
        ]

    def _rows(self, id_: str, story: Sequence[Change]) -> Iterator[Change]:
        first = story[0]
        yield self._row(first, id_, "created", "Text", None, None)
        before = dict(first.values)
        for change in story[1:]:
            for name, shown in self._tracked.items():
                if change.is_silent or name not in change.values:
                    continue
                old, new = before.get(name), change.values[name]
                if old != new:
                    yield from self._changed(change, id_, shown, old, new)
            before.update(change.values)

    def _changed(
        self, change: Change, id_: str, shown: str, old: Any, new: Any
    ) -> Iterator[Change]:
        if shown in ("Owner", "RecordType"):
            names = [None if each is None else self._name_of(each) for each in (old, new)]
            yield self._row(change, id_, shown, "Text", *names)
            yield self._row(change, id_, shown, "EntityId", old, new)
        else:
            yield self._row(change, id_, shown, "Text", old, new)

    def _row(self, change: Change, id_: str, shown: str, kind: str, old: Any, new: Any) -> Change:
        values = {
            self._link: id_,
            "Field": shown,
            "DataType": kind,
            "OldValue": old,
            "NewValue": new,
        }
        return Change(change.at, values, change.by)
