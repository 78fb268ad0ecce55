"""`revops run`: one job through Dagster, in this process, with progress.

Belongs here: starting a run and telling how it went. Does not: what the job does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from revops_pipelines.commands.context import configured

if TYPE_CHECKING:
    from dagster import DagsterInstance

_POLL_SECONDS = 0.25
# Dagster's own log goes to its event store; on the screen there are bars, and one line on failure.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True, slots=True)
class StreamCount:
    """What a run did to one stream."""

    stream: str
    rows: int
    read: int
    changed: int
    deleted: int


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended: what it did to each stream, and one line per step that failed."""

    run_id: str
    job: str
    success: bool
    seconds: float
    streams: tuple[StreamCount, ...]
    failures: tuple[str, ...]


def run_job(job_name: str, dagster_home: Path, console: Console) -> RunOutcome:
    """Run a job to its end in this process. The run is in Dagster's history like any other."""
    import uuid

    import dagster as dg

    with console.status(f"Loading the code location for [bold]{job_name}[/] ..."):
        with configured():
            from revops_pipelines.definitions import build_defs
        from revops_pipelines.sensors.run_failure import (
            REBUILD_TAG,
            only_sources_failed,
            without_raw,
        )

        progress = _progress(console)
        bars = PullBars(progress)
        with configured():
            definitions = build_defs(progress=bars)
        job = definitions.resolve_job_def(job_name)
        instance = dg.DagsterInstance.from_config(str(dagster_home))
    run_id = str(uuid.uuid4())
    steps = len(job.graph.nodes)
    with instance, progress, _followed(instance, run_id, progress, steps):
        began = time.monotonic()
        result = job.execute_in_process(
            instance=instance, raise_on_error=False, run_id=run_id, run_config=_QUIET
        )
        if only_sources_failed(_failed_steps(result)):
            # As the sensor does under the daemon: what came through is built all the same.
            job.execute_in_process(
                instance=instance,
                raise_on_error=False,
                run_config=_QUIET,
                asset_selection=without_raw(job.asset_layer.selected_asset_keys),
                tags={REBUILD_TAG: run_id},
            )
        return _outcome(result, job_name, time.monotonic() - began)


class PullBars:
    """One bar per source while it is pulled; a `ProgressSink`."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._guard = threading.Lock()
        self._bars: dict[str, Any] = {}
        self._done: dict[str, dict[str, int]] = {}

    def started(self, source: str, stream: str) -> None:
        """A stream began: its source has a bar from now on."""
        with self._guard:
            if source not in self._bars:
                self._bars[source] = self._progress.add_task(
                    f"pull {source}", total=None, detail=""
                )
            self._done.setdefault(source, {})[stream] = 0

    def advanced(self, source: str, stream: str, done: int, total: int | None) -> None:
        """Records landed so far."""
        with self._guard:
            self._done[source][stream] = done
            records = sum(self._done[source].values())
            self._progress.update(
                self._bars[source], completed=records, detail=f"{records:,} records"
            )

    def finished(self, source: str, stream: str, rows: int, error: str | None) -> None:
        """A stream ended."""
        self.advanced(source, stream, rows, None)
        if error is not None:
            with self._guard:
                self._progress.update(self._bars[source], detail=f"[red]{stream} failed[/]")


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description:<24}"),
        BarColumn(bar_width=28),
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
        console=console,
        transient=not console.is_terminal,
    )


@contextmanager
def _followed(
    instance: DagsterInstance, run_id: str, progress: Progress, steps: int
) -> Iterator[None]:
    """Move a bar with the run's steps, read from its event log."""
    bar = progress.add_task("build", total=steps, detail="")
    stop = threading.Event()

    def follow() -> None:
        while not stop.wait(_POLL_SECONDS):
            _show_steps(instance, run_id, progress, bar)

    thread = threading.Thread(target=follow, name="follow-run", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        _show_steps(instance, run_id, progress, bar)
        for task in progress.task_ids:
            if task != bar:
                progress.update(task, total=progress.tasks[task].completed or 1)


def _show_steps(instance: DagsterInstance, run_id: str, progress: Progress, bar: Any) -> None:
    import dagster as dg

    ended = {dg.DagsterEventType.STEP_SUCCESS, dg.DagsterEventType.STEP_FAILURE}
    begun = {dg.DagsterEventType.STEP_START}
    events = instance.all_logs(run_id, of_type=ended | begun)
    done = {event.step_key for event in events if _type_of(event) in ended}
    running = [event.step_key for event in events if event.step_key not in done]
    progress.update(bar, completed=len(done), detail=(running[-1] if running else "") or "")


def _type_of(event: Any) -> Any:
    return event.dagster_event.event_type if event.dagster_event else None


def _failed_steps(result: Any) -> list[str]:
    import dagster as dg

    return [
        event.step_key
        for event in result.all_events
        if event.event_type == dg.DagsterEventType.STEP_FAILURE
    ]


def _outcome(result: Any, job_name: str, seconds: float) -> RunOutcome:
    import dagster as dg

    failures = [
        f"{event.step_key}: {_reason(event)}"
        for event in result.all_events
        if event.event_type == dg.DagsterEventType.STEP_FAILURE
    ]
    streams = [
        _stream_count(materialization)
        for materialization in (
            event.step_materialization_data.materialization
            for event in result.all_events
            if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION
        )
        if materialization.asset_key.path[0] == "raw"
    ]
    return RunOutcome(
        result.run_id, job_name, result.success, seconds, tuple(streams), tuple(failures)
    )


def _stream_count(materialization: Any) -> StreamCount:
    def count(name: str) -> int:
        return int(materialization.metadata[name].value)

    return StreamCount(
        "/".join(materialization.asset_key.path[1:]),
        count("dagster/row_count"),
        count("rows_read"),
        count("rows_changed"),
        count("rows_deleted"),
    )


def _reason(event: Any) -> str:
    data = event.step_failure_data
    failure = data.user_failure_data
    if failure is not None and failure.description:
        return str(failure.description)
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip().splitlines()[0] if error is not None else "failed"
