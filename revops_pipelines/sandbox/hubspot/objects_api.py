"""Endpoints of CRM objects: list, one, batch read, search.

Belongs here: reading a request's wishes and putting pages together. Does not: what a record says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from revops_pipelines.sandbox.hubspot.associations import list_names
from revops_pipelines.sandbox.hubspot.errors import invalid, not_found
from revops_pipelines.sandbox.hubspot.portal import Portal
from revops_pipelines.sandbox.hubspot.properties import object_type
from revops_pipelines.sandbox.hubspot.render import ENCODER, Asked
from revops_pipelines.sandbox.hubspot.search import Search, search
from revops_pipelines.sandbox.hubspot.story import ms_text

MOST_A_PAGE, MOST_WITH_HISTORY, DEFAULT_A_PAGE, MOST_IN_BATCH = 100, 50, 10, 100
# Longer request lines are refused by HubSpot's edge.
MOST_URL_CHARACTERS = 16_000
Asking = TypeVar("Asking")


class _Id(msgspec.Struct):
    id: str


class BatchRead(msgspec.Struct, rename="camel"):
    """The body of a batch read."""

    inputs: list[_Id]
    properties: list[str] = []
    properties_with_history: list[str] = []
    id_property: str | None = None


def answer(payload: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(ENCODER.encode(payload), status, media_type="application/json")


async def body_of(request: Request, shape: type[Asking]) -> Asking:
    """The request's JSON body in a shape; 400 as HubSpot words it where it does not fit."""
    try:
        return msgspec.json.decode(await request.body(), type=shape)
    except msgspec.DecodeError as error:
        raise invalid(f"Invalid input JSON: {error}") from error


def listed(request: Request, name: str) -> list[str]:
    """A parameter that may be repeated or separated by commas."""
    values = request.query_params.getlist(name)
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def flagged(request: Request, name: str) -> bool:
    """A parameter that is true or false; false where it is left out."""
    return request.query_params.get(name, "false").lower() == "true"


def limit_of(request: Request, most: int, default: int = DEFAULT_A_PAGE) -> int:
    """The page size asked for; 400 beyond the most."""
    text = request.query_params.get("limit", str(default))
    if not text.isdigit() or not 0 < int(text) <= most:
        raise invalid(f"limit must be between 1 and {most}", limit=text)
    return int(text)


