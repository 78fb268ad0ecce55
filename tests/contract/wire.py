"""How each vendor's lists look on the wire, and ways to bend them there.

Belongs here: where an answer keeps its records and what leads to its next page, one description a
vendor; taking such an answer apart and putting it together with its records as the bytes that they
were. Does not: what a test makes of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from starlette.types import Message

from revops_pipelines.sandbox.calls import Reply
from revops_pipelines.sandbox.faults import Fault, Scene

# A cursor that no vendor gave out; some are numbers.
ALIAS = re.compile(r"98765\d{4}")
Parts = dict[str, Any]


_LEADING = ("paging", "next_offset", "@odata.nextLink", "nextRecordsUrl", "nextPageToken")


@dataclass(frozen=True)
class Manner:
    """A vendor's lists.

    `lists` matches method and path of a list's call, `rows` are the members of an answer that hold
    records, one of them. `onward` makes an answer lead on to a cursor; None where the next page is
    told by the last record or a count. `error` is the vendor's wording of a refusal, `forgotten` of
    a cursor that it does not know.

    `total` is where an answer says how many there are, `counted` the calls that tell it if not the
    lists do, `plain_total` the path of a count that is no JSON. `noun`: a row holds its record as
    its first member. `about` finds what a call asks for where one path serves all lists.
    `is_bulk`: what is read at first is no list but files; `is_daily`: lists are reports of days.
    """

    lists: str
    rows: tuple[str, ...]
    onward: Callable[[Parts, str, str], None] | None
    error: bytes
    forgotten: Reply
    total: tuple[str, ...] = ()
    noun: bool = False
    about: str = r"(?!)"
    plain_total: str = ""
    counted: str = ""
    is_bulk: bool = False
    is_daily: bool = False

    def page(self, scene: Scene, asked: str, reply: Reply) -> Page | None:
        """The answer taken apart; None if it is no list, or an empty one."""
        if reply.status != 200 or not re.search(self.lists, asked):
            return None
        try:
            parts = msgspec.json.decode(reply.body, type=dict[str, msgspec.Raw])
        except msgspec.DecodeError:
            return None
        for name in self.rows:
            rows = parts.get(name)
            if rows is not None and bytes(rows)[:1] == b"[":
                found = msgspec.json.decode(rows, type=list[msgspec.Raw])
                about = re.search(self.about, asked)
                key = f"{scene.call.path} {about.group(1) if about else ''}"
                host = scene.call.header("host")
                rest: Parts = dict(parts)
                page = Page(self, key, f"http://{host}{scene.call.path}", reply, rest, name, found)
                return page if found else None
        return None


@dataclass(frozen=True)
class Page:
    """A list's answer, taken apart. `key` tells lists apart, `url` is where it was asked for."""

    manner: Manner
    key: str
    url: str
    reply: Reply
    parts: Parts
    name: str
    rows: list[msgspec.Raw]

    def with_rows(self, rows: list[msgspec.Raw]) -> Page:
        """The same page with other records."""
        return replace(self, rows=rows)

    def leading_to(self, alias: str) -> Page:
        """The same page with another next one."""
        assert self.manner.onward is not None
        parts = dict(self.parts)
        self.manner.onward(parts, self.url, alias)
        return replace(self, parts=parts)

    def ending(self) -> Page:
        """The same page as the last one."""
        parts = {name: part for name, part in self.parts.items() if name not in _LEADING}
        for name in ("hasMore", "has_more", "moreResult"):
            if name in parts:
                parts[name] = False
        if "done" in parts:
            parts["done"] = True
        return replace(self, parts=parts)

    def counting(self, change: Callable[[int], int]) -> Page | None:
        """The same page with another total; None if it tells none."""
        parts = dict(self.parts)
        for name in self.manner.total:
            outer, _, inner = name.partition(".")
            if outer not in parts:
                continue
            held = msgspec.json.decode(parts[outer]) if inner else None
            if inner and held is not None:
                parts[outer] = {**held, inner: change(held[inner])}
            else:
                parts[outer] = change(msgspec.json.decode(parts[outer]))
            return replace(self, parts=parts)
        return None

    def answered(self) -> Reply:
        """As an answer."""
        body = msgspec.json.encode({**self.parts, self.name: self.rows})
        return replace(self.reply, body=body)


async def heard(scene: Scene) -> tuple[str, Scene]:
    """What a call asks for as one text (method, path, query, body), and the scene to go on with."""
    body = bytearray()
    while True:
        message = await scene.receive()
        body.extend(message.get("body", b""))
        if not message.get("more_body"):
            break
    call = scene.call
    query = call.scope["query_string"].decode("latin-1")

    async def receive() -> Message:
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    text = f"{call.method} {call.path}?{query} {body.decode('utf-8', 'replace')}"
    return text, replace(scene, receive=receive)


