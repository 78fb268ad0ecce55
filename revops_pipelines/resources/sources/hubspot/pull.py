"""Pulling a type of CRM record: everything once, then what changed, and what is gone.

Belongs here: which reading follows which cursor, tombstones of archived and merged records. Does
not: how records are read (`reading.py`), small tables that are read whole (`tables.py`).

The cursor: `until`, where the last window of changes ended; `full_at` and `archived_at`, when all
records and all archived ones were last listed; `archived_refused` where HubSpot does not list
archived records of the type, whose deletes are then found by the next full listing.

A full listing that was stopped on the way leaves `listed_after`, `listed` (how many came) and
`listed_until` (when it began), and the next full one goes on from there. What is gone is then told
by the archive, and the rest found by the one after that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from revops_pipelines.engine.declarations import Pull
from revops_pipelines.engine.ingest.errors import CursorExpiredError, RequestRefusedError
from revops_pipelines.engine.ingest.guards import reconcile
from revops_pipelines.engine.ingest.nights import EARLY, is_night, moment
from revops_pipelines.engine.ingest.windows import Window, pull_window
from revops_pipelines.resources.sources.hubspot.client import HubSpot
from revops_pipelines.resources.sources.hubspot.reading import (
    Wish,
    batches,
    changed_ids,
    counted,
    id_of,
    listed,
    listed_from,
    read_records,
)

_LISTING = ("listed_after", "listed", "listed_until")
_ALWAYS = ("hs_merged_object_ids", "hs_object_source", "hubspot_owner_id")
# Quotes inside a value are escaped, so that this cannot match within somebody's text.
_MERGED = re.compile(rb'"hs_merged_object_ids":\s?"([0-9; ]+)"')
_MERGED_AT = re.compile(rb'"hs_calculated_merged_vids":\s?"([0-9:; ]+)"')


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """A type of record: its name in paths, the property that tells of changes, what it carries.

    A type that HubSpot does not search (`is_searched` false) is listed whole each time.
    """

    name: str
    modified: str = "hs_lastmodifieddate"
    history: tuple[str, ...] = ()
    associations: tuple[str, ...] = ()
    is_searched: bool = True


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one pull is to do: read the changes of a window, or without one read everything."""

    changes: Window | None
    until: datetime
    lists_archived: bool = True


def object_puller(
    kind: ObjectKind,
    needed: Sequence[str],
    named_in: Callable[[Any], Sequence[str]] = lambda options: (),
) -> Callable[[Pull], None]:
    """The `pull` of a stream of that type.

    `needed` are the properties its columns read, `named_in(options)` those that the settings name.
    """

    def pull(job: Pull) -> None:
        api: HubSpot = job.client
        wanted = (*_ALWAYS, kind.modified, *needed, *named_in(api.options))
        names = api.property_names(kind.name, wanted)
        tally = Tally(job)
        wish = Wish(kind.name, names, kind.history, kind.associations, tally.reject)
        plan = _plan(job, api, kind)
        begun = _begun(job, plan)
        known: list[str] = []
        if plan.changes is None:
            known = _pull_all(job, api, wish, tally, begun, promised=_promised(api, kind))
        else:
            _pull_changes(job, api, wish, kind.modified, plan.changes)
        done = _LISTING if plan.changes is None else ()
        cursor = {name: job.cursor[name] for name in job.cursor if name not in done}
        cursor["until"] = begun.until.isoformat()
        if plan.lists_archived:
            archived = _pull_archived(job, api, wish)
            known.extend(archived or ())
            cursor |= {"archived_at": job.now.isoformat(), "archived_refused": archived is None}
        if plan.changes is None:
            if begun.after is None:
                job.complete_ids((identifier,) for identifier in known)
            cursor["full_at"] = job.now.isoformat()
        job.finish(cursor)

    return pull


@dataclass(frozen=True, slots=True)
class _Begun:
    """Where a full listing goes on: behind which record, how many came before, since when."""

    after: str | None
    came: int
    until: datetime


def _begun(job: Pull, plan: _Plan) -> _Begun:
    """What an earlier run left of a full listing; changes since it began are still to be read."""
    at = moment(job.cursor.get("listed_until"))
    if plan.changes is not None or at is None:
        return _Begun(None, 0, plan.until)
    return _Begun(job.cursor.get("listed_after"), int(job.cursor.get("listed", 0)), at)


def _plan(job: Pull, api: HubSpot, kind: ObjectKind) -> _Plan:
    options = api.options
    last = moment(job.cursor.get("until"))
    changes = pull_window(
        last,
        job.now,
        job.now,
        lag=timedelta(seconds=options.lag_seconds),
        look_back=timedelta(minutes=options.look_back_minutes),
        server_now=api.http.server_now(),
    )
    is_listed = last is None or not kind.is_searched
    # Long lists belong into the night, which does not wait for the last minutes to pass. A pulse
    # never makes up for nights that did not happen: alerts would wait for a list of hours.
    if not is_listed and not is_night(job):
        return _Plan(changes, changes.end, lists_archived=False)
    if is_listed or _is_due(job, "full_at", timedelta(days=options.full_every_days) - EARLY):
        return _Plan(None, changes.end)
    is_due = _is_due(job, "archived_at", timedelta(hours=options.archived_every_hours))
    return _Plan(changes, changes.end, is_due and not job.cursor.get("archived_refused"))


