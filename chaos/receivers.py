"""Receivers that fail at random, and remember what they took.

Belongs here: web addresses on this machine. Does not: judging what they remember.
"""

from __future__ import annotations

import json
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# How a faulty receiver fails, and how often of a hundred failures.
FAULTS = {"503": 30, "500": 20, "429": 14, "reset": 20, "drop": 15, "hang": 1}
HANG_SECONDS = 0.7


@dataclass
class Receiver:
    """One web address; `share` of its answers are faults.

    `knows_keys` receivers drop what they have taken before, by its `webhook-id`. `arrived` are the
    events that they looked at, in order; `repeats` those that came again, `dropped` those that were
    taken without the sender learning of it.
    """

    knows_keys: bool
    share: float
    dice: random.Random
    url: str = ""
    arrived: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    repeats: int = 0
    dropped: int = 0
    requests: int = 0
    guard: threading.Lock = field(default_factory=threading.Lock)

    def take(self, key: str, body: bytes) -> str:
        """Take a message, or fail; the word for how it is answered."""
        with self.guard:
            self.requests += 1
            word = "ok"
            if self.dice.random() < self.share:
                word = self.dice.choices(list(FAULTS), list(FAULTS.values()))[0]
            if word in ("ok", "drop"):
                self.dropped += word == "drop"
                self._look_at(key, json.loads(body))
        return word

    def _look_at(self, key: str, message: dict[str, Any]) -> None:
        if key in self.keys:
            self.repeats += 1
            if self.knows_keys:
                return
        self.keys.add(key)
        self.arrived += message.get("folded") or [each["event_id"] for each in message["events"]]


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        word = self.receiver.take(self.headers["webhook-id"], body)
        self.close_connection = True
        if word == "hang":
            threading.Event().wait(HANG_SECONDS)
        if word in ("reset", "drop", "hang"):
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        answer = b'{"ok": true}'
        self.send_response(200 if word == "ok" else int(word))
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: thousands of requests are no news."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that was killed hangs up; that is the point."""


@contextmanager
def receiving(receiver: Receiver) -> Iterator[Receiver]:
    """The receiver listens until the end of the block."""
    handler = type("Handler", (_Handler,), {"receiver": receiver})
    server = _Server(("127.0.0.1", 0), handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
