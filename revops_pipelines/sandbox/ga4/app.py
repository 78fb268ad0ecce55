"""The Google Analytics Data API and its sign-in as an ASGI app.

Belongs here: routes, manners and one property. Does not: what a report holds (`report.py`).

Switches: `ga4.other` folds rare landing pages into `(other)`, `ga4.sampled` and `ga4.thresholded`
say so of every report, `ga4.no_key_events` has no event marked as one, `ga4.api_disabled` and
`ga4.no_access` refuse the account. Rates: `ga4.tokens_per_hour`, `ga4.tokens_per_day`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.frame import Framed, Manners, Options, framed
from revops_pipelines.sandbox.ga4 import report
from revops_pipelines.sandbox.ga4.answers import Ga4Error, refusal
from revops_pipelines.sandbox.ga4.facts import Fact, facts
from revops_pipelines.sandbox.ga4.login import Login
from revops_pipelines.sandbox.ga4.quota import AT_ONCE, TokenQuota
from revops_pipelines.sandbox.world.web import WebStory

if TYPE_CHECKING:
    from revops_pipelines.sandbox.world.world import World

PROPERTY = "412345678"


def build_app(world: World, clock: SandboxClock, options: Options) -> Framed:
    """The app of one world's website, in its frame."""
    login = Login(clock)
    site = _Property(world, clock, options)
    app = Starlette(
        routes=[
            Route("/token", login.token, methods=["POST"]),
            Route("/v1beta/properties/{number}:runReport", site.run_report, methods=["POST"]),
        ],
        exception_handlers={Ga4Error: _refused, 404: _nowhere, 405: _nowhere},
    )
    manners = Manners(
        authenticate=login.authenticate,
        open_paths="^/token$",
        at_once=AT_ONCE,
        too_many_at_once=lambda call: refusal(
            "RESOURCE_EXHAUSTED", "Exhausted concurrent requests quota."
        ),
    )
    return framed("ga4", app, clock=clock, options=options, manners=manners)


class _Property:
    """One property and its reports."""

    def __init__(self, world: World, clock: SandboxClock, options: Options) -> None:
        self._story = WebStory(world)
        self._clock = clock
        self._options = options
        self._quota = TokenQuota(options)

    async def run_report(self, request: Request) -> Response:
        """POST /v1beta/properties/{number}:runReport."""
        self._admit(request.path_params["number"])
        now = self._clock.now()
        wanted = report.asked(_body(await request.body()), now.date())
        made = report.rows(wanted, self._facts(wanted.first, wanted.last, now))
        quota = self._quota.spend(len(made), now)
        body = report.answer(wanted, made, self._metadata())
        return JSONResponse(body | ({"propertyQuota": quota} if wanted.tells_quota else {}))

    def _admit(self, number: str) -> None:
        if self._options.on("ga4.api_disabled"):
            raise Ga4Error(
                "PERMISSION_DENIED",
                "Google Analytics Data API has not been used in this project, or it is disabled.",
                "SERVICE_DISABLED",
            )
        if number != PROPERTY or self._options.on("ga4.no_access"):
            raise Ga4Error(
                "PERMISSION_DENIED", "User does not have sufficient permissions for this property."
            )

    def _facts(self, first: date, last: date, now: datetime) -> Iterator[Fact]:
        folded = self._options.on("ga4.other")
        has_key_events = not self._options.on("ga4.no_key_events")
        day = max(first, self._story.first_day)
        while day <= min(last, now.date()):
            for fact in facts(self._story, day, now, folded=folded):
                yield fact if has_key_events else fact._replace(conversions=0)
            day += timedelta(days=1)

    def _metadata(self) -> dict[str, Any]:
        metadata: dict[str, Any] = {"currencyCode": "USD", "timeZone": "Etc/UTC"}
        if self._options.on("ga4.other"):
            metadata["dataLossFromOtherRow"] = True
        if self._options.on("ga4.thresholded"):
            metadata["subjectToThresholding"] = True
        if self._options.on("ga4.sampled"):
            metadata["samplingMetadatas"] = [
                {"samplesReadCount": "500000", "samplingSpaceSize": "2000000"}
            ]
        return metadata


def _body(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError as error:
        raise Ga4Error("INVALID_ARGUMENT", "Invalid JSON payload received.") from error
    if not isinstance(found, dict):
        raise Ga4Error("INVALID_ARGUMENT", "Invalid JSON payload received.")
    return found


async def _refused(_request: Request, error: Exception) -> Response:
    if not isinstance(error, Ga4Error):
        raise error
    reply = error.reply
    return Response(reply.body, reply.status, media_type=reply.media_type)


async def _nowhere(_request: Request, _error: Exception) -> Response:
    reply = refusal("NOT_FOUND", "Requested entity was not found.")
    return Response(reply.body, reply.status, media_type=reply.media_type)
