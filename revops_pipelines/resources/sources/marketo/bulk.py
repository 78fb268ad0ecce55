"""Bulk extracts: a job is made, queued, polled; its file is fetched, verified and read.

Belongs here: one extract of one window, and windows for everything. Does not: what becomes of the
rows (`pull.py`).
"""

from __future__ import annotations

import csv
import hashlib
import io
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import IO, Any, Literal

import msgspec

from revops_pipelines.engine.ingest.errors import (
    ProtocolError,
    QuotaExhaustedError,
    RequestRefusedError,
    ServerError,
)
from revops_pipelines.engine.ingest.stopping import sleep
from revops_pipelines.engine.ingest.windows import Window, spans
from revops_pipelines.resources.sources.marketo.client import Marketo

Kind = Literal["leads", "activities", "program/members"]
_KINDS: tuple[Kind, ...] = ("leads", "activities", "program/members")
# The same code says that the queue is full and that the day's bytes are used up.
_QUEUE_OR_QUOTA = "1029"
_CANCELED = ("Canceled", "Cancelled")
# A file that does not match its checksum, or a job that failed, is extracted anew this often.
_ATTEMPTS = 3
_SPOOLED_BYTES = 8 * 1024 * 1024
_LONGEST_CELL = 64 * 1024 * 1024


class _Job(msgspec.Struct, rename="camel"):
    export_id: str
    status: str
    number_of_records: int | None = None
    file_size: int | None = None
    file_checksum: str | None = None


class _Jobs(msgspec.Struct):
    result: list[_Job] = msgspec.field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Extract:
    """What to extract: leads or activities, which columns, created in which window."""

    kind: Kind
    columns: tuple[str, ...]
    window: Window

    @property
    def request(self) -> dict[str, Any]:
        """The job's description. Both ends of the vendor's range count, to the second."""
        last = max(self.window.start, self.window.end - timedelta(seconds=1))
        created = {"startAt": _second(self.window.start), "endAt": _second(last)}
        request: dict[str, Any] = {"format": "CSV", "filter": {"createdAt": created}}
        # Activities come with all their columns unasked; `attributes` cannot be asked for.
        return request if self.kind == "activities" else request | {"fields": list(self.columns)}


@dataclass(frozen=True, slots=True)
class MembersExtract:
    """The members of at most ten programs; the file's first column says which one it is."""

    programs: tuple[int, ...]
    fields: tuple[str, ...]
    kind: Kind = "program/members"

    @property
    def columns(self) -> tuple[str, ...]:
        """The file's columns."""
        return ("programId", *self.fields)

    @property
    def request(self) -> dict[str, Any]:
        """The job's description."""
        asked = {"programIds": list(self.programs)}
        return {"format": "CSV", "fields": list(self.fields), "filter": asked}


def windows(api: Marketo, window: Window) -> list[Window]:
    """The window in pieces that an extract may span, on whole seconds."""
    start = window.start.replace(microsecond=0)
    end = window.end.replace(microsecond=0) + timedelta(seconds=1)
    return spans(Window(start, end), timedelta(days=api.options.export_days))


def rows(api: Marketo, extract: Extract | MembersExtract) -> Iterator[Mapping[str, str]]:
    """The extract's rows as cells by name, once its file is whole. Raises those of `errors.py`."""
    with tempfile.SpooledTemporaryFile(max_size=_SPOOLED_BYTES) as file:
        with api.exports:
            job = _extracted(api, extract, file)
        file.seek(0)
        count = 0
        for cells in _cells(file, extract.columns):
            count += 1
            yield cells
        if job.number_of_records is not None and count != job.number_of_records:
            raise ProtocolError(
                f"an extract of {extract.kind} has {count} rows of {job.number_of_records}"
            )


def _extracted(api: Marketo, extract: Extract | MembersExtract, file: IO[bytes]) -> _Job:
    """Run jobs until one's file is whole in `file`."""
    for _ in range(_ATTEMPTS):
        job = _finished(api, extract)
        if job.status == "Completed":
            file.seek(0)
            file.truncate()
            if _fetched(api, extract.kind, job, file):
                return job
    raise ServerError(f"an extract of {extract.kind} failed {_ATTEMPTS} times")


