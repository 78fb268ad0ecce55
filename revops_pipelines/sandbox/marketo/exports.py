"""Bulk extracts of leads and activities: create, enqueue, poll, download.

Belongs here: jobs, their queue and their files. Does not: how a row looks (`records.py`).

Two jobs run at a time, in real time; a file holds what the sandbox's clock showed when its job
ended. Files are kept in memory for as long as the server runs.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.marketo.access import QUOTA_ZONE
from revops_pipelines.sandbox.marketo.answers import MarketoError, moment_of, stamp, success
from revops_pipelines.sandbox.marketo.database import Database
from revops_pipelines.sandbox.marketo.members import FIELDS, members_of
from revops_pipelines.sandbox.marketo.records import activity_row, cell, lead_row
from revops_pipelines.sandbox.world.marketing_shapes import POSITION

RUNNING, QUEUED = 2, 10
LONGEST_SECONDS = 31 * 86_400
DAILY_BYTES = 500 * 1024 * 1024
ACTIVITY_FIELDS = (
    "marketoGUID",
    "leadId",
    "activityDate",
    "activityTypeId",
    "campaignId",
    "primaryAttributeValueId",
    "primaryAttributeValue",
    "attributes",
)
NO_UPDATED_SWITCH = "marketo.no_updated_filter"

Kind = Literal["leads", "activities", "program/members"]
MEMBERS: Kind = "program/members"
MOST_PROGRAMS = 10


@dataclass(slots=True)
class Job:
    """One extract; times of the queue are monotonic seconds, others epoch seconds."""

    export_id: str
    kind: Kind
    fields: tuple[str, ...]
    filtered: dict[str, Any]
    created_at: int
    queued_at: int | None = None
    starts: float = 0.0
    ends: float = 0.0
    is_canceled: bool = False
    file: bytes | None = None
    rows: int = 0
    finished_at: int | None = None


class Exports:
    """The queue and its endpoints."""

    def __init__(
        self,
        database: Database,
        clock: SandboxClock,
        options: Options,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._clock = clock
        self._options = options
        self._monotonic = monotonic
        self._jobs: dict[str, Job] = {}
        self._free_at = [0.0] * RUNNING
        self._day = ""
        self._bytes = 0

    async def create(self, request: Request) -> Response:
        """POST /bulk/v1/{kind}/export/create.json."""
        kind = _kind(request)
        asked = _body(await request.body())
        filtered = asked.get("filter") or {}
        self._check_filter(kind, filtered)
        fields = tuple(asked.get("fields") or (ACTIVITY_FIELDS if kind == "activities" else ()))
        known = _KNOWN[kind]
        for name in fields:
            if name not in known:
                raise MarketoError("1006", f"Field '{name}' not found")
        if not fields:
            raise MarketoError("1003", "Value for required parameter 'fields' is missing")
        number = uuid.uuid5(uuid.NAMESPACE_URL, f"export {len(self._jobs)}")
        job = Job(str(number), kind, fields, filtered, self._database.now())
        self._jobs[job.export_id] = job
        return success([self._shown(job)])

    async def enqueue(self, request: Request) -> Response:
        """POST /bulk/v1/{kind}/export/{id}/enqueue.json."""
        job = self._job(request)
        if self._status(job) != "Created":
            raise MarketoError("1029", "Export job is already in the queue")
        waiting = [each for each in self._jobs.values() if self._status(each) in _ACTIVE]
        if len(waiting) >= QUEUED:
            raise MarketoError("1029", "Too many jobs in queue")
        if self._options.limits and self._used() >= self._allowed():
            raise MarketoError("1029", "Export daily quota 500MB exceeded")
        slot = self._free_at.index(min(self._free_at))
        job.queued_at = self._database.now()
        job.starts = max(self._monotonic(), self._free_at[slot])
        job.ends = self._free_at[slot] = job.starts + self._options.bulk_seconds
        return success([self._shown(job)])

    async def status(self, request: Request) -> Response:
        """GET /bulk/v1/{kind}/export/{id}/status.json."""
        return success([self._shown(self._job(request))])

    async def cancel(self, request: Request) -> Response:
        """POST /bulk/v1/{kind}/export/{id}/cancel.json."""
        job = self._job(request)
        job.is_canceled = True
        return success([self._shown(job)])

    async def jobs(self, request: Request) -> Response:
        """GET /bulk/v1/{kind}/export.json."""
        kind = request.path_params["kind"]
        return success([self._shown(job) for job in self._jobs.values() if job.kind == kind])

    async def file(self, request: Request) -> Response:
        """GET /bulk/v1/{kind}/export/{id}/file.json, whole or a range of bytes."""
        job = self._job(request)
        if self._status(job) != "Completed" or job.file is None:
            raise MarketoError("1003", "The export job is not in the Completed state")
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        if span is None:
            return Response(job.file, media_type="text/csv;charset=UTF-8")
        first = int(span[1])
        last = min(int(span[2] or len(job.file) - 1), len(job.file) - 1)
        if first > last:
            return Response(status_code=416, headers={"content-range": f"bytes */{len(job.file)}"})
        return Response(
            job.file[first : last + 1],
            206,
            {"content-range": f"bytes {first}-{last}/{len(job.file)}"},
            "text/csv;charset=UTF-8",
        )

    def _job(self, request: Request) -> Job:
        job = self._jobs.get(request.path_params["number"])
        if job is None or job.kind != request.path_params["kind"]:
            raise MarketoError("1003", "Export job not found")
        return job

    def _status(self, job: Job) -> str:
        if job.is_canceled:
            return "Canceled"
        if job.queued_at is None:
            return "Created"
        now = self._monotonic()
        if now < job.starts:
            return "Queued"
        if now < job.ends:
            return "Processing"
        if job.file is None:
            job.rows, job.file = self._written(job)
            job.finished_at = self._database.now()
            self._used(len(job.file))
        return "Completed"

    def _shown(self, job: Job) -> dict[str, Any]:
        status = self._status(job)
        shown: dict[str, Any] = {
            "exportId": job.export_id,
            "format": "CSV",
            "status": status,
            "createdAt": stamp(job.created_at),
        }
        if job.queued_at is not None:
            shown["queuedAt"] = stamp(job.queued_at)
        if job.file is not None and job.finished_at is not None:
            shown["startedAt"] = stamp(job.queued_at or job.created_at)
            shown["finishedAt"] = stamp(job.finished_at)
            shown["numberOfRecords"] = job.rows
            shown["fileSize"] = len(job.file)
            shown["fileChecksum"] = "sha256:" + hashlib.sha256(job.file).hexdigest()
        return shown

    def _check_filter(self, kind: Kind, filtered: dict[str, Any]) -> None:
        if kind == MEMBERS:
            _check_programs(filtered)
            return
        names = set(filtered) - {"activityTypeIds"} if kind == "activities" else set(filtered)
        supported = {"createdAt"} if kind == "activities" else {"createdAt", "updatedAt"}
        if self._options.on(NO_UPDATED_SWITCH):
            supported.discard("updatedAt")
        if names - supported:
            raise MarketoError("1035", "Unsupported filter type for target subscription")
        if len(names) != 1:
            raise MarketoError("1003", "Exactly one date range filter is needed")
        since, until = _range(filtered)
        if not 0 <= until - since <= LONGEST_SECONDS:
            raise MarketoError("1003", "The date range must be 31 days or fewer")

    def _written(self, job: Job) -> tuple[int, bytes]:
        if job.kind == MEMBERS:
            return self._members(job)
        since, until = _range(job.filtered)
        now = self._database.now()
        rows: list[list[str]]
        if job.kind == "activities":
            types = set(job.filtered.get("activityTypeIds") or ())
            rows = [
                activity_row(activity, job.fields)
                for activity in self._database.activities_between(since, until)
                if not types or activity.type_id in types
            ]
        else:
            found = (
                self._database.leads_updated(since, until)
                if "updatedAt" in job.filtered
                else self._database.leads_created(since, until)
            )
            rows = [lead_row(lead, now, job.fields) for lead in found]
        return len(rows), _csv(job.fields, rows)

    def _members(self, job: Job) -> tuple[int, bytes]:
        """Where several programs are asked for, the first column says which it is."""
        several = job.filtered.get("programIds")
        programs = set(several or [job.filtered.get("programId")])
        fields = ("programId", *job.fields) if several else job.fields
        rows = [
            [cell(FIELDS[name][1](member)) for name in fields]
            for member in members_of(self._database, programs)
        ]
        return len(rows), _csv(fields, rows)

    def _allowed(self) -> float:
        return self._options.rates.get("marketo.export_bytes", DAILY_BYTES)

    def _used(self, more: int = 0) -> int:
        day = self._clock.now().astimezone(QUOTA_ZONE).date().isoformat()
        if day != self._day:
            self._day, self._bytes = day, 0
        self._bytes += more
        return self._bytes


_ACTIVE = ("Queued", "Processing")
_KNOWN: Mapping[Kind, Iterable[str]] = {
    "leads": POSITION,
    "activities": ACTIVITY_FIELDS,
    "program/members": FIELDS,
}


def _kind(request: Request) -> Kind:
    for kind in _KNOWN:
        if request.path_params["kind"] == kind:
            return kind
    raise MarketoError("610", "Requested resource not found")


def _check_programs(filtered: dict[str, Any]) -> None:
    several = filtered.get("programIds")
    if (several is None) == (filtered.get("programId") is None):
        raise MarketoError("1003", "Exactly one of programId and programIds is needed")
    if several is not None and not 1 <= len(several) <= MOST_PROGRAMS:
        raise MarketoError("1003", f"programIds: at most {MOST_PROGRAMS}")
    if "updatedAt" in filtered:
        raise MarketoError("1035", "Unsupported filter type for target subscription")


def _range(filtered: dict[str, Any]) -> tuple[int, int]:
    span = filtered.get("createdAt") or filtered.get("updatedAt") or {}
    return moment_of(str(span.get("startAt", ""))), moment_of(str(span.get("endAt", "")))


def _csv(fields: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(fields)
    writer.writerows(rows)
    return text.getvalue().encode()


def _body(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise MarketoError("609", "Invalid JSON") from error
