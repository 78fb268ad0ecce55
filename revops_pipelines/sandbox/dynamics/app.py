"""The simulated Dataverse Web API and Entra's token endpoint as an ASGI app.

Belongs here: routes, manners and errors put together. Does not: any answer.

Switches (`Options.switches`): `dynamics.without:prvReadLead` takes a privilege from the application
user; `dynamics.untracked:lead` switches a table's change tracking off; `dynamics.unaudited` keeps
no audits, `dynamics.no_changedata` lists them without what they changed. Rates: `dynamics.calls`
(per 300 s).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.dynamics.access import Access
from revops_pipelines.sandbox.dynamics.environment import Environment
from revops_pipelines.sandbox.dynamics.errors import Refused, no_such_set
from revops_pipelines.sandbox.dynamics.ids import guid
from revops_pipelines.sandbox.dynamics.metadata_api import MetadataApi
from revops_pipelines.sandbox.dynamics.rows_api import RowsApi, json_answer
from revops_pipelines.sandbox.frame import Framed, Options, framed
from revops_pipelines.sandbox.world.world import World


def build_app(world: World, clock: SandboxClock, options: Options) -> Framed:
    """The app of one world, in its frame."""
    access = Access(clock, options)
    rows = RowsApi(Environment(world, clock), options)
    metadata = MetadataApi(rows)
    api = "/api/data/{version}"
    app = Starlette(
        routes=[
            Route("/{tenant}/oauth2/v2.0/token", access.token, methods=["POST"]),
            Route(f"{api}/WhoAmI", _who_am_i),
            Route(f"{api}/EntityDefinitions", metadata.tables),
            Route(f"{api}/{{definition}}/Attributes", metadata.columns),
            Route(f"{api}/{{segment}}/$count", rows.count),
            Route(
                f"{api}/audits({{audit}})/Microsoft.Dynamics.CRM.RetrieveAuditDetails",
                rows.audit_details,
            ),
            Route(f"{api}/{{definition:str}}", _either(rows, metadata)),
        ],
        exception_handlers={Refused: _refused, 404: _nowhere},
    )
    return framed("dynamics", app, clock=clock, options=options, manners=access.manners())


def _either(rows: RowsApi, metadata: MetadataApi) -> Callable[[Request], Awaitable[Response]]:
    """Definitions and rows share a level of the path."""

    async def answer(request: Request) -> Response:
        segment = request.path_params["definition"]
        if segment.startswith("EntityDefinitions("):
            return await metadata.table(request)
        request.path_params["segment"] = segment
        return await rows.answer(request)

    return answer


async def _who_am_i(request: Request) -> Response:
    ids = {"UserId": ("systemuser", 104), "BusinessUnitId": ("businessunit", 1)}
    body = {name: guid(*of) for name, of in ids.items()}
    return json_answer({**body, "OrganizationId": guid("organization", 1)})


async def _refused(_request: Request, error: Exception) -> Response:
    if not isinstance(error, Refused):
        raise error
    return JSONResponse(error.body, error.status)


async def _nowhere(request: Request, _error: Exception) -> Response:
    refused = no_such_set(request.url.path.rsplit("/", 1)[-1])
    return JSONResponse(refused.body, refused.status)
