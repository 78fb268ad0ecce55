"""What a stream's `pull` is given: the engine's side of `declarations.Pull`.

Belongs here: landing records, sharing between sibling streams, work on several threads, progress.
Does not: starting streams (`pull.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from revops_pipelines.engine.declarations import Cursor, Stream
from revops_pipelines.engine.ingest.errors import ProtocolError
from revops_pipelines.engine.ingest.landing import LandingWriter
from revops_pipelines.engine.ingest.stopping import StoppedError, working_for

_LOOK_SECONDS = 0.5


class ProgressSink(Protocol):
    """Where progress is told; called from many threads."""

    def started(self, source: str, stream: str) -> None:
        """A stream's pull began."""

    def advanced(self, source: str, stream: str, done: int, total: int | None) -> None:
        """So many records are landed, of so many if that is known."""

    def finished(self, source: str, stream: str, rows: int, error: str | None) -> None:
        """A stream's pull ended, with an error or without."""


class SilentProgress:
    """A sink that tells nobody."""

    def started(self, source: str, stream: str) -> None:
        """Nothing."""

    def advanced(self, source: str, stream: str, done: int, total: int | None) -> None:
        """Nothing."""

    def finished(self, source: str, stream: str, rows: int, error: str | None) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class SourceRun:
    """What the streams of one source have in common while they are pulled."""

    name: str
    options: Any
    client: Any
    landing: Path
    helpers: ThreadPoolExecutor
    threads: int
    stop: threading.Event
    sink: ProgressSink
    crash_point: Callable[[str], None]


class Shared:
    """Values that a source's streams hand each other, and which streams have ended."""

    def __init__(self, order: Sequence[str], stop: threading.Event) -> None:
        self._order = tuple(order)
        self._running = set(order)
        self._values: dict[str, Any] = {}
        self._changed = threading.Condition()
        self._stop = stop

    def put(self, key: str, value: Any) -> None:
        """Share a value."""
        with self._changed:
            self._values[key] = value
            self._changed.notify_all()

    def ended(self, stream: str) -> None:
        """The stream will share nothing more."""
        with self._changed:
            self._running.discard(stream)
            self._changed.notify_all()

    def seen_by(self, stream: str) -> Fetched:
        """The mapping that one stream reads."""
        position = self._order.index(stream) if stream in self._order else 0
        return Fetched(self, frozenset(self._order[:position]))

    def get(self, key: str, before: frozenset[str]) -> Any:
        """The value, waiting for the streams in `before`. Raises KeyError, StoppedError."""
        with self._changed:
            while key not in self._values:
                if self._stop.is_set():
                    raise StoppedError("stopped")
                if not self._running & before:
                    raise KeyError(key)
                self._changed.wait(_LOOK_SECONDS)
            return self._values[key]

    def keys(self) -> list[str]:
        """What is shared by now."""
        with self._changed:
            return list(self._values)


class Fetched(Mapping[str, Any]):
    """What earlier streams shared; looking up waits for them, listing shows what is there."""

    def __init__(self, shared: Shared, before: frozenset[str]) -> None:
        self._shared, self._before = shared, before

    def __getitem__(self, key: str) -> Any:
        return self._shared.get(key, self._before)

    def __iter__(self) -> Iterator[str]:
        return iter(self._shared.keys())

    def __len__(self) -> int:
        return len(self._shared.keys())

    def share(self, key: str, value: Any) -> None:
        """Share a value with the sibling streams."""
        self._shared.put(key, value)


