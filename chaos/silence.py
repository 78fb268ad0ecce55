"""What the heartbeat notices, and after how long: a daemon that hangs, a dead run, a blocked relay.

Belongs here: making a living installation ill, one way after the other, and looking at it from
outside as a timer does. Does not: starting it (`living`).
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos.living import REVOPS, Installation, daemon_below

NOTICED_SECONDS, FREED_SECONDS = 300.0, 900.0
# A timer looks every minute.
_LOOK_SECONDS = 60.0
_WAITS_SECONDS = 1000.0
_BEGINS_WITHIN_SECONDS = 120.0


@dataclass(frozen=True)
class Noticed:
    """Seconds from the trouble's begin until a look told it; negative: none did."""

    daemon: float
    relay: float
    run: float
    run_freed: float

    @property
    def is_sound(self) -> bool:
        """All within their time."""
        noticed = (self.daemon, self.relay, self.run)
        return (
            all(0 <= each <= NOTICED_SECONDS for each in noticed)
            and 0 <= self.run_freed <= FREED_SECONDS
        )


def run(place: Installation) -> Noticed:
    """Make ill and look, one after the other."""
    with _hung_daemon(place.ui):
        daemon = _seconds_until(lambda: _tells(place, "daemon"))
    _seconds_until(lambda: not _tells(place, "daemon"), every=5.0)
    with _locked(place.home / "outbox.sqlite"):
        relay = _seconds_until(lambda: _tells(place, "relay"))
    _killed_run(place)
    began = time.monotonic()
    noticed = _seconds_until(lambda: _tells(place, "run "))
    freed = _seconds_until(lambda: bool(_look(place, "--free")["freed"]))
    return Noticed(daemon, relay, noticed, time.monotonic() - began if freed >= 0 else -1.0)


def _look(place: Installation, *more: str) -> Mapping[str, Any]:
    """`revops doctor --heartbeat`: its signs, and what it freed."""
    found = subprocess.run(
        [*REVOPS, "doctor", "--heartbeat", "--json", *more],
        env=place.surroundings,
        cwd=place.folder,
        capture_output=True,
        check=False,
    )
    told: Mapping[str, Any] = json.loads(found.stdout)
    return told


def _tells(place: Installation, begin: str) -> bool:
    return any(sign["key"].startswith(begin) for sign in _look(place)["signs"])


def _seconds_until(is_so: Callable[[], bool], every: float = _LOOK_SECONDS) -> float:
    """Seconds until a look says so, the first after one interval; -1 where none did in time."""
    began = time.monotonic()
    while time.monotonic() - began < _WAITS_SECONDS:
        time.sleep(every)
        if is_so():
            return time.monotonic() - began
    return -1.0


@contextmanager
def _hung_daemon(ui: int) -> Iterator[None]:
    """The daemon is there and does nothing: `revops ui` starts a dead one again by itself."""
    daemon = daemon_below(ui)
    if daemon is None:
        raise RuntimeError("no daemon was found")
    os.kill(daemon, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(daemon, signal.SIGCONT)


@contextmanager
def _locked(outbox: Path) -> Iterator[None]:
    """Somebody holds the outbox's write lock and does not let go."""
    connection = sqlite3.connect(outbox, isolation_level=None, timeout=60)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def _killed_run(place: Installation) -> None:
    """A nightly run that has begun and whose process dies without a word."""
    process = place.begin("run", "nightly", out=subprocess.DEVNULL)
    began = time.monotonic()
    holder = place.home / "warehouse.duckdb.holder"
    while time.monotonic() - began < _BEGINS_WITHIN_SECONDS and process.poll() is None:
        if holder.is_file() and str(process.pid) in holder.read_text(encoding="utf-8"):
            break
        time.sleep(0.5)
    process.kill()
    process.wait()
