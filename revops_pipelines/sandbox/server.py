"""The sandbox's servers: one vendor on each port of 127.0.0.1.

Belongs here: starting and stopping them, in a thread for tests and the demo, or until a signal for
the command line. Does not: what they answer, or which vendors there are (`vendors.py`).
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from revops_pipelines.sandbox.clock import SandboxClock, opening
from revops_pipelines.sandbox.faults import OPEN_CONNECTIONS, Faults
from revops_pipelines.sandbox.frame import Framed, Options
from revops_pipelines.sandbox.vendors import USUAL, crm_of, vendor

if TYPE_CHECKING:
    from revops_pipelines.sandbox.world.world import World

HOST = "127.0.0.1"
STARTS_WITHIN_SECONDS = 30.0
# A loop that is left running would go on with what its test has closed; an overloaded machine may
# need long to end it.
STOPS_WITHIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox: where it is, how to get in, and the strings that move it.

    `sheets` is the folder of the company's spreadsheets, where they were asked for.
    """

    urls: Mapping[str, str]
    keys: Mapping[str, Mapping[str, str]]
    clock: SandboxClock
    world: World
    apps: Mapping[str, Framed]
    sheets: Path | None = None

    @property
    def faults(self) -> Mapping[str, Faults]:
        """Each vendor's faults."""
        return {name: app.faults for name, app in self.apps.items()}

    def requests(self, vendor: str, path: str = "") -> int:
        """How many calls a vendor got on paths that contain `path`."""
        counts = dict(self.apps[vendor].requests)
        return sum(count for called, count in counts.items() if path in called)


@contextmanager
def running(
    seed: int = 7,
    anchor: date = date(2026, 6, 30),
    scale: float = 1.0,
    *,
    systems: Sequence[str] = USUAL,
    ports: Sequence[int] | None = None,
    clock: SandboxClock | None = None,
    options: Options | None = None,
    world: World | None = None,
    speed: float = 0.0,
    sheets: Path | None = None,
) -> Iterator[Sandbox]:
    """Serve a simulated company through its `systems` while the block runs.

    Without `ports`, or with 0, free ones are picked. A `world` built before may be passed to share
    it; otherwise one is built from seed, anchor and scale. Without a `clock` one opens at noon of
    the anchor day and runs at `speed`. Into the folder `sheets` the company's spreadsheets are
    written, as they stand when it opens.
    """
    if world is None:
        from revops_pipelines.sandbox.world.world import build_world

        world = build_world(seed, anchor, scale)
    clock = clock or SandboxClock(opening(anchor), speed)
    chosen = {name: vendor(name) for name in systems}
    settled = replace(options or Options(), crm=crm_of(chosen.values()))
    apps = {name: each.build_app(world, clock, settled) for name, each in chosen.items()}
    keys = {name: each.KEYS for name, each in chosen.items()}
    if sheets is not None:
        from revops_pipelines.sandbox.sheets import write_sheets

        write_sheets(world, clock.now(), sheets)
    with serving(apps, ports) as urls:
        yield Sandbox(urls, keys, clock, world, apps, sheets)


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
    systems: Sequence[str] = USUAL,
    at: datetime | None = None,
    options: Options | None = None,
    sheets: Path | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; first prints one line of JSON with URLs and keys.

    The first of `systems` is at `port`, the others at those after it; 0 picks free ones. The clock
    opens at `at`, by default at noon of the day `as_of` around which the company is built. `sheets`
    is as in `running`.
    """
    clock = SandboxClock(at or opening(as_of), speed)
    ports = [port + index if port else 0 for index in range(len(systems))]
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    try:
        with running(
            seed,
            as_of,
            scale,
            systems=systems,
            ports=ports,
            clock=clock,
            options=options,
            sheets=sheets,
        ) as sandbox:
            sys.stdout.write(json.dumps(described(sandbox, seed, scale)) + "\n")
            sys.stdout.flush()
            stop.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def described(sandbox: Sandbox, seed: int, scale: float) -> dict[str, Any]:
    """What `revops sandbox` prints: where each vendor is and how to get in."""
    sheets = {} if sandbox.sheets is None else {"sheets": str(sandbox.sheets)}
    return sheets | {
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
        # The client's port may have been given to another connection by now.
        if OPEN_CONNECTIONS.get((self.server, self.client)) is self.transport:
            del OPEN_CONNECTIONS[self.server, self.client]
        super().connection_lost(exc)
