"""The warehouse's schemas and the `ops` tables of pulling and validating.

Belongs here: what every room relies on to be there. Does not: raw tables (`ingest/load.py`), the
parameters and calendar (`metrics/`), alert tables (`alerts/`).
"""

from __future__ import annotations

import duckdb

SCHEMAS = ("raw", "conformed", "metrics", "ops")

# Cursors: where the next pull of a stream begins; written in the transaction of the data.
# Loads: one row per load that was committed. Fields: which fields a stream's records have had, in
# how many of how many records, and since when a declared one is no longer sent. Source calls: what
# each run used of a source's calls, and what the vendor said was left. Quarantine: one row per
# broken rule of a record.
_TABLES = (
    """
    CREATE TABLE IF NOT EXISTS ops.cursors (
        source VARCHAR NOT NULL,
        stream VARCHAR NOT NULL,
        cursor JSON NOT NULL,
        loaded_at TIMESTAMP NOT NULL,
        load_id VARCHAR NOT NULL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS ops.loads (
        load_id VARCHAR NOT NULL,
        source VARCHAR NOT NULL,
        stream VARCHAR NOT NULL,
        run_id VARCHAR NOT NULL,
        rows_read BIGINT NOT NULL,
        rows_changed BIGINT NOT NULL,
        rows_deleted BIGINT NOT NULL,
        loaded_at TIMESTAMP NOT NULL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS ops.fields (
        source VARCHAR NOT NULL,
        stream VARCHAR NOT NULL,
        path VARCHAR NOT NULL,
        first_seen_at TIMESTAMP NOT NULL,
        last_seen_at TIMESTAMP NOT NULL,
        missing_since TIMESTAMP,
        records_with BIGINT NOT NULL,
        records_all BIGINT NOT NULL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS ops.source_calls (
        source VARCHAR NOT NULL,
        run_id VARCHAR NOT NULL,
        read_at TIMESTAMP NOT NULL,
        calls_used BIGINT NOT NULL,
        calls_left BIGINT,
        calls_limit BIGINT,
        is_exhausted BOOLEAN NOT NULL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS ops.quarantine (
        entity VARCHAR NOT NULL,
        source VARCHAR NOT NULL,
        source_id VARCHAR,
        rule VARCHAR NOT NULL,
        column_name VARCHAR,
        masked_value VARCHAR,
        first_seen_at TIMESTAMP NOT NULL,
        last_seen_at TIMESTAMP NOT NULL,
        run_id VARCHAR NOT NULL
    )
    """,
)


def ensure_schema(connection: duckdb.DuckDBPyConnection) -> None:
    """Create schemas and ops tables that are not there yet."""
    for schema in SCHEMAS:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    for statement in _TABLES:
        connection.execute(statement)
