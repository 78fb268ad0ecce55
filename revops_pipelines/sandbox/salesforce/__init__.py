"""The simulated Salesforce: its records, and the server that shows them.

Belongs here: the paths put together. What the records are like is told in `objects.py`; each area's
answers are in the module of its name.

Switches (`Options.switches`): `salesforce.without:Object` and `salesforce.without:Object.Field`
take away what the user may see; `salesforce.single_currency` all of multi-currency;
`salesforce.keeps_deleted` keeps deleted records in the recycle bin for good. Rates:
`salesforce.daily` (calls in 24 hours of the sandbox's clock).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.frame import Crm, Framed, Options, framed
from revops_pipelines.sandbox.salesforce.access import CLIENT_ID, CLIENT_SECRET, Access
from revops_pipelines.sandbox.salesforce.bulk import Bulk
from revops_pipelines.sandbox.salesforce.errors import Refused, not_found
from revops_pipelines.sandbox.salesforce.ids import account_id
from revops_pipelines.sandbox.salesforce.org import Org
from revops_pipelines.sandbox.salesforce.query import Queries
from revops_pipelines.sandbox.salesforce.rest import Rest, answer

if TYPE_CHECKING:
    from revops_pipelines.sandbox.world.world import World

KEYS: Mapping[str, str] = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}

CRM = Crm("salesforce_account_id", account_id)

__all__ = ["CRM", "KEYS", "build_app"]


def build_app(world: World, clock: SandboxClock, options: Options) -> Framed:
    """Salesforce's OAuth, REST and Bulk 2.0 query APIs over one simulated company."""
    access = Access(clock, options)
    org = Org(world, clock, options)
    queries = Queries(org)
    app = Starlette(
        routes=[
            Route("/services/oauth2/token", access.token, methods=["POST"]),
            *Bulk(org, queries, access, options).routes(),
            *Rest(org, queries, access).routes(),
        ],
        exception_handlers={Refused: _refused, 404: _nowhere, 405: _not_so},
    )
    return framed("salesforce", app, clock=clock, options=options, manners=access.manners())


async def _refused(_request: Request, error: Exception) -> Response:
    if not isinstance(error, Refused):
        raise error
    return answer(error.body, error.status)


async def _nowhere(_request: Request, _error: Exception) -> Response:
    refused = not_found()
    return answer(refused.body, refused.status)


async def _not_so(_request: Request, _error: Exception) -> Response:
    message = "HTTP Method not allowed"
    return answer([{"message": message, "errorCode": "METHOD_NOT_ALLOWED"}], 405)
