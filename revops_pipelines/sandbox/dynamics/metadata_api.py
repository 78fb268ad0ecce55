"""Definitions of tables and columns: `EntityDefinitions`.

Belongs here: as much metadata as clients need to name sets, columns, choices and switches. Does
not: rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from revops_pipelines.sandbox.dynamics.audits import AUDITED
from revops_pipelines.sandbox.dynamics.errors import bad
from revops_pipelines.sandbox.dynamics.filters import FilterError, parse
from revops_pipelines.sandbox.dynamics.ids import TABLES as NUMBERED
from revops_pipelines.sandbox.dynamics.ids import guid, number_of
from revops_pipelines.sandbox.dynamics.rows_api import RowsApi, json_answer
from revops_pipelines.sandbox.dynamics.shapes import Column, Table
from revops_pipelines.sandbox.dynamics.tables import TABLES

_KEY = re.compile(r"^EntityDefinitions\((?:LogicalName='(\w+)'|([0-9A-Fa-f-]{36}))\)$")
_EXPAND = re.compile(r"(\w+)(?:\((.*)\))?$")


class MetadataApi:
    """What the environment consists of."""

    def __init__(self, rows: RowsApi) -> None:
        self._rows = rows

    async def tables(self, request: Request) -> Response:
        """All definitions that match; never paged."""
        found = [self._table(table) for table in TABLES.values()]
        return json_answer({"value": _asked(request, found)})

    async def table(self, request: Request) -> Response:
        """One definition, with its columns if they are expanded."""
        table = _named(request.path_params["definition"])
        body = self._table(table)
        chosen = _asked(request, [body])[0]
        expand = request.query_params.get("$expand")
        if expand:
            match = _EXPAND.match(expand)
            if match is None or match.group(1) != "Attributes":
                raise bad(f"The expand '{expand}' is not supported.")
            inner = dict(part.split("=", 1) for part in (match.group(2) or "").split(";") if part)
            chosen["Attributes"] = _pick(self._columns(table), inner.get("$select"))
        return json_answer(chosen)

    async def columns(self, request: Request) -> Response:
        """The columns of a table."""
        table = _named(request.path_params["definition"])
        return json_answer({"value": _asked(request, self._columns(table))})

    def _table(self, table: Table) -> dict[str, Any]:
        is_kept = self._rows.audits_are_kept
        return {
            "MetadataId": guid("entity", NUMBERED.index(table.name)),
            "LogicalName": table.name,
            "SchemaName": table.name.capitalize(),
            "EntitySetName": table.entity_set,
            "PrimaryIdAttribute": table.id_column,
            "PrimaryNameAttribute": table.name_column or None,
            "ObjectTypeCode": table.type_code,
            "IsPrivate": False,
            "IsActivity": table.id_column == "activityid",
            "IsCustomEntity": False,
            "ChangeTrackingEnabled": self._rows.tracked(table),
            "CanChangeTrackingBeEnabled": {"Value": table.tracked},
            "IsAuditEnabled": {"Value": table.audited and is_kept, "CanBeChanged": True},
        }

    def _columns(self, table: Table) -> list[dict[str, Any]]:
        return [
            self._column(table, place, column)
            for place, column in enumerate(table.columns.values())
        ]

    def _column(self, table: Table, place: int, column: Column) -> dict[str, Any]:
        kind = "DateTime" if column.kind == "DateOnly" else column.kind
        is_audited = column.name in AUDITED.get(table.name, ()) and self._rows.audits_are_kept
        return {
            "@odata.type": f"#Microsoft.Dynamics.CRM.{kind}AttributeMetadata",
            "MetadataId": guid("attribute", NUMBERED.index(table.name) * 1_000 + place),
            "LogicalName": column.name,
            "SchemaName": column.name,
            "AttributeType": kind,
            "AttributeTypeName": {"Value": f"{kind}Type"},
            "AttributeOf": None,
            "ColumnNumber": place + 1,
            "IsCustomAttribute": column.is_custom,
            "IsValidForRead": True,
            "IsLogical": False,
            "IsPrimaryId": column.name == table.id_column,
            "IsAuditEnabled": {"Value": is_audited, "CanBeChanged": True},
            "DisplayName": {"UserLocalizedLabel": {"Label": column.name, "LanguageCode": 1033}},
        }


def _named(segment: str) -> Table:
    match = _KEY.match(segment)
    if match is None:
        raise bad(f"Resource not found for the segment '{segment}'.", status=404)
    name, identifier = match.groups()
    if identifier is not None:
        place = number_of(identifier)
        name = NUMBERED[place] if place is not None and place < len(NUMBERED) else ""
    if name not in TABLES:
        message = f"Could not find an entity with name {name} and id {identifier}."
        raise bad(message, "0x80060888", 404)
    return TABLES[name]


def _asked(request: Request, found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    text = request.query_params.get("$filter")
    if text is not None:
        try:
            where = parse(text)
        except FilterError as error:
            raise bad(str(error)) from None
        found = [each for each in found if where.test(lambda name, each=each: _at(each, name))]  # type: ignore[misc]
    return _pick(list(found), request.query_params.get("$select"))


def _at(body: Mapping[str, Any], path: str) -> Any:
    """A property, or one of a property: `IsAuditEnabled/Value`."""
    value: Any = body
    for part in path.split("/"):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _pick(found: Sequence[dict[str, Any]], select: str | None) -> list[dict[str, Any]]:
    if not select:
        return [dict(each) for each in found]
    names = [name.strip() for name in select.split(",")]
    # The key and the type come uncalled.
    names += ["@odata.type", "MetadataId"]
    return [{name: each[name] for name in names if name in each} for each in found]
