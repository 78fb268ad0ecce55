"""A request for rows: its options read, judged and made into a page's link.

Belongs here: query options, preferences, paging cookies and delta tokens. Does not: rows.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.requests import Request

from revops_pipelines.sandbox.dynamics.errors import bad, expired
from revops_pipelines.sandbox.dynamics.filters import Filter, FilterError, parse
from revops_pipelines.sandbox.dynamics.render import annotations_in, selected, version_of
from revops_pipelines.sandbox.dynamics.shapes import Column, Table
from revops_pipelines.sandbox.dynamics.story import moment_of

LARGEST_PAGE = 5_000
TOKEN_DAYS = 7
_KNOWN = ("$select", "$filter", "$orderby", "$top", "$count", "$skiptoken", "$deltatoken")
_UNTRACKABLE = ("$filter", "$orderby", "$expand", "$top")
_SIZE = re.compile(r"odata\.maxpagesize=(\d+)")
_ANNOTATIONS = re.compile(r'odata\.include-annotations="([^"]*)"')
_COOKIE = re.compile(r'pagingcookie="([^"]*)"')
_VERSIONS_FROM = -version_of(0)


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of a table.

    `cookie` is where a page begins: `after` (number), `offset` (sorted lists), `page`, and for
    tracked ones `upto`, `since`, `at` (all epoch milliseconds). `since` is a delta token's moment.
    """

    table: Table
    params: Mapping[str, str]
    columns: list[Column]
    names: tuple[str, ...]
    where: Filter | None
    order: tuple[tuple[str, bool], ...]
    top: int | None
    counted: bool
    size: int
    wanted: tuple[str, ...]
    tracks: bool
    since: int | None
    cookie: Mapping[str, Any]


def read(request: Request, table: Table, now: int, *, tracked: bool) -> Query:
    """Read a request for a table's rows. Raises Refused."""
    params = dict(request.query_params)
    prefer = ",".join(request.headers.getlist("prefer"))
    cookie = _cookie(params.get("$skiptoken", ""))
    tracks = "odata.track-changes" in prefer or "$deltatoken" in params or "upto" in cookie
    _judge(table, params, tracks=tracks, tracked=tracked)
    size = _SIZE.search(prefer)
    asked = _ANNOTATIONS.search(prefer)
    columns, names = _columns(table, params.get("$select"))
    return Query(
        table=table,
        params=params,
        columns=columns,
        names=names,
        where=_filter(table, params.get("$filter")),
        order=_order(table, params.get("$orderby", "")),
        top=int(params["$top"]) if "$top" in params else None,
        counted=params.get("$count") == "true",
        size=min(LARGEST_PAGE, max(1, int(size.group(1)))) if size else LARGEST_PAGE,
        wanted=annotations_in(asked.group(1)) if asked else (),
        tracks=tracks,
        since=_since(params["$deltatoken"], now) if "$deltatoken" in params else None,
        cookie=cookie,
    )


def _judge(table: Table, params: Mapping[str, str], *, tracks: bool, tracked: bool) -> None:
    if "$skip" in params:
        raise bad("Skip Clause is not supported in CRM", "0x80060888", 501)
    unknown = [name for name in params if name.startswith("$") and name not in _KNOWN]
    if unknown and not (tracks and unknown[0] in _UNTRACKABLE):
        raise bad(f"The query parameter {unknown[0]} is not supported")
    if not tracks:
        return
    refused = [name for name in _UNTRACKABLE if name in params]
    if refused:
        raise bad(
            f'The "{refused[0]}" query parameter isn\'t supported when Change Tracking is enabled.'
        )
    if not tracked:
        raise bad(f"Change Tracking is not enabled for entity '{table.name}'.")


def _columns(table: Table, text: str | None) -> tuple[list[Column], tuple[str, ...]]:
    if text is None or text == "*":
        return selected(table, None), ()
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    try:
        return selected(table, names), names
    except KeyError as error:
        raise _unknown(table, str(error.args[0])) from None


def _filter(table: Table, text: str | None) -> Filter | None:
    if text is None:
        return None
    try:
        found = parse(text)
    except FilterError as error:
        raise bad(str(error)) from None
    keys = {column.key for column in table.columns.values()}
    for name in (*found.names, *found.among):
        if name not in keys and name not in table.columns:
            raise _unknown(table, name)
    return found


def _order(table: Table, text: str) -> tuple[tuple[str, bool], ...]:
    keys = {column.key: column.name for column in table.columns.values()}
    order = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, direction = part.partition(" ")
        if name not in keys:
            raise _unknown(table, name)
        order.append((keys[name], direction.strip() == "desc"))
    return tuple(order)


def _unknown(table: Table, name: str) -> Exception:
    return bad(
        f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table.name}'."
    )


def _since(token: str, now: int) -> int:
    """The moment of a delta token: `version!date`. Raises Refused for one that is too old."""
    version = token.partition("!")[0]
    if not version.isdigit():
        raise bad("The delta token is not valid.", "0x80060891")
    since = int(version) + _VERSIONS_FROM
    if now - since > TOKEN_DAYS * 86_400_000:
        raise expired()
    return since


def delta_token(at: int) -> str:
    """A token for changes after that moment.

    >>> delta_token(1_782_820_800_000)
    '282820800000!06/30/2026 12:00:00'
    """
    return f"{version_of(at)}!{moment_of(at):%m/%d/%Y %H:%M:%S}"


def _cookie(text: str) -> dict[str, Any]:
    if not text:
        return {}
    found = _COOKIE.search(text)
    try:
        cookie = json.loads(base64.urlsafe_b64decode(found.group(1))) if found else None
    except ValueError:
        cookie = None
    if not isinstance(cookie, dict):
        raise bad("Invalid paging cookie.", "0x80040203")
    return cookie


def link(request: Request, params: Mapping[str, str], **more: str) -> str:
    """An absolute link to this table, with the query's options and another token."""
    kept = {k: v for k, v in params.items() if k not in ("$skiptoken", "$deltatoken")}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in {**kept, **more}.items())
    path = str(request.url.replace(query=""))
    return f"{path.removesuffix('?')}?{query}"


def skip_token(page: int, cookie: Mapping[str, Any], *, tracks: bool) -> str:
    """Where the next page begins, opaque to clients."""
    inner = base64.urlsafe_b64encode(json.dumps(dict(cookie)).encode()).decode()
    return f'<cookie pagenumber="{page}" pagingcookie="{inner}" istracking="{tracks}" />'
