"""A small HTTP server on real sockets that answers wrongly when told to.

Belongs here: the server and the ways in which it fails. Does not: what it serves (`shop.py`).

A fault is a function from a request and its proper answer to what is really done: another answer,
or one of the actions below.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """What came in. `number` counts all requests from 1, `nth` those of the same path."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    number: int
    nth: int


@dataclass(frozen=True)
class Answer:
    """A whole, well-formed answer."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, content: Any, status: int = 200, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, json.dumps(content).encode(), named)

    def with_body(self, body: bytes, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, body=body, headers=self.headers | named)


@dataclass(frozen=True)
class Cut:
    """Promise the whole body, send `sent` bytes of it, then close (with a reset if asked)."""

    answer: Answer
    sent: int
    reset: bool = False


@dataclass(frozen=True)
class Drip:
    """Send one byte at a time, with pauses; from the first byte of the head if asked."""

    answer: Answer
    pause_seconds: float = 0.02
    head_too: bool = False


@dataclass(frozen=True)
class Hang:
    """Take the request and say nothing."""


# No honest night asks more often; a client that runs in circles is told off instead of hanging.
_MOST_REQUESTS = 400

Action = Answer | Cut | Drip | Hang
Fault = Callable[[Request, Answer], Action]


def no_fault(request: Request, answer: Answer) -> Action:
    return answer


class FaultyServer:
    """Serves `respond`, bent by `fault`, and remembers what was asked."""

    def __init__(self, respond: Callable[[Request], Answer]) -> None:
        self.respond = respond
        self.fault: Fault = no_fault
        self.requests: list[Request] = []
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()
        self.stopping = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def forget(self) -> None:
        """Begin counting anew."""
        with self._lock:
            self.requests.clear()
            self._counts.clear()

    def note(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Request:
        parts = urlsplit(target)
        with self._lock:
            nth = self._counts[parts.path] = self._counts.get(parts.path, 0) + 1
            query = dict(parse_qsl(parts.query))
            number = len(self.requests) + 1
            request = Request(method, parts.path, query, headers, body, number, nth)
            self.requests.append(request)
        return request

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving(respond: Callable[[Request], Answer]) -> Iterator[FaultyServer]:
    server = FaultyServer(respond)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _handler(server: FaultyServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body leave in one piece.
        wbufsize = -1

        def _serve(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = server.note(self.command, self.path, headers, self.rfile.read(length))
            action = server.fault(request, server.respond(request))
            if request.number > _MOST_REQUESTS:
                action = Answer(418)
            try:
                _act(self, action, server.stopping)
            except OSError:
                self.close_connection = True

        do_GET = do_POST = _serve  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    return Handler


def _act(handler: BaseHTTPRequestHandler, action: Action, stopping: threading.Event) -> None:
    if isinstance(action, Hang):
        handler.close_connection = True
        stopping.wait(10)
        return
    answer = action if isinstance(action, Answer) else action.answer
    head = _head(answer)
    if isinstance(action, Answer):
        handler.wfile.write(head + answer.body)
        handler.wfile.flush()
        return
    handler.close_connection = True
    if isinstance(action, Cut):
        handler.wfile.write(head + answer.body[: action.sent])
        handler.wfile.flush()
        if action.reset:
            linger = struct.pack("ii", 1, 0)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            handler.connection.close()
        return
    whole = head + answer.body
    start = 0 if action.head_too else len(head)
    handler.wfile.write(whole[:start])
    handler.wfile.flush()
    for place in range(start, len(whole)):
        handler.connection.sendall(whole[place : place + 1])
        if stopping.wait(action.pause_seconds):
            return


def _head(answer: Answer) -> bytes:
    headers = {"Content-Type": "application/json", "Content-Length": str(len(answer.body))}
    headers |= answer.headers
    lines = [f"HTTP/1.1 {answer.status} Whatever", *(f"{n}: {v}" for n, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()
