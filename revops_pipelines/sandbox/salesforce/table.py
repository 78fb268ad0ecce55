"""All records of one object, indexed for queries at any moment.

Belongs here: which records can be seen when, when each was last changed, and how each stands then.
Does not: what the records say (`people.py` and its neighbours), or the query language.

Every change through the horizon is an entry (moment, until when it was the latest, record), sorted
by moment: what stands at `now` are the entries with `moment <= now < until`, so time may move on
without any index being rebuilt.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from revops_pipelines.sandbox.salesforce.ids import record_id
from revops_pipelines.sandbox.salesforce.objects import SObject
from revops_pipelines.sandbox.salesforce.story import DAY_MS, Change

FOREVER = np.iinfo(np.int64).max
Numbers = npt.NDArray[np.int64]
Row = Mapping[str, Any]
# "Manage the Recycle Bin": deleted records stay 15 days.
RECYCLE_BIN_MS = 15 * DAY_MS
# "Archived Activities": activities older than 365 days.
ARCHIVED_AFTER_MS = 365 * DAY_MS
# Rows of an object that are kept while they do not change; about 2 kB each.
MOST_KEPT = 50_000


class Records(Protocol):
    """What an object tells about its records, by their position in order of id."""

    @property
    def sobject(self) -> str:
        """Name of the object."""

    def __len__(self) -> int: ...

    def number(self, position: int) -> int:
        """The number in its id; ascending with the position."""

    def gone(self, position: int) -> int | None:
        """When it was deleted or merged away."""

    def archived(self, position: int) -> int | None:
        """When what it tells of was over, for activities: a year later it is archived."""

    def moments(self, position: int) -> Sequence[int]:
        """When it appeared and changed for everybody to see, ascending."""

    def story(self, position: int) -> Sequence[Change]:
        """Its changes, oldest first."""


class Table:
    """The index of one object, and its rows at any moment."""

    def __init__(self, schema: SObject, records: Records, *, keeps_deleted: bool) -> None:
        self.schema = schema
        self.records = records
        count = len(records)
        self.ids = [record_id(schema.name, records.number(at)) for at in range(count)]
        self._positions = {id_: position for position, id_ in enumerate(self.ids)}
        self.born: Numbers = np.full(count, FOREVER, np.int64)
        self.gone: Numbers = np.full(count, FOREVER, np.int64)
        self._archived: Numbers = np.full(count, FOREVER, np.int64)
        # What has no mark of deletion is in no recycle bin: it is gone.
        has_bin = "IsDeleted" in schema.fields
        bin_ms = 0 if not has_bin else FOREVER if keeps_deleted else RECYCLE_BIN_MS
        self._changed_at, self._until, self._record = self._entries(bin_ms)
        self._seconds: Numbers = self._changed_at // 1_000
        self._purged = np.where(self.gone > FOREVER - bin_ms, FOREVER, self.gone + bin_ms)
        self._kept: dict[int, tuple[int, int, Row]] = {}

    def _entries(self, bin_ms: int) -> tuple[Numbers, Numbers, Numbers]:
        # Arrays, not lists: at large scales there are millions of entries.
        at, until, record = array("q"), array("q"), array("q")
        for position in range(len(self.records)):
            gone, over = self.records.gone(position), self.records.archived(position)
            if over is not None:
                self._archived[position] = over + ARCHIVED_AFTER_MS
            moments = list(self.records.moments(position))
            ends = FOREVER
            if gone is not None:
                self.gone[position] = gone
                moments = [*(each for each in moments if each < gone), gone]
                ends = FOREVER if bin_ms == FOREVER else gone + bin_ms
            self.born[position] = moments[0]
            at.extend(moments)
            until.extend([*moments[1:], ends])
            record.extend([position] * len(moments))
        changed, ending, of = (np.array(column, np.int64) for column in (at, until, record))
        order = np.lexsort((of, changed // 1_000))
        return changed[order], ending[order], of[order]

    def find(self, id_: str) -> int | None:
        """Position of the record with that identifier, whether there yet or not."""
        return self._positions.get(id_)

    def seen(self, positions: Numbers, now: int, *, everything: bool) -> npt.NDArray[np.bool_]:
        """Which of some records a query sees: with `everything` also deleted and archived ones."""
        until = self._purged if everything else np.minimum(self.gone, self._archived)
        there: npt.NDArray[np.bool_] = (self.born[positions] <= now) & (now < until[positions])
        return there

    def standing(self, now: int, *, everything: bool) -> Numbers:
        """Positions of all records that a query sees, in order of id."""
        every: Numbers = np.arange(len(self.ids))
        return every[self.seen(every, now, everything=everything)]

    def changed(self, now: int, low: int, high: int, *, everything: bool) -> Numbers:
        """The same of those whose `SystemModstamp` lies in epoch seconds `[low, high)`.

        In order of `SystemModstamp`, then of id.
        """
        first, last = np.searchsorted(self._seconds, (low, min(high, now // 1_000 + 1)))
        window = slice(int(first), int(last))
        chosen = (self._changed_at[window] <= now) & (self._until[window] > now)
        positions: Numbers = self._record[window][chosen]
        return positions[self.seen(positions, now, everything=everything)]

    def row(self, position: int, now: int) -> Row:
        """All fields of a record as they stand; kept while they do not change."""
        kept = self._kept.get(position)
        if kept is not None and kept[0] <= now < kept[1]:
            return kept[2]
        until, row = self._stand(position, now)
        if kept is not None or len(self._kept) < MOST_KEPT:
            self._kept[position] = (now, until, row)
        return row

    def _stand(self, position: int, now: int) -> tuple[int, Row]:
        story = self.records.story(position)
        gone = int(self.gone[position])
        first = story[0]
        values: dict[str, Any] = {"Id": self.ids[position], "IsDeleted": gone <= now}
        modified, by, until = first.at, first.by, min(gone if gone > now else FOREVER, FOREVER)
        for change in story:
            if change.at > min(now, gone):
                until = min(until, change.at)
                break
            values.update(change.values)
            if not change.is_silent:
                modified, by = change.at, change.by
        if gone <= now:
            modified = gone
        values["CreatedDate"], values["CreatedById"] = first.at, first.by
        values["LastModifiedDate"], values["LastModifiedById"] = modified, by
        values["SystemModstamp"] = modified
        if "IsArchived" in self.schema.fields:
            ends = int(self._archived[position])
            values["IsArchived"] = ends <= now
            until = min(until, ends) if ends > now else until
        return until, values

    def deleted_between(self, since: int, until: int, now: int) -> list[tuple[int, str]]:
        """When and what was deleted in a span, as far as the recycle bin reaches."""
        there = (self.gone >= since) & (self.gone < until) & (self.gone <= now)
        there &= (now < self._purged) & (self.born <= now)
        positions = np.nonzero(there)[0]
        return sorted((int(self.gone[each]), self.ids[each]) for each in positions)


class Listed:
    """Records that are few and fixed: number, story and when each was deleted, ready made."""

    def __init__(
        self, sobject: str, rows: Sequence[tuple[int, Sequence[Change], int | None]] = ()
    ) -> None:
        self.sobject = sobject
        self._rows = sorted(rows, key=lambda row: row[0])

    def __len__(self) -> int:
        return len(self._rows)

    def number(self, position: int) -> int:
        """The number in its id."""
        return self._rows[position][0]

    def gone(self, position: int) -> int | None:
        """When it was deleted."""
        return self._rows[position][2]

    def archived(self, position: int) -> int | None:
        """Never."""
        return None

    def moments(self, position: int) -> Sequence[int]:
        """When it appeared and changed."""
        return [each.at for each in self._rows[position][1] if not each.is_silent]

    def story(self, position: int) -> Sequence[Change]:
        """Its changes."""
        return self._rows[position][1]
