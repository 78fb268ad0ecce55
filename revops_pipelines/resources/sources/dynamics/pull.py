"""Pulling a table: everything once with a token, then what changed, and what is gone.

Belongs here: which reading follows which cursor, tombstones of deleted and merged rows. Does not:
participants of activities (`parties.py`), tables that are read whole or by window (`tables.py`).

The cursor: `delta`, the link to what changes next, and `delta_at`, when it was given; `until`, up
to when changes were read; `full_at`, when everything was last read; `select`, the columns that were
asked for: a link goes on telling only of those. A reading of everything that was stopped on the way
leaves `left`: the next page, and when it had begun.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from revops_pipelines.engine.declarations import Pull
from revops_pipelines.engine.ingest.envelope import NO_KEY
from revops_pipelines.engine.ingest.errors import CursorExpiredError, RequestRefusedError
from revops_pipelines.engine.ingest.nights import EARLY, is_night, moment
from revops_pipelines.engine.ingest.windows import pull_window
from revops_pipelines.resources.sources.dynamics.client import Dataverse, Definition, Page

_ALWAYS = ("createdon", "modifiedon", "merged", "_masterid_value", "versionnumber")
_DELETED = "$deletedEntity"
# A count that reaches this may mean more.
_COUNTED = 5_000

Enrich = Callable[[Pull, list[bytes], list[str]], list[bytes]]


@dataclass(frozen=True, slots=True)
class TableKind:
    """A table: its logical name, and what is added to its rows before they are landed."""

    table: str
    enrich: Enrich | None = None


class _Rows:
    """Reads the rows of one table: those that are there, and those that are told as deleted."""

    def __init__(self, definition: Definition) -> None:
        row = msgspec.defstruct(
            "Row",
            [
                ("key", str, msgspec.field(default="", name=definition.primary_id_attribute)),
                ("modified", str | None, msgspec.field(default=None, name="modifiedon")),
                ("merged", bool | None, None),
                ("master", str | None, msgspec.field(default=None, name="_masterid_value")),
                ("context", str, msgspec.field(default="", name="@odata.context")),
                ("id", str, ""),
                ("reason", str, ""),
            ],
        )
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(row)

    def land(self, job: Pull, page: Page, enrich: Enrich | None) -> int:
        """Land a page; returns how many rows are there."""
        records: list[bytes] = []
        keys: list[str] = []
        for record in page.value:
            try:
                row = self._decoder.decode(record)
            except msgspec.ValidationError:
                job.reject(bytes(record), NO_KEY)
                continue
            if row.context.endswith(_DELETED):
                # Dataverse does not say when.
                job.delete((row.id,), None, row.reason or "deleted")
                continue
            # A part of the page, not a copy: pages of many streams are in memory at once.
            records.append(record)
            keys.append(row.key)
            if row.merged and row.master:
                job.delete((row.key,), moment(row.modified), f"merged into {row.master}")
        job.write(records if enrich is None else enrich(job, records, keys))
        # Megabytes that whoever walks the pages would hold until the next one is there.
        page.value.clear()
        return len(keys)


def table_puller(kind: TableKind, needed: Sequence[str]) -> Callable[[Pull], None]:
    """The `pull` of a stream of that table; `needed` are the JSON names that its columns read."""

    def pull(job: Pull) -> None:
        api: Dataverse = job.client
        definition = api.definition(kind.table)
        select = definition.select((*_ALWAYS, *needed, *_named_in(api)), api.options)
        reading = _Reading(job, api, kind, definition, select)
        if definition.change_tracking_enabled:
            reading.tracked()
        else:
            reading.by_window()

    return pull


def _named_in(api: Dataverse) -> Iterable[str]:
    """Columns that the options name; asked for wherever the table has them."""
    options = api.options
    yield from options.inbound_when
    yield from options.qualified_columns
    for wanted in options.excluded_when.values():
        yield from wanted
    named = (
        options.stage_column,
        options.pipeline_column,
        options.kind_column,
        options.region_column,
    )
    yield from (name for name in named if name)


@dataclass(slots=True)
class _Reading:
    job: Pull
    api: Dataverse
    kind: TableKind
    definition: Definition
    select: str

    def tracked(self) -> None:
        """Follow the delta link while it holds; else read everything and get another.

        A pulse reads what was modified instead: alerts would wait for a list of hours.
        """
        given = moment(self.job.cursor.get("delta_at"))
        is_usable = (
            given is not None
            and self._is_fresh(given)
            and not self._is_due(self.api.options.sweep_every_days)
        )
        if is_usable and self._follow(self.job.cursor["delta"]):
            return
        if self._is_pulse():
            self._window(dict(self.job.cursor))
        else:
            self._everything()

    def _follow(self, link: str) -> bool:
        """What changed since; False where Dataverse no longer takes the token."""
        rows = _Rows(self.definition)
        delta: str | None = None
        done = 0
        try:
            for page in self.api.follow(link, on_reject=self.job.reject):
                done += rows.land(self.job, page, self.kind.enrich)
                self.job.progress(done)
                delta = page.delta or delta
                if page.next:
                    self.job.checkpoint(dict(self.job.cursor) | {"delta": page.next})
        except (CursorExpiredError, RequestRefusedError):
            return False
        if delta is None:
            return False
        known = {name: value for name, value in self.job.cursor.items() if name != "left"}
        self.job.finish(known | {"until": self._until()} | self._link(delta))
        return True

    def _everything(self) -> None:
        """Every row, from the first page or from where an earlier run was stopped."""
        left = self.job.cursor.get("left")
        began = moment(left["began"]) if left else None
        if left and began is not None and self._is_fresh(began):
            try:
                self._walk(began, left["until"], left["link"])
            except (CursorExpiredError, RequestRefusedError):
                pass
            else:
                return
        self._walk(self.job.now, self._until(), None)

    def _walk(self, began: datetime, until: str, link: str | None) -> None:
        """Read to the end, and what was changed while all was read."""
        job = self.job
        rows = _Rows(self.definition)
        done = 0
        delta: str | None = None
        is_long = link is not None
        if not is_long:
            self._promise()
        for page in self._pages({}, tracks=self.definition.change_tracking_enabled, link=link):
            done += rows.land(job, page, self.kind.enrich)
            job.progress(done)
            delta = page.delta or delta
            if page.next:
                is_long = True
                left = {"link": page.next, "began": began.isoformat(), "until": until}
                job.checkpoint(self._kept() | {"left": left, "select": self.select})
        if is_long:
            # From which moment the token tells changes is not documented: read the whole while.
            self._changed(rows, began)
        self._conclude(resumed=link is not None)
        cursor: dict[str, Any] = {"full_at": began.isoformat(), "until": until}
        job.finish(cursor | {"select": self.select} | (self._link(delta) if delta else {}))

    def _kept(self) -> dict[str, Any]:
        """What of the cursor still holds while everything is read: not a link to other columns."""
        cursor = dict(self.job.cursor)
        if cursor.get("select") != self.select:
            cursor.pop("delta", None)
            cursor.pop("delta_at", None)
        return cursor

    def _conclude(self, *, resumed: bool) -> None:
        """Say which rows exist; what an earlier run read is listed once more, by keys alone."""
        if not resumed:
            self.job.complete_ids(())
        elif "full_at" in self.job.cursor:
            key = self.definition.primary_id_attribute
            reads = msgspec.json.Decoder(dict[str, msgspec.Raw])
            for page in self._pages({"$select": key}):
                self.job.complete_ids(
                    (msgspec.json.decode(reads.decode(row)[key], type=str),) for row in page.value
                )

    def _promise(self) -> None:
        """How many rows there are, where Dataverse can tell: it counts to 5,000."""
        count = self.api.count(self.definition.entity_set_name)
        if count < _COUNTED:
            self.job.promised(count)

    def _is_fresh(self, began: datetime) -> bool:
        days = timedelta(days=self.api.options.token_days)
        return self.job.cursor.get("select") == self.select and self.job.now - began <= days

    def by_window(self) -> None:
        """Rows modified since the last window; everything now and then, for what is gone."""
        job = self.job
        is_known = "full_at" in job.cursor and "left" not in job.cursor
        is_known = is_known and job.cursor.get("select") == self.select
        is_enough = is_known and not self._is_due(self.api.options.full_every_days)
        if is_enough or self._is_pulse():
            self._window(dict(job.cursor))
        else:
            self._everything()

    def _window(self, cursor: dict[str, Any]) -> None:
        """Rows modified since the last pull; all else of the cursor stays as it is."""
        until = window_end(self.job, self.api)
        last = datetime.fromisoformat(cursor["until"])
        self._changed(_Rows(self.definition), last)
        self.job.finish(cursor | {"until": max(until, last).isoformat()})

    def _changed(self, rows: _Rows, since: datetime) -> None:
        start = since - timedelta(minutes=self.api.options.look_back_minutes)
        for page in self._pages({"$filter": f"modifiedon ge {written(start)}"}):
            rows.land(self.job, page, self.kind.enrich)

    def _pages(
        self, params: dict[str, str], *, tracks: bool = False, link: str | None = None
    ) -> Iterator[Page]:
        chosen = {"$select": self.select} if self.select else {}
        return self.api.follow(
            link,
            self.definition.entity_set_name,
            {**chosen, **params},
            tracks=tracks,
            on_reject=self.job.reject,
        )

    def _until(self) -> str:
        return window_end(self.job, self.api).isoformat()

    def _is_pulse(self) -> bool:
        """Everything was read once, and this is no night: long lists belong into the night."""
        return "full_at" in self.job.cursor and not is_night(self.job)

    def _is_due(self, days: float) -> bool:
        """Is everything to be read again? A night does not wait for the last minutes to pass."""
        at = moment(self.job.cursor.get("full_at"))
        if at is None or self._is_pulse():
            return at is None
        return self.job.now - at >= timedelta(days=days) - EARLY

    def _link(self, delta: str) -> dict[str, str]:
        return {"delta": delta, "delta_at": self.job.now.isoformat()}


def window_end(job: Pull, api: Dataverse) -> datetime:
    """Where a window that is read now may end."""
    return pull_window(
        None,
        job.now,
        job.now,
        lag=timedelta(seconds=api.options.lag_seconds),
        look_back=timedelta(),
        server_now=api.http.server_now(),
    ).end


def written(at: datetime) -> str:
    """A moment in a filter.

    >>> from datetime import UTC
    >>> written(datetime(2026, 6, 30, 12, 0, 0, 500_000, tzinfo=UTC))
    '2026-06-30T12:00:00Z'
    """
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
