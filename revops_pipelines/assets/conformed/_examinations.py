"""The asset check of an entity that is examined across its rows.

Belongs here: what Dagster sees of the findings: counts and identifiers, never what a row says. Does
not: the examination (`engine.conform.examine`).
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import duckdb

from revops_pipelines.engine.conform.declaration import Entity
from revops_pipelines.engine.conform.examine import examine
from revops_pipelines.engine.factories.metadata import table


def examination_specs(key: dg.AssetKey, entity: Entity) -> Iterator[dg.AssetCheckSpec]:
    """The check's specification, if the entity is examined."""
    if entity.examination is not None:
        yield dg.AssetCheckSpec(
            entity.examination.name, asset=key, description=entity.examination.holds
        )


def examination_checks(
    connection: duckdb.DuckDBPyConnection, key: dg.AssetKey, entity: Entity
) -> Iterator[dg.AssetCheckResult]:
    """Examine what was built, if the entity is examined; findings warn and stop nothing."""
    asked = entity.examination
    if asked is None:
        return
    found = examine(connection, asked)
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name=asked.name,
        passed=not found.subjects,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{found.subjects} with findings",
        metadata={
            "reasons": table(
                {"reason": "string", "rows": "int"},
                [{"reason": reason, "rows": rows} for reason, rows in found.reasons],
            ),
            "first": table(
                {asked.subject: "string", "reason": "string"},
                [{asked.subject: subject, "reason": reason} for subject, reason in found.first],
            ),
            "see": f'revops query "SELECT * FROM ops.{asked.table}"',
        },
    )
