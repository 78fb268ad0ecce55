"""Pulling mails with their statistics, forms and what was sent in, e-mail events, lists.

Belongs here: which reading follows which cursor. Does not: campaigns (`campaigns.py`), contacts
(the CRM connector's `pull.py`), members of lists (`members.py`).

In a cursor `until` is where the last window ended. Submissions and events never change; they come
late, so each pull reaches back.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from revops_pipelines.engine.declarations import Pull
from revops_pipelines.engine.ingest.errors import ProtocolError, RequestRefusedError
from revops_pipelines.engine.ingest.guards import reconcile
from revops_pipelines.engine.ingest.paging import follow
from revops_pipelines.engine.ingest.windows import Window, pull_window, slices
from revops_pipelines.resources.sources.hubspot.client import HubSpot
from revops_pipelines.resources.sources.hubspot.pull import Tally
from revops_pipelines.resources.sources.hubspot.reading import milliseconds, pages
from revops_pipelines.resources.sources.hubspot_marketing.campaigns import of_parent
from revops_pipelines.resources.sources.hubspot_marketing.client import (
    EVENTS,
    Events,
    Found,
    options_of,
    paths_of,
)

# What is left below a full page of events is read in so many pieces, none shorter than this.
PIECES, SHORTEST = 4, timedelta(hours=1)
_BEGAN, _FORMS, LISTS = "first mail", "forms", "lists"


class _Email(msgspec.Struct, rename="camel"):
    id: str
    created_at: str = ""


class _Form(msgspec.Struct):
    id: str
    archived: bool = False


class _Submission(msgspec.Struct, rename="camel"):
    submitted_at: int
    conversion_id: str | None = None


class _Event(msgspec.Struct):
    created: int


class List(msgspec.Struct, rename="camel"):
    """What of a list is read while pulling."""

    list_id: str
    object_type_id: str = ""
    additional_properties: dict[str, str | None] = {}

    def is_empty(self) -> bool:
        """It says that nobody is on it."""
        return self.additional_properties.get("hs_list_size") == "0"

    def moved_at(self) -> datetime | None:
        """When somebody last came or went; None where HubSpot does not say."""
        told = ("hs_last_record_added_at", "hs_last_record_removed_at")
        moments = [self.additional_properties.get(name) for name in told]
        found = [int(moment) for moment in moments if moment]
        return datetime.fromtimestamp(max(found) / 1_000, UTC) if found else None


def pull_emails(job: Pull) -> None:
    """Marketing e-mails with their statistics, which change without the mail: all of them."""
    api: HubSpot = job.client
    known: list[_Email] = []
    for archived in ("false", "true"):
        params = {
            "limit": options_of(api).email_page_records,
            "includeStats": "true",
            "archived": archived,
        }
        tally = Tally(job)
        came, promised = 0, 0
        for page in pages(api, paths_of(api).emails(), params, tally.reject):
            job.write(bytes(record) for record in page.results)
            known.extend(msgspec.json.decode(record, type=_Email) for record in page.results)
            came, promised = came + len(page.results), page.total
            job.progress(len(known))
        job.promised(promised)
        reconcile("emails", promised, came + tally.rejected)
    made = [datetime.fromisoformat(email.created_at) for email in known if email.created_at]
    job.share(_BEGAN, min(made, default=job.now))
    job.complete_ids((email.id,) for email in known)
    job.finish({})


def _forms(job: Pull) -> Iterator[tuple[_Form, bytes]]:
    api: HubSpot = job.client
    for archived in ("false", "true"):
        params = {"limit": api.options.page_records, "formTypes": "all", "archived": archived}
        for page in pages(api, paths_of(api).forms(), params, job.reject):
            for record in page.results:
                yield msgspec.json.decode(record, type=_Form), bytes(record)


def pull_forms(job: Pull) -> None:
    """Forms, also archived ones: what was sent in by them still counts."""
    found = list(_forms(job))
    job.write(record for _, record in found)
    job.share(_FORMS, [form for form, _ in found])
    job.complete_ids((form.id,) for form, _ in found)
    job.finish({})


def pull_submissions(job: Pull) -> None:
    """What was sent in by every form since the last pull, the newest first."""
    api: HubSpot = job.client
    try:
        forms: list[_Form] = job.fetched[_FORMS]
    except KeyError:
        forms = [form for form, _ in _forms(job)]
    window = _window(job, datetime(1970, 1, 1, tzinfo=UTC))
    job.each(lambda form: _read_submissions(job, api, form, window.start), forms)
    job.finish({"until": window.end.isoformat()})


def _read_submissions(job: Pull, api: HubSpot, form: _Form, since: datetime) -> None:
    """Pages until one is older than the window as a whole; an entry out of order is kept."""
    params = {"limit": options_of(api).submission_page_records}
    oldest = int(since.timestamp() * 1_000)
    try:
        for page in pages(api, paths_of(api).submissions(form.id), params, job.reject):
            heads = [msgspec.json.decode(record, type=_Submission) for record in page.results]
            records = [bytes(record) for record in page.results]
            job.write(
                _submission(form.id, head, record)
                for head, record in zip(heads, records, strict=True)
            )
            if heads and max(head.submitted_at for head in heads) < oldest:
                return
    except RequestRefusedError as error:
        # A form in the bin may no longer say what was sent in by it.
        if error.status != 404 or not form.archived:
            raise


def _submission(form: str, head: _Submission, record: bytes) -> bytes:
    """A submission with its form and an identifier: HubSpot's, or one made from what it says."""
    made = hashlib.blake2b(form.encode() + record, digest_size=16).hexdigest()
    identified = of_parent("submissionId", head.conversion_id or made, record)
    return of_parent("formId", form, identified)


