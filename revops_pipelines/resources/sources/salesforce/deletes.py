"""Deletes that no query shows any more: the list that Salesforce keeps, and comparing all ids.

Belongs here: reading both. Does not: when which is needed (`pull.py`).

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_getdeleted.htm
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from revops_pipelines.engine.declarations import Pull
from revops_pipelines.engine.ingest.errors import RequestRefusedError
from revops_pipelines.engine.ingest.nights import moment
from revops_pipelines.engine.ingest.windows import Window
from revops_pipelines.resources.sources.salesforce.client import Salesforce
from revops_pipelines.resources.sources.salesforce.reading import Query, read

# The list does not reach back so far, or is longer than an answer may be.
_CANNOT_TELL = frozenset({"INVALID_REPLICATION_DATE", "EXCEEDED_ID_LIMIT"})
_MINUTE = timedelta(minutes=1)
_IDENTIFYING = ("Id", "IsDeleted", "MasterRecordId")


class _Deleted(msgspec.Struct, rename="camel"):
    id: str
    deleted_date: str


class _Answer(msgspec.Struct, rename="camel"):
    deleted_records: list[_Deleted] = msgspec.field(default_factory=list)
    earliest_date_available: str | None = None
    latest_date_covered: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What Salesforce told: ids and when they were deleted, and up to when the list is whole."""

    records: tuple[tuple[str, datetime], ...]
    covered_until: datetime


def told(api: Salesforce, name: str, window: Window) -> Told | None:
    """The deletes of a window; None where Salesforce cannot tell all of them.

    Seconds are ignored there, so the window ends on a whole minute; the rest is left to next time.
    """
    start = window.start.replace(second=0, microsecond=0)
    end = window.end.replace(second=0, microsecond=0)
    if end - start < _MINUTE:
        return Told((), start)
    params = {"start": _minute(start), "end": _minute(end)}
    try:
        answer = api.get(_Answer, api.path(f"sobjects/{name}/deleted/"), params)
    except RequestRefusedError as error:
        if error.code in _CANNOT_TELL:
            return None
        raise
    earliest = moment(answer.earliest_date_available)
    if earliest is not None and earliest > start:
        return None
    records = tuple(
        (each.id, at)
        for each in answer.deleted_records
        if (at := moment(each.deleted_date)) is not None
    )
    covered = moment(answer.latest_date_covered)
    return Told(records, end if covered is None else min(covered, end))


def compare_ids(job: Pull, api: Salesforce, query: Query) -> None:
    """Read all ids there are, deleted ones included; any other that we know is gone for good."""
    fields = tuple(each for each in query.fields if each.name in (*_IDENTIFYING, query.cursor))
    job.complete_ids(())
    for page in read(api, Query(query.object, fields, query.cursor)).pages:
        job.complete_ids((record.id,) for record in page)
        for record in page:
            if record.is_deleted:
                job.delete((record.id,), record.gone_at, "deleted")


def _minute(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
