"""Step last: from good records to final rows, with identifiers that follow the identity links.

Belongs here: repointing and writing `conformed.X`. Does not: finding links (`identity`).
"""

from __future__ import annotations

import duckdb

from revops_pipelines.contracts.contract import columns_of, references_of
from revops_pipelines.engine.conform.declaration import Entity

# Entities whose records are merged across systems; only identifiers of these can be repointed.
LINKED_ENTITIES = ("accounts", "leads")


def ensure_links(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `conformed.identity_links`: which record stands for which, and how we know.

    A row says that `record_id` of `source` is the same `entity` as `canonical_id`. For `customers`
    the canonical identifier is the account's.
    """
    connection.execute(
        "CREATE TABLE IF NOT EXISTS conformed.identity_links (entity VARCHAR, "
        "canonical_id VARCHAR, record_id VARCHAR, source VARCHAR, evidence VARCHAR, "
        "matched_on VARCHAR)"
    )


def resolve(connection: duckdb.DuckDBPyConnection, entity: Entity) -> int:
    """Write `conformed.<entity>` anew from its records; returns its number of rows."""
    ensure_links(connection)
    records = f"conformed.{entity.name}__records"
    sql = (entity.resolved or _repointed(entity)).replace("@records", records)
    columns = ", ".join(f'"{name}"' for name in columns_of(entity.contract))
    table = f"conformed.{entity.name}"
    connection.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT {columns} FROM ({sql})")
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0


def _repointed(entity: Entity) -> str:
    """Every record as it is, its identifiers of merged entities replaced by the canonical ones."""
    moved = {
        column: target
        for column, target in references_of(entity.contract).items()
        if target in LINKED_ENTITIES
    }
    selected, joins = [], []
    for name in columns_of(entity.contract):
        if name in moved:
            alias = f"to_{name}"
            selected.append(f'coalesce({alias}.canonical_id, r."{name}") AS "{name}"')
            joins.append(
                f"LEFT JOIN conformed.identity_links {alias} "
                f"ON {alias}.entity = '{moved[name]}' AND {alias}.record_id = r.\"{name}\""
            )
        else:
            selected.append(f'r."{name}"')
    return f"SELECT {', '.join(selected)} FROM @records r {' '.join(joins)}"
