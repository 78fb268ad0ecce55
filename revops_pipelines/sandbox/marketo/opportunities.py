"""Opportunities and the roles of leads in them, as the CRM's sync writes them into Marketo.

Belongs here: deals rendered as opportunities, and the answers under /rest/v1/opportunities. Does
not: the deals themselves.

Neither can be listed: both are asked for by one of their searchable fields. The switch
`marketo.crm_sync` is a subscription whose sync with a CRM closes these paths.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.marketo.answers import (
    MarketoError,
    batch_size,
    listed,
    merged,
    needed,
    parts_of,
    query_of,
    stamp,
    success,
    token_of,
)
from revops_pipelines.sandbox.marketo.database import Database
from revops_pipelines.sandbox.world.deals import Deal

if TYPE_CHECKING:
    from revops_pipelines.sandbox.world.world import World

MOST_VALUES = 300
CRM_SYNC_SWITCH = "marketo.crm_sync"
OPPORTUNITY_FIELDS = {
    "marketoGUID": "string",
    "externalOpportunityId": "string",
    "name": "string",
    "amount": "currency",
    "stage": "string",
    "isClosed": "boolean",
    "isWon": "boolean",
    "closeDate": "date",
    "externalCreatedDate": "datetime",
    "createdAt": "datetime",
    "updatedAt": "datetime",
}
ROLE_FIELDS = {
    "marketoGUID": "string",
    "externalOpportunityId": "string",
    "leadId": "integer",
    "role": "string",
    "isPrimary": "boolean",
    "createdAt": "datetime",
    "updatedAt": "datetime",
}
_USUAL = ("marketoGUID", "externalOpportunityId", "createdAt", "updatedAt")


@dataclass(frozen=True, slots=True)
class _Kind:
    """One of the two objects: its names, fields and by what it can be found."""

    name: str
    fields: Mapping[str, str]
    searchable: tuple[str, ...]
    dedupe: tuple[str, ...]


OPPORTUNITY = _Kind(
    "opportunity",
    OPPORTUNITY_FIELDS,
    ("externalOpportunityId", "marketoGUID"),
    ("externalOpportunityId",),
)
ROLE = _Kind(
    "opportunityRole",
    ROLE_FIELDS,
    ("marketoGUID", "leadId", "externalOpportunityId"),
    ("externalOpportunityId", "leadId", "role"),
)


class Opportunities:
    """The endpoints."""

    def __init__(
        self, world: World, database: Database, clock: SandboxClock, options: Options
    ) -> None:
        self._database = database
        self._clock = clock
        self._is_closed = options.on(CRM_SYNC_SWITCH)
        self._deals: Sequence[Deal] = world.deals
        self._leads = {
            person.index: int(person.marketo_id)
            for person in world.people
            if person.marketo_id is not None
        }

    async def describe(self, request: Request) -> Response:
        """GET /rest/v1/opportunities/describe.json."""
        self._admit()
        return success([_described(OPPORTUNITY)])

    async def describe_roles(self, request: Request) -> Response:
        """GET /rest/v1/opportunities/roles/describe.json."""
        self._admit()
        return success([_described(ROLE)])

    async def by_filter(self, request: Request) -> Response:
        """GET /rest/v1/opportunities.json."""
        self._admit()
        now = self._clock.now()
        shown = [_opportunity(deal, now) for deal in self._there(now)]
        return _found(await _asked(request), OPPORTUNITY, shown)

    async def roles_by_filter(self, request: Request) -> Response:
        """GET /rest/v1/opportunities/roles.json."""
        self._admit()
        now = self._clock.now()
        roles = [role for deal in self._there(now) for role in self._roles(deal)]
        return _found(await _asked(request), ROLE, roles)

    def _admit(self) -> None:
        if self._is_closed:
            raise MarketoError(
                "1018", "CRM Enabled; Operation is not permitted for the type of CRM"
            )

    def _there(self, now: datetime) -> list[Deal]:
        return [
            deal
            for deal in self._deals
            if deal.created_at <= now and (deal.deleted_at is None or deal.deleted_at > now)
        ]

    def _roles(self, deal: Deal) -> list[dict[str, Any]]:
        leads = [self._leads[person] for person in deal.people if person in self._leads]
        return [
            {
                "marketoGUID": _guid("role", deal.hubspot_id, str(lead)),
                "externalOpportunityId": deal.hubspot_id,
                "leadId": lead,
                "role": "Decision Maker" if place == 0 else "Business User",
                "isPrimary": place == 0,
                "createdAt": _moment(deal.created_at),
                "updatedAt": _moment(deal.created_at),
            }
            for place, lead in enumerate(leads)
            if self._database.lead(lead) is not None
        ]


def _opportunity(deal: Deal, now: datetime) -> dict[str, Any]:
    stage = deal.stages_at(now)[-1]
    amount = deal.amount_at(now)
    changes = [at for at, _ in (*deal.amounts, *deal.close_dates) if at <= now]
    return {
        "marketoGUID": _guid("opportunity", deal.hubspot_id),
        "externalOpportunityId": deal.hubspot_id,
        "name": deal.name,
        "amount": None if amount is None else float(amount),
        "stage": stage.stage.id,
        "isClosed": stage.stage.is_closed,
        "isWon": stage.stage.is_won,
        "closeDate": [day for at, day in deal.close_dates if at <= now][-1].isoformat(),
        "externalCreatedDate": _moment(deal.created_at),
        "createdAt": _moment(deal.created_at),
        "updatedAt": _moment(max([stage.at, *changes])),
    }


async def _asked(request: Request) -> dict[str, str]:
    """The parameters of a GET, or of a POST with `_method=GET` where the address grew too long."""
    query = query_of(request)
    if request.method == "POST":
        query |= merged(parse_qsl((await request.body()).decode()))
        if query.get("_method") != "GET":
            raise MarketoError("603", "Access denied")
    return query


def _found(query: Mapping[str, str], kind: _Kind, records: list[dict[str, Any]]) -> Response:
    wanted = needed(query, "filterType")
    if wanted not in kind.searchable:
        raise MarketoError("1003", f"Invalid filterType '{wanted}'")
    needed(query, "filterValues")
    values = set(listed(query, "filterValues"))
    if len(values) > MOST_VALUES:
        raise MarketoError("1003", f"Too many values for filterValues: over {MOST_VALUES}")
    fields = tuple(listed(query, "fields")) or _USUAL
    for name in fields:
        if name not in kind.fields:
            raise MarketoError("1006", f"Field '{name}' not found")
    matching = [record for record in records if str(record[wanted]) in values]
    begin = parts_of(query["nextPageToken"])[0] if query.get("nextPageToken") else 0
    most = batch_size(query)
    more: dict[str, Any] = {"moreResult": begin + most < len(matching)}
    if more["moreResult"]:
        more["nextPageToken"] = token_of(begin + most)
    shown = dict.fromkeys(("marketoGUID", *fields))
    return success(
        [
            {"seq": seq, **{name: record[name] for name in shown}}
            for seq, record in enumerate(matching[begin : begin + most])
        ],
        **more,
    )


def _described(kind: _Kind) -> dict[str, Any]:
    return {
        "apiName": kind.name,
        "name": kind.name,
        "displayName": kind.name.title(),
        "pluralName": f"{kind.name.title()}s",
        "description": f"{kind.name} of the CRM",
        "createdAt": stamp(0),
        "updatedAt": stamp(0),
        "idField": "marketoGUID",
        "dedupeFields": list(kind.dedupe),
        "searchableFields": [[name] for name in kind.searchable],
        "relationships": [],
        "status": "approved",
        "version": "approved",
        "fields": [
            {"name": name, "displayName": name, "dataType": of, "updateable": False}
            for name, of in kind.fields.items()
        ],
    }


def _moment(at: datetime) -> str:
    return stamp(int(at.timestamp()))


def _guid(*parts: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(("northbeam", *parts))))