def pull_events(job: Pull) -> None:
    """E-mail events since the last pull, by type and in pieces of time, side by side.

    A page holds the newest events of its piece; what is left below it is cut into pieces of its
    own. HubSpot's token for the next page is short-lived and is only followed where more events
    than a page holds share one instant.
    """
    api: HubSpot = job.client
    options = options_of(api)
    first = job.now if "until" in job.cursor else _first_mail(job) - timedelta(days=1)
    window = _window(job, first)
    waiting: list[tuple[str, Window]] = [(kind, window) for kind in options.email_event_types]
    lock = threading.Lock()
    while waiting:
        asked, waiting = waiting, []

        def read(each: tuple[str, Window], left: list[tuple[str, Window]] = waiting) -> None:
            kind, piece = each
            rest = _newest_events(job, api, kind, piece)
            if rest is not None:
                with lock:
                    left.extend((kind, part) for part in slices(rest, PIECES, SHORTEST))

        job.each(read, asked)
    job.finish({"until": window.end.isoformat()})


def _first_mail(job: Pull) -> datetime:
    """When the oldest mail was made: no event can be older."""
    try:
        found: datetime = job.fetched[_BEGAN]
    except KeyError:
        api: HubSpot = job.client
        params = {"limit": 1, "sort": "createdAt"}
        for page in pages(api, paths_of(api).emails(), params):
            for record in page.results:
                made = msgspec.json.decode(record, type=_Email).created_at
                return datetime.fromisoformat(made) if made else job.now
        return job.now
    return found


def _newest_events(job: Pull, api: HubSpot, kind: str, piece: Window) -> Window | None:
    """Land the newest events of a type in a piece of time; returns what is left of the piece."""
    # Both ends count at HubSpot.
    params: dict[str, Any] = {
        "eventType": kind,
        "startTimestamp": milliseconds(piece.start),
        "endTimestamp": milliseconds(piece.end - timedelta(milliseconds=1)),
        "limit": options_of(api).event_page_records,
    }

    def fetch(offset: str | None) -> Events:
        asked = {**params, "offset": offset} if offset else params
        return api.get(Events, EVENTS, asked, job.reject)

    for page in follow(
        fetch, lambda page: page.offset if page.has_more else None, lambda page: len(page.events)
    ):
        job.write(bytes(record) for record in page.events)
        created = [msgspec.json.decode(each, type=_Event).created for each in page.events]
        if created != sorted(created, reverse=True):
            raise ProtocolError(f"{EVENTS}: events are not sorted, the newest first")
        rest = _below(piece, created) if page.has_more else None
        if rest is not None:
            return rest
    return None


def _below(piece: Window, created: Sequence[int]) -> Window | None:
    """What a page leaves of its piece, through the instant of its last event; None if that is all.

    >>> begins = datetime(1970, 1, 1, tzinfo=UTC)
    >>> piece = Window(begins, begins + timedelta(seconds=9))
    >>> _below(piece, [8_000, 5_000]).end.timestamp(), _below(piece, [8_999, 8_999])
    (5.001, None)
    """
    if not created:
        return None
    end = datetime.fromtimestamp((created[-1] + 1) / 1_000, UTC)
    return Window(piece.start, end) if end < piece.end else None


def listed_lists(job: Pull) -> Iterator[Found]:
    """Pages of lists. Raises VolumeAlarmError when they are fewer than their total."""
    api: HubSpot = job.client
    path, count = f"{paths_of(api).lists()}/search", options_of(api).list_page_records
    tally = Tally(job)

    def fetch(offset: int) -> Found:
        body = {"query": "", "count": count, "offset": offset}
        return api.post(Found, path, body, on_reject=tally.reject)

    came, promised = 0, 0
    for page in follow(
        fetch, lambda page: page.offset if page.has_more else None, lambda page: len(page.lists), 0
    ):
        came, promised = came + len(page.lists), page.total
        yield page
    reconcile(LISTS, promised, came + tally.rejected)


def pull_lists(job: Pull) -> None:
    """Lists, with how many are on each."""
    known: list[List] = []
    total = 0
    # Who came on a list while the lists were read is told by the next pull of them.
    at = job.client.http.server_now() or job.now
    for page in listed_lists(job):
        total = page.total
        job.write(bytes(record) for record in page.lists)
        known.extend(msgspec.json.decode(record, type=List) for record in page.lists)
    job.promised(total)
    job.share(LISTS, (at, known))
    job.complete_ids((each.list_id,) for each in known)
    job.finish({})


def _window(job: Pull, first: datetime) -> Window:
    """What is to be read: since the last pull less the look-back, through now less the lag."""
    api: HubSpot = job.client
    options = options_of(api)
    until = job.cursor.get("until")
    return pull_window(
        None if until is None else datetime.fromisoformat(until),
        first,
        job.now,
        lag=timedelta(seconds=options.lag_seconds),
        look_back=timedelta(minutes=options.event_look_back_minutes),
        server_now=api.http.server_now(),
    )
