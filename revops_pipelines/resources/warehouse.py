"""The live DuckDB file as a Dagster resource: one writer at a time, across processes.

Belongs here: opening it under the lock. Does not: what is in it. dagster-duckdb's own connection
retries permanent errors for 100 seconds; here the lock makes retries needless, so `get_connection`
is replaced and the rest of the resource (its name, its config in the UI) is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource
from pydantic import PrivateAttr

from revops_pipelines.engine.warehouse.lock import writer_lock
from revops_pipelines.engine.warehouse.open import open_warehouse
from revops_pipelines.engine.warehouse.schema import ensure_schema


class WarehouseResource(DuckDBResource):
    """The live warehouse. `lock_timeout_seconds` bounds the wait for another writer."""

    lock_timeout_seconds: int = 300

    _holder: str = PrivateAttr(default="another command")

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Remember which run writes, so that whoever waits is told."""
        if context.run is not None:
            self._holder = f"run {context.run.run_id[:8]} of {context.run.job_name}"

    @contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The one writing connection, held no longer than a step needs it.

        Raises LockHeldError naming the process that holds the file.
        """
        path = Path(self.database)
        with writer_lock(path, self._holder, self.lock_timeout_seconds):
            connection = open_warehouse(path)
            try:
                ensure_schema(connection)
                yield connection
            finally:
                connection.close()
