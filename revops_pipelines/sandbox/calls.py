"""A request and a reply as the frame sees them: no body, no framework.

Belongs here: the two small shapes that authentication, limits and faults are written in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Scope, Send


class Call:
    """One request: method, path, query and headers."""

    __slots__ = ("_query", "method", "path", "scope")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self._query: dict[str, str] | None = None

    def header(self, name: str) -> str:
        """A header's value, or an empty string."""
        wanted = name.lower().encode("latin-1")
        for key, value in self.scope["headers"]:
            if key == wanted:
                return bytes(value).decode("latin-1")
        return ""

    @property
    def query(self) -> Mapping[str, str]:
        """The query's parameters; of a repeated one, the last."""
        if self._query is None:
            text = self.scope["query_string"].decode("latin-1")
            self._query = dict(parse_qsl(text, keep_blank_values=True))
        return self._query


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    media_type: str = "application/json"

    @classmethod
    def json(cls, status: int, payload: Any, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
        """An answer with a JSON body."""
        return cls(status, json.dumps(payload, separators=(",", ":")).encode(), headers)

    async def send(self, send: Send, *, stop_after: int | None = None) -> None:
        """Send it; with `stop_after`, only that many bytes of the body that its length promises."""
        head = [
            (b"content-type", self.media_type.encode("latin-1")),
            (b"content-length", str(len(self.body)).encode("ascii")),
        ]
        head += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": head})
        if stop_after is None:
            await send({"type": "http.response.body", "body": self.body})
        else:
            body = self.body[:stop_after]
            await send({"type": "http.response.body", "body": body, "more_body": True})
