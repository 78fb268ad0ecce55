"""What Dagster sees of the price of bad data: bounds on each metric, by cause.

Belongs here: the asset. Does not: the bounds (`engine.metrics.effects`).
"""

# Annotations stay objects here: Dagster compares the context's annotation with its classes.

from collections.abc import Sequence
from typing import Any

import dagster as dg

from revops_pipelines.engine.factories.metadata import column_schema, table
from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.metrics.effects import COLUMNS, write_effects
from revops_pipelines.engine.needs import Warehouse

EFFECTS_KEY = dg.AssetKey(["metrics", "quality_effects"])
_ROW = {"metric": "string", "cause": "string", "rows": "int", "value": "float", "lower": "float"}


def effects_asset(metrics: Sequence[Metric], deps: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """`metrics/quality_effects`: what faulty rows could do to each metric."""

    @dg.asset(
        key=EFFECTS_KEY,
        deps=list(deps),
        description="Each metric's value if the rows at fault were best or worst, by cause.",
        group_name="metrics_trust",
        owners=["team:revenue-operations"],
        kinds={"duckdb"},
        required_resource_keys={"warehouse"},
        metadata={
            "dagster/column_schema": column_schema(
                {name: kind for name, (kind, _) in COLUMNS.items()},
                {name: meaning for name, (_, meaning) in COLUMNS.items()},
            )
        },
    )
    def quality_effects(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        warehouse: Warehouse = context.resources.warehouse
        with warehouse.get_connection() as connection:
            found = write_effects(connection, metrics)
        rows = [
            {
                "metric": each.metric,
                "cause": each.cause,
                "rows": each.rows,
                "value": float(each.value),
                "lower": float(each.lower),
                "upper": "without bound" if each.upper is None else f"{float(each.upper):g}",
            }
            for each in found
        ]
        return dg.MaterializeResult(
            metadata={
                "metrics_touched": len({each.metric for each in found}),
                "effects": table({**_ROW, "upper": "string"}, rows),
            }
        )

    return quality_effects
