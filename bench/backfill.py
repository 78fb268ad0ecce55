"""A first full load of one system, in a process of its own, with what it asked and what it held.

Belongs here: pulling all streams through our engine, loading them, the log of requests, the most
memory that it took. Does not: the floor (`floor.py`), the peers (`backfill_peers.py`), or starting
the ways in turns (`backfill_suite.py`).
"""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from bench.cost import Cost, measured

# `resource` counts in kilobytes on Linux, in bytes on macOS.
_KILOBYTE = 1024


def full_load(
    handle: Mapping[str, Any],
    folder: str,
    vendor: str,
    options: Mapping[str, Any],
    threads: int = 8,
) -> dict[str, Any]:
    """Pull and load every stream of a vendor; what it cost, and each request with its times.

    A request is `[began, ended, method, url, body]`, times in seconds since the pull began. `base`
    is the memory that the process held before it began, `peak` the most that it ever held.
    """
    # DuckDB looks for pandas when it is first given a value; a run has it loaded long before.
    import pandas  # noqa: F401

    from revops_pipelines.engine.ingest.load import ensure_raw_tables, load_stream
    from revops_pipelines.engine.ingest.pull import Failed, Pulled, SourceJob, pull_sources
    from revops_pipelines.engine.warehouse.open import open_warehouse
    from revops_pipelines.engine.warehouse.schema import ensure_schema

    source, settled = connector(handle, vendor, options)
    now = datetime.fromisoformat(handle["now"])
    job = SourceJob(vendor, source, settled, handle["keys"][vendor])
    streams = {each.name: each for each in source.streams(settled)}
    arrived: SimpleQueue[Pulled | None] = SimpleQueue()
    records = landed_bytes = 0
    loading: list[Cost] = []
    base = held_bytes()
    with measured() as whole, noted() as requests, ThreadPoolExecutor(1, "pull") as pool:
        pull = pool.submit(
            pull_sources,
            [job],
            Path(folder) / "landing",
            lambda: now,
            threads,
            arrived=arrived.put,
        )
        pull.add_done_callback(lambda _: arrived.put(None))
        connection = open_warehouse(Path(folder) / "warehouse.duckdb")
        ensure_schema(connection)
        ensure_raw_tables(connection, vendor, list(streams.values()))
        # As the nightly job does: each stream is loaded while others are still being pulled.
        while (landed := arrived.get()) is not None:
            if isinstance(landed, Failed):
                raise landed.error
            landed_bytes += sum(path.stat().st_size for path in landed.files)
            with measured() as load:
                stream = streams[landed.stream]
                records += load_stream(connection, vendor, stream, landed, "bench", now).rows_read
            loading.append(load)
        pull.result()
        connection.close()
    return {
        "records": records,
        "bytes": landed_bytes,
        "wall": whole.wall,
        "cpu": whole.cpu,
        "load_wall": sum(load.wall for load in loading),
        "base": base,
        "peak": peak_bytes(),
        "requests": requests,
    }


def connector(
    handle: Mapping[str, Any], vendor: str, options: Mapping[str, Any]
) -> tuple[Any, Any]:
    """A vendor's source and its options: its defaults, where the sandbox is, and `options`."""
    import importlib

    source = importlib.import_module(f"revops_pipelines.resources.sources.{vendor}").SOURCE
    own = dict(source.sandbox_options(handle["urls"])) if source.sandbox_options else {}
    return source, source.options.model_validate({**own, **options})


@contextmanager
def noted() -> Iterator[list[list[Any]]]:
    """Note every request that our engine sends inside the block."""
    from revops_pipelines.engine.ingest.transport import Transport

    asked: list[list[Any]] = []
    lock = threading.Lock()
    send = Transport.send
    zero = time.perf_counter()

    def noting(self: Transport, request: Any, **options: Any) -> Any:
        began = time.perf_counter() - zero
        response = send(self, request, **options)
        ended = time.perf_counter() - zero
        body = request.body.decode() if isinstance(request.body, bytes) else request.body or ""
        with lock:
            asked.append([began, ended, request.method, request.url, body, response.status])
        return response

    Transport.send = noting  # type: ignore[method-assign]
    try:
        yield asked
    finally:
        Transport.send = send  # type: ignore[method-assign]


def held_bytes() -> int:
    """Memory that this process holds now; its most so far where the system does not tell."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return peak_bytes()
    lines = status.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * _KILOBYTE


def peak_bytes() -> int:
    """The most memory that this process ever held."""
    import sys

    told = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return told if sys.platform == "darwin" else told * _KILOBYTE
