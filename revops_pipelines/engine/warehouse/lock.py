"""One writer at a time, across processes.

Belongs here: waiting for the warehouse with a bound, and naming who holds it. Does not: opening it
(`open.py`).
"""

from __future__ import annotations

import json
import os
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

    The lock is the operating system's and ends with the process, however that ends. Raises
    LockHeldError, which names the holder, after `timeout_seconds`.
    """
    warehouse.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(_beside(warehouse, ".lock"), mode=0o600, poll_interval=_POLL_SECONDS)
    try:
        lock.acquire(timeout=timeout_seconds)
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


def _beside(warehouse: Path, suffix: str) -> Path:
    return warehouse.with_name(warehouse.name + suffix)


def _holder(warehouse: Path) -> str:
    """Who wrote the note beside the lock; a note may be missing or half written."""
    try:
        note = json.loads(_beside(warehouse, ".holder").read_text())
    except (OSError, ValueError):
        return "another process"
    return f"{note.get('holder')} (process {note.get('process')})"
