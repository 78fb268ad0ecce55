"""Bulk jobs (API 2.0): a query is queued, watched, and its result fetched page by page.

Belongs here: one job of one query. Does not: which query, or whether a job is worth it
(`reading.py`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import msgspec

from revops_pipelines.engine.ingest.errors import (
    PermissionMissingError,
    ProtocolError,
    RequestRefusedError,
    ServerError,
)
from revops_pipelines.engine.ingest.http import Response
from revops_pipelines.engine.ingest.paging import follow
from revops_pipelines.engine.ingest.stopping import sleep
from revops_pipelines.resources.sources.salesforce.client import Salesforce
from revops_pipelines.resources.sources.salesforce.records import Record, Shape

# Bulk knows fewer objects than queries do; these refusals say that the object is none of them.
_UNSUPPORTED = frozenset({"INVALIDENTITY", "INVALID_ENTITY", "FEATURENOTENABLED", "API_ERROR"})
# The literal word in the header ends the pages.
_NO_MORE = "null"
_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_CELL = 64 * 1024 * 1024
_MEGABYTE = 1024 * 1024


class UnsupportedError(Exception):
    """Bulk does not know the object; a query may."""


class Job(msgspec.Struct, rename="camel"):
    """A job as Salesforce tells of it."""

    id: str
    state: str
    number_records_processed: int | None = None
    error_message: str | None = None


def run(api: Salesforce, soql: str) -> Job:
    """Run a query as a job, to its end. Raises UnsupportedError and IngestError."""
    return _finished(api, _created(api, soql))


def pages(api: Salesforce, job: Job, shape: Shape) -> Iterator[list[Record]]:
    """Pages of a finished job's records, counted against what the job says that it has."""
    count = 0
    for response in follow(
        lambda locator: _page(api, job.id, locator), _next_locator, lambda page: len(page.body)
    ):
        records = _records(response, shape)
        _check_count(response, len(records))
        count += len(records)
        yield records
    if job.number_records_processed is not None and count != job.number_records_processed:
        raise ProtocolError(f"a Bulk job has {job.number_records_processed} records, {count} came")


def _created(api: Salesforce, soql: str) -> Job:
    body = {
        "operation": "queryAll",
        "query": soql,
        "contentType": "CSV",
        "columnDelimiter": "COMMA",
        "lineEnding": "LF",
    }
    try:
        return api.http.read(Job, api.path("jobs/query"), method="POST", json=body)
    except RequestRefusedError as error:
        if error.code not in _UNSUPPORTED:
            raise
    except PermissionMissingError:
        # Without the right to use Bulk the same records can be queried.
        pass
    raise UnsupportedError(soql.rsplit(" FROM ", 1)[-1].split(" ", 1)[0])


def _finished(api: Salesforce, job: Job) -> Job:
    """Look at a job until it is done, more and more seldom."""
    path = api.path(f"jobs/query/{job.id}")
    pause, waited = min(_FIRST_PAUSE_SECONDS, api.options.poll_seconds), 0.0
    while waited <= api.options.bulk_minutes * 60:
        job = api.get(Job, path)
        if job.state == "JobComplete":
            return job
        if job.state in ("Failed", "Aborted"):
            raise ServerError(f"a Bulk job ended as {job.state}: {job.error_message or 'no word'}")
        sleep(pause)
        waited += pause
        pause = min(pause * 2, api.options.poll_seconds)
    raise ServerError(f"a Bulk job is {job.state} after {api.options.bulk_minutes:g} minutes")


def _page(api: Salesforce, job: str, locator: str | None) -> Response:
    params = {"maxRecords": str(api.options.bulk_page_records)}
    if locator is not None:
        params["locator"] = locator
    return api.http.get(
        api.path(f"jobs/query/{job}/results"),
        params=params,
        headers={"Accept": "text/csv"},
        body_bytes=api.options.bulk_page_megabytes * _MEGABYTE,
        total_seconds=api.options.bulk_page_seconds,
    )


def _next_locator(response: Response) -> str | None:
    locator = response.headers.get("sforce-locator", _NO_MORE)
    return None if locator == _NO_MORE else locator


def _records(response: Response, shape: Shape) -> list[Record]:
    """A page's records; its first line names the columns."""
    csv.field_size_limit(_LONGEST_CELL)
    text = io.TextIOWrapper(io.BytesIO(response.body), encoding="utf-8", newline="")
    try:
        rows = csv.reader(text, strict=True)
        names = next(rows, None)
        if names is None:
            return []
        if names != shape.names:
            raise ProtocolError("a Bulk result has other columns than were asked for")
        return [shape.of_cells(cells) for cells in rows]
    except (csv.Error, UnicodeDecodeError, ValueError) as error:
        raise ProtocolError(f"a Bulk result is no CSV: {type(error).__name__}") from error


def _check_count(response: Response, found: int) -> None:
    said = response.headers.get("sforce-numberofrecords", "")
    if said.isdigit() and int(said) != found:
        raise ProtocolError(f"a page of a Bulk result has {found} records of {said}")
