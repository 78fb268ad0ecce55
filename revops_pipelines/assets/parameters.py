"""What a run knows of settings and systems, written down before anything is computed from it.

Belongs here: the two `ops` assets. Does not: what is written (`engine.conform.prepare`,
`engine.metrics.parameters`).
"""

# Annotations stay objects here: Dagster compares the context's annotation with its classes.

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from revops_pipelines.contracts.contract import columns_of
from revops_pipelines.engine.conform.declaration import Entity
from revops_pipelines.engine.conform.precedence import check_precedence
from revops_pipelines.engine.conform.prepare import prepare_conform
from revops_pipelines.engine.declarations import Stream
from revops_pipelines.engine.ingest.load import ensure_raw_tables
from revops_pipelines.engine.metrics.parameters import prepare
from revops_pipelines.engine.needs import Clock, Warehouse
from revops_pipelines.settings import Settings

LAYER = "ops"
SOURCES_KEY = dg.AssetKey([LAYER, "sources"])
PARAMETERS_KEY = dg.AssetKey([LAYER, "parameters"])


def sources_asset(
    entities: Iterable[Entity],
    areas: Sequence[tuple[str, str]],
    streams: Mapping[str, Sequence[Stream]],
    settings: Settings,
) -> dg.AssetsDefinition:
    """`ops/sources`: which systems run and whom to believe first; every table exists after it.

    Raises ConfigurationError for a `[precedence]` that cannot be meant.
    """
    entities = tuple(entities)
    joined = {each.name: columns_of(each.contract) for each in entities if each.link is not None}
    check_precedence(settings.precedence, joined, [name for name, _ in areas])

    @dg.asset(
        key=SOURCES_KEY,
        description="Which systems run, and in which order they are believed.",
        group_name=LAYER,
        owners=["team:data-engineering"],
        kinds={"duckdb"},
        required_resource_keys={"warehouse"},
    )
    def sources(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        warehouse: Warehouse = context.resources.warehouse
        with warehouse.get_connection() as connection:
            for source, own in streams.items():
                ensure_raw_tables(connection, source, own)
            prepare_conform(
                connection,
                entities,
                areas,
                settings.company.internal_domains,
                settings.precedence,
            )
        return dg.MaterializeResult(
            metadata={"systems": ", ".join(f"{name} ({area})" for name, area in areas)}
        )

    return sources


def parameters_asset(settings: Settings) -> dg.AssetsDefinition:
    """`ops/parameters`: the run's knowledge time, settings, calendar and business hours."""

    @dg.asset(
        key=PARAMETERS_KEY,
        description="Knowledge time, settings, calendar and business hours that metrics read.",
        group_name=LAYER,
        owners=["team:revenue-operations"],
        kinds={"duckdb"},
        required_resource_keys={"warehouse", "clock"},
    )
    def parameters(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        warehouse: Warehouse = context.resources.warehouse
        clock: Clock = context.resources.clock
        as_of_at = clock.now()
        with warehouse.get_connection() as connection:
            prepare(connection, settings, as_of_at)
        return dg.MaterializeResult(
            metadata={
                "as_of": dg.MetadataValue.timestamp(as_of_at),
                "base_currency": settings.company.base_currency,
                "time_zone": settings.company.time_zone,
            }
        )

    return parameters
