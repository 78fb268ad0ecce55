"""The Dagster assets of the conformed entities.

Belongs here: what Dagster sees of conforming: dependencies, the contract check, counts. Does not:
conforming (`engine.conform`).
"""

# Annotations stay objects here: Dagster compares the context's annotation with its classes.

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from revops_pipelines.assets.conformed._examinations import examination_checks, examination_specs
from revops_pipelines.assets.parameters import SOURCES_KEY
from revops_pipelines.contracts.contract import columns_of, descriptions_of
from revops_pipelines.engine.conform.build import Conformed, conform
from revops_pipelines.engine.conform.declaration import Entity
from revops_pipelines.engine.conform.stage import SourceOffer
from revops_pipelines.engine.factories.metadata import column_schema, table
from revops_pipelines.engine.needs import Clock, Warehouse
from revops_pipelines.settings import Settings

LAYER = "conformed"
CONTRACT_CHECK = "contract"
REFERENCES_CHECK = "references"


def conformed_key(entity: str) -> dg.AssetKey:
    """The asset key of an entity: `conformed/<entity>`."""
    return dg.AssetKey([LAYER, entity])


def conformed_asset(
    entity: Entity,
    offers: Sequence[SourceOffer],
    reads: Sequence[str],
    merges: Sequence[SourceOffer],
    settings: Settings,
) -> dg.AssetsDefinition:
    """The asset of one entity; `reads` are the conformed entities that must be built before it."""
    key = conformed_key(entity.name)
    deps = [
        dg.AssetKey(["raw", offer.source, stream])
        for offer in offers
        for stream in offer.offer.streams
    ]
    deps += [SOURCES_KEY, *(conformed_key(other) for other in reads)]
    columns, meanings = columns_of(entity.contract), descriptions_of(entity.contract)

    @dg.asset(
        key=key,
        deps=list(dict.fromkeys(deps)),
        description=f"{entity.contract.__doc__}\n\nTable `conformed.{entity.name}`.",
        group_name=LAYER,
        owners=[f"team:{entity.owner}"],
        kinds={"duckdb", "pandera"},
        required_resource_keys={"warehouse", "clock"},
        check_specs=[
            dg.AssetCheckSpec(
                CONTRACT_CHECK,
                asset=key,
                blocking=True,
                description="Every row keeps its contract; the others are in ops.quarantine.",
            ),
            dg.AssetCheckSpec(
                REFERENCES_CHECK,
                asset=key,
                description="Identifiers of other entities point at rows that exist.",
            ),
            *examination_specs(key, entity),
        ],
        metadata={
            "dagster/column_schema": column_schema(columns, meanings),
            "dagster/table_name": f"conformed.{entity.name}",
            "sources": ", ".join(dict.fromkeys(offer.source for offer in offers)) or "none",
        },
    )
    def build(context: dg.AssetExecutionContext) -> Iterator[Any]:
        warehouse: Warehouse = context.resources.warehouse
        clock: Clock = context.resources.clock
        with warehouse.get_connection() as connection:
            run_id, now = context.run.run_id, clock.now()
            result = conform(connection, entity, offers, settings, run_id, now, merges)
            examined = [*examination_checks(connection, key, entity)]
        yield dg.MaterializeResult(asset_key=key, metadata=_metadata(result))
        yield _contract_check(key, result, settings.quality.max_quarantined_share)
        yield _references_check(key, result)
        yield from examined

    return build


def _metadata(result: Conformed) -> dict[str, Any]:
    return {
        "dagster/row_count": result.rows,
        "rows_changed": result.changed,
        "rows_removed": result.removed,
        "rows_quarantined": result.quarantined,
        "quarantined_share": result.quarantined_share,
    }


def _contract_check(key: dg.AssetKey, result: Conformed, limit: float) -> dg.AssetCheckResult:
    reasons = [
        {"rule": rule, "column": column or "(row)", "rows": count}
        for rule, column, count in result.reasons
    ]
    blocks = result.quarantined_share > limit
    said = f"{result.quarantined} of {result.rows + result.quarantined} rows in quarantine"
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=CONTRACT_CHECK,
        passed=not result.quarantined,
        severity=dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN,
        description=(
            f"{said}; over the limit of {limit:.1%}, so nothing is built on it" if blocks else said
        ),
        metadata={
            "reasons": table({"rule": "string", "column": "string", "rows": "int"}, reasons),
            "quarantined_share": result.quarantined_share,
            "see": "revops query --live "
            f"\"SELECT * FROM ops.quarantine WHERE entity = '{result.entity}'\"",
        },
    )


def _references_check(key: dg.AssetKey, result: Conformed) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=REFERENCES_CHECK,
        passed=not result.dangling,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "dangling": table(
                {"column": "string", "rows": "int"},
                [{"column": column, "rows": count} for column, count in result.dangling],
            )
        },
    )