class ObjectsApi:
    """The endpoints under `/crm/objects`."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def routes(self, prefix: str) -> list[Route]:
        """The routes below a prefix that names the version."""
        return [
            Route(f"{prefix}/{{object_type}}", self.page, methods=["GET"]),
            Route(f"{prefix}/{{object_type}}/search", self.search, methods=["POST"]),
            Route(f"{prefix}/{{object_type}}/batch/read", self.batch, methods=["POST"]),
            Route(f"{prefix}/{{object_type}}/{{object_id}}", self.one, methods=["GET"]),
        ]

    async def page(self, request: Request) -> Response:
        """A list, in order of id."""
        if len(str(request.url)) > MOST_URL_CHARACTERS:
            return Response("URI Too Long", 414, media_type="text/plain")
        portal = self._portal
        kind = portal.kind(request.path_params)
        asked = self._asked(request, kind)
        limit = limit_of(request, MOST_WITH_HISTORY if asked.with_history else MOST_A_PAGE)
        after = request.query_params.get("after", "0")
        if not after.isdigit():
            raise invalid(f"after is invalid: {after}", after=after)
        now = portal.now()
        archived = flagged(request, "archived")
        found = portal.tables[kind].page(int(after), limit, now, archived=archived)
        others = self._others(request)
        records = [self._record(kind, at, now, asked, others) for at in found[:limit]]
        payload: dict[str, Any] = {"results": records}
        if len(found) > limit:
            last = str(portal.tables[kind].ids[found[limit - 1]])
            link = request.url.include_query_params(after=last)
            payload["paging"] = {"next": {"after": last, "link": str(link)}}
        return answer(payload)

    async def one(self, request: Request) -> Response:
        """One record by id; a contact merged away answers as its survivor."""
        portal = self._portal
        kind = portal.kind(request.path_params)
        now = portal.now()
        position = portal.resolve(kind, request.path_params["object_id"], now)
        if position is None or not self._shows(kind, position, now, request):
            raise not_found()
        asked = self._asked(request, kind)
        record = self._record(kind, position, now, asked, self._others(request))
        return answer(record)

    async def batch(self, request: Request) -> Response:
        """Records by id; those that are not there are named in `errors`, with status 207."""
        portal = self._portal
        kind = portal.kind(request.path_params)
        wanted = await body_of(request, BatchRead)
        most = MOST_WITH_HISTORY if wanted.properties_with_history else MOST_IN_BATCH
        if len(wanted.inputs) > most:
            raise invalid(f"at most {most} inputs are allowed")
        now = portal.now()
        asked = portal.renderers[kind].asked(wanted.properties, wanted.properties_with_history)
        records: dict[int, msgspec.Raw] = {}
        missing: list[str] = []
        for wish in wanted.inputs:
            position = portal.resolve(kind, wish.id, now)
            if position is None or not self._shows(kind, position, now, request):
                missing.append(wish.id)
            else:
                records[position] = self._record(kind, position, now, asked, ())
        return batch_answer(list(records.values()), now, missing)

    async def search(self, request: Request) -> Response:
        """Records that match, at most 10,000 of a query."""
        portal = self._portal
        kind = portal.kind(request.path_params)
        wanted = await body_of(request, Search)
        now = portal.searched_now()
        renderer = portal.renderers[kind]
        found = search(portal.tables[kind], renderer, wanted, now)
        asked = renderer.asked(wanted.properties, ())
        payload: dict[str, Any] = {
            "total": found.total,
            "results": [msgspec.Raw(renderer.body(at, now, asked)) for at in found.positions],
        }
        if found.next_after is not None:
            payload["paging"] = {"next": {"after": str(found.next_after)}}
        return answer(payload)

    def _asked(self, request: Request, kind: str) -> Asked:
        properties = listed(request, "properties")
        with_history = listed(request, "propertiesWithHistory")
        return self._portal.renderers[kind].asked(properties, with_history)

    def _others(self, request: Request) -> tuple[str, ...]:
        kinds = [object_type(name) for name in listed(request, "associations")]
        if None in kinds:
            raise invalid("Unable to infer object type of an association")
        return tuple(kind for kind in kinds if kind is not None)

    def _shows(self, kind: str, position: int, now: int, request: Request) -> bool:
        table = self._portal.tables[kind]
        if flagged(request, "archived"):
            return table.in_archive(position, now)
        return table.stands(position, now)

    def _record(
        self, kind: str, position: int, now: int, asked: Asked, others: Sequence[str]
    ) -> msgspec.Raw:
        body = self._portal.renderers[kind].body(position, now, asked)
        if not others:
            return msgspec.Raw(body)
        associations = {}
        for to in others:
            ends = self._portal.associations.of(kind, position, to, now)
            if ends:
                results = [
                    {"id": str(end.to_id), "type": name}
                    for end in ends
                    for name in list_names(kind, to, end)
                ]
                associations[to] = {"results": results}
        if associations:
            # A record is an object with at least an id: put one more member before its end.
            body = body[:-1] + b',"associations":' + ENCODER.encode(associations) + b"}"
        return msgspec.Raw(body)


def batch_answer(results: list[Any], now: int, missing: Sequence[str]) -> Response:
    """A batch's answer: 200, or 207 where some records are not there."""
    moment = ms_text(now)
    payload: dict[str, Any] = {
        "status": "COMPLETE",
        "results": results,
        "startedAt": moment,
        "completedAt": moment,
    }
    if missing:
        payload["numErrors"] = 1
        payload["errors"] = [
            {
                "status": "error",
                "category": "OBJECT_NOT_FOUND",
                "message": "Could not get some objects, they may be deleted or not exist. Check "
                "that ids are valid.",
                "context": {"ids": list(missing)},
                "errors": [],
                "links": {},
            }
        ]
    return answer(payload, 207 if missing else 200)
