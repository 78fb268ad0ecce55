"""Marketo as the sandbox plays it: the app and its manners.

Belongs here: the paths. Each area's answers are in the module of its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.frame import Framed, Options, framed
from revops_pipelines.sandbox.marketo.access import Access
from revops_pipelines.sandbox.marketo.activities import Activities
from revops_pipelines.sandbox.marketo.answers import MarketoError, failure
from revops_pipelines.sandbox.marketo.database import Database
from revops_pipelines.sandbox.marketo.exports import Exports
from revops_pipelines.sandbox.marketo.leads import Leads
from revops_pipelines.sandbox.marketo.members import Members
from revops_pipelines.sandbox.marketo.opportunities import Opportunities
from revops_pipelines.sandbox.marketo.programs import Programs

if TYPE_CHECKING:
    from revops_pipelines.sandbox.world.world import World

# No vendor would issue such keys, so that nobody mistakes them for real ones.
KEYS = {"client_id": "sandbox-marketo-id", "client_secret": "sandbox-marketo-secret"}


def build_app(world: World, clock: SandboxClock, options: Options) -> Framed:
    """Marketo's REST, asset, bulk and identity APIs over one simulated company.

    Switches: `marketo.token_in_query`, `marketo.costs_by_id`, `marketo.no_updated_filter`,
    `marketo.crm_sync`. Rates: `marketo.calls` (per 20 s), `marketo.daily`, `marketo.export_bytes`.
    """
    access = Access(clock, options)
    database = Database(world.marketing, clock)
    opportunities = Opportunities(world, database, clock, options)
    app = Starlette(
        routes=[
            *_routes(access, database, clock, options),
            *_opportunity_routes(opportunities),
        ],
        exception_handlers={MarketoError: _failed, 404: _not_found, 405: _not_found},
    )
    return framed("marketo", app, clock=clock, options=options, manners=access.manners())


def _routes(
    access: Access, database: Database, clock: SandboxClock, options: Options
) -> list[Route]:
    activities, leads = Activities(database), Leads(database)
    programs, exports = Programs(database, options), Exports(database, clock, options)
    members = Members(database)
    # Kinds are leads, activities and program/members.
    bulk = "/bulk/v1/{kind:path}/export"
    return [
        Route("/identity/oauth/token", access.token, methods=["GET", "POST"]),
        Route("/rest/v1/activities.json", activities.activities),
        Route("/rest/v1/activities/pagingtoken.json", activities.paging_token),
        Route("/rest/v1/activities/types.json", activities.types),
        Route("/rest/v1/activities/leadchanges.json", activities.lead_changes),
        Route("/rest/v1/activities/deletedleads.json", activities.deleted_leads),
        Route("/rest/v1/leads.json", leads.by_filter, methods=["GET", "POST"]),
        Route("/rest/v1/leads/describe.json", leads.describe),
        Route("/rest/v1/leads/describe2.json", leads.describe2),
        Route("/rest/v1/lead/{number}.json", leads.by_id),
        Route("/rest/v1/programs/members/describe.json", members.describe),
        Route(
            "/rest/v1/programs/{number}/members.json", members.by_filter, methods=["GET", "POST"]
        ),
        Route("/rest/asset/v1/programs.json", programs.browse),
        Route("/rest/asset/v1/program/{number}.json", programs.by_id),
        Route(f"{bulk}.json", exports.jobs),
        Route(f"{bulk}/create.json", exports.create, methods=["POST"]),
        Route(f"{bulk}/{{number}}/enqueue.json", exports.enqueue, methods=["POST"]),
        Route(f"{bulk}/{{number}}/cancel.json", exports.cancel, methods=["POST"]),
        Route(f"{bulk}/{{number}}/status.json", exports.status),
        Route(f"{bulk}/{{number}}/file.json", exports.file),
    ]


def _opportunity_routes(opportunities: Opportunities) -> list[Route]:
    return [
        Route("/rest/v1/opportunities.json", opportunities.by_filter, methods=["GET", "POST"]),
        Route("/rest/v1/opportunities/describe.json", opportunities.describe),
        Route(
            "/rest/v1/opportunities/roles.json",
            opportunities.roles_by_filter,
            methods=["GET", "POST"],
        ),
        Route("/rest/v1/opportunities/roles/describe.json", opportunities.describe_roles),
    ]


async def _failed(_request: Request, error: Exception) -> Response:
    code, message = (error.code, error.message) if isinstance(error, MarketoError) else ("611", "")
    reply = failure(code, message)
    return Response(reply.body, reply.status, media_type=reply.media_type)


async def _not_found(_request: Request, _error: Exception) -> Response:
    reply = failure("610", "Requested resource not found")
    return Response(reply.body, reply.status, media_type=reply.media_type)
