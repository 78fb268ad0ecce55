"""Leads: their fields, one by id, many by a filter.

Belongs here: the answers under /rest/v1/lead(s). Does not: bulk extracts (`exports.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from revops_pipelines.sandbox.marketo.answers import (
    MarketoError,
    batch_size,
    listed,
    merged,
    needed,
    parts_of,
    query_of,
    success,
    token_of,
)
from revops_pipelines.sandbox.marketo.database import Database
from revops_pipelines.sandbox.marketo.records import DEFAULT_FIELDS, lead_record
from revops_pipelines.sandbox.world.marketing_shapes import LEAD_FIELDS, POSITION, MarketoLead

MOST_VALUES = 300
SEARCHABLE = ("email", "id")


class Leads:
    """The endpoints."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def describe(self, request: Request) -> Response:
        """GET /rest/v1/leads/describe.json, the one that was superseded."""
        return success(
            [
                {
                    "id": 100 + position,
                    "displayName": field.label,
                    "dataType": field.kind,
                    "rest": {"name": field.name, "readOnly": field.is_read_only},
                }
                for position, field in enumerate(LEAD_FIELDS)
            ]
        )

    async def describe2(self, request: Request) -> Response:
        """GET /rest/v1/leads/describe2.json."""
        fields = [
            {
                "name": field.name,
                "displayName": field.label,
                "dataType": field.kind,
                "updateable": not field.is_read_only,
                "crmManaged": False,
            }
            for field in LEAD_FIELDS
        ]
        searchable = [[name] for name in SEARCHABLE]
        return success([{"name": "API Lead", "searchableFields": searchable, "fields": fields}])

    async def by_id(self, request: Request) -> Response:
        """GET /rest/v1/lead/{id}.json."""
        fields = fields_asked(query_of(request))
        number = request.path_params["number"]
        lead = self._database.lead(int(number)) if number.isdigit() else None
        if lead is None:
            raise MarketoError("1004", f"Lead '{number}' not found")
        return success([lead_record(lead, self._database.now(), fields)])

    async def by_filter(self, request: Request) -> Response:
        """GET /rest/v1/leads.json, or POST with `_method=GET` where the address grew too long."""
        query = query_of(request)
        if request.method == "POST":
            query |= merged(parse_qsl((await request.body()).decode()))
            if query.get("_method") != "GET":
                raise MarketoError("603", "Access denied")
        kind = needed(query, "filterType")
        needed(query, "filterValues")
        values = listed(query, "filterValues")
        if len(values) > MOST_VALUES:
            raise MarketoError("1003", f"Too many values for filterValues: over {MOST_VALUES}")
        fields, most = fields_asked(query), batch_size(query)
        found = self._found(kind, values)
        begin = parts_of(query["nextPageToken"])[0] if query.get("nextPageToken") else 0
        page = found[begin : begin + most]
        more = {}
        if begin + most < len(found):
            more["nextPageToken"] = token_of(begin + most)
        now = self._database.now()
        return success([lead_record(lead, now, fields) for lead in page], **more)

    def _found(self, kind: str, values: list[str]) -> list[MarketoLead]:
        if kind == "id":
            each = (self._database.lead(int(value)) for value in values if value.isdigit())
            return [lead for lead in each if lead is not None]
        if kind == "email":
            return [lead for value in values for lead in self._database.leads_of_email(value)]
        raise MarketoError("1003", f"Invalid filterType '{kind}'")


def fields_asked(query: Mapping[str, str]) -> tuple[str, ...]:
    """The fields to return, or the few that are returned unasked."""
    fields = tuple(listed(query, "fields")) or DEFAULT_FIELDS
    for name in fields:
        if name not in POSITION:
            raise MarketoError("1006", f"Field '{name}' not found")
    return fields
