"""What fault tests run in processes of their own, where it may be killed.

Belongs here: importable targets and the way to start them. Children are forked from a server that
has imported the heavy libraries once.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from datetime import datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from shop import night

from revops_pipelines.engine.warehouse.lock import writer_lock
from revops_pipelines.engine.warehouse.open import open_warehouse

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    ["pandas", "pyarrow", "duckdb", "requests", "revops_pipelines.engine.ingest.pull"]
)
Event = Any


def start(target: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Start a target of this file."""
    process = _context.Process(target=target, args=arguments)
    process.start()
    return process


def event() -> Event:
    """An event to share with a child."""
    return _context.Event()


def whole_night(home: Path, url: str, now: datetime) -> None:
    """A night that nobody disturbs; a failed stream is an error."""
    failed = night(home, url, now).failed
    if failed:
        raise SystemExit(str(failed))


def killed_night(home: Path, url: str, now: datetime, point: str, nth: int) -> None:
    """A night that is killed the `nth` time it comes by the named point."""
    left = [nth]

    def crash_point(name: str) -> None:
        if name == point:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    night(home, url, now, crash_point=crash_point)


def holding_lock(warehouse: Path, held: Event, release: Event) -> None:
    """Hold the writer's lock until told to release it."""
    with writer_lock(warehouse, holder="nightly run 7f3a"):
        held.set()
        release.wait(30)


def holding_file(warehouse: Path, held: Event, release: Event) -> None:
    """Hold the DuckDB file open, as a person's shell would."""
    connection = open_warehouse(warehouse)
    held.set()
    release.wait(30)
    connection.close()


def interrupted_night(home: Path, url: str) -> None:
    """A night that really waits; Ctrl-C ends it with exit code 130."""
    # A shell starts its background jobs with the signal ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        night(home, url, patient=True)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
