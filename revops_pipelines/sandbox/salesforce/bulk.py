"""Bulk 2.0 query jobs: create, poll, fetch, abort, delete.

Belongs here: jobs and their results in pages. Does not: how a query is answered (`query.py`) or a
record written (`shapes.py`).

A job takes `Options.bulk_seconds` of real time and holds what the sandbox's clock showed when it
was created; a third of that time it waits as UploadComplete.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.salesforce import ids
from revops_pipelines.sandbox.salesforce.access import Access
from revops_pipelines.sandbox.salesforce.errors import Refused, not_found
from revops_pipelines.sandbox.salesforce.org import Org
from revops_pipelines.sandbox.salesforce.query import Found, Queries
from revops_pipelines.sandbox.salesforce.rest import DATA, answer, base_of
from revops_pipelines.sandbox.salesforce.shapes import DELIMITERS, LINE_ENDINGS, table_of
from revops_pipelines.sandbox.salesforce.soql import parse
from revops_pipelines.sandbox.salesforce.staff import INTEGRATION
from revops_pipelines.sandbox.salesforce.story import rest_text

# Where no `maxRecords` is asked for, the service chooses; files stay well below its gigabyte.
ROWS_A_SET = 50_000
ENDED = ("JobComplete", "Aborted", "Failed")
JOB_PREFIX = "750"


@dataclass(slots=True)
class Job:
    """One query job; `begun` in monotonic seconds, `created_at` in epoch milliseconds."""

    job_id: str
    operation: str
    version: str
    delimiter: str
    line_ending: str
    found: Found
    created_at: int
    begun: float
    is_aborted: bool = False


class Bulk:
    """The Bulk 2.0 query endpoints of one organisation."""

    def __init__(
        self,
        org: Org,
        queries: Queries,
        access: Access,
        options: Options,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._org = org
        self._queries = queries
        self._access = access
        self._seconds = options.bulk_seconds
        self._monotonic = monotonic
        self._jobs: dict[str, Job] = {}
        self._made = 0

    def routes(self) -> list[Route]:
        """All paths."""
        jobs = f"{DATA}/jobs/query"
        return [
            Route(jobs, self.create, methods=["POST"]),
            Route(jobs, self.listed),
            Route(f"{jobs}/{{id}}", self.status),
            Route(f"{jobs}/{{id}}", self.abort, methods=["PATCH"]),
            Route(f"{jobs}/{{id}}", self.delete, methods=["DELETE"]),
            Route(f"{jobs}/{{id}}/results", self.results),
        ]

    async def create(self, request: Request) -> Response:
        """POST /jobs/query."""
        version = _version(base_of(request))
        asked = _body(await request.body())
        operation = asked.get("operation")
        if operation not in ("query", "queryAll"):
            raise Refused(400, "INVALIDJOB", f"Unsupported operation: {operation}")
        delimiter = asked.get("columnDelimiter", "COMMA")
        line_ending = asked.get("lineEnding", "LF")
        if delimiter not in DELIMITERS or line_ending not in LINE_ENDINGS:
            raise Refused(400, "INVALIDJOB", "Invalid column delimiter or line ending")
        text = str(asked.get("query", ""))
        self._check(text)
        found = self._queries.find(text, everything=operation == "queryAll")
        if any(column.field.kind == "address" for column in found.columns):
            raise Refused(400, "API_ERROR", "Selecting compound data not supported in Bulk Query")
        self._made += 1
        job_id = ids.with_check(f"{JOB_PREFIX}{ids.INSTANCE}{self._made:09d}")
        job = Job(
            job_id,
            operation,
            version,
            delimiter,
            line_ending,
            found,
            self._org.now(),
            self._monotonic(),
        )
        self._jobs[job_id] = job
        return self._counted(self._shown(job))

    def _check(self, text: str) -> None:
        """Refuse what Bulk 2.0 cannot query."""
        query = parse(text)
        sobject = self._queries.sobject(query.sobject)
        if not sobject.in_bulk:
            raise Refused(
                400, "INVALIDENTITY", f"Entity '{sobject.name}' is not supported by the Bulk API."
            )
        if query.offset or any(wanted.function for wanted in query.wanted):
            raise Refused(
                400, "API_ERROR", "Aggregate, FIELDS and OFFSET are not supported in Bulk Query"
            )

    async def listed(self, request: Request) -> Response:
        """GET /jobs/query: every job."""
        base_of(request)
        shown = [self._shown(job) for job in self._jobs.values()]
        return self._counted({"done": True, "nextRecordsUrl": None, "records": shown})

    async def status(self, request: Request) -> Response:
        """GET /jobs/query/id."""
        return self._counted(self._shown(self._job(request), whole=True))

    async def abort(self, request: Request) -> Response:
        """PATCH /jobs/query/id with the state Aborted."""
        job = self._job(request)
        if _body(await request.body()).get("state") != "Aborted":
            raise Refused(400, "INVALIDJOBSTATE", "The only allowed state is Aborted")
        if self._state(job) in ENDED:
            raise Refused(400, "INVALIDJOBSTATE", "The job has ended already")
        job.is_aborted = True
        return self._counted(self._shown(job))

    async def delete(self, request: Request) -> Response:
        """DELETE /jobs/query/id, once it has ended."""
        job = self._job(request)
        if self._state(job) not in ENDED:
            raise Refused(400, "INVALIDJOBSTATE", "The job is still in progress")
        del self._jobs[job.job_id]
        return Response(status_code=204)

    async def results(self, request: Request) -> Response:
        """GET /jobs/query/id/results: a set of records, and where the next one begins."""
        job = self._job(request)
        if self._state(job) != "JobComplete":
            raise Refused(400, "INVALIDJOBSTATE", "The job has not completed")
        start = _start(request.query_params.get("locator"))
        asked = request.query_params.get("maxRecords", str(ROWS_A_SET))
        if not asked.isdigit() or int(asked) < 1:
            raise Refused(400, "INVALID_ARGUMENT", f"Invalid maxRecords: {asked}")
        positions = job.found.positions[start : start + int(asked)].tolist()
        body = table_of(
            job.found,
            self._org.table(job.found.sobject),
            positions,
            job.delimiter,
            job.line_ending,
        )
        end = start + len(positions)
        done = end >= len(job.found.positions)
        headers = {
            "Sforce-Locator": "null" if done else _locator(end),
            "Sforce-NumberOfRecords": str(len(positions)),
            "Sforce-Limit-Info": self._usage(),
        }
        return Response(body, 200, headers, media_type="text/csv; charset=UTF-8")

    def _job(self, request: Request) -> Job:
        version = _version(base_of(request))
        job = self._jobs.get(request.path_params["id"])
        if job is None:
            raise not_found()
        if job.version != version:
            raise Refused(
                409, "API_VERSION_MISMATCH", f"The job was created with API version {job.version}"
            )
        return job

    def _state(self, job: Job) -> str:
        if job.is_aborted:
            return "Aborted"
        ran = self._monotonic() - job.begun
        if ran >= self._seconds:
            return "JobComplete"
        return "UploadComplete" if ran < self._seconds / 3 else "InProgress"

    def _shown(self, job: Job, *, whole: bool = False) -> dict[str, Any]:
        state = self._state(job)
        shown: dict[str, Any] = {
            "id": job.job_id,
            "operation": job.operation,
            "object": job.found.sobject,
            "createdById": INTEGRATION,
            "createdDate": rest_text(job.created_at),
            "systemModstamp": rest_text(job.created_at),
            "state": state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(job.version),
            "lineEnding": job.line_ending,
            "columnDelimiter": job.delimiter,
        }
        if whole:
            is_done = state == "JobComplete"
            shown |= {
                "jobType": "V2Query",
                "numberRecordsProcessed": len(job.found.positions) if is_done else 0,
                "retries": 0,
                "totalProcessingTime": int(self._seconds * 1_000) if is_done else 0,
                "isPkChunkingSupported": True,
            }
        return shown

    def _counted(self, body: Any) -> Response:
        return answer(body, usage=self._usage())

    def _usage(self) -> str:
        return f"api-usage={self._access.used()}/{self._access.allowed}"


def _version(base: str) -> str:
    return base.rpartition("/v")[2]


def _locator(start: int) -> str:
    return base64.b64encode(str(start).encode()).decode().rstrip("=")


def _start(locator: str | None) -> int:
    if locator is None:
        return 0
    try:
        return int(base64.b64decode(locator + "=" * (-len(locator) % 4)))
    except ValueError as error:
        raise Refused(400, "INVALID_ARGUMENT", f"Invalid locator: {locator}") from error


def _body(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body or b"{}", type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise Refused(400, "JSON_PARSER_ERROR", "Invalid JSON") from error
