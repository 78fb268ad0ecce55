"""The simulated HubSpot API as an ASGI app.

Belongs here: routes, manners (key, scopes, limits) and errors put together. Does not: any answer.

Switches (`Options.switches`): `hubspot.search_lag` lets the search index run 5 s behind;
`hubspot.without:SCOPE` takes a scope from the key, so that calls which need it answer 403. Rates:
`hubspot.all` (per 10 s), `hubspot.search` (per second), `hubspot.daily`.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from revops_pipelines.sandbox.calls import Call, Reply
from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.frame import Framed, Limit, Manners, Options, framed
from revops_pipelines.sandbox.hubspot.allowance import CALLS_A_DAY, Allowance
from revops_pipelines.sandbox.hubspot.associations_api import AssociationsApi
from revops_pipelines.sandbox.hubspot.campaigns_api import CampaignsApi
from revops_pipelines.sandbox.hubspot.emails_api import EmailsApi
from revops_pipelines.sandbox.hubspot.errors import (
    Refused,
    missing_scopes,
    not_found,
    too_many,
    unauthorized,
)
from revops_pipelines.sandbox.hubspot.forms_api import FormsApi
from revops_pipelines.sandbox.hubspot.lists_api import ListsApi
from revops_pipelines.sandbox.hubspot.objects_api import ObjectsApi, answer
from revops_pipelines.sandbox.hubspot.portal import Portal
from revops_pipelines.sandbox.hubspot.scopes import scope_of
from revops_pipelines.sandbox.hubspot.settings_api import SettingsApi
from revops_pipelines.sandbox.world.world import World

ACCESS_TOKEN = "sandbox-hubspot-token"  # noqa: S105 - no secret: it opens the sandbox only
# developers.hubspot.com, "API usage guidelines": a private app, and search apart from it.
CALLS_PER_10_SECONDS, SEARCHES_PER_SECOND = 190, 5
SEARCH_LAG_SECONDS = 5.0
_SEARCH = r"/search$"


def build_app(world: World, clock: SandboxClock, options: Options) -> Framed:
    """The app of one world, in its frame."""
    lag = SEARCH_LAG_SECONDS if options.on("hubspot.search_lag") else 0.0
    portal = Portal(world, clock, lag)
    objects = ObjectsApi(portal)
    app = Starlette(
        routes=[
            *AssociationsApi(portal).routes(),
            *objects.routes("/crm/objects/{version}"),
            *objects.routes("/crm/{version}/objects"),
            *SettingsApi(portal).routes(),
            *CampaignsApi(portal).routes(),
            *EmailsApi(portal).routes(),
            *FormsApi(portal).routes(),
            *ListsApi(portal).routes(),
        ],
        exception_handlers={Refused: _refused, 404: _nowhere},
    )
    told = Allowance(app, clock, options.rates.get("hubspot.daily", CALLS_A_DAY))
    return framed("hubspot", told, clock=clock, options=options, manners=_manners(options))


def _manners(options: Options) -> Manners:
    taken = {
        switch.partition(":")[2]
        for switch in options.switches
        if switch.startswith("hubspot.without:")
    }

    def authenticate(call: Call) -> Reply | None:
        if call.header("authorization") != f"Bearer {ACCESS_TOKEN}":
            return Reply.json(401, unauthorized())
        scope = scope_of(call.path)
        if scope is not None and scope in taken:
            return Reply.json(403, missing_scopes(scope))
        return None

    # Search has a limit of its own and does not count towards the other.
    return Manners(
        authenticate=authenticate,
        limits=(
            Limit("search", SEARCHES_PER_SECOND, 1.0, _too_many_searches, path=_SEARCH),
            Limit("all", CALLS_PER_10_SECONDS, 10.0, _too_many_calls, path=r"(?<!/search)$"),
        ),
    )


def _too_many_searches(_call: Call, _wait: float) -> Reply:
    return Reply.json(429, too_many("SECONDLY"))


def _too_many_calls(_call: Call, _wait: float) -> Reply:
    return Reply.json(429, too_many("TEN_SECONDLY_ROLLING"))


async def _refused(_request: Request, error: Exception) -> Response:
    if not isinstance(error, Refused):
        raise error
    return answer(error.body, error.status)


async def _nowhere(_request: Request, _error: Exception) -> Response:
    refused = not_found()
    return answer(refused.body, refused.status)
