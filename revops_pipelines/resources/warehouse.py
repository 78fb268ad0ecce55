"""The live DuckDB file as a Dagster resource: one writer at a time, across processes.

Belongs here: what Dagster's life cycle does with it. Does not: opening and giving up
(`engine.warehouse.writer`). dagster-duckdb's own connection retries permanent errors for 100
seconds; here the lock makes retries needless, so `get_connection` is replaced and the rest of the
resource (its name, its config in the UI) is kept.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource
from pydantic import PrivateAttr

from revops_pipelines.engine.heartbeat.instance import PROCESS_TAG
from revops_pipelines.engine.heartbeat.processes import this_process
from revops_pipelines.engine.warehouse.writer import Writer

# A run with this tag has hours: it lets other processes have the processor first (nice(1)), and the
# warehouse after each of its steps.
YIELDS_TAG = "revops/yields"
_BATCH_PRIORITY = 10
# Any other has seconds and keeps the warehouse for so long: waiting for a step of the night after
# each of its own makes a pulse twice as long. Well below the wait that a night puts up with.
_KEEPS_SECONDS = 120.0


class WarehouseResource(DuckDBResource):
    """The live warehouse. `lock_timeout_seconds` bounds the wait for another writer."""

    lock_timeout_seconds: int = 300

    _kept: Writer | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Keep the connection from step to step, under the run's name: whoever waits is told it.

        The run notes its process: when that is gone without a word, the heartbeat can tell.
        """
        if context.run is not None:
            if context.instance is not None and context.instance.has_run(context.run.run_id):
                mark = {PROCESS_TAG: str(this_process())}
                context.instance.add_run_tags(context.run.run_id, mark)
            if yields := YIELDS_TAG in context.run.tags:
                _yield_to_others()
            named = f"run {context.run.run_id[:8]} of {context.run.job_name}"
            self._kept = self._writer(named, 0.0 if yields else _KEEPS_SECONDS)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Give the warehouse up with the run."""
        if self._kept is not None:
            self._kept.close()

    @contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The one writing connection; outside a run it is closed again at once.

        Raises LockHeldError naming the process that holds the file, and WarehouseUnavailableError.
        """
        if self._kept is not None:
            with self._kept.connection() as connection:
                yield connection
        else:
            with closing(self._writer("another command")) as writer, writer.connection() as used:
                yield used

    def _writer(self, holder: str, keeps_seconds: float = 0.0) -> Writer:
        return Writer(
            Path(self.database), holder, self.lock_timeout_seconds, keeps_seconds=keeps_seconds
        )


def _yield_to_others() -> None:
    """In a process of the run's own: it cannot be taken back, and all that is begun later inherits.

    Dagster's worker is such a process; `revops run`, and `revops ui` with its first night, are not.
    """
    if multiprocessing.parent_process() is None:
        return
    own = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, max(own, _BATCH_PRIORITY))
