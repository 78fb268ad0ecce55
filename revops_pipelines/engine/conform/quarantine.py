"""Where failing rows go: `ops.quarantine`, one line per row and rule, with the value masked.

Belongs here: masking and writing. Does not: judging (`validate`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import duckdb
import pyarrow as arrow

from revops_pipelines.engine.conform.stage import INCOMING
from revops_pipelines.engine.conform.validate import Violation

BROKEN = "conform_broken"


def masked(value: str | None) -> str | None:
    """The first character and the length: enough to find the cause, too little to name a person.

    >>> masked("jane@example.com")
    'j*** (16 characters)'
    """
    if value is None:
        return None
    return f"{value[:1]}*** ({len(value)} characters)"


def set_aside(
    connection: duckdb.DuckDBPyConnection,
    entity: str,
    violations: Sequence[Violation],
    run_id: str,
    now: datetime,
) -> None:
    """Record the violations; the table `broken` then holds the `_row`s that must not go on.

    A row that fails again keeps the time it was first seen; one that no longer fails is removed.
    """
    found = arrow.table(
        {
            "_row": arrow.array([v.row for v in violations], arrow.int64()),
            "rule": arrow.array([v.rule for v in violations], arrow.string()),
            "column_name": arrow.array([v.column for v in violations], arrow.string()),
            "masked_value": arrow.array([masked(v.value) for v in violations], arrow.string()),
        }
    )
    connection.register("conform_found", found)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {BROKEN} AS SELECT DISTINCT _row FROM conform_found"
    )
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE conform_quarantine AS
        SELECT $entity AS entity, coalesce(i.source, '') AS source,
               coalesce(i.source_id, '') AS source_id, f.rule,
               coalesce(f.column_name, '') AS column_name,
               any_value(f.masked_value) AS masked_value,
               coalesce(min(q.first_seen_at), $now) AS first_seen_at,
               $now AS last_seen_at, $run_id AS run_id
        FROM conform_found f
        JOIN {INCOMING} i USING (_row)
        LEFT JOIN ops.quarantine q
          ON q.entity = $entity AND q.source = i.source AND q.source_id = i.source_id
         AND q.rule = f.rule AND q.column_name = coalesce(f.column_name, '')
        GROUP BY ALL
        """,
        {"entity": entity, "now": now.replace(tzinfo=None), "run_id": run_id},
    )
    connection.unregister("conform_found")
    connection.execute("DELETE FROM ops.quarantine WHERE entity = $entity", {"entity": entity})
    connection.execute("INSERT INTO ops.quarantine BY NAME SELECT * FROM conform_quarantine")
