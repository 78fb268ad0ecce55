"""Pulling an object: everything once, then what changed, and what is gone.

Belongs here: which reading follows which cursor, tombstones of deleted and merged records. Does
not: how records are read (`reading.py`), small tables that are read whole (`tables.py`).

The cursor: `until`, where the last window of changes ended; `full_at`, when all records were last
read; `deleted_until`, up to when deletes were told; `deleted_at`, when they were last asked for;
`hidden`, fields that we need and the user does not see. An object that the org does not have ends
with nothing but `gap`, the reason. One that was there before and is no more fails its stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from revops_pipelines.engine.declarations import Pull
from revops_pipelines.engine.ingest.errors import PermissionMissingError, RequestRefusedError
from revops_pipelines.engine.ingest.nights import EARLY, is_night, moment
from revops_pipelines.engine.ingest.windows import Window, pull_window
from revops_pipelines.resources.sources.salesforce import deletes
from revops_pipelines.resources.sources.salesforce.client import Salesforce
from revops_pipelines.resources.sources.salesforce.reading import Query, Reading, counted, read
from revops_pipelines.resources.sources.salesforce.records import Record
from revops_pipelines.resources.sources.salesforce.schema import (
    Described,
    Gap,
    describe,
    gap_of,
    hidden_fields,
    readable_fields,
)


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """An object: its name in the API and the field that dates its changes."""

    name: str
    cursor: str = "SystemModstamp"


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one pull is to do: read the changes of a window, or without one read everything."""

    changes: Window | None
    until: datetime
    asks_deletes: bool


def object_puller(kind: ObjectKind, needed: Sequence[str]) -> Callable[[Pull], None]:
    """The `pull` of a stream of that object; `needed` are the fields that its columns read."""

    def pull(job: Pull) -> None:
        api: Salesforce = job.client
        described = describe(api, kind.name)
        if isinstance(described, Described):
            try:
                if described.has(kind.cursor):
                    _pull(job, api, kind, described, needed)
                else:
                    read_whole(job, api, described, needed)
                return
            except RequestRefusedError as error:
                gap = gap_of(kind.name, error)
                if gap is None:
                    raise
                described = gap
        end_empty(job, described)

    return pull


def end_empty(job: Pull, gap: Gap) -> None:
    """End a stream whose object cannot be read, with the reason as its cursor.

    Raises PermissionMissingError where it could be read before: data that stops is no gap.
    """
    if "until" in job.cursor:
        raise PermissionMissingError(f"could be read before, and no more: {gap.reason}")
    job.finish({"gap": gap.reason})


def _pull(
    job: Pull, api: Salesforce, kind: ObjectKind, described: Described, needed: Sequence[str]
) -> None:
    fields = readable_fields(described, api.options.skip_fields.get(kind.name, ()))
    query = Query(kind.name, fields, kind.cursor, on_reject=job.reject)
    plan = _plan(job, api)
    cursor: dict[str, Any] = {"until": plan.until.isoformat()}
    hidden = hidden_fields(described, needed)
    if hidden:
        cursor["hidden"] = hidden
    if plan.changes is None:
        _pull_all(job, api, query)
        cursor |= _done(job, "full_at", "deleted_at") | {"deleted_until": plan.until.isoformat()}
    else:
        window = Query(kind.name, fields, kind.cursor, plan.changes, on_reject=job.reject)
        _land(job, read(api, window), dict(job.cursor))
        # A first load that was stopped on the way is whole now.
        cursor["full_at"] = job.cursor.get("full_at", job.now.isoformat())
        if plan.asks_deletes and described.replicateable:
            cursor |= _pull_deletes(job, api, query, plan.until)
        else:
            cursor |= _kept(job, "deleted_at", "deleted_until")
    job.finish(cursor)


