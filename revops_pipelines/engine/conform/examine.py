"""Step three: what is wrong with an entity across its rows and others, listed and counted.

Belongs here: running an entity's examination and keeping its findings. Does not: what is examined
(the entity's file), rules on single rows (`validate`).
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from revops_pipelines.engine.conform.declaration import Examination

# As many identifiers as people look up before they ask for the table.
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Examined:
    """How many subjects have findings, by reason, and the first of them."""

    subjects: int
    reasons: tuple[tuple[str, int], ...]
    first: tuple[tuple[str, str], ...]


def ensure_findings(connection: duckdb.DuckDBPyConnection, examination: Examination) -> None:
    """Create the table of findings if it is not there: readers find it before the first run."""
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS ops.{examination.table} "
        f'("{examination.subject}" VARCHAR, reason VARCHAR)'
    )


def examine(connection: duckdb.DuckDBPyConnection, examination: Examination) -> Examined:
    """Write the table of findings anew and count them."""
    table = f"ops.{examination.table}"
    connection.execute(
        f'CREATE OR REPLACE TABLE {table} AS SELECT DISTINCT subject AS "{examination.subject}", '
        f"reason FROM ({examination.broken}) ORDER BY ALL"
    )
    subject = f'"{examination.subject}"'
    row = connection.execute(f"SELECT count(DISTINCT {subject}) FROM {table}").fetchone()
    reasons = connection.execute(
        f"SELECT reason, count(*) FROM {table} GROUP BY reason ORDER BY 2 DESC, 1"
    ).fetchall()
    first = connection.execute(f"SELECT {subject}, reason FROM {table} LIMIT {SHOWN}").fetchall()
    return Examined(int(row[0]) if row else 0, tuple(reasons), tuple(first))
