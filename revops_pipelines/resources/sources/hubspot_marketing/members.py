"""Pulling who is on which list.

Belongs here: that stream. Does not: the lists themselves (`pull.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from revops_pipelines.engine.declarations import Pull
from revops_pipelines.engine.ingest.guards import reconcile
from revops_pipelines.engine.ingest.nights import EARLY
from revops_pipelines.resources.sources.hubspot.client import HubSpot
from revops_pipelines.resources.sources.hubspot.pull import Tally
from revops_pipelines.resources.sources.hubspot.reading import pages
from revops_pipelines.resources.sources.hubspot_marketing.campaigns import (
    lists_of_campaigns,
    of_parent,
)
from revops_pipelines.resources.sources.hubspot_marketing.client import options_of, paths_of
from revops_pipelines.resources.sources.hubspot_marketing.pull import LISTS, List, listed_lists

CONTACT_TYPE = "0-1"


class _Member(msgspec.Struct, rename="camel"):
    record_id: str


def pull_members(job: Pull) -> None:
    """Members of the lists that count: of those that changed, or of all when that is due.

    A list says when somebody last came or went, but not who went: that is found when all is read.
    """
    api: HubSpot = job.client
    options = options_of(api)
    at, lists = _lists_that_count(job)
    cursor = dict(job.cursor) | {"until": at.isoformat()}
    full_at, until = job.cursor.get("full_at"), job.cursor.get("until")
    every = timedelta(days=options.full_every_days) - EARLY
    is_full = until is None or full_at is None or job.now - datetime.fromisoformat(full_at) >= every
    if is_full:
        job.complete_ids([])
        due = [each for each in lists if not each.is_empty()]
        cursor["full_at"] = job.now.isoformat()
    else:
        since = datetime.fromisoformat(str(until)) - timedelta(
            minutes=options.event_look_back_minutes
        )
        due = [each for each in lists if _moved(each, since)]

    def read(each: List) -> None:
        keys = _read(job, api, each)
        if is_full:
            job.complete_ids(keys)

    job.each(read, due)
    job.finish(cursor)


def _lists_that_count(job: Pull) -> tuple[datetime, list[List]]:
    """Lists of contacts that belong to a campaign, or all of them, and as of when they are told."""
    at: datetime = job.client.http.server_now() or job.now
    lists: list[List]
    try:
        at, lists = job.fetched[LISTS]
    except KeyError:
        lists = [
            msgspec.json.decode(record, type=List)
            for page in listed_lists(job)
            for record in page.lists
        ]
    contacts = [each for each in lists if each.object_type_id == CONTACT_TYPE]
    if options_of(job.client).with_every_list:
        return at, contacts
    wanted = lists_of_campaigns(job)
    return at, [each for each in contacts if each.list_id in wanted]


def _moved(each: List, since: datetime) -> bool:
    """Somebody came or went since; a list that does not tell is read in case."""
    moved = each.moved_at()
    return moved >= since if moved is not None else not each.is_empty()


def _read(job: Pull, api: HubSpot, each: List) -> list[Sequence[str]]:
    """Land a list's members; returns their keys. Raises VolumeAlarmError for too few."""
    path = f"{paths_of(api).lists()}/{each.list_id}/memberships"
    params = {"limit": options_of(api).member_page_records}
    keys: list[Sequence[str]] = []
    tally = Tally(job)
    promised = 0
    for page in pages(api, path, params, tally.reject):
        records = [bytes(record) for record in page.results]
        job.write(of_parent("listId", each.list_id, record) for record in records)
        keys += [
            (each.list_id, msgspec.json.decode(record, type=_Member).record_id)
            for record in records
        ]
        promised = page.total
    job.promised(promised)
    reconcile(f"members of list {each.list_id}", promised, len(keys) + tally.rejected)
    return keys
