"""Endpoints of associations: batch read in the dated, v4 and v3 shapes, and one record's.

Belongs here: the three shapes. Does not: which records belong together.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from revops_pipelines.sandbox.hubspot.associations import Association, type_name
from revops_pipelines.sandbox.hubspot.errors import invalid, not_found
from revops_pipelines.sandbox.hubspot.objects_api import answer, body_of
from revops_pipelines.sandbox.hubspot.portal import Portal
from revops_pipelines.sandbox.hubspot.story import ms_text

MOST_IN_BATCH = 1_000


class _Input(msgspec.Struct):
    id: str | int
    after: str | None = None


class _Batch(msgspec.Struct):
    inputs: list[_Input]


class AssociationsApi:
    """The endpoints under `/crm/associations` and below a record."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def routes(self) -> list[Route]:
        """All of them."""
        pair = "{object_type}/{to_type}"
        single = "{object_type}/{object_id}/associations/{to_type}"
        return [
            Route(f"/crm/associations/{{version}}/{pair}/batch/read", self.dated, methods=["POST"]),
            Route(f"/crm/{{version}}/associations/{pair}/batch/read", self.older, methods=["POST"]),
            Route(f"/crm/objects/{{version}}/{single}", self.one, methods=["GET"]),
            Route(f"/crm/{{version}}/objects/{single}", self.one, methods=["GET"]),
        ]

    async def dated(self, request: Request) -> Response:
        """As of the dated versions: ids are text."""
        return await self._batch(request, _labelled)

    async def older(self, request: Request) -> Response:
        """v4 as the dated one but with numbers for ids; v3 without labels."""
        if request.path_params["version"] == "v4":
            return await self._batch(request, _numbered)
        return await self._batch(request, _plain)

    async def one(self, request: Request) -> Response:
        """Everything of one type that a record is associated with."""
        portal = self._portal
        kind, to = self._pair(request)
        now = portal.now()
        position = portal.resolve(kind, request.path_params["object_id"], now)
        if position is None:
            raise not_found()
        ends = portal.associations.of(kind, position, to, now)
        shape = _plain if request.path_params["version"] == "v3" else _numbered
        return answer({"results": [shape(kind, to, end) for end in ends]})

    async def _batch(self, request: Request, shape: Any) -> Response:
        portal = self._portal
        kind, to = self._pair(request)
        wanted = await body_of(request, _Batch)
        if len(wanted.inputs) > MOST_IN_BATCH:
            raise invalid(f"at most {MOST_IN_BATCH} inputs are allowed")
        now = portal.now()
        results: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for wish in wanted.inputs:
            position = portal.resolve(kind, str(wish.id), now)
            there = position is not None and portal.tables[kind].stands(position, now)
            ends = (
                portal.associations.of(kind, position, to, now)
                if there and position is not None
                else []
            )
            if ends:
                shaped = [shape(kind, to, end) for end in ends]
                results.append({"from": {"id": str(wish.id)}, "to": shaped})
            else:
                errors.append(_none(kind, to, str(wish.id)))
        moment = ms_text(now)
        payload: dict[str, Any] = {
            "status": "COMPLETE",
            "results": results,
            "startedAt": moment,
            "completedAt": moment,
        }
        if errors:
            payload["numErrors"] = len(errors)
            payload["errors"] = errors
        return answer(payload, 207 if errors else 200)

    def _pair(self, request: Request) -> tuple[str, str]:
        portal = self._portal
        kind = portal.kind(request.path_params)
        return kind, portal.kind(request.path_params, "to_type")


def _types(end: Association) -> list[dict[str, Any]]:
    return [
        {"category": "HUBSPOT_DEFINED", "typeId": type_id, **({"label": label} if label else {})}
        for type_id, label in end.types
    ]


def _labelled(_kind: str, _to: str, end: Association) -> dict[str, Any]:
    return {"toObjectId": str(end.to_id), "associationTypes": _types(end)}


def _numbered(_kind: str, _to: str, end: Association) -> dict[str, Any]:
    return {"toObjectId": end.to_id, "associationTypes": _types(end)}


def _plain(kind: str, to: str, end: Association) -> dict[str, Any]:
    return {"id": str(end.to_id), "type": type_name(kind, to)}


def _none(kind: str, to: str, id_: str) -> dict[str, Any]:
    """HubSpot reports a record without associations of the kind as an error inside a 207."""
    name = type_name(kind, to).split("_to_")
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": f"No {name[1]} is associated with {name[0]} {id_}.",
        "context": {"fromObjectId": [id_]},
        "errors": [],
        "links": {},
    }
