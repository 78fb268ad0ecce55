"""Pulling streams: all sources at once, each on its own threads, into landing files.

Belongs here: running streams so that one that fails leaves the others alone. Does not: what a
stream's `pull` is given (`context.py`), or loading (`load.py`); nothing here opens the warehouse.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from revops_pipelines.engine.declarations import (
    Connection,
    Cursor,
    Source,
    SourceOptions,
    Stream,
)
from revops_pipelines.engine.ingest.context import (
    ProgressSink,
    PullContext,
    Shared,
    SilentProgress,
    SourceRun,
)
from revops_pipelines.engine.ingest.errors import (
    CursorExpiredError,
    IngestError,
    ProtocolError,
    QuotaExhaustedError,
    TransientError,
)
from revops_pipelines.engine.ingest.landing import Landed, LandingWriter
from revops_pipelines.engine.ingest.metering import Calls, Meter, metered
from revops_pipelines.engine.ingest.redaction import Redactor
from revops_pipelines.engine.ingest.stopping import working_for

__all__ = ["Failed", "Landed", "ProgressSink", "Pulled", "SourceJob", "pull_sources"]


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
    calls: Calls | None = None


Pulled = Landed | Failed


def pull_sources(
    jobs: Sequence[SourceJob],
    landing: Path,
    now: Callable[[], datetime],
    threads: int = 8,
    progress: ProgressSink | None = None,
    stop: threading.Event | None = None,
    crash_point: Callable[[str], None] = lambda _: None,
    arrived: Callable[[Pulled], None] = lambda _: None,
) -> dict[tuple[str, str], Pulled]:
    """Pull all jobs at once; per (source, stream) what landed or why it failed.

    Each source has up to `threads` helpers for its streams' `each`. Setting `stop` (or Ctrl-C in
    the calling thread) ends all waits and pulls soon. Raises only what is raised in the caller.
    `crash_point` is called with the name of each step that a crash may follow. `arrived` is told
    of each stream as soon as it is through, in a thread of the source, one call at a time for each
    source: it can be loaded while others are still being pulled.
    """
    stop = stop or threading.Event()
    sink = progress or SilentProgress()
    results: dict[tuple[str, str], Pulled] = {}
    with ThreadPoolExecutor(max(1, len(jobs)), "source") as pool:
        # An interrupt between two submissions must stop those that are under way, too.
        try:
            futures = [
                pool.submit(
                    _pull_source, job, landing, now, threads, sink, stop, crash_point, arrived
                )
                for job in jobs
            ]
            wait(futures)
        except BaseException:
            stop.set()
            raise
        for future in futures:
            results.update(future.result())
    return results


def _pull_source(
    job: SourceJob,
    landing: Path,
    now: Callable[[], datetime],
    threads: int,
    sink: ProgressSink,
    stop: threading.Event,
    crash_point: Callable[[str], None],
    arrived: Callable[[Pulled], None],
) -> dict[tuple[str, str], Pulled]:
    redactor = Redactor(tuple(job.secrets.values()))
    meter = _meter(job.options)
    with ThreadPoolExecutor(max(1, threads), f"{job.name}-each") as helpers:
        connecting: Future[_Ready] = helpers.submit(_connect, job, now, stop, meter)
        broken = connecting.exception()
        if broken is not None:
            redactor.scrub(broken)
            lost = [Failed(job.name, name, broken) for name in _names(job)]
            for failed in lost:
                arrived(failed)
            return {(job.name, failed.stream): failed for failed in lost}
        ready = connecting.result()
        run = SourceRun(
            job.name, job.options, ready.client, landing, helpers, threads, stop, sink, crash_point
        )
        try:
            results = _pull_streams(
                job,
                ready.streams,
                run,
                now,
                redactor,
                lambda result: arrived(replace(result, calls=meter.reading())),
            )
        finally:
            _close(ready.client)
    calls = meter.reading()
    return {place: replace(result, calls=calls) for place, result in results.items()}


def _meter(options: Any) -> Meter:
    """The meter of a run of a source, with the budget that its options set."""
    if isinstance(options, SourceOptions):
        return Meter(options.max_calls, options.spare_calls)
    return Meter()


@dataclass(frozen=True, slots=True)
class _Ready:
    client: Any
    streams: tuple[Stream, ...]


def _connect(
    job: SourceJob, now: Callable[[], datetime], stop: threading.Event, meter: Meter
) -> _Ready:
    streams = {stream.name: stream for stream in job.source.streams(job.options)}
    unknown = sorted(set(job.streams) - set(streams))
    if unknown:
        raise ValueError(f"{job.name} has no stream {', '.join(unknown)}")
    chosen = tuple(s for name, s in streams.items() if not job.streams or name in job.streams)
    with working_for(stop), metered(meter):
        client = job.source.connect(Connection(job.name, job.options, job.secrets, now))
    return _Ready(client, chosen)


def _close(client: Any) -> None:
    """Close a client that can be closed (`close()`)."""
    close = getattr(client, "close", None)
    if callable(close):
        close()


def _names(job: SourceJob) -> tuple[str, ...]:
    return job.streams or tuple(stream.name for stream in job.source.streams(job.options))


def _pull_streams(
    job: SourceJob,
    streams: Sequence[Stream],
    run: SourceRun,
    now: Callable[[], datetime],
    redactor: Redactor,
    arrived: Callable[[Pulled], None],
) -> dict[tuple[str, str], Pulled]:
    results: dict[str, Pulled] = {}
    shared = Shared([stream.name for stream in streams], run.stop)
    with ThreadPoolExecutor(max(1, len(streams)), job.name) as pool:
        futures = {
            pool.submit(
                _pull_stream, run, stream, dict(job.cursors.get(stream.name, {})), shared, now
            ): stream.name
            for stream in streams
        }
        for future in as_completed(futures):
            name = futures[future]
            error = future.exception()
            if error is None:
                landed = future.result()
                redactor.scrub(landed.stopped)
                results[name] = landed
            else:
                redactor.scrub(error)
                results[name] = Failed(job.name, name, error)
            arrived(results[name])
    return {(job.name, stream.name): results[stream.name] for stream in streams}


def _pull_stream(
    run: SourceRun,
    stream: Stream,
    cursor: Cursor,
    shared: Shared,
    now: Callable[[], datetime],
) -> Landed:
    """One stream, from start to landed; a cursor that the vendor forgot restarts it.

    First from the same watermark (a page's cursor may have expired on the way), then from the
    beginning: a gap is never skipped over.
    """
    landed: Landed | None = None
    message: str | None = "failed"
    run.sink.started(run.name, stream.name)
    try:
        with working_for(run.stop):
            for start in (cursor, cursor, {}):
                landed = _attempt(run, stream, start, shared, now, last=start is not cursor)
                if landed is not None:
                    break
        if landed is None:
            raise ProtocolError(f"{stream.name}: the cursor expires again and again")
        message = None if landed.stopped is None else str(landed.stopped)
        return landed
    except IngestError as error:
        message = str(error)
        raise
    finally:
        shared.ended(stream.name)
        run.sink.finished(run.name, stream.name, landed.rows if landed else 0, message)


def _attempt(
    run: SourceRun,
    stream: Stream,
    cursor: Cursor,
    shared: Shared,
    now: Callable[[], datetime],
    *,
    last: bool,
) -> Landed | None:
    """One attempt at a pull; None when the cursor expired and another attempt is left."""
    began = now()
    writer = LandingWriter(run.landing, run.name, stream.name, began)
    context = PullContext(run, stream, cursor, began, writer, shared.seen_by(stream.name))
    landed: Landed | None = None
    try:
        stream.pull(context)
        landed = writer.finalise(context.finished_cursor(), run.crash_point)
    except CursorExpiredError:
        if last:
            raise
    except (QuotaExhaustedError, TransientError) as error:
        # What the stream itself called whole up to here is worth loading.
        reached = context.checkpointed_cursor()
        if reached is None:
            raise
        landed = writer.finalise(reached, run.crash_point, stopped=error.with_traceback(None))
    finally:
        if landed is None:
            writer.abandon()
    return landed
