"""Records that belong to others: rows of histories, roles, relations.

Belongs here: numbering them without keeping them, and field histories from a parent's changes. Does
not: what any of them says.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from revops_pipelines.sandbox.salesforce.story import Change
from revops_pipelines.sandbox.salesforce.table import Records

# A child's changes, and when it was deleted.
Child = tuple[Sequence[Change], int | None]


class Children:
    """The children of every parent, numbered through in the order of the parents."""

    def __init__(
        self, sobject: str, parents: int, told: Callable[[int], Sequence[Child]], base: int = 0
    ) -> None:
        """`told` gives a parent's children by its position; `base` is the first number less one."""
        self.sobject = sobject
        self._told = told
        self._base = base
        counts = array("q", (len(told(parent)) for parent in range(parents)))
        self._ends = np.cumsum(np.array(counts, np.int64))
        self._last: tuple[int, Sequence[Child]] = (-1, ())

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def number(self, position: int) -> int:
        """The number in its id."""
        return self._base + position + 1

    def gone(self, position: int) -> int | None:
        """When it was deleted."""
        return self._child(position)[1]

    def archived(self, position: int) -> int | None:
        """Never."""
        return None

    def moments(self, position: int) -> Sequence[int]:
        """When it appeared and changed."""
        return [each.at for each in self._child(position)[0] if not each.is_silent]

    def story(self, position: int) -> Sequence[Change]:
        """Its changes."""
        return self._child(position)[0]

    def _child(self, position: int) -> Child:
        parent = int(np.searchsorted(self._ends, position, side="right"))
        if self._last[0] != parent:
            self._last = (parent, self._told(parent))
        begins = int(self._ends[parent - 1]) if parent else 0
        return self._last[1][position - begins]


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
