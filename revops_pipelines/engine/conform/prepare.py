"""What must be there before entities are conformed: who leads, who was merged, empty tables.

Belongs here: `ops.sources`, `ops.merges`, the conformed tables' existence. Does not: any entity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import duckdb

from revops_pipelines.contracts.contract import columns_of
from revops_pipelines.engine.conform.declaration import Entity
from revops_pipelines.engine.conform.examine import ensure_findings
from revops_pipelines.engine.conform.precedence import Precedence, write_precedence
from revops_pipelines.engine.conform.resolve import ensure_links
from revops_pipelines.engine.conform.stage import SourceOffer

# Which system is believed first about a company or a person.
LEADING_AREAS = ("CRM", "marketing", "billing", "web", "other", "files")

# An offer to this name lists merges that a system made itself, not rows of an entity.
MERGES = "merges"


def prepare_conform(
    connection: duckdb.DuckDBPyConnection,
    entities: Iterable[Entity],
    sources: Sequence[tuple[str, str]],
    internal_domains: Iterable[str] = (),
    precedence: Mapping[str, Precedence] | None = None,
) -> None:
    """Create every conformed table; write the `ops` tables of who is believed anew.

    `sources` are (name, area) pairs in the order of the configuration.
    """
    connection.execute("CREATE SCHEMA IF NOT EXISTS conformed")
    connection.execute("CREATE SCHEMA IF NOT EXISTS ops")
    for entity in entities:
        ensure_entity_tables(connection, entity)
    ensure_links(connection)
    connection.execute(
        "CREATE OR REPLACE TABLE ops.sources (source VARCHAR, area VARCHAR, precedence INTEGER)"
    )
    for position, (name, area) in enumerate(sources):
        rank = LEADING_AREAS.index(area) if area in LEADING_AREAS else len(LEADING_AREAS)
        connection.execute(
            "INSERT INTO ops.sources VALUES (?, ?, ?)", [name, area, rank * 100 + position]
        )
    write_precedence(connection, precedence or {})
    connection.execute("CREATE OR REPLACE TABLE ops.internal_domains (domain VARCHAR)")
    for domain in internal_domains:
        connection.execute("INSERT INTO ops.internal_domains VALUES (lower(?))", [domain])
    refresh_merges(connection, ())


def refresh_merges(connection: duckdb.DuckDBPyConnection, offers: Sequence[SourceOffer]) -> None:
    """Write `ops.merges` anew: the merges that systems made themselves.

    A merge offer selects `entity`, `record_id` (who is gone) and `canonical_id` (who stays).
    """
    merges = [f"SELECT * FROM ({offer.sql})" for offer in offers if offer.offer.entity == MERGES]
    none = "SELECT ''::VARCHAR AS entity, '' AS record_id, '' AS canonical_id WHERE false"
    connection.execute(
        "CREATE OR REPLACE TABLE ops.merges AS SELECT DISTINCT entity, record_id, canonical_id "
        f"FROM ({' UNION ALL BY NAME '.join([none, *merges])}) WHERE record_id <> canonical_id"
    )


def ensure_entity_tables(connection: duckdb.DuckDBPyConnection, entity: Entity) -> None:
    """Create the entity's tables if they are not there.

    Tables of another version's contract are made anew, empty: the raw tables hold all that they
    had, and the next build fills them.
    """
    columns = columns_of(entity.contract)
    tables = {f"{entity.name}__records": {**columns, "_row_hash": "UBIGINT"}, entity.name: columns}
    for name, layout in tables.items():
        casts = ", ".join(f'CAST(NULL AS {kind}) AS "{column}"' for column, kind in layout.items())
        wanted = connection.execute(f"DESCRIBE SELECT {casts}").fetchall()
        if _layout(connection, name) not in ([], [(row[0], row[1]) for row in wanted]):
            connection.execute(f"DROP TABLE conformed.{name}")
        listed = ", ".join(f'"{column}" {kind}' for column, kind in layout.items())
        connection.execute(f"CREATE TABLE IF NOT EXISTS conformed.{name} ({listed})")
    if entity.examination is not None:
        ensure_findings(connection, entity.examination)


def _layout(connection: duckdb.DuckDBPyConnection, name: str) -> list[tuple[str, str]]:
    """Columns and types of a conformed table, in order; none where it is not there."""
    return connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = 'conformed' "
        "AND database_name = current_database() AND table_name = ? ORDER BY column_index",
        [name],
    ).fetchall()
