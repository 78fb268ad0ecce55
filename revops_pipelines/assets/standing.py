"""What Dagster sees of the metrics' standing: what they lack, and what is stale.

Belongs here: the asset and its checks. Does not: judging (`engine.metrics.standing`).
"""

# Annotations stay objects here: Dagster compares the context's annotation with its classes.

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from revops_pipelines.engine.factories.metadata import column_schema, table
from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.metrics.standing import Feeds, Standing, write_standing
from revops_pipelines.engine.metrics.tables import STANDING
from revops_pipelines.engine.needs import Warehouse

STANDING_KEY = dg.AssetKey(["metrics", "metric_standing"])
FRESH_CHECK = "inputs_are_fresh"
_ROW = {"metric": "string", "inputs": "string"}


def standing_asset(
    metrics: Sequence[Metric], deps: Sequence[dg.AssetKey], feeds: Feeds, max_age: timedelta
) -> dg.AssetsDefinition:
    """`metrics/metric_standing`: per metric what it reads is worth today."""

    @dg.asset(
        key=STANDING_KEY,
        deps=list(deps),
        description="Which metrics read something stale, and which lack an input altogether.",
        group_name="metrics_trust",
        owners=["team:data-engineering"],
        kinds={"duckdb"},
        required_resource_keys={"warehouse"},
        check_specs=[
            dg.AssetCheckSpec(
                FRESH_CHECK,
                asset=STANDING_KEY,
                description="Nothing that a metric reads is older than it may be.",
            )
        ],
        metadata={
            "dagster/column_schema": column_schema(
                {name: kind for name, (kind, _) in STANDING.items()},
                {name: meaning for name, (_, meaning) in STANDING.items()},
            )
        },
    )
    def metric_standing(context: dg.AssetExecutionContext) -> Iterator[Any]:
        warehouse: Warehouse = context.resources.warehouse
        with warehouse.get_connection() as connection:
            found = write_standing(connection, metrics, feeds, max_age)
        lacking = [each for each in found if each.lacks]
        stale = [each for each in found if each.is_stale]
        yield dg.MaterializeResult(
            asset_key=STANDING_KEY,
            metadata={
                "metrics_without_inputs": len(lacking),
                "lacks": _table(lacking, "lacks"),
                "stale_metrics": len(stale),
            },
        )
        yield dg.AssetCheckResult(
            asset_key=STANDING_KEY,
            check_name=FRESH_CHECK,
            passed=not stale,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"stale": _table(stale, "stale_inputs")},
        )

    return metric_standing


def _table(found: Sequence[Standing], attribute: str) -> Any:
    rows = [
        {"metric": each.metric, "inputs": ", ".join(getattr(each, attribute))} for each in found
    ]
    return table(_ROW, rows)
