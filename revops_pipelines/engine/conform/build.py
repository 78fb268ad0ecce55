"""Builds one conformed entity: stage, judge, set aside, apply, link, resolve; one transaction.

Belongs here: the order of the steps and what of the entity changed. Does not: the steps themselves.

Only rows that are new or differ from what is stored are judged and written. `conformed.X__records`
keeps one good row per source record; `conformed.X` is what it resolves to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from revops_pipelines.contracts import CONTRACTS
from revops_pipelines.contracts.contract import identifiers_of, references_of
from revops_pipelines.engine.conform.declaration import Entity
from revops_pipelines.engine.conform.precedence import ensure_precedence
from revops_pipelines.engine.conform.prepare import ensure_entity_tables, refresh_merges
from revops_pipelines.engine.conform.quarantine import BROKEN, set_aside
from revops_pipelines.engine.conform.resolve import resolve
from revops_pipelines.engine.conform.stage import INCOMING, SourceOffer, stage
from revops_pipelines.engine.conform.validate import CHANGED, Violation, violations
from revops_pipelines.settings import Settings


@dataclass(frozen=True, slots=True)
class Conformed:
    """What building an entity did, in rows.

    `reasons` counts quarantined rows by (rule, column); `dangling` counts identifiers that point at
    nothing, by column.
    """

    entity: str
    rows: int
    changed: int
    removed: int
    quarantined: int
    reasons: tuple[tuple[str, str, int], ...]
    dangling: tuple[tuple[str, int], ...]

    @property
    def quarantined_share(self) -> float:
        """Quarantined rows of all rows offered."""
        offered = self.rows + self.quarantined
        return self.quarantined / offered if offered else 0.0


def conform(
    connection: duckdb.DuckDBPyConnection,
    entity: Entity,
    offers: Sequence[SourceOffer],
    settings: Settings,
    run_id: str,
    now: datetime,
    merges: Sequence[SourceOffer] = (),
) -> Conformed:
    """Bring `conformed.<entity>` up to date with the raw tables. Raises OfferError.

    `merges` are the offers that list merges; only entities with links need them.

    All of it is one transaction: readers of the file see the old rows or the new, never between.
    """
    connection.execute("BEGIN")
    try:
        if entity.link is not None:
            refresh_merges(connection, merges)
        result = _conform(connection, entity, offers, settings, run_id, now)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return result


def _conform(
    connection: duckdb.DuckDBPyConnection,
    entity: Entity,
    offers: Sequence[SourceOffer],
    settings: Settings,
    run_id: str,
    now: datetime,
) -> Conformed:
    ensure_entity_tables(connection, entity)
    ensure_precedence(connection)
    stage(connection, entity.contract, offers)
    records = f"conformed.{entity.name}__records"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {CHANGED} AS SELECT _row FROM {INCOMING} "
        f"ANTI JOIN {records} USING (source, source_id, _row_hash)"
    )
    found: list[Violation] = list(violations(connection, entity.contract))
    set_aside(connection, entity.name, found, run_id, now)
    changed, removed = _apply(connection, records)
    if entity.link is not None:
        entity.link(connection, settings)
    rows = resolve(connection, entity, settings.precedence.get(entity.name))
    return Conformed(
        entity=entity.name,
        rows=rows,
        changed=changed,
        removed=removed,
        quarantined=_count(connection, BROKEN),
        reasons=_reasons(found),
        dangling=_dangling(connection, entity),
    )


def _apply(connection: duckdb.DuckDBPyConnection, records: str) -> tuple[int, int]:
    """Replace what changed and drop what is no longer offered or no longer good."""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE conform_gone AS SELECT source, source_id FROM {records} "
        f"ANTI JOIN (SELECT source, source_id FROM {INCOMING} ANTI JOIN {BROKEN} USING (_row)) "
        "USING (source, source_id)"
    )
    removed = _count(connection, "conform_gone")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE conform_good AS SELECT * EXCLUDE (_row, _uncast) "
        f"FROM {INCOMING} SEMI JOIN {CHANGED} USING (_row) ANTI JOIN {BROKEN} USING (_row)"
    )
    for table in ("conform_gone", "conform_good"):
        connection.execute(
            f"DELETE FROM {records} USING {table} t "
            f"WHERE {records}.source = t.source AND {records}.source_id = t.source_id"
        )
    connection.execute(f"INSERT INTO {records} BY NAME SELECT * FROM conform_good")
    return _count(connection, "conform_good"), removed


def _reasons(found: Sequence[Violation]) -> tuple[tuple[str, str, int], ...]:
    counts = Counter((violation.rule, violation.column or "") for violation in found)
    return tuple((rule, column, count) for (rule, column), count in counts.most_common())


def _dangling(connection: duckdb.DuckDBPyConnection, entity: Entity) -> tuple[tuple[str, int], ...]:
    found = []
    for column, target in references_of(entity.contract).items():
        if not _exists(connection, target):
            continue
        key = identifiers_of(CONTRACTS[target])[0]
        sql = (
            f"SELECT count(*) FROM conformed.{entity.name} r WHERE r.{column} IS NOT NULL "
            f"AND NOT EXISTS (SELECT 1 FROM conformed.{target} t WHERE t.{key} = r.{column})"
        )
        count = _scalar(connection, sql)
        if count:
            found.append((column, count))
    return tuple(found)


def _exists(connection: duckdb.DuckDBPyConnection, entity: str) -> bool:
    sql = (
        "SELECT count(*) FROM information_schema.tables "
        "WHERE table_schema = 'conformed' AND table_name = $name"
    )
    row = connection.execute(sql, {"name": entity}).fetchone()
    return bool(row and row[0])


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return _scalar(connection, f"SELECT count(*) FROM {table}")


def _scalar(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    return int(row[0]) if row else 0
