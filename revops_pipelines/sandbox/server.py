"""The sandbox's servers: three vendors on three ports of 127.0.0.1.

Belongs here: starting and stopping them, in a thread for tests and the demo, or until a signal for
the command line. Does not: what they answer.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from revops_pipelines.sandbox.clock import SandboxClock, opening
from revops_pipelines.sandbox.faults import OPEN_CONNECTIONS, Faults
from revops_pipelines.sandbox.frame import Framed, Options

if TYPE_CHECKING:
    from revops_pipelines.sandbox.world.world import World

HOST = "127.0.0.1"
VENDORS = ("hubspot", "marketo", "stripe")
# Keys that no vendor would issue, so that nobody mistakes them for real ones.
KEYS: Mapping[str, Mapping[str, str]] = {
    "hubspot": {"access_token": "sandbox-hubspot-token"},
    "marketo": {"client_id": "sandbox-marketo-id", "client_secret": "sandbox-marketo-secret"},
    "stripe": {"api_key": "sandbox-stripe-key"},
}
STARTS_WITHIN_SECONDS = 30.0
STOPS_WITHIN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox: where it is, how to get in, and the strings that move it."""

    urls: Mapping[str, str]
    keys: Mapping[str, Mapping[str, str]]
    clock: SandboxClock
    world: World
    apps: Mapping[str, Framed]

    @property
    def faults(self) -> Mapping[str, Faults]:
        """Each vendor's faults."""
        return {name: app.faults for name, app in self.apps.items()}

    def requests(self, vendor: str, path: str = "") -> int:
        """How many calls a vendor got on paths that contain `path`."""
        counts = dict(self.apps[vendor].requests)
        return sum(count for called, count in counts.items() if path in called)


def build_apps(
    world: World, clock: SandboxClock, options: Options | None = None
) -> dict[str, Framed]:
    """Every vendor's app around one world and one clock."""
    from revops_pipelines.sandbox.hubspot import build_app as build_hubspot
    from revops_pipelines.sandbox.marketo import build_app as build_marketo
    from revops_pipelines.sandbox.stripe import build_app as build_stripe

    settled = options or Options()
    builders: dict[str, Callable[[World, SandboxClock, Options], Framed]] = {
        "hubspot": build_hubspot,
        "marketo": build_marketo,
        "stripe": build_stripe,
    }
    return {name: build(world, clock, settled) for name, build in builders.items()}


@contextmanager
def running(
    seed: int = 7,
    anchor: date = date(2026, 6, 30),
    scale: float = 1.0,
    *,
    ports: Sequence[int] = (0, 0, 0),
    clock: SandboxClock | None = None,
    options: Options | None = None,
    world: World | None = None,
    speed: float = 0.0,
) -> Iterator[Sandbox]:
    """Serve a simulated company while the block runs.

    Port 0 picks a free one. A `world` built before may be passed to share it; otherwise one is
    built from seed, anchor and scale. Without a `clock` one opens at noon of the anchor day and
    runs at `speed`.
    """
    if world is None:
        from revops_pipelines.sandbox.world.world import build_world

        world = build_world(seed, anchor, scale)
    clock = clock or SandboxClock(opening(anchor), speed)
    apps = build_apps(world, clock, options)
    with serving(apps, ports) as urls:
        yield Sandbox(urls, KEYS, clock, world, apps)


@contextmanager
def serving(
    apps: Mapping[str, Framed], ports: Sequence[int] | None = None
) -> Iterator[dict[str, str]]:
    """Serve framed apps, each on its own port of 127.0.0.1, by one thread; yields their URLs."""
    asked = list(ports) if ports is not None else [0] * len(apps)
    sockets = _bound(asked)
    servers = [uvicorn.Server(_config(app)) for app in apps.values()]
    urls = {
        name: f"http://{HOST}:{wire.getsockname()[1]}"
        for name, wire in zip(apps, sockets, strict=True)
    }
    thread = threading.Thread(
        target=_run, args=(servers, sockets), name="revops-sandbox", daemon=True
    )
    thread.start()
    try:
        _await_start(servers, thread)
        yield urls
    finally:
        for app in apps.values():
            app.faults.clear()
        for server in servers:
            server.should_exit = True
        thread.join(STOPS_WITHIN_SECONDS)


def serve(
    seed: int = 7,
    as_of: date = date(2026, 6, 30),
    scale: float = 1.0,
    port: int = 0,
    speed: float = 1.0,
    *,
    at: datetime | None = None,
    options: Options | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; first prints one line of JSON with URLs and keys.

    HubSpot is at `port`, Marketo and Stripe at the two after it; 0 picks free ones. The clock opens
    at `at`, by default at noon of the day `as_of` around which the company is built.
    """
    clock = SandboxClock(at or opening(as_of), speed)
    ports = [port + index if port else 0 for index in range(len(VENDORS))]
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    try:
        with running(seed, as_of, scale, ports=ports, clock=clock, options=options) as sandbox:
            sys.stdout.write(json.dumps(described(sandbox, seed, scale)) + "\n")
            sys.stdout.flush()
            stop.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def described(sandbox: Sandbox, seed: int, scale: float) -> dict[str, Any]:
    """What `revops sandbox` prints: where each vendor is and how to get in."""
    return {
        "urls": dict(sandbox.urls),
        "keys": {name: dict(keys) for name, keys in sandbox.keys.items()},
        "now": sandbox.clock.now().isoformat(),
        "speed": sandbox.clock.speed,
        "seed": seed,
        "scale": scale,
    }


def _bound(ports: Sequence[int]) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    for port in ports:
        # asyncio only switches Nagle's delay (40 ms a page) off for sockets that say TCP.
        wire = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            wire.bind((HOST, port))
        except OSError as error:
            for opened in (*sockets, wire):
                opened.close()
            raise OSError(
                error.errno, f"port {port} of {HOST} cannot be used; choose another"
            ) from error
        sockets.append(wire)
    return sockets


def _config(app: Framed) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Traced,
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,
    )


def _run(servers: Sequence[uvicorn.Server], sockets: Sequence[socket.socket]) -> None:
    async def all_of_them() -> None:
        pairs = zip(servers, sockets, strict=True)
        await asyncio.gather(*(server.serve(sockets=[wire]) for server, wire in pairs))

    try:
        asyncio.run(all_of_them())
    finally:
        for wire in sockets:
            wire.close()


def _await_start(servers: Sequence[uvicorn.Server], thread: threading.Thread) -> None:
    waited = threading.Event()
    for _ in range(int(STARTS_WITHIN_SECONDS / 0.01)):
        if all(server.started for server in servers):
            return
        if not thread.is_alive():
            break
        waited.wait(0.01)
    raise RuntimeError("the sandbox's servers did not start")


class _Traced(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's protocol, which also tells the faults where its socket is."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        OPEN_CONNECTIONS[self.server, self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        OPEN_CONNECTIONS.pop((self.server, self.client), None)
        super().connection_lost(exc)
