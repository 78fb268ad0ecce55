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
    """Create the entity's tables if they are not there."""
    columns = ", ".join(f'"{name}" {type_}' for name, type_ in columns_of(entity.contract).items())
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS conformed.{entity.name}__records "
        f"({columns}, _row_hash UBIGINT)"
    )
    connection.execute(f"CREATE TABLE IF NOT EXISTS conformed.{entity.name} ({columns})")
    if entity.examination is not None:
        ensure_findings(connection, entity.examination)
