"""Faults that a test, or chaos on demand, puts between a client and a vendor's simulated API.

Belongs here: what can go wrong on the wire, and the list of what shall go wrong next. Does not:
errors that belong to a vendor's own protocol; its app builds their bodies and passes them to
`answer`.

    sandbox.faults["hubspot"].next(answer(429, b"{}", retry_after="2"), path="/search", times=3)

plays the fault for the next three calls whose path contains `/search`. A fault's `after` lets that
many matching calls pass first, and `repeat=None` plays it until `clear()`.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from revops_pipelines.sandbox.calls import Call, Reply

# Transports by (server, client) address, filled by the server's protocol: a reset needs the socket.
# Only the thread of the server's loop may touch a transport.
OPEN_CONNECTIONS: dict[tuple[object, object], asyncio.Transport] = {}


@dataclass(frozen=True, slots=True)
class Scene:
    """What a fault plays with: the call, the healthy app behind it, and both ends of the wire."""

    call: Call
    app: ASGIApp
    scope: Scope
    receive: Receive
    send: Send
    faults: Faults

    async def healthy(self) -> Reply:
        """The answer that the app gives, whole."""
        status = 500
        headers: list[tuple[bytes, bytes]] = []
        body = bytearray()

        async def collect(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], list(message.get("headers", []))
            else:
                body.extend(message.get("body", b""))

        await self.app(self.scope, self.receive, collect)
        named = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        media_type = named.pop("content-type", "application/json")
        named.pop("content-length", None)
        return Reply(status, bytes(body), tuple(named.items()), media_type)


Fault = Callable[[Scene], Awaitable[None]]


@dataclass(slots=True)
class _Planned:
    fault: Fault
    path: re.Pattern[str]
    times: int | None
    after: int

    def wants(self, call: Call) -> bool:
        if not self.path.search(call.path):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


@dataclass(slots=True)
class Faults:
    """The faults that one vendor's server will play; safe across threads."""

    played: int = 0
    _planned: list[_Planned] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _released: threading.Event = field(default_factory=threading.Event)
    _last: dict[str, Reply] = field(default_factory=dict)

    def next(self, fault: Fault, *, path: str = "", times: int | None = 1, after: int = 0) -> None:
        """Play `fault` for the next calls whose path matches the pattern (a regular expression).

        `times` None means until `clear`. The oldest plan that matches wins.
        """
        with self._lock:
            self._planned.append(_Planned(fault, re.compile(path), times, after))

    def clear(self) -> None:
        """Forget what was planned and let go of calls that hang."""
        with self._lock:
            self._planned.clear()
            self._last.clear()
        self._released.set()
        self._released = threading.Event()

    def take(self, call: Call) -> Fault | None:
        """The fault for this call, if any."""
        if not self._planned:
            return None
        with self._lock:
            self._planned = [plan for plan in self._planned if plan.times is None or plan.times > 0]
            for plan in self._planned:
                if plan.wants(call):
                    self.played += 1
                    return plan.fault
        return None

    async def wait(self, seconds: float) -> None:
        """Wait in real time, or until `clear`."""
        released = self._released
        left = seconds
        while left > 0 and not released.is_set():
            step = min(left, 0.02)
            await asyncio.sleep(step)
            left -= step


def answer(
    status: int,
    body: bytes = b"",
    *,
    retry_after: str | None = None,
    media_type: str = "application/json",
    headers: tuple[tuple[str, str], ...] = (),
) -> Fault:
    """Answer this instead, for example a 429 with `Retry-After`, a bare 500, an error in a 200."""
    extra = () if retry_after is None else (("retry-after", retry_after),)
    reply = Reply(status, body, headers + extra, media_type)

    async def play(scene: Scene) -> None:
        await reply.send(scene.send)

    return play


def html(status: int = 502) -> Fault:
    """A proxy's error page, with its own status or, worse, with 200."""
    page = b"<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"
    return answer(status, page, media_type="text/html")


def truncated(share: float = 0.5, *, honest_length: bool = False) -> Fault:
    """The real answer, cut: the promised length is never reached, or (honest) JSON just stops."""

    async def play(scene: Scene) -> None:
        reply = await scene.healthy()
        keep = int(len(reply.body) * share)
        if honest_length:
            cut = Reply(reply.status, reply.body[:keep], reply.headers, reply.media_type)
            await cut.send(scene.send)
        else:
            await reply.send(scene.send, stop_after=keep)

    return play


def reset(share: float = 0.5) -> Fault:
    """The real answer's first part, then a TCP reset."""

    async def play(scene: Scene) -> None:
        reply = await scene.healthy()
        await reply.send(scene.send, stop_after=max(1, int(len(reply.body) * share)))
        await asyncio.sleep(0.01)  # let the first part leave
        key = (scene.scope.get("server"), scene.scope.get("client"))
        transport = OPEN_CONNECTIONS.get(key)
        # The client may have gone meanwhile, and its socket with it.
        if transport is not None and not transport.is_closing():
            wire = transport.get_extra_info("socket")
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()

    return play


def hang(seconds: float = 3600.0) -> Fault:
    """Not a byte, until the time is over or the faults are cleared; then the connection closes."""

    async def play(scene: Scene) -> None:
        await scene.faults.wait(seconds)

    return play


def drip(bytes_per_second: float = 1.0) -> Fault:
    """The real answer, so slowly that only a deadline ends it."""

    async def play(scene: Scene) -> None:
        reply = await scene.healthy()
        await reply.send(scene.send, stop_after=0)
        for index in range(len(reply.body)):
            piece = reply.body[index : index + 1]
            more = index + 1 < len(reply.body)
            await scene.send({"type": "http.response.body", "body": piece, "more_body": more})
            await scene.faults.wait(1.0 / bytes_per_second)

    return play


def repeated() -> Fault:
    """The answer to the previous call of this path once more, in place of the one asked for."""

    async def play(scene: Scene) -> None:
        last = scene.faults._last.get(scene.call.path)
        reply = last or await scene.healthy()
        await reply.send(scene.send)

    return play


def remembered() -> Fault:
    """The real answer, kept for a later `repeated`."""

    async def play(scene: Scene) -> None:
        reply = await scene.healthy()
        scene.faults._last[scene.call.path] = reply
        await reply.send(scene.send)

    return play


def changed(change: Callable[[bytes], bytes]) -> Fault:
    """The real answer with its body rewritten, for example a cursor that points back."""

    async def play(scene: Scene) -> None:
        reply = await scene.healthy()
        body = change(reply.body)
        await Reply(reply.status, body, reply.headers, reply.media_type).send(scene.send)

    return play


def sometimes(fault: Fault, share: float, random: Random) -> Fault:
    """A fault that strikes a share of the calls at random, and lets the others be: a storm."""

    async def play(scene: Scene) -> None:
        if random.random() < share:
            await fault(scene)
        else:
            await (await scene.healthy()).send(scene.send)

    return play


def meanwhile(act: Callable[[], object]) -> Fault:
    """Do something first (move the clock, change a record), then answer as ever."""

    async def play(scene: Scene) -> None:
        act()
        await (await scene.healthy()).send(scene.send)

    return play
