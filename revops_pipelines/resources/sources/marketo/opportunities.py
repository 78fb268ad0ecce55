"""Pulling opportunities and the roles of leads in them.

Belongs here: those two streams. Does not: anything about deals of a CRM, whose copies these are.

Neither can be listed: roles are asked for by lead, opportunities by the ids that roles name. So
both are read whole, once in `opportunities_every_days`, by the ids of all leads.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from revops_pipelines.engine.declarations import Pull
from revops_pipelines.engine.ingest.paging import follow
from revops_pipelines.engine.ingest.windows import Window
from revops_pipelines.resources.sources.marketo import bulk, records
from revops_pipelines.resources.sources.marketo.bulk import Extract
from revops_pipelines.resources.sources.marketo.client import LeadField, Marketo, Page
from revops_pipelines.resources.sources.marketo.pull import LEAD_IDS, batches, first_moment

OPPORTUNITIES, ROLES = "/rest/v1/opportunities", "/rest/v1/opportunities/roles"
# What the streams of one run tell each other.
_NAMED = "opportunity_ids"


class _Key(msgspec.Struct, rename="camel"):
    marketo_guid: str = msgspec.field(name="marketoGUID")
    external_opportunity_id: str | None = None


def pull_roles(job: Pull) -> None:
    """Roles of all leads."""
    api: Marketo = job.client
    # Asked for in any case: whether they may be read at all is found out every night.
    fields = api.described(ROLES)
    if not _is_due(job, api):
        job.finish(dict(job.cursor))
        return
    named = _read(job, api, ROLES, "leadId", _lead_ids(api, job), fields)
    job.share(_NAMED, sorted(named))
    job.finish({"read_at": job.now.isoformat()})


def pull_opportunities(job: Pull) -> None:
    """Opportunities that have any role."""
    api: Marketo = job.client
    fields = api.described(OPPORTUNITIES)
    if not _is_due(job, api):
        job.finish(dict(job.cursor))
        return
    try:
        named: Sequence[str] = job.fetched[_NAMED]
    except KeyError:
        # Roles were not read in this run: ask for them again, without landing any.
        named = sorted(_named(api, job))
    _read(job, api, OPPORTUNITIES, "externalOpportunityId", named, fields)
    job.finish({"read_at": job.now.isoformat()})


def _is_due(job: Pull, api: Marketo) -> bool:
    last = job.cursor.get("read_at")
    if last is None:
        return True
    every = timedelta(days=api.options.opportunities_every_days)
    return job.now - datetime.fromisoformat(last) >= every


def _lead_ids(api: Marketo, job: Pull) -> Sequence[str]:
    """Ids of all leads: those that were extracted in this run, else an extract of them alone."""
    try:
        found: Sequence[str] = job.fetched[LEAD_IDS]
    except KeyError:
        everything = Window(first_moment(api), max(job.now, api.http.server_now() or job.now))
        found = [
            cells["id"]
            for window in bulk.windows(api, everything)
            for cells in bulk.rows(api, Extract("leads", ("id",), window))
        ]
    return sorted(found)


def _read(
    job: Pull,
    api: Marketo,
    path: str,
    kind: str,
    values: Sequence[str],
    fields: Sequence[LeadField],
) -> set[str]:
    """Land all that some values lead to; returns the opportunities that they name."""
    named: set[str] = set()
    lock = threading.Lock()

    def work(some: list[str]) -> None:
        for page in _pages(job, api, path, kind, some, fields):
            job.write([records.lead_of_answer(record, fields) for record in page.result])
            keys = [msgspec.json.decode(record, type=_Key) for record in page.result]
            job.complete_ids([(key.marketo_guid,) for key in keys])
            with lock:
                named.update(each for key in keys if (each := key.external_opportunity_id))

    job.complete_ids([])
    job.each(work, batches(iter(values), api.options.page_records))
    return named


def _named(api: Marketo, job: Pull) -> set[str]:
    fields = (LeadField("externalOpportunityId"),)
    return {
        key
        for some in batches(iter(_lead_ids(api, job)), api.options.page_records)
        for page in _pages(job, api, ROLES, "leadId", some, fields)
        for record in page.result
        if (key := msgspec.json.decode(record, type=_Key).external_opportunity_id)
    }


def _pages(
    job: Pull,
    api: Marketo,
    path: str,
    kind: str,
    values: Sequence[str],
    fields: Sequence[LeadField],
) -> Iterator[Page]:
    """Records by the values of a field. By POST: the address would be too long (8 kB)."""
    form = {
        "filterType": kind,
        "filterValues": ",".join(values),
        "fields": ",".join(each.name for each in fields),
        "batchSize": str(api.options.page_records),
    }

    def fetch(token: str) -> Page:
        more: Mapping[str, Any] = {"nextPageToken": token} if token else {}
        return api.http.read(
            Page,
            f"{path}.json",
            method="POST",
            params={"_method": "GET"},
            data={**form, **more},
            on_reject=job.reject,
        )

    return follow(fetch, lambda page: page.next_page_token, lambda page: len(page.result), "")
