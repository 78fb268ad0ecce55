"""Pulling streams: all sources at once, each on its own threads, into landing files.

Belongs here: what a stream's `pull` is given, and running the streams so that one that fails leaves
the others alone. Does not: loading (`load.py`); nothing in here opens the warehouse.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from revops_pipelines.engine.declarations import Cursor, Source
from revops_pipelines.engine.ingest.landing import Landed


class ProgressSink(Protocol):
    """Where progress is told; called from many threads."""

    def started(self, source: str, stream: str) -> None:
        """A stream's pull began."""

    def advanced(self, source: str, stream: str, done: int, total: int | None) -> None:
        """So many records are landed, of so many if that is known."""

    def finished(self, source: str, stream: str, rows: int, error: str | None) -> None:
        """A stream's pull ended, with an error or without."""


@dataclass(frozen=True, slots=True)
class SourceJob:
    """One configured source to pull: its declaration, options, secrets, streams and cursors.

    `streams` of () means all. Secrets never show in the repr.
    """

    name: str
    source: Source
    options: Any
    secrets: Mapping[str, str] = field(repr=False)
    streams: tuple[str, ...] = ()
    cursors: Mapping[str, Cursor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """A stream whose pull ended in an error: nothing of it counts, its cursor stays."""

    source: str
    stream: str
    error: BaseException


Pulled = Landed | Failed


def pull_sources(
    jobs: Sequence[SourceJob],
    landing: Path,
    now: Callable[[], datetime],
    threads: int = 8,
    progress: ProgressSink | None = None,
    stop: threading.Event | None = None,
) -> dict[tuple[str, str], Pulled]:
    """Pull all jobs at once; per (source, stream) what landed or why it failed."""
    raise NotImplementedError
