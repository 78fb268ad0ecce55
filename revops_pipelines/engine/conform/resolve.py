"""Step last: from good records to final rows, with identifiers that follow the identity links.

Belongs here: repointing and writing `conformed.X`. Does not: finding links (`identity`).
"""

from __future__ import annotations

import duckdb

from revops_pipelines.contracts.contract import columns_of, references_of
from revops_pipelines.engine.conform.declaration import Entity
from revops_pipelines.engine.conform.precedence import Precedence, with_fields


def ensure_links(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `conformed.identity_links`: which record stands for which, and how we know.

    A row says that `record_id` of `source` is the same `entity` as `canonical_id`. Two entities are
    not of records: in `lead_accounts` and `customer_accounts` the canonical identifier is that of
    the company behind the person or the billed party.
    """
    connection.execute(
        "CREATE TABLE IF NOT EXISTS conformed.identity_links (entity VARCHAR, "
        "canonical_id VARCHAR, record_id VARCHAR, source VARCHAR, evidence VARCHAR, "
        "matched_on VARCHAR)"
    )


def resolve(
    connection: duckdb.DuckDBPyConnection, entity: Entity, precedence: Precedence | None = None
) -> int:
    """Write `conformed.<entity>` anew from its records; returns its number of rows."""
    ensure_links(connection)
    rows = connection.execute("SELECT DISTINCT entity FROM conformed.identity_links").fetchall()
    records = f"conformed.{entity.name}__records"
    rowwise = with_fields(entity.resolved or "SELECT * FROM @records", precedence)
    sql = _repointed(entity, rowwise.replace("@records", records), {str(row[0]) for row in rows})
    table = f"conformed.{entity.name}"
    connection.execute(f"CREATE OR REPLACE TABLE {table} AS {sql}")
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0


def _repointed(entity: Entity, rows: str, linked: set[str]) -> str:
    """The rows, their identifiers of merged entities replaced by the canonical ones."""
    references = references_of(entity.contract)
    selected, joins = [], []
    for name in columns_of(entity.contract):
        target = references.get(name)
        if target not in linked:
            selected.append(f'r."{name}"')
            continue
        alias = f"to_{name}"
        selected.append(f'coalesce({alias}.canonical_id, r."{name}") AS "{name}"')
        joins.append(
            f"LEFT JOIN conformed.identity_links {alias} "
            f"ON {alias}.entity = '{target}' AND {alias}.record_id = r.\"{name}\""
        )
    return f"SELECT {', '.join(selected)} FROM ({rows}) r {' '.join(joins)}"
