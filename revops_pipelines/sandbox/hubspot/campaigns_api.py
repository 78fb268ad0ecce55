"""Endpoints of campaigns: list, one with its assets, many with theirs, assets, money.

Belongs here: paths and pages. Does not: what a campaign says (`marketing_records.py`). The reports
(contacts, metrics, revenue) are not played.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from revops_pipelines.sandbox.hubspot import marketing_records as records
from revops_pipelines.sandbox.hubspot.errors import invalid, not_found
from revops_pipelines.sandbox.hubspot.marketing import FORMS
from revops_pipelines.sandbox.hubspot.marketing_ids import campaign_id, email_id, form_id, list_id
from revops_pipelines.sandbox.hubspot.objects_api import (
    answer,
    batch_answer,
    body_of,
    limit_of,
    listed,
)
from revops_pipelines.sandbox.hubspot.portal import Portal
from revops_pipelines.sandbox.world.marketing_shapes import Program

MOST_A_PAGE, PAGE, MOST_IN_BATCH, ASSETS_A_PAGE = 100, 50, 50, 10
ASSET_TYPES = ("FORM", "MARKETING_EMAIL", "OBJECT_LIST")


class _Id(msgspec.Struct):
    id: str


class _Batch(msgspec.Struct):
    inputs: list[_Id]


class CampaignsApi:
    """The endpoints under `/marketing/campaigns`."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def routes(self) -> list[Route]:
        """All of them, in the dated and the older spelling."""
        return [
            Route(f"{prefix}{path}", ending, methods=[method])
            for prefix in ("/marketing/campaigns/{version}", "/marketing/{version}/campaigns")
            for path, ending, method in (
                ("", self.page, "GET"),
                ("/", self.page, "GET"),
                ("/batch/read", self.batch, "POST"),
                ("/{id}", self.one, "GET"),
                ("/{id}/assets/{asset_type}", self.assets, "GET"),
                ("/{id}/budget/totals", self.totals, "GET"),
            )
        ]

    async def page(self, request: Request) -> Response:
        """A list, in order of creation."""
        limit = limit_of(request, MOST_A_PAGE, PAGE)
        now = self._portal.seconds()
        asked = listed(request, "properties")
        every = self._portal.marketing.programs_at(now)
        after = _offset(request)
        page = every[after : after + limit]
        payload: dict[str, Any] = {
            "results": [records.campaign(program, now, asked) for program in page],
            "total": len(every),
        }
        return answer(_paged(payload, after + limit, len(every)))

    async def one(self, request: Request) -> Response:
        """One campaign with the first of its assets."""
        return answer(self._whole(self._program(request), listed(request, "properties")))

    async def batch(self, request: Request) -> Response:
        """Campaigns by id, each with the first of its assets."""
        wanted = await body_of(request, _Batch)
        if len(wanted.inputs) > MOST_IN_BATCH:
            raise invalid(f"at most {MOST_IN_BATCH} inputs are allowed")
        asked = listed(request, "properties")
        known = self._by_id()
        found = [self._whole(known[each.id], asked) for each in wanted.inputs if each.id in known]
        missing = [each.id for each in wanted.inputs if each.id not in known]
        return batch_answer(found, self._portal.now(), missing)

    async def assets(self, request: Request) -> Response:
        """A campaign's assets of one type."""
        kind = request.path_params["asset_type"]
        if kind not in ASSET_TYPES:
            raise invalid(f"{kind} is no type of asset")
        every = self._assets(self._program(request))[kind]
        limit = limit_of(request, MOST_A_PAGE, ASSETS_A_PAGE)
        after = _offset(request)
        payload: dict[str, Any] = {"results": every[after : after + limit]}
        return answer(_paged(payload, after + limit, len(every)))

    async def totals(self, request: Request) -> Response:
        """A campaign's budget and spend."""
        return answer(records.money(self._program(request), self._portal.seconds()))

    def _by_id(self) -> dict[str, Program]:
        now = self._portal.seconds()
        every = self._portal.marketing.programs_at(now)
        return {campaign_id(program.program_id): program for program in every}

    def _program(self, request: Request) -> Program:
        program = self._by_id().get(request.path_params["id"])
        if program is None:
            raise not_found()
        return program

    def _whole(self, program: Program, asked: list[str]) -> dict[str, Any]:
        campaign = records.campaign(program, self._portal.seconds(), asked)
        campaign["assets"] = {
            kind: _paged({"results": every[:ASSETS_A_PAGE]}, ASSETS_A_PAGE, len(every))
            for kind, every in self._assets(program).items()
            if every
        }
        return campaign

    def _assets(self, program: Program) -> dict[str, list[dict[str, Any]]]:
        shelf, now = self._portal.marketing, self._portal.seconds()
        mailings = [
            {"id": email_id(each.mailing_id), "name": each.name}
            for each in shelf.mailings_at(now)
            if each.program_id == program.program_id
        ]
        # The website's forms are everywhere; they are put under its own campaign.
        forms = [{"id": form_id(name), "name": name} for name in FORMS]
        members = {"id": list_id(program.program_id), "name": f"Members of {program.name}"}
        return {
            "FORM": forms if program is shelf.programs[0] else [],
            "MARKETING_EMAIL": mailings,
            "OBJECT_LIST": [members],
        }


def _offset(request: Request) -> int:
    after = request.query_params.get("after", "0") or "0"
    if not after.isdigit():
        raise invalid(f"after is invalid: {after}", after=after)
    return int(after)


def _paged(payload: dict[str, Any], end: int, total: int) -> dict[str, Any]:
    return payload | ({"paging": {"next": {"after": str(end)}}} if end < total else {})
