"""A process's writing connection, kept open between uses while nobody else wants the warehouse.

Belongs here: when it is opened and given up. Does not: the lock itself (`lock.py`). Opening a
warehouse reads its catalogue and closing it writes a checkpoint, together a tenth of a second and
more; a run of a hundred short steps would spend longer on that than on its metrics. A short run
that gave it up after each step would besides wait as often for a step of the long one beside it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import duckdb

from revops_pipelines.engine.warehouse.lock import is_wanted, writer_lock
from revops_pipelines.engine.warehouse.open import cursor_of, open_warehouse
from revops_pipelines.engine.warehouse.schema import ensure_schema

# Longer than Dagster needs from one step to the next, shorter than anyone minds to wait.
_IDLE_SECONDS = 1.0


class Writer:
    """The right to write one warehouse, and the connection that comes with it.

    It is given up when a use fails, when another process waits, after a second without use, and
    with `close()`. Who waits is let wait for the first `keeps_seconds` after it was first got.
    `alarm` makes the timer; a test's fires when it likes.
    """

    def __init__(
        self,
        path: Path,
        holder: str,
        timeout_seconds: float,
        alarm: Callable[[float, Callable[[], None]], threading.Timer] = threading.Timer,
        *,
        keeps_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._holder = holder
        self._timeout_seconds = timeout_seconds
        self._new_alarm = alarm
        self._keeps_seconds = keeps_seconds
        self._clock = clock
        self._first_got: float | None = None
        self._alarm: threading.Timer | None = None
        self._in_use = threading.Lock()
        self._held = ExitStack()
        self._connection: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of its own, so that no temporary table outlives its use.

        Raises LockHeldError and WarehouseUnavailableError.
        """
        with self._in_use:
            self._silence()
            try:
                used = cursor_of(self._opened())
                try:
                    yield used
                finally:
                    used.close()
            except BaseException:
                self._give_up()
                raise
            if not self._is_still_kept() and is_wanted(self._path):
                self._give_up()
            else:
                self._wait_for_the_next()

    def close(self) -> None:
        """Give the warehouse up now; harmless when it is not held."""
        with self._in_use:
            self._silence()
            self._give_up()

    def _opened(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            with ExitStack() as opening:
                opening.enter_context(writer_lock(self._path, self._holder, self._timeout_seconds))
                connection = open_warehouse(self._path)
                opening.callback(connection.close)
                ensure_schema(connection)
                self._held = opening.pop_all()
            self._connection = connection
            if self._first_got is None:
                self._first_got = self._clock()
        return self._connection

    def _is_still_kept(self) -> bool:
        assert self._first_got is not None  # it has just been used
        return self._clock() - self._first_got < self._keeps_seconds

    def _give_up(self) -> None:
        self._connection = None
        self._held.close()

    def _silence(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _wait_for_the_next(self) -> None:
        alarm = self._new_alarm(_IDLE_SECONDS, self.close)
        alarm.daemon = True
        self._alarm = alarm
        alarm.start()
