"""Pulls every selected system at once, while the steps of a run load them one after another.

Belongs here: starting the pulls when a run's first raw step asks, and handing each step its own
system's results. Does not: how a stream is pulled (`engine.ingest`), or loading.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from revops_pipelines.engine.ingest.pull import ProgressSink, Pulled, SourceJob, pull_sources
from revops_pipelines.resources.clock import ClockResource
from revops_pipelines.resources.systems import System, Systems
from revops_pipelines.resources.warehouse import WarehouseResource

Results = Mapping[tuple[str, str], Pulled]


class Puller:
    """One installation's pulling; results are kept per run until their step takes them."""

    def __init__(
        self,
        systems: Systems,
        landing: Path,
        threads: int,
        progress: ProgressSink | None = None,
    ) -> None:
        self._systems = {system.name: system for system in systems}
        self._landing = landing
        self._threads = threads
        self._progress = progress
        self._guard = threading.Lock()
        self._underway: dict[tuple[str, str], Future[Results]] = {}

    def results(
        self,
        run_id: str,
        wanted: Mapping[str, tuple[str, ...]],
        source: str,
        warehouse: WarehouseResource,
        clock: ClockResource,
    ) -> Results:
        """What was pulled of `source`; the first call of a run starts all `wanted` sources.

        `wanted` maps each source of the run to its streams. A second call for the same source (a
        retried step) pulls it again. Raises MissingSecretError for this source alone.
        """
        with self._guard:
            if (run_id, source) not in self._underway:
                again = {source: wanted[source]}
                first = not any(run == run_id for run, _ in self._underway)
                self._start(run_id, wanted if first else again, warehouse, clock)
            pulled = self._underway.pop((run_id, source))
        return pulled.result()

    def _start(
        self,
        run_id: str,
        wanted: Mapping[str, tuple[str, ...]],
        warehouse: WarehouseResource,
        clock: ClockResource,
    ) -> None:
        cursors = _cursors(warehouse)
        pool = ThreadPoolExecutor(max_workers=max(1, len(wanted)), thread_name_prefix="pull")
        for name, streams in wanted.items():
            known = {stream: cursor for (own, stream), cursor in cursors.items() if own == name}
            self._underway[run_id, name] = pool.submit(
                self._pull, self._systems[name], streams, known, clock
            )
        pool.shutdown(wait=False)

    def _pull(
        self,
        system: System,
        streams: tuple[str, ...],
        cursors: Mapping[str, Any],
        clock: ClockResource,
    ) -> Results:
        job = SourceJob(
            name=system.name,
            source=system.source,
            options=system.options,
            secrets={name: secret.reveal() for name, secret in system.secrets.items()},
            streams=streams,
            cursors=cursors,
        )
        return pull_sources([job], self._landing, clock.now, self._threads, self._progress)


def _cursors(warehouse: WarehouseResource) -> dict[tuple[str, str], Any]:
    with warehouse.get_connection() as connection:
        rows = connection.execute("SELECT source, stream, cursor FROM ops.cursors").fetchall()
    return {(source, stream): json.loads(cursor) for source, stream, cursor in rows}
