"""`ops.source_calls`: what each run used of a source's calls, and what the vendor said was left.

Belongs here: keeping the readings of the meters. Does not: counting (`metering`), or judging
(`sensors/rules/call_budget`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import duckdb

from revops_pipelines.engine.ingest.errors import QuotaExhaustedError
from revops_pipelines.engine.ingest.metering import Calls

_KEPT_DAYS = 90


def record_calls(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    run_id: str,
    calls: Calls | None,
    errors: Iterable[BaseException],
    at: datetime,
) -> None:
    """Keep one reading; a source that counts nothing and failed of nothing leaves none.

    `is_exhausted` says that a stream stopped for want of calls.
    """
    is_exhausted = any(isinstance(error, QuotaExhaustedError) for error in errors)
    if calls is None and not is_exhausted:
        return
    reading = calls or Calls(0)
    naive = at.astimezone(UTC).replace(tzinfo=None)
    connection.execute(
        "INSERT INTO ops.source_calls VALUES (?, ?, ?, ?, ?, ?, ?)",
        [source, run_id, naive, reading.used, reading.left, reading.limit, is_exhausted],
    )
    connection.execute(
        f"DELETE FROM ops.source_calls WHERE read_at < ?::TIMESTAMP - INTERVAL {_KEPT_DAYS} DAY",
        [naive],
    )
