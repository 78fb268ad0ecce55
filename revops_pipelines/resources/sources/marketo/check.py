"""Can every stream be read, and if not, what mends it.

Belongs here: one or two small requests per stream. Does not: whether the data is good.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from revops_pipelines.engine.declarations import Reach
from revops_pipelines.engine.ingest.errors import (
    CredentialsRefusedError,
    IngestError,
    PermissionMissingError,
    QuotaExhaustedError,
)
from revops_pipelines.resources.sources.marketo.client import Marketo, Page
from revops_pipelines.resources.sources.marketo.opportunities import OPPORTUNITIES, ROLES
from revops_pipelines.resources.sources.marketo.streams import streams

_SERVICE = "Marketo > Admin > Integration > LaunchPoint"
_ROLE = "Marketo > Admin > Users & Roles > Roles, for the API-only user's role"


def check(api: Marketo) -> Sequence[Reach]:
    """One line per stream; refused credentials end the check, since nothing else can be told."""
    found: list[Reach] = []
    for stream in streams(api.options):
        try:
            detail = _LOOKS[stream.name](api)
        except IngestError as error:
            found.append(Reach(stream.name, False, str(error), _remedy(error, stream.scopes)))
            if isinstance(error, CredentialsRefusedError):
                break
        else:
            found.append(Reach(stream.name, True, detail))
    return found


def _look_at_types(api: Marketo) -> str:
    return f"readable; {len(api.activity_types())} types of activity"


def _look_at_programs(api: Marketo) -> str:
    page: Page = api.get(Page, "/rest/asset/v1/programs.json", {"maxReturn": 1})
    if page.result and b'"costs"' not in bytes(page.result[0]):
        return "readable; costs are asked for one by one"
    return "readable"


def _look_at_activities(api: Marketo) -> str:
    api.get(Page, "/bulk/v1/activities/export.json")
    return "readable, also in bulk"


def _look_at_leads(api: Marketo) -> str:
    fields = len(api.lead_fields())
    api.get(Page, "/bulk/v1/leads/export.json")
    return f"readable, also in bulk; {fields} fields"


def _look_at_members(api: Marketo) -> str:
    fields = len(api.member_fields())
    api.get(Page, "/bulk/v1/program/members/export.json")
    return f"readable, also in bulk; {fields} fields"


def _look_at_roles(api: Marketo) -> str:
    return f"readable; {len(api.described(ROLES))} fields"


def _look_at_opportunities(api: Marketo) -> str:
    return f"readable; {len(api.described(OPPORTUNITIES))} fields"


_LOOKS: dict[str, Callable[[Marketo], str]] = {
    "activity_types": _look_at_types,
    "programs": _look_at_programs,
    "activities": _look_at_activities,
    "leads": _look_at_leads,
    "program_members": _look_at_members,
    "opportunity_roles": _look_at_roles,
    "opportunities": _look_at_opportunities,
}


def _remedy(error: IngestError, scopes: Sequence[str]) -> str:
    if isinstance(error, CredentialsRefusedError):
        return (
            f"copy the client id and secret of the custom service in {_SERVICE} into "
            "MARKETO_CLIENT_ID and MARKETO_CLIENT_SECRET; if they are right, set credentials_in_url"
        )
    if isinstance(error, PermissionMissingError):
        if "Read-Only Opportunity" in scopes:
            return (
                f"grant Read-Only Opportunity in {_ROLE}; where Marketo syncs with a CRM it is "
                "closed to everybody: set opportunities = false and connect the CRM"
            )
        return f"grant {' and '.join(scopes)} in {_ROLE}"
    if isinstance(error, QuotaExhaustedError):
        return "wait until midnight US Central Time, or buy more calls"
    return "look at status.adobe.com and at base_url in [sources.marketo]"
