"""Endpoints of lists and their members.

Belongs here: one static list for each campaign, with who is on it. Does not: lists by filters.

A member leaves its lists when it is archived; one merged away is the survivor's membership.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from revops_pipelines.sandbox.hubspot.errors import invalid, not_found
from revops_pipelines.sandbox.hubspot.marketing_ids import list_id
from revops_pipelines.sandbox.hubspot.marketing_records import second_text
from revops_pipelines.sandbox.hubspot.objects_api import answer, body_of, limit_of
from revops_pipelines.sandbox.hubspot.portal import Portal
from revops_pipelines.sandbox.world.marketing_shapes import Program

MOST_LISTS, LISTS, MOST_MEMBERS, MEMBERS = 500, 20, 250, 100


class _Search(msgspec.Struct, rename="camel"):
    query: str = ""
    count: int = LISTS
    offset: int = 0
    list_ids: list[str] = []
    processing_types: list[str] = []
    additional_properties: list[str] = []


class ListsApi:
    """The endpoints under `/crm/lists`."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def routes(self) -> list[Route]:
        """All of them, in the dated and the older spelling."""
        return [
            Route(f"{prefix}{path}", ending, methods=[method])
            for prefix in ("/crm/lists/{version}", "/crm/{version}/lists")
            for path, ending, method in (
                ("/search", self.search, "POST"),
                ("/{id}", self.one, "GET"),
                ("/{id}/memberships", self.members, "GET"),
                ("/{id}/memberships/join-order", self.joined, "GET"),
            )
        ]

    async def search(self, request: Request) -> Response:
        """Lists whose name contains the query, a page of them."""
        wanted = await body_of(request, _Search)
        if not 0 < wanted.count <= MOST_LISTS:
            raise invalid(f"count must be between 1 and {MOST_LISTS}")
        every = [
            program
            for program in self._portal.marketing.programs_at(self._portal.seconds())
            if wanted.query.lower() in _name(program).lower()
            and (not wanted.list_ids or list_id(program.program_id) in wanted.list_ids)
            and (not wanted.processing_types or "MANUAL" in wanted.processing_types)
        ]
        end = wanted.offset + wanted.count
        lists = [
            {**_list(program), "additionalProperties": self._measured(program)}
            for program in every[wanted.offset : end]
        ]
        shown = wanted.offset + len(lists)
        payload = {
            "lists": lists,
            "total": len(every),
            "offset": shown,
            "hasMore": end < len(every),
        }
        return answer(payload)

    async def one(self, request: Request) -> Response:
        """One list."""
        program = self._program(request)
        size = len(self._members(program))
        return answer({"list": {**_list(program), "size": size}})

    async def members(self, request: Request) -> Response:
        """Who is on a list, in order of id."""
        return self._page(request, sorted(self._members(self._program(request)).items()))

    async def joined(self, request: Request) -> Response:
        """Who is on a list, in the order they came."""
        found = self._members(self._program(request)).items()
        return self._page(request, sorted(found, key=lambda each: (each[1], each[0])))

    def _page(self, request: Request, every: list[tuple[int, int]]) -> Response:
        limit = limit_of(request, MOST_MEMBERS, MEMBERS)
        after = request.query_params.get("after") or "0"
        if not after.isdigit():
            raise invalid(f"after is invalid: {after}", after=after)
        end = int(after) + limit
        payload: dict[str, Any] = {
            "results": [
                {"recordId": str(id_), "membershipTimestamp": second_text(since)}
                for id_, since in every[int(after) : end]
            ],
            "total": len(every),
        }
        if end < len(every):
            payload["paging"] = {"next": {"after": str(end), "link": f"?after={end}"}}
        return answer(payload)

    def _program(self, request: Request) -> Program:
        for program in self._portal.marketing.programs_at(self._portal.seconds()):
            if list_id(program.program_id) == request.path_params["id"]:
                return program
        raise not_found()

    def _members(self, program: Program) -> dict[int, int]:
        """Contact ids with the second they came on the list; of merged ones the earliest."""
        portal, now = self._portal, self._portal.now()
        contacts = portal.tables["contacts"]
        found: dict[int, int] = {}
        on_list = portal.marketing.members.get(list_id(program.program_id), {})
        for position, since in on_list.items():
            standing = portal.associations.survivor(position, now)
            if since * 1_000 <= now and contacts.stands(standing, now):
                id_ = contacts.ids.item(standing)
                found[id_] = min(since, found.get(id_, since))
        return found

    def _measured(self, program: Program) -> dict[str, str]:
        """How many are on it, and when somebody last came or went."""
        portal, now = self._portal, self._portal.now()
        members = self._members(program)
        measured = {"hs_list_size": str(len(members)), "hs_list_reference_count": "0"}
        on_list = portal.marketing.members.get(list_id(program.program_id), {})
        came = [since * 1_000 for since in on_list.values() if since * 1_000 <= now]
        left = [
            gone
            for position, since in on_list.items()
            if since * 1_000 <= now
            and (gone := portal.tables["contacts"].gone.item(position)) <= now
        ]
        if came:
            measured["hs_last_record_added_at"] = str(max(came))
        if left:
            measured["hs_last_record_removed_at"] = str(max(left))
        return measured


def _name(program: Program) -> str:
    return f"Members of {program.name}"


def _list(program: Program) -> dict[str, Any]:
    made = second_text(program.created_at)
    return {
        "listId": list_id(program.program_id),
        "listVersion": 1,
        "name": _name(program),
        "objectTypeId": "0-1",
        "processingType": "MANUAL",
        "processingStatus": "COMPLETE",
        "createdById": "9000",
        "updatedById": "9000",
        "createdAt": made,
        "updatedAt": made,
        "filtersUpdatedAt": made,
    }
