"""Pulls every selected system at once, while the steps of a run load them one after another.

Belongs here: starting the pulls when a run's first raw step asks, and handing each step its own
system's streams as they come through. Does not: how a stream is pulled (`engine.ingest`), or
loading.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import dagster as dg

from revops_pipelines.engine.ingest.pull import ProgressSink, Pulled, SourceJob, pull_sources
from revops_pipelines.resources.clock import ClockResource
from revops_pipelines.resources.systems import System, Systems
from revops_pipelines.resources.warehouse import WarehouseResource


@dataclass(frozen=True, slots=True)
class _Pull:
    """A system's pull under way: its streams as they come through, None when it is over."""

    arrived: SimpleQueue[Pulled | None]
    over: Future[None]

    def end(self, _: Future[None]) -> None:
        """Tell whoever takes the streams that there will be no more."""
        self.arrived.put(None)


class Puller:
    """The pulls of one run; what came through of a system is kept until its step takes it."""

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
        self._underway: dict[str, _Pull] = {}
        self._started = False
        self._stop = threading.Event()

    def results(
        self,
        wanted: Mapping[str, tuple[str, ...]],
        source: str,
        warehouse: WarehouseResource,
        clock: ClockResource,
    ) -> Iterator[Pulled]:
        """The streams of `source` as they come through; the first call starts all `wanted` sources.

        `wanted` maps each source of the run to its streams. A second call for the same source (a
        retried step) pulls it again. Raises MissingSecretError for this source alone.
        """
        with self._guard:
            if source not in self._underway:
                again = {source: wanted[source]}
                self._start(again if self._started else wanted, warehouse, clock)
                self._started = True
            pull = self._underway.pop(source)
        return _streams(pull)

    def stop(self) -> None:
        """End what is still being pulled: the run that wanted it is over."""
        self._stop.set()

    def _start(
        self,
        wanted: Mapping[str, tuple[str, ...]],
        warehouse: WarehouseResource,
        clock: ClockResource,
    ) -> None:
        cursors = _cursors(warehouse)
        pool = ThreadPoolExecutor(max_workers=max(1, len(wanted)), thread_name_prefix="pull")
        for name, streams in wanted.items():
            known = {stream: cursor for (own, stream), cursor in cursors.items() if own == name}
            arrived: SimpleQueue[Pulled | None] = SimpleQueue()
            over = pool.submit(self._pull, arrived, self._systems[name], streams, known, clock)
            pull = _Pull(arrived, over)
            over.add_done_callback(pull.end)
            self._underway[name] = pull
        pool.shutdown(wait=False)

    def _pull(
        self,
        arrived: SimpleQueue[Pulled | None],
        system: System,
        streams: tuple[str, ...],
        cursors: Mapping[str, Any],
        clock: ClockResource,
    ) -> None:
        job = SourceJob(
            name=system.name,
            source=system.source,
            options=system.options,
            secrets={name: secret.reveal() for name, secret in system.secrets.items()},
            streams=streams,
            cursors=cursors,
        )
        pull_sources(
            [job],
            self._landing,
            clock.now,
            self._threads,
            self._progress,
            self._stop,
            arrived=arrived.put,
        )


def puller_resource(
    systems: Systems, landing: Path, threads: int, progress: ProgressSink | None = None
) -> dg.ResourceDefinition:
    """A Puller for each run, stopped with the run however that ends.

    Without the stop, a run that was interrupted or failed elsewhere would go on waiting for a
    vendor that asked for an hour's patience: Python joins its worker threads before it exits.
    """

    def puller(_: dg.InitResourceContext) -> Iterator[Puller]:
        made = Puller(systems, landing, threads, progress)
        try:
            yield made
        finally:
            made.stop()

    return dg.ResourceDefinition(
        puller, description="Pulls all systems of a run at once; each step takes its own."
    )


def _streams(pull: _Pull) -> Iterator[Pulled]:
    while (result := pull.arrived.get()) is not None:
        yield result
    pull.over.result()


def _cursors(warehouse: WarehouseResource) -> dict[tuple[str, str], Any]:
    with warehouse.get_connection() as connection:
        rows = connection.execute("SELECT source, stream, cursor FROM ops.cursors").fetchall()
    return {(source, stream): json.loads(cursor) for source, stream, cursor in rows}
