"""What the tests of the machine's faults run in processes of their own, under its limits.

Belongs here: importable targets for `other_process.start`. Holds no test.
"""

from __future__ import annotations

import resource
import sys
from datetime import datetime
from pathlib import Path

import duckdb
from shop import night

from revops_pipelines.engine.warehouse.lock import writer_lock
from revops_pipelines.engine.warehouse.open import open_warehouse


def night_on_a_full_disk(home: Path, url: str, now: datetime, file_bytes: int) -> None:
    """A night in which no file may grow beyond so many bytes (EFBIG stands in for ENOSPC)."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    try:
        failed = night(home, url, now).failed
    except (OSError, duckdb.Error) as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None
    if failed:
        raise SystemExit(1)


def out_of_memory(warehouse: Path, how: str) -> None:
    """Write a little, then need more memory than there is, in the writer's hands."""
    with writer_lock(warehouse, holder="a hungry run"), open_warehouse(warehouse) as connection:
        connection.begin()
        connection.execute("INSERT INTO kept SELECT range FROM range(1000)")
        if how == "duckdb":
            connection.execute("SET temp_directory = ''; SET memory_limit = '20MB'")
            connection.execute("CREATE TABLE large AS SELECT range AS n FROM range(100000000)")
        else:
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + 50_000_000, used + 50_000_000))
            bytearray(500_000_000)
        connection.commit()
