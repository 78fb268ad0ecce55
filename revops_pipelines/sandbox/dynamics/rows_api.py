"""Rows as the Web API answers them: lists, changes, single rows, counts.

Belongs here: which rows make a page. Does not: the query's language (`queries.py`, `filters.py`)
or how a row is written (`render.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from revops_pipelines.sandbox.dynamics.audits import Audits
from revops_pipelines.sandbox.dynamics.environment import Environment
from revops_pipelines.sandbox.dynamics.errors import no_such_row, no_such_set
from revops_pipelines.sandbox.dynamics.filters import Filter
from revops_pipelines.sandbox.dynamics.ids import number_of
from revops_pipelines.sandbox.dynamics.queries import (
    LARGEST_PAGE,
    Query,
    delta_token,
    link,
    read,
    skip_token,
)
from revops_pipelines.sandbox.dynamics.render import (
    ENCODER,
    identifier,
    plain,
    row,
    told,
    values_of,
)
from revops_pipelines.sandbox.dynamics.shapes import Table
from revops_pipelines.sandbox.dynamics.shelf import Shelf
from revops_pipelines.sandbox.dynamics.story import epoch_ms
from revops_pipelines.sandbox.dynamics.tables import BY_SET, TABLES
from revops_pipelines.sandbox.frame import Options

_ONE = re.compile(r"^([a-z]+)\(([0-9A-Fa-f-]{36})\)$")
_DETAILS = "Microsoft.Dynamics.CRM.RetrieveAuditDetails"
_HEADERS = {"OData-Version": "4.0"}


class RowsApi:
    """Everything under an entity set."""

    def __init__(self, environment: Environment, options: Options) -> None:
        self._environment = environment
        self._untracked = {
            switch.partition(":")[2]
            for switch in options.switches
            if switch.startswith("dynamics.untracked:")
        }
        self._without_audits = options.on("dynamics.unaudited")
        self._without_changes = options.on("dynamics.no_changedata")

    def tracked(self, table: Table) -> bool:
        """Has the company Track changes switched on for the table?"""
        return table.tracked and table.name not in self._untracked

    @property
    def audits_are_kept(self) -> bool:
        """Is auditing started?"""
        return not self._without_audits

    async def answer(self, request: Request) -> Response:
        """GET of a list, or of one row by its identifier."""
        segment = request.path_params["segment"]
        one = _ONE.match(segment)
        table = BY_SET.get(one.group(1) if one else segment)
        if table is None:
            raise no_such_set(segment)
        now = self._environment.now()
        shelf = self._environment.shelf(table.name)
        query = read(request, table, now, tracked=self.tracked(table))
        if one:
            return self._single(request, query, shelf, one.group(2), now)
        if query.since is not None or ("since" in query.cookie):
            return self._changes(request, query, shelf, now)
        return self._list(request, query, shelf, now)

    async def count(self, request: Request) -> Response:
        """GET of a table's number of rows, as text; never more than 5,000."""
        table = BY_SET.get(request.path_params["segment"])
        if table is None:
            raise no_such_set(request.path_params["segment"])
        now = self._environment.now()
        shelf = self._environment.shelf(table.name)
        query = read(request, table, now, tracked=self.tracked(table))
        total = sum(1 for _ in islice(self._matches(query, shelf, now), LARGEST_PAGE))
        return Response(f"\ufeff{total}".encode(), media_type="text/plain", headers=_HEADERS)

    async def audit_details(self, request: Request) -> Response:
        """GET of what an audit changed: the columns before and after."""
        table = BY_SET["audits"]
        shelf = self._environment.shelf(table.name)
        number = number_of(request.path_params["audit"])
        position = None if number is None else shelf.find(number)
        if position is None or not shelf.stands(position, self._environment.now()):
            raise no_such_row(table, request.path_params["audit"])
        kind = shelf.kind
        assert isinstance(kind, Audits)
        of, before, after = kind.rows(position)
        body = {
            "@odata.context": f"{_root(request)}#{_DETAILS}Response",
            "AuditDetail": {
                "@odata.type": "#Microsoft.Dynamics.CRM.AttributeAuditDetail",
                "OldValue": told(TABLES[of], before),
                "NewValue": told(TABLES[of], after),
            },
        }
        return json_answer(body, _applied(request))

    def _single(
        self, request: Request, query: Query, shelf: Shelf, wanted: str, now: int
    ) -> Response:
        number = number_of(wanted)
        position = None if number is None else shelf.find(number)
        is_there = position is not None and shelf.stands(position, now)
        if (
            position is None
            or not is_there
            or identifier(query.table, shelf, position) != wanted.lower()
        ):
            raise no_such_row(query.table, wanted)
        context = f"{_context(request, query)}/$entity"
        return json_answer({"@odata.context": context, **self._row(query, shelf, position, now)})

    def _list(self, request: Request, query: Query, shelf: Shelf, now: int) -> Response:
        found = self._matches(query, shelf, now)
        body: dict[str, Any] = {"@odata.context": _context(request, query)}
        if query.counted:
            total = sum(1 for _ in self._matches(query, shelf, now, everything=True))
            body["@odata.count"] = min(total, LARGEST_PAGE)
            body["@Microsoft.Dynamics.CRM.totalrecordcount"] = min(total, LARGEST_PAGE)
            body["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"] = total > LARGEST_PAGE
        if query.order:
            found = iter(self._sorted(query, shelf, found, now))
        page = list(islice(found, query.size + 1 if query.top is None else query.top))
        rest = page[query.size :] if query.top is None else []
        page = page if query.top is not None else page[: query.size]
        body["value"] = [self._row(query, shelf, position, now) for position in page]
        upto = query.cookie.get("upto", now)
        number = query.cookie.get("page", 1) + 1
        if rest:
            cookie: dict[str, Any] = {"page": number, "after": int(shelf.numbers[page[-1]])}
            if query.order:
                cookie["offset"] = query.cookie.get("offset", 0) + len(page)
            if query.tracks:
                cookie["upto"] = upto
            token = skip_token(number, cookie, tracks=query.tracks)
            body["@odata.nextLink"] = link(request, query.params, **{"$skiptoken": token})
        elif query.tracks:
            body["@odata.deltaLink"] = link(
                request, query.params, **{"$deltatoken": delta_token(upto)}
            )
        return json_answer(body, _applied(request))

    def _matches(
        self, query: Query, shelf: Shelf, now: int, *, everything: bool = False
    ) -> Iterator[int]:
        """Positions of the rows that match, in order of number, behind the page before."""
        if query.table.name == "audit" and self._without_audits:
            return
        after = -1 if everything or query.order else query.cookie.get("after", -1)
        where = query.where
        candidates = self._candidates(query.table, shelf, where, after, now)
        for position in candidates:
            if where is None or where.test(_getter(query.table, shelf, position, now)):
                yield position

    def _candidates(
        self, table: Table, shelf: Shelf, where: Filter | None, after: int, now: int
    ) -> Iterable[int]:
        """Rows that may match: few, where the filter says so."""
        if where is None:
            return shelf.standing(now, after)
        if table.name == "activityparty" and "activityid" in where.among:
            parties = self._environment.parties()
            numbers = sorted(filter(None, map(number_of, where.among["activityid"])))
            found = (each for number in numbers for each in parties.of_activity(number))
            return [p for p in found if shelf.numbers[p] > after and shelf.stands(p, now)]
        if "modifiedon" in where.since:
            # The filter sees whole seconds.
            since = epoch_ms(where.since["modifiedon"]) - 1_000
            touched = sorted(position for _, position in shelf.touched(since, now))
            return [position for position in touched if shelf.numbers[position] > after]
        if "createdon" in where.since:
            since = epoch_ms(where.since["createdon"])
            return (p for p in shelf.standing(now, after) if shelf.born[p] >= since)
        return shelf.standing(now, after)

    def _sorted(self, query: Query, shelf: Shelf, found: Iterable[int], now: int) -> list[int]:
        order = list(found)
        for name, is_descending in reversed(query.order):
            order.sort(
                key=lambda position: _sortable(values_of(shelf, position, now)[0].get(name)),
                reverse=is_descending,
            )
        return order[query.cookie.get("offset", 0) :]

    def _changes(self, request: Request, query: Query, shelf: Shelf, now: int) -> Response:
        """What changed since a delta token: new and changed rows by version, then deleted ones."""
        since = query.cookie.get("since", query.since)
        upto = query.cookie.get("upto", now)
        offset = query.cookie.get("offset", 0)
        changed = [(False, position) for _, position in shelf.touched(since, upto)]
        removed = [(True, position) for _, position in shelf.removed(since, upto)]
        every = changed + removed
        page = every[offset : offset + query.size]
        base, root = _context(request, query), _root(request)
        value = []
        for is_gone, position in page:
            if is_gone or not shelf.stands(position, now):
                value.append(
                    {
                        "@odata.context": f"{root}#{query.table.entity_set}/$deletedEntity",
                        "id": identifier(query.table, shelf, position),
                        "reason": "deleted",
                    }
                )
            else:
                value.append(self._row(query, shelf, position, now))
        body: dict[str, Any] = {"@odata.context": f"{base}/$delta"}
        if offset + len(page) < len(every):
            number = query.cookie.get("page", 1) + 1
            cookie = {"page": number, "since": since, "upto": upto, "offset": offset + len(page)}
            token = skip_token(number, cookie, tracks=True)
            body["@odata.nextLink"] = link(request, query.params, **{"$skiptoken": token})
        else:
            body["@odata.deltaLink"] = link(
                request, query.params, **{"$deltatoken": delta_token(upto)}
            )
        body["value"] = value
        return json_answer(body, _applied(request))

    def _row(self, query: Query, shelf: Shelf, position: int, now: int) -> dict[str, Any]:
        body = row(query.table, shelf, position, now, query.columns, query.wanted)
        if query.table.name == "organization" and "isauditenabled" in body:
            body["isauditenabled"] = self.audits_are_kept
        if query.table.name == "audit" and self._without_changes:
            body.pop("changedata", None)
        return body