def bent(
    manner: Manner, bend: Callable[[str, Page], Reply | None], aside: Callable[[str], Reply | None]
) -> Fault:
    """A fault on all lists: `bend` may answer otherwise than the page; what is asked comes before.

    `aside` may answer a call before the vendor is asked.
    """

    async def play(scene: Scene) -> None:
        asked, heard_scene = await heard(scene)
        reply = aside(asked)
        if reply is None:
            reply = await heard_scene.healthy()
            page = manner.page(scene, asked, reply)
            reply = reply if page is None else bend(asked, page) or reply
        await reply.send(scene.send)

    return play


def _paging(parts: Parts, url: str, alias: str) -> None:
    """HubSpot's several ways."""
    if "hasMore" in parts:
        is_number = bytes(parts.get("offset", b'"')).isdigit()
        parts["hasMore"], parts["offset"] = True, int(alias) if is_number else alias
    else:
        parts["paging"] = {"next": {"after": alias}}


def _next_link(parts: Parts, url: str, alias: str) -> None:
    parts.pop("@odata.deltaLink", None)
    parts["@odata.nextLink"] = f"{url}?$skiptoken={alias}"


def _next_records(parts: Parts, url: str, alias: str) -> None:
    parts["done"], parts["nextRecordsUrl"] = False, f"/services/data/v68.0/query/{alias}"


def _next_offset(parts: Parts, url: str, alias: str) -> None:
    parts["next_offset"] = alias


def _next_token(parts: Parts, url: str, alias: str) -> None:
    parts["nextPageToken"], parts["moreResult"] = alias, True


_HUBSPOT_ERROR = b'{"status":"error","message":"no","category":"VALIDATION_ERROR"}'
_HUBSPOT = Manner(
    r"^GET /crm/(objects|owners|goals)|^GET /marketing/(emails|forms)/|^POST /crm/lists/|"
    r"^GET /(marketing/campaigns/[^/]+|email/public|form-integrations)|^GET /crm/lists/",
    ("results", "lists", "events"),
    _paging,
    _HUBSPOT_ERROR,
    Reply(400, _HUBSPOT_ERROR),
    total=("total",),
)
_MARKETO_ERROR = b'{"success":false,"errors":[{"code":"1003","message":"Invalid nextPageToken"}]}'

MANNERS = {
    "chargebee": Manner(
        r"^GET /api/v2/",
        ("list",),
        _next_offset,
        b'{"message":"no","type":"invalid_request","api_error_code":"param_wrong_value"}',
        Reply(
            400,
            b'{"message":"offset: wrong","type":"invalid_request",'
            b'"api_error_code":"param_wrong_value"}',
        ),
        noun=True,
    ),
    "dynamics": Manner(
        r"^GET /api/data/",
        ("value",),
        _next_link,
        b'{"error":{"code":"0x80040203","message":"no"}}',
        Reply(400, b'{"error":{"code":"0x80044352","message":"Version stamp has expired."}}'),
        plain_total=r"/\$count",
    ),
    "ga4": Manner(
        ":runReport",
        ("rows",),
        None,
        b'{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}',
        Reply(400, b"{}"),
        total=("rowCount",),
        is_daily=True,
    ),
    "hubspot": replace(_HUBSPOT, counted=r"^POST /crm/objects/.*/search"),
    "hubspot_marketing": _HUBSPOT,
    "marketo": Manner(
        r"^(GET|POST) /rest/v1/(activities|activities/deletedleads|leads|opportunities|"
        r"opportunities/roles|programs/[0-9]+/members)\.json",
        ("result",),
        _next_token,
        _MARKETO_ERROR,
        Reply(200, _MARKETO_ERROR),
        is_bulk=True,
    ),
    "plausible": Manner(
        "^POST /api/v2/query",
        ("results",),
        None,
        b'{"error":"no"}',
        Reply(400, b'{"error":"no"}'),
        total=("meta.total_rows",),
        is_daily=True,
    ),
    "salesforce": Manner(
        r"^GET /services/data/v[0-9.]+/query(?!.*COUNT)",
        ("records",),
        _next_records,
        b'[{"message":"no","errorCode":"MALFORMED_QUERY"}]',
        Reply(400, b'[{"message":"no","errorCode":"INVALID_QUERY_LOCATOR"}]'),
        total=("totalSize",),
        about=r"FROM\+(\w+)",
    ),
    "stripe": Manner(
        r"^GET /v1/",
        ("data",),
        None,
        b'{"error":{"type":"invalid_request_error","message":"no"}}',
        Reply(
            400,
            b'{"error":{"type":"invalid_request_error","code":"resource_missing","message":"no"}}',
        ),
    ),
}