class PullContext:
    """One stream's pull under way; implements `declarations.Pull`."""

    def __init__(
        self,
        run: SourceRun,
        stream: Stream,
        cursor: Cursor,
        now: datetime,
        writer: LandingWriter,
        fetched: Fetched,
    ) -> None:
        self._run, self._stream, self._writer = run, stream, writer
        self._cursor, self._now, self._fetched = cursor, now, fetched
        self._next: Cursor | None = None
        self._checkpoint: Cursor | None = None
        self._total: int | None = None

    @property
    def source(self) -> str:
        """Name of the configured source."""
        return self._run.name

    @property
    def options(self) -> Any:
        """The source's options."""
        return self._run.options

    @property
    def client(self) -> Any:
        """What the source's `connect` returned."""
        return self._run.client

    @property
    def cursor(self) -> Cursor:
        """Where the last committed pull ended; empty before the first."""
        return self._cursor

    @property
    def now(self) -> datetime:
        """The pipeline's clock when the pull began, UTC."""
        return self._now

    @property
    def fetched(self) -> Mapping[str, Any]:
        """What earlier declared streams of this run shared."""
        return self._fetched

    def share(self, key: str, value: Any) -> None:
        """Give sibling streams something to read from `fetched`."""
        self._fetched.share(key, value)

    def write(self, records: Iterable[bytes]) -> None:
        """Land records, one JSON object each. Raises StoppedError."""
        self._check()
        self._tell(self._writer.write(records))

    def land_file(self, fill: Callable[[Path], int]) -> None:
        """Let `fill` write a landing file itself and return its number of records."""
        self._check()
        self._tell(self._writer.land_file(fill))

    def reject(self, record: bytes, rule: str) -> None:
        """Put aside a record that cannot be landed as it is."""
        self._writer.reject(record, rule)

    def delete(self, key: Sequence[str], at: datetime | None, reason: str) -> None:
        """Land a tombstone."""
        self._writer.delete(key, at, reason)

    def complete_ids(self, keys: Iterable[Sequence[str]]) -> None:
        """Say that these keys exist; may be called in parts, together they are all."""
        self._writer.complete_ids(keys)

    def promised(self, records: int) -> None:
        """Say how many more records the system counts for what is read."""
        self._writer.promised(records)

    def checkpoint(self, cursor: Cursor) -> None:
        """Say that all up to this cursor is landed."""
        self._checkpoint = dict(cursor)

    def progress(self, done: int, total: int | None = None) -> None:
        """Tell how far the stream is, and of how many if known."""
        self._total = total if total is not None else self._total
        self._tell(done)

    def each(self, work: Callable[[Any], None], items: Iterable[Any]) -> None:
        """Run `work` over items on this thread and the source's helpers.

        This thread works as well, so an `each` inside an `each` never waits for a free helper.
        The first error stops the others after their present item, and is raised.
        """
        crew = _Crew(work, items, self._run.stop)
        helpers = [
            self._run.helpers.submit(crew.drain) for _ in range(max(0, self._run.threads - 1))
        ]
        try:
            crew.drain()
        finally:
            running = [helper for helper in helpers if not helper.cancel()]
            # Nobody may still be writing when the stream's files are closed.
            wait(running)
        _raise_first(running)
        self._check()

    def finish(self, cursor: Cursor) -> None:
        """Say that all was landed and where the next pull begins."""
        if self._next is not None:
            raise ProtocolError(f"{self._stream.name}: finished twice")
        self._next = dict(cursor)

    def finished_cursor(self) -> Cursor:
        """The cursor that `finish` was given; raises ProtocolError when it was not called."""
        if self._next is None:
            raise ProtocolError(f"{self._stream.name}: its pull ended without finish()")
        return self._next

    def checkpointed_cursor(self) -> Cursor | None:
        """The last checkpoint, if there was one."""
        return self._checkpoint

    def _tell(self, done: int) -> None:
        self._run.sink.advanced(self._run.name, self._stream.name, done, self._total)

    def _check(self) -> None:
        if self._run.stop.is_set():
            raise StoppedError("stopped")


class _Crew:
    """Items that several threads take from, until they are gone or one fails."""

    def __init__(
        self, work: Callable[[Any], None], items: Iterable[Any], stop: threading.Event
    ) -> None:
        self._work, self._items, self._stop = work, iter(items), stop
        self._lock = threading.Lock()
        self._halted = False

    def halt(self) -> None:
        self._halted = True

    def drain(self) -> None:
        done = False
        with working_for(self._stop):
            try:
                while (item := self._take()) is not None:
                    self._work(item[0])
                done = True
            finally:
                if not done:
                    self.halt()

    def _take(self) -> tuple[Any] | None:
        with self._lock:
            if self._halted or self._stop.is_set():
                return None
            for item in self._items:
                return (item,)
            return None


def _raise_first(running: Iterable[Future[None]]) -> None:
    errors = [error for helper in running if (error := helper.exception()) is not None]
    if errors:
        raise errors[0]
