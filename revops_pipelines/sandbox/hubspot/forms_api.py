"""Endpoints of forms and what was sent in by them.

Belongs here: paths and pages. Does not: what a submission says (`marketing_records.py`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from revops_pipelines.sandbox.hubspot import marketing_records as records
from revops_pipelines.sandbox.hubspot.errors import invalid, not_found
from revops_pipelines.sandbox.hubspot.marketing import FORMS
from revops_pipelines.sandbox.hubspot.marketing_ids import form_id
from revops_pipelines.sandbox.hubspot.objects_api import answer, flagged, limit_of
from revops_pipelines.sandbox.hubspot.portal import Portal
from revops_pipelines.sandbox.hubspot.story import epoch_ms, ms_text

MOST_FORMS, PAGE, MOST_SUBMISSIONS, SUBMISSIONS = 100, 20, 50, 20


class FormsApi:
    """The endpoints under `/marketing/v3/forms` and `/form-integrations`."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._made = ms_text(epoch_ms(portal.world.start - timedelta(days=30)))

    def routes(self) -> list[Route]:
        """All of them; the dated spelling of forms is a beta at HubSpot."""
        places = [
            Route(f"{prefix}{path}", ending)
            for prefix in ("/marketing/{version}/forms", "/marketing/forms/{version}")
            for path, ending in (("", self.page), ("/", self.page), ("/{id}", self.one))
        ]
        submissions = "/form-integrations/v1/submissions/forms/{id}"
        return [*places, Route(submissions, self.submissions)]

    async def page(self, request: Request) -> Response:
        """A list."""
        limit = limit_of(request, MOST_FORMS, PAGE)
        after = int(request.query_params.get("after", "0") or 0)
        every = () if flagged(request, "archived") else FORMS
        page = every[after : after + limit]
        payload: dict[str, Any] = {"results": [records.form(each, self._made) for each in page]}
        if after + limit < len(every):
            payload["paging"] = {"next": {"after": str(after + limit)}}
        return answer(payload)

    async def one(self, request: Request) -> Response:
        """One form."""
        return answer(records.form(self._name(request), self._made))

    async def submissions(self, request: Request) -> Response:
        """What was sent in by a form, the newest first."""
        limit = limit_of(request, MOST_SUBMISSIONS, SUBMISSIONS)
        name = self._name(request)
        shelf = self._portal.marketing
        before = request.query_params.get("after") or str(len(shelf.submissions[name]))
        if not before.isdigit():
            raise invalid(f"after is invalid: {before}", after=before)
        found: list[dict[str, Any]] = []
        position, more = 0, False
        for at, each in shelf.submitted(name, int(before), self._portal.seconds()):
            if len(found) == limit:
                more = True
                break
            position = at
            found.append(records.submission(each))
        payload: dict[str, Any] = {"results": found}
        if more:
            payload["paging"] = {"next": {"after": str(position), "link": f"?after={position}"}}
        return answer(payload)

    def _name(self, request: Request) -> str:
        for name in FORMS:
            if form_id(name) == request.path_params["id"]:
                return name
        raise not_found()
