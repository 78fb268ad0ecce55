"""Pulling program members: all by bulk extracts at first, then those whose status changed.

Belongs here: that stream. Does not: leads and activities (`pull.py`), how an extract works
(`bulk.py`).

Members have no list over all programs, and only some subscriptions filter extracts of them by time.
The activity log tells whose status changed in which program; these are read again by lead. In a
cursor `until` is where the last window ended, and `full_at` when all were last extracted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from revops_pipelines.engine.declarations import Pull
from revops_pipelines.engine.ingest.paging import follow
from revops_pipelines.resources.sources.marketo import bulk, records
from revops_pipelines.resources.sources.marketo.client import LeadField, Marketo, Page
from revops_pipelines.resources.sources.marketo.pull import batches, is_full_due, window_of

PROGRESSION = 104
# Columns by which a membership is told; an extract of several programs puts the first one itself.
_PROGRAM, _LEAD = "programId", "leadId"
_LANDED_AT_ONCE = 1_000


class _Program(msgspec.Struct):
    id: int


class _Key(msgspec.Struct, rename="camel"):
    program_id: int
    lead_id: int


class _Change(msgspec.Struct, rename="camel"):
    lead_id: int
    primary_attribute_value_id: int | None = None


@dataclass(frozen=True, slots=True)
class _Some:
    """Members of one program to be read again."""

    program: str
    leads: tuple[str, ...]


def pull_members(job: Pull) -> None:
    """Members: all in bulk at first and now and then, else those that the log says have changed."""
    api: Marketo = job.client
    window = window_of(job, api)
    cursor = dict(job.cursor) | {"until": window.end.isoformat()}
    if is_full_due(job, api):
        _extract(job, api)
        cursor["full_at"] = job.now.isoformat()
    else:
        _read_changes(job, api, window.start)
    job.finish(cursor)


def _extract(job: Pull, api: Marketo) -> None:
    """Extract the members of all programs; those that are not among them are none any more."""
    programs = [
        msgspec.json.decode(record, type=_Program).id
        for page in api.programs(job.reject)
        for record in page
    ]
    fields = [each for each in api.member_fields() if each.name != _PROGRAM]
    typed = (LeadField(_PROGRAM, "integer"), *fields)

    def work(some: list[int]) -> None:
        extract = bulk.MembersExtract(tuple(some), tuple(each.name for each in fields))
        for rows in batches(bulk.rows(api, extract), _LANDED_AT_ONCE):
            job.write([records.lead_of_cells(cells, typed) for cells in rows])
            job.complete_ids([(cells[_PROGRAM], cells[_LEAD]) for cells in rows])

    job.complete_ids([])
    job.each(work, batches(iter(programs), api.options.programs_an_export))


def _read_changes(job: Pull, api: Marketo, since: datetime) -> None:
    changed: dict[str, set[str]] = {}
    for page in api.activities(since, (PROGRESSION,), job.reject):
        for record in page:
            entry = msgspec.json.decode(record, type=_Change)
            if entry.primary_attribute_value_id is not None:
                leads = changed.setdefault(str(entry.primary_attribute_value_id), set())
                leads.add(str(entry.lead_id))
    asked = [
        _Some(program, tuple(some))
        for program, leads in sorted(changed.items())
        for some in batches(iter(sorted(leads)), api.options.page_records)
    ]
    job.each(lambda some: _read(job, api, some), asked)


def _read(job: Pull, api: Marketo, some: _Some) -> None:
    """Land members of a program; leads that are not among them have left it."""
    fields = api.member_fields()
    put_aside: list[bytes] = []

    def reject(record: bytes, rule: str) -> None:
        put_aside.append(record)
        job.reject(record, rule)

    there: set[str] = set()
    for page in _pages(api, some, fields, reject):
        job.write([records.lead_of_answer(record, _ordered(fields)) for record in page.result])
        there.update(str(msgspec.json.decode(each, type=_Key).lead_id) for each in page.result)
    # Among members that could not be read may be the ones that seem to be missing.
    if not put_aside:
        for lead in some.leads:
            if lead not in there:
                job.delete((some.program, lead), None, "no member")


def _pages(api: Marketo, some: _Some, fields: tuple[LeadField, ...], reject: Any) -> Iterator[Page]:
    form = {
        "filterType": _LEAD,
        "filterValues": ",".join(some.leads),
        "fields": ",".join(each.name for each in fields),
        "batchSize": str(api.options.page_records),
    }

    def fetch(token: str) -> Page:
        more: Mapping[str, str] = {"nextPageToken": token} if token else {}
        return api.http.read(
            Page,
            f"/rest/v1/programs/{some.program}/members.json",
            method="POST",
            params={"_method": "GET"},
            data={**form, **more},
            on_reject=reject,
        )

    return follow(fetch, lambda page: page.next_page_token, lambda page: len(page.result), "")


def _ordered(fields: tuple[LeadField, ...]) -> tuple[LeadField, ...]:
    """The fields in the order of an extract, so that both ways land the same record."""
    rest = (each for each in fields if each.name != _PROGRAM)
    return (LeadField(_PROGRAM, "integer"), *rest)
