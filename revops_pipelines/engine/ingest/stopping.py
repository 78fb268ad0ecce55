"""Stopping threads that wait.

Belongs here: a sleep that ends when the pull that the thread works for is stopped. Does not:
deciding to stop (`pull.py`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from revops_pipelines.engine.ingest.errors import IngestError


class StoppedError(IngestError):
    """The pull was stopped from outside: by Ctrl-C or by the end of the run."""


_current = threading.local()


@contextmanager
def working_for(stop: threading.Event) -> Iterator[None]:
    """Let this thread's sleeps end when `stop` is set."""
    before = getattr(_current, "stop", None)
    _current.stop = stop
    try:
        yield
    finally:
        _current.stop = before


def sleep(seconds: float) -> None:
    """Sleep; raises StoppedError as soon as the thread's pull is stopped."""
    stop: threading.Event | None = getattr(_current, "stop", None)
    if stop is None:
        time.sleep(seconds)
    elif stop.wait(seconds):
        raise StoppedError("stopped")