def _is_due(job: Pull, done: str, every: timedelta) -> bool:
    at = moment(job.cursor.get(done))
    return at is None or job.now - at >= every


class Tally:
    """Puts records aside and counts them: they came, though they are not landed."""

    def __init__(self, job: Pull) -> None:
        self._job = job
        self.rejected = 0

    def reject(self, record: bytes, rule: str) -> None:
        """Put a record aside."""
        self.rejected += 1
        self._job.reject(record, rule)


def _promised(api: HubSpot, kind: ObjectKind) -> int:
    """How many records a list should hold, by the search; asked before the list is read."""
    return counted(api, kind.name) if kind.is_searched else 0


def _pull_all(
    job: Pull, api: HubSpot, wish: Wish, tally: Tally, begun: _Begun, *, promised: int
) -> list[str]:
    """List every record; returns the identifiers that exist, from where the listing began.

    A list that ends early looks like any other; the total that the search promised tells. Records
    that came since are more than promised, which is no loss. Raises VolumeAlarmError.
    """
    came = begun.came
    known: list[str] = []
    size = api.options.history_page_records if wish.history else api.options.page_records
    with api.pace.reading(-(-max(0, promised - came) // size)) as page_read:
        for records, after in _listed(api, wish, begun):
            came += len(records)
            job.write(records)
            for record in records:
                identifier = id_of(record)
                known.append(identifier)
                known.extend(_bury_merged(job, identifier, record))
            job.progress(came)
            if after is not None:
                left = (after, came + tally.rejected, begun.until.isoformat())
                job.checkpoint({**job.cursor, **dict(zip(_LISTING, left, strict=True))})
            page_read()
    if promised and begun.after is None:
        job.promised(promised)
    reconcile(wish.kind, promised, came + tally.rejected)
    return known


def _listed(api: HubSpot, wish: Wish, begun: _Begun) -> Iterator[tuple[list[bytes], str | None]]:
    """Pages from where the listing goes on. Raises CursorExpiredError if that is not known."""
    try:
        yield from listed_from(api, wish, begun.after)
    except RequestRefusedError as error:
        if begun.after is None or error.status not in (400, 410):
            raise
        raise CursorExpiredError(f"{wish.kind}: where the listing stopped is forgotten") from error


def _pull_changes(job: Pull, api: HubSpot, wish: Wish, modified: str, window: Window) -> None:
    """Search for what changed, then read it whole."""
    # With associations a larger share of work costs fewer requests.
    size = api.options.association_batch if wish.associations else api.options.history_page_records
    done = 0

    def read(some: Sequence[str]) -> None:
        records = read_records(api, wish, some)
        job.write(records)
        for record in records:
            _bury_merged(job, id_of(record), record)

    for ids, left in changed_ids(api, wish.kind, modified, window):
        job.each(read, batches(ids, size))
        job.progress(done + len(ids), done + left)
        done += len(ids)


def _pull_archived(job: Pull, api: HubSpot, wish: Wish) -> list[str] | None:
    """List what is in the recycling bin as tombstones; None where HubSpot refuses to.

    Some types of activity answer 400; that they do is kept in the cursor and shown by the check.
    """
    known: list[str] = []
    try:
        for records in listed(api, wish, archived=True):
            job.write(records)
            for record in records:
                identifier = id_of(record)
                known.append(identifier)
                job.delete((identifier,), _archived_at(record), "archived")
    except RequestRefusedError as error:
        if error.status != 400 or known:
            raise
        return None
    return known


class _Ended(msgspec.Struct, rename="camel"):
    archived_at: str | None = None
    updated_at: str | None = None


def _archived_at(record: bytes) -> datetime | None:
    """When a record was archived: not before its last change, which would count as its return.

    >>> _archived_at(b'{"archivedAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-02T00:00:00Z"}')
    datetime.datetime(2026, 1, 2, 0, 0, tzinfo=datetime.timezone.utc)
    """
    ended = msgspec.json.decode(record, type=_Ended)
    if ended.archived_at is None:
        return None
    moments = (moment(ended.archived_at), moment(ended.updated_at))
    return max(at for at in moments if at is not None)


def _bury_merged(job: Pull, identifier: str, record: bytes) -> list[str]:
    """Tombstones for the records that were merged into this one; returns their identifiers.

    Contacts keep the times of merges: `hs_calculated_merged_vids` is `id:milliseconds;...`.
    """
    losers: dict[str, datetime | None] = {}
    for merged in _MERGED.findall(record):
        losers |= dict.fromkeys(re.findall("[0-9]+", merged.decode()))
    for merged in _MERGED_AT.findall(record):
        for loser, at in re.findall("([0-9]+):([0-9]+)", merged.decode()):
            losers[loser] = datetime.fromtimestamp(int(at) / 1000, tz=UTC)
    losers.pop(identifier, None)
    for loser, at in losers.items():
        job.delete((loser,), at, f"merged into {identifier}")
    return list(losers)
