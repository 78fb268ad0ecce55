"""One writer at a time, across processes.

Belongs here: waiting for the warehouse with a bound, naming who holds it, and telling the holder
that somebody waits. Does not: opening it (`open.py`).

Two locks of the operating system, which end with their process however that ends: `.lock` is the
right to write, `.turn` is held by the one who waits for it next. Who gives the right up and wants
it back has to take a turn first, so nobody is starved.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

_POLL_SECONDS = 0.05


class LockHeldError(Exception):
    """Another run writes the warehouse and did not finish in time."""


@contextmanager
def writer_lock(
    warehouse: Path, holder: str = "a run", timeout_seconds: float = 60.0
) -> Iterator[None]:
    """Hold the right to write `warehouse` while inside; `holder` says who, for others' messages.

    Raises LockHeldError, which names the holder, after `timeout_seconds`.
    """
    warehouse.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    latest = time.monotonic() + timeout_seconds
    lock = _lock(warehouse, ".lock")
    try:
        with _lock(warehouse, ".turn").acquire(timeout=timeout_seconds):
            lock.acquire(timeout=max(0.0, latest - time.monotonic()))
    except Timeout:
        raise LockHeldError(
            f"{warehouse.name} is being written by {_holder(warehouse)}; "
            f"waited {timeout_seconds:g} s. Try again when that has ended."
        ) from None
    try:
        note = _beside(warehouse, ".holder")
        descriptor = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump({"holder": holder, "process": os.getpid()}, file)
        yield
    finally:
        lock.release()


def is_wanted(warehouse: Path) -> bool:
    """Whether another waits for the right to write; asked by the one who holds it."""
    try:
        with _lock(warehouse, ".turn").acquire(timeout=0):
            return False
    except Timeout:
        return True


def _lock(warehouse: Path, suffix: str) -> FileLock:
    return FileLock(_beside(warehouse, suffix), mode=0o600, poll_interval=_POLL_SECONDS)


def _beside(warehouse: Path, suffix: str) -> Path:
    return warehouse.with_name(warehouse.name + suffix)


def _holder(warehouse: Path) -> str:
    """Who wrote the note beside the lock; a note may be missing or half written."""
    try:
        note = json.loads(_beside(warehouse, ".holder").read_text())
    except (OSError, ValueError):
        return "another process"
    return f"{note.get('holder')} (process {note.get('process')})"
