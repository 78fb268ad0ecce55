"""Pulling leads and activities: everything once by bulk extracts, then what the log tells.

Belongs here: which reading follows which cursor, and tombstones. Does not: tables that are read
whole (`tables.py`), or how a bulk extract works (`bulk.py`).

Leads have no list of changes. The activity log tells which ones changed (new, data value, score,
merge), and these are read again by id. In a cursor `until` is where the last window ended, and
`full_at` when all leads were last extracted.

A day's allowance of extracts may end a large first load. What was extracted by then is kept: for
leads `filled` is up to where, and `filling_since` when that began, from where the log is read once
all are there. Only an extract that is whole in one pull tells who is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec

from revops_pipelines.engine.declarations import Pull
from revops_pipelines.engine.ingest.envelope import OnReject
from revops_pipelines.engine.ingest.guards import VolumeGuard
from revops_pipelines.engine.ingest.nights import moment
from revops_pipelines.engine.ingest.paging import follow
from revops_pipelines.engine.ingest.windows import Window, pull_window
from revops_pipelines.resources.sources.marketo import bulk, records
from revops_pipelines.resources.sources.marketo.bulk import Extract
from revops_pipelines.resources.sources.marketo.client import Marketo, Page
from revops_pipelines.resources.sources.marketo.tables import asset_moment

Item = TypeVar("Item")
# Marketo was founded in 2006: no record is older.
EARLIEST = datetime(2006, 1, 1, tzinfo=UTC)
NEW_LEAD, MERGED = 12, 32
_LANDED_AT_ONCE = 1_000
# What a full extract of leads tells the streams after it.
LEAD_IDS = "lead_ids"
# The first new person lies behind at most so many empty pages; then programs must do.
_PAGES_TO_THE_FIRST = 50


class _Created(msgspec.Struct, rename="camel"):
    created_at: str = ""


class _Id(msgspec.Struct):
    id: int


@dataclass(slots=True)
class _Changes:
    """Leads that the log names: changed ones, and gone ones with when and why."""

    changed: set[str] = field(default_factory=set)
    gone: dict[str, tuple[datetime, str]] = field(default_factory=dict)

    def to_read(self) -> list[str]:
        """Changed leads that should still be there, in a fixed order."""
        return sorted(self.changed - self.gone.keys())


def pull_activities(job: Pull) -> None:
    """Activities: in bulk at first and over long gaps, else from the log."""
    api: Marketo = job.client
    window = window_of(job, api)
    longest = timedelta(hours=api.options.bulk_after_hours)
    if "until" not in job.cursor or window.length > longest:
        _extract_activities(job, api, window)
    else:
        _follow_log(job, api, window.start)
    job.finish({"until": window.end.isoformat()})


def pull_leads(job: Pull) -> None:
    """Leads: all in bulk at first and now and then, else those that the log says have changed."""
    api: Marketo = job.client
    window = window_of(job, api)
    if is_full_due(job, api):
        since = _extract_leads(job, api, window)
        job.finish({"until": since, "full_at": job.now.isoformat()})
    else:
        _read_changes(job, api, window.start)
        job.finish(dict(job.cursor) | {"until": window.end.isoformat()})


def window_of(job: Pull, api: Marketo) -> Window:
    """The window of this pull: from the last one's end, or the oldest record, to now."""
    options = api.options
    last = moment(job.cursor.get("until"))
    first = job.now if last is not None else first_moment(api)
    return pull_window(
        last,
        first,
        job.now,
        lag=timedelta(seconds=options.lag_seconds),
        look_back=timedelta(minutes=options.look_back_minutes),
        server_now=api.http.server_now(),
    )


def is_full_due(job: Pull, api: Marketo) -> bool:
    """Is it time to read everything, because changes may have been missed?"""
    last, full_at = moment(job.cursor.get("until")), moment(job.cursor.get("full_at"))
    if last is None or full_at is None or "filled" in job.cursor:
        return True
    if job.now - full_at >= timedelta(days=api.options.full_every_days):
        return True
    # Deleted leads are told of for two weeks only.
    return job.now - last >= timedelta(days=api.options.deletions_kept_days)


def first_moment(api: Marketo) -> datetime:
    """When the oldest record may have been made: an extract must begin somewhere."""
    began = api.options.began_on
    if began is not None:
        return datetime(began.year, began.month, began.day, tzinfo=UTC)
    return api.began(lambda: _oldest(api))


def _oldest(api: Marketo) -> datetime:
    """The oldest program or the oldest new person, whichever is earlier, and a day of grace."""
    moments = [
        asset_moment(msgspec.json.decode(record, type=_Created).created_at)
        for page in api.programs()
        for record in page
    ]
    for number, page in enumerate(api.activities(EARLIEST, (NEW_LEAD,))):
        if page:
            moments.append(msgspec.json.decode(page[0], type=records.Logged).at)
        if page or number >= _PAGES_TO_THE_FIRST:
            break
    return min(moments, default=EARLIEST) - timedelta(days=1)


