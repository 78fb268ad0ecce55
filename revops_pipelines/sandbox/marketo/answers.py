"""Marketo's envelopes: success, errors inside HTTP 200, times and paging tokens.

Belongs here: how things are worded. Does not: what is asked for.

Lead-database answers always carry `errors` and `warnings`, as the published specification has it.
"""

from __future__ import annotations

import base64
import binascii
import itertools
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from revops_pipelines.sandbox.calls import Reply

_NUMBERS = itertools.count(1)


class MarketoError(Exception):
    """An error that Marketo words inside HTTP 200."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def success(result: Any = None, **more: Any) -> Response:
    """A good answer; `result` None leaves it out, as for paging tokens and empty asset pages."""
    body: dict[str, Any] = {"requestId": request_id(), "success": True, "errors": []}
    body |= {"warnings": []} | more
    if result is not None:
        body["result"] = result
    return Response(msgspec.json.encode(body), media_type="application/json;charset=UTF-8")


def failure(code: str, message: str) -> Reply:
    """An error, in HTTP 200.

    >>> failure("602", "Access token expired").status
    200
    """
    error = {"code": code, "message": message}
    return Reply.json(200, {"requestId": request_id(), "success": False, "errors": [error]})


def request_id() -> str:
    """An id for a request, as the vendor forms it."""
    number = next(_NUMBERS)
    return f"{number & 0xFFFF:x}#{number:011x}"


def stamp(moment: int) -> str:
    """A moment in the lead database's answers.

    >>> stamp(0)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(moment, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def asset_stamp(moment: int) -> str:
    """A moment in an asset's answer: the vendor adds an offset to what already has one.

    >>> asset_stamp(0)
    '1970-01-01T00:00:00Z+0000'
    """
    return stamp(moment) + "+0000"


def moment_of(text: str) -> int:
    """Epoch seconds of an ISO 8601 text, UTC where it names no zone; 1003 otherwise.

    >>> moment_of("1970-01-01T01:00:00+01:00"), moment_of("1970-01-02")
    (0, 86400)
    """
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as error:
        raise MarketoError("1003", f"Invalid date time '{text}'") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp())


def token_of(*parts: int) -> str:
    """A paging token: opaque to the caller.

    >>> parts_of(token_of(5, 12))
    (5, 12)
    """
    text = ".".join(str(part) for part in parts)
    return base64.b32encode(text.encode()).decode().replace("=", "")


def parts_of(token: str) -> tuple[int, ...]:
    """What a paging token stands for; 1003 for one that is not ours."""
    try:
        text = base64.b32decode(token + "=" * (-len(token) % 8)).decode()
        return tuple(int(part) for part in text.split("."))
    except (binascii.Error, ValueError) as error:
        raise MarketoError("1003", "Invalid nextPageToken") from error


def merged(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Parameters by name; a list may be one comma-separated value or the name repeated.

    >>> merged([("fields", "id"), ("fields", "email"), ("filterType", "id")])
    {'fields': 'id,email', 'filterType': 'id'}
    """
    query: dict[str, str] = {}
    for name, value in pairs:
        query[name] = f"{query[name]},{value}" if name in query else value
    return query


def query_of(request: Request) -> dict[str, str]:
    """The address's parameters."""
    return merged(request.query_params.multi_items())


def needed(query: Mapping[str, str], name: str) -> str:
    """A parameter that must be given."""
    value = query.get(name, "")
    if not value:
        raise MarketoError("1003", f"Value for required parameter '{name}' is missing")
    return value


def batch_size(query: Mapping[str, str], name: str = "batchSize", most: int = 300) -> int:
    """How many records a page may hold: the most there is, unless fewer are asked for."""
    value = query.get(name, str(most))
    if not value.isdigit() or not 1 <= int(value) <= most:
        raise MarketoError("1003", f"Invalid value for {name}: must be between 1 and {most}")
    return int(value)


def listed(query: Mapping[str, str], name: str) -> list[str]:
    """A comma-separated parameter."""
    return [part.strip() for part in query.get(name, "").split(",") if part.strip()]