def _getter(table: Table, shelf: Shelf, position: int, now: int) -> Any:
    """A row's values for a filter, read when the first is asked for."""
    values: dict[str, Any] = {}

    def get(name: str) -> Any:
        if not values:
            values.update(values_of(shelf, position, now)[0])
            values[table.id_column] = identifier(table, shelf, position)
        column = table.columns.get(name) or table.columns[name[1:].removesuffix("_value")]
        value = values.get(column.name)
        return value if isinstance(value, datetime) else plain(value)

    return get


def _sortable(value: Any) -> tuple[bool, Any]:
    value = value if isinstance(value, datetime) else plain(value)
    return (value is not None, value if not isinstance(value, str) else value.lower())


def _root(request: Request) -> str:
    version = request.path_params["version"]
    return f"{str(request.base_url).rstrip('/')}/api/data/{version}/$metadata"


def _context(request: Request, query: Query) -> str:
    names = f"({','.join(query.names)})" if query.names else ""
    return f"{_root(request)}#{query.table.entity_set}{names}"


def _applied(request: Request) -> dict[str, str]:
    prefer = ",".join(request.headers.getlist("prefer"))
    return {"Preference-Applied": prefer} if prefer else {}


def json_answer(body: Any, headers: dict[str, str] | None = None) -> Response:
    """A good answer."""
    return Response(
        ENCODER.encode(body),
        media_type="application/json; odata.metadata=minimal",
        headers={**_HEADERS, **(headers or {})},
    )