def _finished(api: Marketo, extract: Extract | MembersExtract) -> _Job:
    """Make, queue and poll a job until it is completed, failed or canceled."""
    base = f"/bulk/v1/{extract.kind}/export"
    job = _first(api.http.read(_Jobs, f"{base}/create.json", method="POST", json=extract.request))
    _enqueue(api, f"{base}/{job.export_id}/enqueue.json")
    polls = int(api.options.export_minutes * 60 / api.options.poll_seconds) + 1
    for _ in range(polls):
        sleep(api.options.poll_seconds)
        job = _first(api.get(_Jobs, f"{base}/{job.export_id}/status.json"))
        if job.status in ("Completed", "Failed", *_CANCELED):
            return job
    raise ServerError(
        f"an extract of {extract.kind} is {job.status} after {api.options.export_minutes:g} minutes"
    )


def _enqueue(api: Marketo, path: str) -> None:
    """Queue a job, waiting for a place. Raises QuotaExhaustedError.

    When nobody's job is in the queue, it cannot be full: then it is the day's allowance.
    """
    polls = int(api.options.export_minutes * 60 / api.options.poll_seconds) + 1
    for _ in range(polls):
        try:
            api.http.post(path)
        except RequestRefusedError as error:
            if error.code != _QUEUE_OR_QUOTA:
                raise
        else:
            return
        if not _queue_is_busy(api):
            raise QuotaExhaustedError("the day's allowance of bulk extracts is used up")
        sleep(api.options.poll_seconds)
    raise ServerError("the queue of bulk extracts stays full")


def _queue_is_busy(api: Marketo) -> bool:
    asked = {"status": "Queued,Processing"}
    listed = [
        job
        for kind in _KINDS
        for job in api.get(_Jobs, f"/bulk/v1/{kind}/export.json", asked).result
    ]
    return any(job.status in ("Queued", "Processing") for job in listed)


def _fetched(api: Marketo, kind: Kind, job: _Job, file: IO[bytes]) -> bool:
    """Write the job's file into `file`; False when it is not what its checksum says.

    Parts are asked for one after the other, so that no answer is larger than its cap and a lost
    part does not cost the whole.
    """
    path = f"/bulk/v1/{kind}/export/{job.export_id}/file.json"
    size = job.file_size or 0
    part = int(api.options.download_megabytes * 1024 * 1024)
    digest = hashlib.sha256()
    at = 0
    while at < size:
        wanted = f"bytes={at}-{min(at + part, size) - 1}"
        # Compressed parts would be parts of something else.
        headers = {"Range": wanted, "Accept-Encoding": "identity"}
        answer = api.http.get(path, headers=headers, body_bytes=max(size, part) + 1024)
        file.write(answer.body)
        digest.update(answer.body)
        at += len(answer.body)
        if not answer.body:
            return False
    return at == size and _is_checksum(job.file_checksum, digest.hexdigest())


def _is_checksum(promised: str | None, found: str) -> bool:
    """Whether a checksum is the promised one; Marketo writes the method before it.

    >>> _is_checksum("sha256:AB", "ab"), _is_checksum("ab", "ab"), _is_checksum(None, "ab")
    (True, True, True)
    """
    return promised is None or promised.rsplit(":", 1)[-1].lower() == found


def _cells(file: IO[bytes], columns: tuple[str, ...]) -> Iterator[Mapping[str, str]]:
    csv.field_size_limit(_LONGEST_CELL)
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        reader = csv.DictReader(text, restkey="", restval=None, strict=True)
        absent = sorted(set(columns) - {name.strip() for name in reader.fieldnames or ()})
        if absent:
            raise ProtocolError(f"an extract lacks the column {absent[0]}")
        for row in reader:
            if "" in row or None in row.values():
                raise ProtocolError(f"an extract's row has {len(row)} cells by another count")
            yield {name.strip(): value for name, value in row.items()}
    except csv.Error as error:
        raise ProtocolError(f"an extract is no CSV: {error}") from error
    finally:
        text.detach()


def _first(jobs: _Jobs) -> _Job:
    if not jobs.result:
        raise ProtocolError("an answer about an extract names none")
    return jobs.result[0]


def _second(moment: datetime) -> str:
    """An instant as extracts take it: UTC, without fractions.

    >>> _second(datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC))
    '2026-01-02T03:04:05Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
