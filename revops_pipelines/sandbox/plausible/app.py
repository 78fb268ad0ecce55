"""The Plausible Stats API, version 2, as an ASGI app.

Belongs here: the route, manners, one site. Does not: what a query gives (`query.py`).

Switch `plausible.no_stats_api` is a plan without the API. Rate: `plausible.hour`.
Source: https://plausible.io/docs/stats-api
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from revops_pipelines.sandbox.calls import Call, Reply
from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.frame import Framed, Limit, Manners, Options, framed
from revops_pipelines.sandbox.plausible import query
from revops_pipelines.sandbox.plausible.facts import facts
from revops_pipelines.sandbox.plausible.query import QueryError
from revops_pipelines.sandbox.world.web import WebStory

if TYPE_CHECKING:
    from revops_pipelines.sandbox.world.world import World

API_KEY = "sandbox-plausible-key"
SITE = "northbeam.example"
CALLS_AN_HOUR = 600


def build_app(world: World, clock: SandboxClock, options: Options) -> Framed:
    """The app of one world's website, in its frame."""
    site = _Site(world, clock)
    app = Starlette(
        routes=[Route("/api/v2/query", site.query, methods=["POST"])],
        exception_handlers={QueryError: _refused, 404: _nowhere, 405: _nowhere},
    )
    return framed("plausible", app, clock=clock, options=options, manners=_manners(options))


def _manners(options: Options) -> Manners:
    def authenticate(call: Call) -> Reply | None:
        if call.header("authorization") != f"Bearer {API_KEY}":
            return Reply.json(401, {"error": _WRONG_KEY})
        if options.on("plausible.no_stats_api"):
            return Reply.json(
                402, {"error": "The account that owns this API key has no Stats API."}
            )
        return None

    return Manners(
        authenticate=authenticate,
        limits=(Limit("hour", CALLS_AN_HOUR, 3600.0, _too_many),),
    )


_WRONG_KEY = (
    "Invalid API key or site ID. Please make sure you're using a valid API key with access to the "
    "site you've requested."
)


def _too_many(_call: Call, _wait: float) -> Reply:
    said = f"Too many API requests. The limit is {CALLS_AN_HOUR} per hour. Please contact us to "
    return Reply.json(429, {"error": f"{said}request more capacity."})


class _Site:
    """One site and its visits."""

    def __init__(self, world: World, clock: SandboxClock) -> None:
        self._story = WebStory(world)
        self._clock = clock

    async def query(self, request: Request) -> Response:
        """POST /api/v2/query."""
        body = _body(await request.body())
        if body.get("site_id") != SITE:
            return JSONResponse({"error": _WRONG_KEY}, status_code=401)
        now = self._clock.now()
        asked = query.asked(body, self._story.first_day, now.date())
        days = [day for day in self._story.days(now) if asked.first <= day <= asked.last]
        found = (fact for day in days for fact in facts(self._story, day, now))
        return JSONResponse(query.answer(asked, found, SITE))


def _body(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise QueryError("Invalid JSON.") from error
    if not isinstance(found, dict):
        raise QueryError("Invalid JSON.")
    return found


async def _refused(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=400)


async def _nowhere(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"error": "Not found"}, status_code=404)