def read_whole(job: Pull, api: Salesforce, described: Described, needed: Sequence[str]) -> None:
    """Read an object as it stands, each time anew; what is not among it is gone."""
    skipped = api.options.skip_fields.get(described.name, ())
    dated = next((n for n in ("SystemModstamp", "LastModifiedDate") if described.has(n)), "")
    fields = readable_fields(described, skipped)
    query = Query(described.name, fields, dated, on_reject=job.reject)
    reading = read(api, query)
    if reading.total is not None:
        job.promised(reading.total)
    for page in reading.pages:
        job.write([record.line for record in page])
        bury(job, page)
    job.complete_ids(())
    # `until` says that there was something to read: losing it later is no gap.
    cursor: dict[str, Any] = {"until": job.now.isoformat()}
    hidden = hidden_fields(described, needed)
    job.finish(cursor | ({"hidden": hidden} if hidden else {}))


def _plan(job: Pull, api: Salesforce) -> _Plan:
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
    # Long readings belong into the night, which does not wait for the last minutes to pass. A pulse
    # never makes up for nights that did not happen: alerts would wait for a reading of hours.
    if last is not None and not is_night(job):
        return _Plan(changes, changes.end, asks_deletes=False)
    if last is None or _is_due(job, "full_at", timedelta(days=options.full_every_days) - EARLY):
        return _Plan(None, changes.end, asks_deletes=False)
    every = timedelta(hours=options.deleted_every_hours)
    asked = "deleted_at" not in job.cursor or _is_due(job, "deleted_at", every)
    return _Plan(changes, changes.end, asks_deletes=asked)


def _is_due(job: Pull, done: str, every: timedelta) -> bool:
    at = moment(job.cursor.get(done))
    return at is not None and job.now - at >= every


def _done(job: Pull, *names: str) -> dict[str, Any]:
    return dict.fromkeys(names, job.now.isoformat())


def _kept(job: Pull, *names: str) -> dict[str, Any]:
    return {name: job.cursor[name] for name in names if name in job.cursor}


def _pull_all(job: Pull, api: Salesforce, query: Query) -> None:
    """Read every record; what is not among them is gone for good."""
    is_first = "until" not in job.cursor
    total = counted(api, query)
    _land(job, read(api, query, total), {} if is_first else None)
    job.complete_ids(())


def _land(job: Pull, reading: Reading, begun: dict[str, Any] | None) -> None:
    """Land the records and the tombstones of those that are deleted.

    Records in order of time make a checkpoint of each page, upon the cursor that was `begun` with.
    """
    done = 0
    if reading.total is not None:
        job.promised(reading.total)
    for page in reading.pages:
        job.write([record.line for record in page])
        bury(job, page)
        done += len(page)
        job.progress(done, reading.total)
        if reading.is_ordered and begun is not None and page and page[-1].changed_at:
            job.checkpoint(begun | {"until": _as_cursor(page[-1].changed_at)})


def _as_cursor(changed_at: str) -> str:
    return datetime.fromisoformat(changed_at).astimezone(UTC).isoformat()


def bury(job: Pull, page: Iterable[Record]) -> None:
    """Tombstones for the deleted of a page; the losers of a merge name their winner."""
    for record in page:
        if record.is_deleted:
            into = f"merged into {record.master_id}" if record.master_id else "deleted"
            job.delete((record.id,), record.gone_at, into)


def _pull_deletes(job: Pull, api: Salesforce, query: Query, until: datetime) -> dict[str, Any]:
    """Ask for the deletes since the last time; where Salesforce forgot some, compare all ids."""
    since = moment(job.cursor.get("deleted_until") or job.cursor.get("until")) or until
    options = api.options
    window = Window(since - timedelta(minutes=options.look_back_minutes), until)
    told = None
    if job.now - window.start < timedelta(days=options.deletes_kept_days):
        told = deletes.told(api, query.object, window)
    if told is None:
        deletes.compare_ids(job, api, query)
        return _done(job, "deleted_at") | {"deleted_until": until.isoformat()}
    for identifier, at in told.records:
        job.delete((identifier,), at, "deleted")
    return _done(job, "deleted_at") | {"deleted_until": told.covered_until.isoformat()}
