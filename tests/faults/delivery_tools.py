"""What the delivery tests share: a clock that is set, events, channels, a receiver on a socket.

The receiver is a real HTTP server on 127.0.0.1; what it does to each request is a list of words, so
that a test reads as its fault.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from revops_pipelines.engine.alerts.channel import Channel, Place
from revops_pipelines.engine.alerts.outbox import Outbox
from revops_pipelines.engine.alerts.relay import Delivered, deliver
from revops_pipelines.resources.channels.inbox import Inbox, InboxOptions
from revops_pipelines.resources.channels.webhook import Webhook, WebhookOptions

START = datetime(2026, 6, 30, 12, tzinfo=UTC)


@dataclass
class SetClock:
    """Tells the time that it was set to."""

    instant: datetime = START

    def now(self) -> datetime:
        return self.instant

    def advance(self, **span: float) -> None:
        self.instant += timedelta(**span)


def event(
    key: str, kind: str = "fired", episode: int = 1, at: datetime = START, **more: Any
) -> dict[str, Any]:
    """A row of `ops.alert_events`."""
    row = {
        "event_id": f"{key}-{episode}-{kind}",
        "rule": "late",
        "rule_title": "Late",
        "alert_key": key,
        "episode": episode,
        "kind": kind,
        "severity": "warning",
        "is_backlog": False,
        "notice": {"headline": f"{key} is late", "subject": key, "since": "2026-06-30T11:00:00Z"},
        "occurred_at": at,
    }
    return row | more


@dataclass
class Receiver:
    """A web address that takes messages, and what it saw of them.

    `script` says what to do to the next requests, one word each; then `otherwise`. Words: `ok`,
    a status (`429`), `drop` (process, then close without an answer), `drip` (one byte at a time,
    for ever), `hang` (no answer at all), `no` (200 with an error in the body). `processed` holds
    the bodies that it took, also those whose sender never learnt of it.
    """

    url: str = ""
    script: list[str] = field(default_factory=list)
    otherwise: str = "ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    processed: list[dict[str, Any]] = field(default_factory=list)
    seen: list[Mapping[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def events(self) -> list[str]:
        """Ids of all events that arrived, alone or in digests, in the order of arrival."""
        found = []
        for body in self.processed:
            found += body.get("folded") or [told["event_id"] for told in body["events"]]
        return found

    @property
    def requests(self) -> int:
        return len(self.seen)


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        receiver = self.receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with receiver.guard:
            word = receiver.script.pop(0) if receiver.script else receiver.otherwise
            receiver.seen.append({name.lower(): value for name, value in self.headers.items()})
            receiver.bodies.append(body)
            if word in ("ok", "drop"):
                receiver.processed.append(json.loads(body))
        self.close_connection = True
        _ANSWERS.get(word, _status)(self, word)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _ok(handler: _Handler, _word: str) -> None:
    _reply(handler, 200, b'{"ok": true}')


def _no(handler: _Handler, _word: str) -> None:
    _reply(handler, 200, b'{"ok": false, "error": "no_such_channel"}')


def _status(handler: _Handler, word: str) -> None:
    _reply(handler, int(word), b"nothing to see")


def _reply(handler: _Handler, status: int, body: bytes) -> None:
    handler.send_response(status)
    for name, value in handler.receiver.headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _drop(handler: _Handler, _word: str) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def _drip(handler: _Handler, _word: str) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    try:
        while not handler.receiver.stopping.wait(0.02):
            handler.wfile.write(b"X")
    except OSError:
        pass


def _hang(handler: _Handler, _word: str) -> None:
    handler.receiver.stopping.wait(10)


_ANSWERS: dict[str, Callable[[_Handler, str], None]] = {
    "ok": _ok,
    "no": _no,
    "drop": _drop,
    "drip": _drip,
    "hang": _hang,
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@contextmanager
def receiving(port: int = 0, **how: Any) -> Iterator[Receiver]:
    """A receiver that listens until the end of the block."""
    receiver = Receiver(**how)
    handler = type("Handler", (_Handler,), {"receiver": receiver})
    server = _Server(("127.0.0.1", port), handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook/secret-path-segment"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def hook(name: str, url: str, **options: Any) -> Channel:
    """A webhook channel with a short deadline."""
    chosen = WebhookOptions(**{"deadline_seconds": 0.5, **options})
    place = Place(name, chosen, Path("unused"), {"url": url, "signing_key": "key-of-the-tests"})
    return Channel(name, Webhook(place), chosen)


def inbox(folder: Path, **options: Any) -> Channel:
    """The local inbox in that folder."""
    chosen = InboxOptions(**options)
    return Channel("inbox", Inbox(Place("inbox", chosen, folder)), chosen)


def by_name(*channels: Channel) -> dict[str, Channel]:
    return {channel.name: channel for channel in channels}


def in_inbox(folder: Path) -> list[dict[str, Any]]:
    """The messages in an inbox folder, in the order of their files."""
    return [json.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))]


def tick_until(
    outbox: Outbox,
    channels: Mapping[str, Channel],
    clock: SetClock,
    *,
    seconds: float,
    every: float = 15,
) -> list[Delivered]:
    """Relay ticks over a span of the set clock."""
    ticks = []
    for _ in range(int(seconds // every)):
        ticks.append(deliver(outbox, channels, clock.now))
        clock.advance(seconds=every)
    return ticks


def in_order(events: Sequence[str], of_key: str) -> list[str]:
    """The arrivals of one alert, repeats left out."""
    return list(dict.fromkeys(name for name in events if name.startswith(f"{of_key}-")))
