"""Can every stream be read, and if not, what mends it.

Belongs here: one or two small requests per stream. Does not: whether the data is good.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from revops_pipelines.engine.declarations import Reach
from revops_pipelines.engine.ingest.errors import (
    CredentialsRefusedError,
    IngestError,
    PermissionMissingError,
    RequestRefusedError,
)
from revops_pipelines.resources.sources.dynamics.client import Dataverse, Page
from revops_pipelines.resources.sources.dynamics.streams import CUSTOMISED, TABLES, streams

_ROLES = "Power Platform admin center > Environments > Settings > Application users > Edit roles"
# Columns of opportunities whose past tells how a deal stood on each day.
_HISTORY = ("statecode", "estimatedvalue", "estimatedclosedate", "ownerid", "closeprobability")
_SETS = {"organizations": "organizations", "teammemberships": "teammemberships"}


class _Audited(msgspec.Struct, rename={"audited": "IsAuditEnabled"}):
    audited: dict[str, Any] = {}


class _AuditedColumns(msgspec.Struct):
    value: list[_Audited]


def check(api: Dataverse) -> Sequence[Reach]:
    """One line per stream; refused credentials end the check, since nothing else can be told."""
    found: list[Reach] = []
    for stream in streams(api.options):
        try:
            found.append(_look_at(api, stream.name))
        except IngestError as error:
            remedy = _remedy(error, stream.scopes)
            found.append(Reach(stream.name, False, str(error), remedy))
            if isinstance(error, CredentialsRefusedError):
                break
    return found


def _look_at(api: Dataverse, stream: str) -> Reach:
    """Ask for as little as shows that the stream can be read."""
    if stream == "audits":
        return _look_at_audits(api)
    if stream == "columns":
        count = sum(len(api.definition(table).attributes) for table in CUSTOMISED)
        return Reach(stream, True, f"readable; {count} columns")
    if stream in _SETS:
        api.get(Page, _SETS[stream], {"$top": 1})
        return Reach(stream, True, "readable")
    definition = api.definition(TABLES[stream])
    api.get(
        Page, definition.entity_set_name, {"$top": 1, "$select": definition.primary_id_attribute}
    )
    if definition.change_tracking_enabled:
        return Reach(stream, True, "readable; changes and deletes are told")
    days = f"{api.options.full_every_days:g}"
    detail = f"readable; without change tracking, deletes are found every {days} days"
    return Reach(stream, True, detail)


def _look_at_audits(api: Dataverse) -> Reach:
    """The history of deals is in the audits: they must be kept, of these columns as well."""
    api.get(Page, "audits", {"$top": 1, "$select": "auditid"})
    table = api.get(
        _Audited, "EntityDefinitions(LogicalName='opportunity')", {"$select": "IsAuditEnabled"}
    )
    names = [api.options.stage_column, *_HISTORY]
    if api.options.pipeline_column:
        names.append(api.options.pipeline_column)
    missing = [] if table.audited.get("Value") else ["the table opportunity"]
    for name in names:
        columns = api.get(
            _AuditedColumns,
            "EntityDefinitions(LogicalName='opportunity')/Attributes",
            {"$select": "IsAuditEnabled", "$filter": f"LogicalName eq '{name}'"},
        )
        if not columns.value:
            missing.append(f"opportunity.{name} (there is no such column)")
        elif not columns.value[0].audited.get("Value"):
            missing.append(f"opportunity.{name}")
    if not missing:
        return Reach("audits", True, "readable; what opportunities were is audited")
    return Reach(
        "audits",
        False,
        f"not audited: {', '.join(missing)}; what they were is not known from before we saw them",
        "start auditing in the Power Platform admin center (Audit settings), and switch it on for "
        "the table and the columns in Power Apps > Tables > Opportunity",
    )


def _remedy(error: IngestError, scopes: Sequence[str]) -> str:
    if isinstance(error, CredentialsRefusedError):
        return (
            "put the client id and a fresh secret of the app registration (Microsoft Entra > App "
            "registrations > Certificates & secrets) into DYNAMICS_CLIENT_ID and "
            "DYNAMICS_CLIENT_SECRET, and make it an application user of the environment"
        )
    if isinstance(error, PermissionMissingError):
        privileges = " and ".join(scopes) or "the privilege"
        return f"give the application user a role with {privileges} at organization level: {_ROLES}"
    if isinstance(error, RequestRefusedError) and error.status == 404:
        return "install the app that has this table (Dynamics 365 Sales), or look at base_url"
    return "look at admin.powerplatform.microsoft.com > Service health and at base_url"
