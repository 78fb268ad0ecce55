"""The REST API: queries in pages, objects, deletions, limits.

Belongs here: those paths below `/services/data/vNN.0`. Does not: Bulk (`bulk.py`), how a query is
answered (`query.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from revops_pipelines.sandbox.salesforce.access import Access
from revops_pipelines.sandbox.salesforce.describe import describe, describe_all, summary
from revops_pipelines.sandbox.salesforce.errors import Refused, not_found
from revops_pipelines.sandbox.salesforce.objects import SObject
from revops_pipelines.sandbox.salesforce.org import Org
from revops_pipelines.sandbox.salesforce.query import Found, Queries
from revops_pipelines.sandbox.salesforce.shapes import records
from revops_pipelines.sandbox.salesforce.story import DAY_MS, epoch_ms, rest_text
from revops_pipelines.sandbox.salesforce.table import RECYCLE_BIN_MS

ENCODER = msgspec.json.Encoder()
# "REST API End-of-Life": 21 to 30 are retired since Summer '25; 68 is Winter '27.
OLDEST_VERSION, LATEST_VERSION = 31, 68
ROWS_A_PAGE, FEWEST_A_PAGE = 2_000, 200
# "Query locators" live two days; the oldest of too many go first.
LOCATOR_MS, MOST_LOCATORS = 2 * DAY_MS, 1_000
# getDeleted and getUpdated reach back 30 days at most.
REPLICATED_MS = 30 * DAY_MS
DATA = "/services/data/v{version}"


@dataclass(frozen=True, slots=True)
class Locator:
    """A query whose pages are still wanted."""

    found: Found
    page: int
    made_at: int


class Rest:
    """The REST endpoints of one organisation."""

    def __init__(self, org: Org, queries: Queries, access: Access) -> None:
        self._org = org
        self._queries = queries
        self._access = access
        self._locators: dict[str, Locator] = {}
        self._made = 0

    def routes(self) -> list[Route]:
        """All paths."""
        sobject = f"{DATA}/sobjects/{{name}}"
        return [
            Route("/services/data", self.versions),
            Route("/services/data/", self.versions),
            Route(f"{DATA}/", self.resources),
            Route(f"{DATA}/query", self.query),
            Route(f"{DATA}/query/", self.query),
            Route(f"{DATA}/queryAll", self.query_all),
            Route(f"{DATA}/queryAll/", self.query_all),
            Route(f"{DATA}/query/{{locator}}", self.more),
            Route(f"{DATA}/queryAll/{{locator}}", self.more),
            Route(f"{DATA}/limits", self.limits),
            Route(f"{DATA}/limits/", self.limits),
            Route(f"{DATA}/limits/recordCount", self.record_count),
            Route(f"{DATA}/sobjects", self.sobjects),
            Route(f"{DATA}/sobjects/", self.sobjects),
            Route(sobject, self.sobject),
            Route(f"{sobject}/describe", self.describe),
            Route(f"{sobject}/describe/", self.describe),
            Route(f"{sobject}/deleted", self.deleted),
            Route(f"{sobject}/deleted/", self.deleted),
            Route(f"{sobject}/updated", self.updated),
            Route(f"{sobject}/updated/", self.updated),
            Route(f"{sobject}/{{id}}", self.record),
        ]

    async def versions(self, _request: Request) -> Response:
        """GET /services/data: which versions there are."""
        known = range(OLDEST_VERSION, LATEST_VERSION + 1)
        return answer(
            [
                {"label": f"v{each}", "url": f"/services/data/v{each}.0", "version": f"{each}.0"}
                for each in known
            ]
        )

    async def resources(self, request: Request) -> Response:
        """What is below a version."""
        base = base_of(request)
        names = ("sobjects", "query", "queryAll", "limits", "jobs")
        return self._counted({name: f"{base}/{name}" for name in names})

    async def query(self, request: Request) -> Response:
        """GET /query."""
        return self._first_page(request, everything=False)

    async def query_all(self, request: Request) -> Response:
        """GET /queryAll: deleted and archived records as well."""
        return self._first_page(request, everything=True)

    def _first_page(self, request: Request, *, everything: bool) -> Response:
        base = base_of(request)
        text = request.query_params.get("q")
        if not text:
            raise Refused(400, "MALFORMED_QUERY", "unexpected token: '<EOF>'")
        found = self._queries.find(text, everything=everything)
        if found.is_count:
            body = {"totalSize": len(found.positions), "done": True, "records": []}
            return self._counted(body)
        return self._page(found, 0, _page_size(request), base, "")

    async def more(self, request: Request) -> Response:
        """The next page of a query."""
        base = base_of(request)
        name, _, start = request.path_params["locator"].partition("-")
        locator = self._locators.get(name)
        if locator is None or not start.isdigit():
            raise Refused(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        if locator.made_at + LOCATOR_MS <= self._org.now():
            raise Refused(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(locator.found, int(start), locator.page, base, name)

    def _page(self, found: Found, start: int, size: int, base: str, name: str) -> Response:
        total = 1 if found.aggregates is not None else len(found.positions)
        table = self._org.table(found.sobject)
        chosen = found.positions[start : start + size].tolist()
        done = start + size >= total
        body: dict[str, Any] = {"totalSize": total, "done": done}
        if not done:
            name = name or self._kept(found, size)
            body["nextRecordsUrl"] = f"{base}/query/{name}-{start + size}"
        body["records"] = records(found, table, chosen, base)
        return self._counted(body)

    def _kept(self, found: Found, size: int) -> str:
        self._made += 1
        name = f"0r8Qy0000000{self._made:06d}"
        self._locators[name] = Locator(found, size, self._org.now())
        while len(self._locators) > MOST_LOCATORS:
            del self._locators[next(iter(self._locators))]
        return name

    async def limits(self, request: Request) -> Response:
        """GET /limits."""
        base_of(request)
        allowed = self._access.allowed
        return self._counted(
            {
                "DailyApiRequests": {"Max": allowed, "Remaining": allowed - self._access.used()},
                "DailyBulkV2QueryJobs": {"Max": 10_000, "Remaining": 10_000},
                "DailyBulkV2QueryFileStorageMB": {"Max": 976_562, "Remaining": 976_562},
            }
        )

    async def record_count(self, request: Request) -> Response:
        """GET /limits/recordCount: about how many records there are, deleted ones left out."""
        base_of(request)
        asked = [name for name in request.query_params.get("sObjects", "").split(",") if name]
        now = self._org.now()
        counts = [
            {"count": len(self._org.table(name).standing(now, everything=False)), "name": name}
            for name in (asked or self._org.schema)
            if name in self._org.schema
        ]
        return self._counted({"sObjects": counts})

    async def sobjects(self, request: Request) -> Response:
        """GET /sobjects."""
        return self._counted(describe_all(self._org.schema, base_of(request)))

    async def sobject(self, request: Request) -> Response:
        """GET /sobjects/X."""
        base = base_of(request)
        shown = summary(self._known(request), base)
        return self._counted({"objectDescribe": shown, "recentItems": []})

    async def describe(self, request: Request) -> Response:
        """GET /sobjects/X/describe."""
        base = base_of(request)
        sobject = self._known(request)
        return self._counted(describe(sobject, base, self._record_types(sobject.name)))

    def _record_types(self, name: str) -> list[dict[str, Any]]:
        if "RecordType" not in self._org.schema:
            return []
        table, now = self._org.table("RecordType"), self._org.now()
        rows = [table.row(each, now) for each in table.standing(now, everything=False).tolist()]
        return [
            {
                "active": row["IsActive"],
                "available": True,
                "defaultRecordTypeMapping": number == 0,
                "developerName": row["DeveloperName"],
                "master": False,
                "name": row["Name"],
                "recordTypeId": row["Id"],
            }
            for number, row in enumerate(rows)
            if row["SobjectType"] == name
        ]

    async def record(self, request: Request) -> Response:
        """GET /sobjects/X/id, with `fields` or all of them."""
        base = base_of(request)
        sobject = self._known(request)
        table, now = self._org.table(sobject.name), self._org.now()
        position = table.find(request.path_params["id"])
        if position is None or position not in table.standing(now, everything=False):
            raise Refused(404, "NOT_FOUND", "The requested resource does not exist")
        asked = request.query_params.get("fields")
        wanted = asked or ",".join(sobject.fields)
        found = self._queries.find(
            f"SELECT {wanted} FROM {sobject.name} WHERE Id = '{table.ids[position]}'",
            everything=True,
        )
        return self._counted(records(found, table, [position], base)[0])

    async def deleted(self, request: Request) -> Response:
        """GET /sobjects/X/deleted: what went, as far as the recycle bin reaches."""
        base_of(request)
        start, end = self._span(request)
        table, now = self._org.table(self._replicated(request).name), self._org.now()
        gone = table.deleted_between(start, min(end, now + 1), now)
        return self._counted(
            {
                "deletedRecords": [{"deletedDate": rest_text(at), "id": id_} for at, id_ in gone],
                "earliestDateAvailable": rest_text(now - RECYCLE_BIN_MS),
                "latestDateCovered": rest_text(min(end, now)),
            }
        )

    async def updated(self, request: Request) -> Response:
        """GET /sobjects/X/updated."""
        base_of(request)
        start, end = self._span(request)
        table, now = self._org.table(self._replicated(request).name), self._org.now()
        changed = table.changed(now, start // 1_000, -(-end // 1_000), everything=False)
        return self._counted(
            {
                "ids": [table.ids[each] for each in changed.tolist()],
                "latestDateCovered": rest_text(min(end, now)),
            }
        )

    def _known(self, request: Request) -> SObject:
        sobject = self._org.schema.get(request.path_params["name"])
        if sobject is None:
            raise not_found()
        return sobject

    def _replicated(self, request: Request) -> SObject:
        sobject = self._known(request)
        if not sobject.is_replicated:
            raise Refused(400, "INVALID_TYPE_FOR_OPERATION", f"{sobject.name} is not replicateable")
        return sobject

    def _span(self, request: Request) -> tuple[int, int]:
        start, end = (_moment(request.query_params.get(name, "")) for name in ("start", "end"))
        if end - start < 60_000:
            raise Refused(400, "INVALID_REPLICATION_DATE", "end must be a minute after start")
        if start < self._org.now() - REPLICATED_MS:
            raise Refused(
                400, "INVALID_REPLICATION_DATE", "startDate cannot be more than 30 days ago"
            )
        return start, end

    def _counted(self, body: Any) -> Response:
        return answer(body, usage=f"api-usage={self._access.used()}/{self._access.allowed}")


def answer(body: Any, status: int = 200, usage: str | None = None) -> Response:
    """JSON, with the day's calls in the header."""
    headers = {} if usage is None else {"Sforce-Limit-Info": usage}
    encoded = ENCODER.encode(body)
    return Response(encoded, status, headers, media_type="application/json;charset=UTF-8")


def base_of(request: Request) -> str:
    """The path of the version asked for; `Refused` for retired and unknown ones."""
    version = request.path_params["version"]
    known = re.fullmatch(r"(\d+)\.0", version)
    if known is None or int(known[1]) > LATEST_VERSION:
        raise not_found()
    if int(known[1]) < OLDEST_VERSION:
        raise Refused(410, "GONE", "The requested API version is retired")
    return f"/services/data/v{version}"


def _page_size(request: Request) -> int:
    asked = re.search(r"batchSize=(\d+)", request.headers.get("sforce-query-options", ""))
    return min(max(int(asked[1]), FEWEST_A_PAGE), ROWS_A_PAGE) if asked else ROWS_A_PAGE


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as error:
        raise Refused(400, "INVALID_REPLICATION_DATE", f"invalid date: {text}") from error
    return epoch_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