def _extract(
    job: Pull,
    api: Marketo,
    kind: bulk.Kind,
    window: Window,
    columns: Sequence[str],
    land: Callable[[list[Mapping[str, str]]], None],
    reached: Callable[[datetime], None],
) -> None:
    """Extract a window in pieces, several at once, and land their rows; `reached` says how far."""

    def work(piece: Window) -> None:
        for part in batches(bulk.rows(api, Extract(kind, tuple(columns), piece)), _LANDED_AT_ONCE):
            land(part)

    for pieces in batches(iter(bulk.windows(api, window)), api.options.exports_at_once):
        job.each(work, pieces)
        reached(min(pieces[-1].end, window.end))


def _extract_activities(job: Pull, api: Marketo, window: Window) -> None:
    def land(rows: list[Mapping[str, str]]) -> None:
        job.write([records.activity_of_cells(cells) for cells in rows])

    def reached(end: datetime) -> None:
        job.checkpoint({"until": end.isoformat()})

    _extract(job, api, "activities", window, records.ACTIVITY_FIELDS, land, reached)


def _extract_leads(job: Pull, api: Marketo, window: Window) -> str:
    """Extract all leads; returns since when the log is to be read.

    Those that are not among them are gone, unless an earlier pull already extracted some.
    """
    fields = api.lead_fields()
    filled = moment(job.cursor.get("filled"))
    since = window.end.isoformat() if filled is None else str(job.cursor["filling_since"])
    found: list[str] = []

    def land(rows: list[Mapping[str, str]]) -> None:
        job.write([records.lead_of_cells(cells, fields) for cells in rows])
        if filled is None:
            job.complete_ids([(cells["id"],) for cells in rows])
        found.extend(cells["id"] for cells in rows)

    def reached(end: datetime) -> None:
        job.checkpoint(dict(job.cursor) | {"filled": end.isoformat(), "filling_since": since})

    # Through now and not only to the window's end: a lead that came since is not gone.
    now = max(window.end, api.http.server_now() or job.now)
    everything = Window(filled or first_moment(api), now)
    if filled is None:
        job.complete_ids([])
    _extract(job, api, "leads", everything, [each.name for each in fields], land, reached)
    if filled is None:
        job.share(LEAD_IDS, found)
    return since


def _follow_log(job: Pull, api: Marketo, since: datetime) -> None:
    """All activities from an instant on; types are asked for ten at a time, side by side."""
    types = [msgspec.json.decode(record, type=_Id).id for record in api.activity_types()]

    def work(some: list[int]) -> None:
        for page in api.activities(since, some, job.reject):
            job.write([records.activity_of_answer(record) for record in page])

    job.each(work, batches(iter(types), api.options.activity_types_a_call))


def _read_changes(job: Pull, api: Marketo, since: datetime) -> None:
    """Read again what the log says has changed, and bury what it says is gone."""
    changes = _changes(job, api, since)
    for identifier, (at, reason) in changes.gone.items():
        job.delete((identifier,), at, reason)
    missing: list[str] = []

    def work(some: list[str]) -> None:
        put_aside: list[bytes] = []

        def reject(record: bytes, rule: str) -> None:
            put_aside.append(record)
            job.reject(record, rule)

        found = _leads(api, some, reject)
        job.write([records.lead_of_answer(record, api.lead_fields()) for record in found])
        there = {str(msgspec.json.decode(record, type=_Id).id) for record in found}
        # Among leads that could not be read may be the ones that seem to be missing.
        if not put_aside:
            missing.extend(each for each in some if each not in there)

    asked = changes.to_read()
    job.each(work, batches(iter(asked), api.options.page_records))
    # An answer without the leads that were asked for is one thing for a few, another for many.
    VolumeGuard().check("leads", len(asked), len(missing))
    for identifier in missing:
        job.delete((identifier,), None, "missing")


def _changes(job: Pull, api: Marketo, since: datetime) -> _Changes:
    changes = _Changes()
    for some in batches(iter(api.options.lead_changing_types), api.options.activity_types_a_call):
        for page in api.activities(since, some, job.reject):
            for record in page:
                _note(changes, msgspec.json.decode(record, type=records.Logged))
    for page in api.log("/rest/v1/activities/deletedleads.json", since, {}, job.reject):
        for record in page:
            entry = msgspec.json.decode(record, type=records.Logged)
            changes.gone[str(entry.lead_id)] = (entry.at, "deleted")
    return changes


def _note(changes: _Changes, entry: records.Logged) -> None:
    changes.changed.add(str(entry.lead_id))
    if entry.activity_type_id == MERGED:
        for loser in entry.merged_ids:
            changes.gone[loser] = (entry.at, f"merged into {entry.lead_id}")


def _leads(api: Marketo, identifiers: Sequence[str], on_reject: OnReject) -> list[msgspec.Raw]:
    """Leads by id. By POST: with all fields the address would be too long (8 kB)."""
    form = {
        "filterType": "id",
        "filterValues": ",".join(identifiers),
        "fields": ",".join(each.name for each in api.lead_fields()),
        "batchSize": str(api.options.page_records),
    }

    def fetch(token: str) -> Page:
        return api.http.read(
            Page,
            "/rest/v1/leads.json",
            method="POST",
            params={"_method": "GET"},
            data=form | ({"nextPageToken": token} if token else {}),
            on_reject=on_reject,
        )

    pages = follow(fetch, lambda page: page.next_page_token, lambda page: len(page.result), "")
    return [record for page in pages for record in page.result]


def batches(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    """Items in lists of at most `size`."""
    batch: list[Item] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
