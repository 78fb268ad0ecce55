"""What Dagster sees of restatements: closed periods whose values changed since they were published.

Belongs here: the asset and its check. Does not: finding them (`engine.metrics.restate`).
"""

# Annotations stay objects here: Dagster compares the context's annotation with its classes.

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from revops_pipelines.engine.factories.metadata import column_schema, table
from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.metrics.restate import COLUMNS, Restatement, restate
from revops_pipelines.engine.needs import Warehouse

RESTATEMENTS_KEY = dg.AssetKey(["metrics", "restatements"])
CHECK = "closed_periods_stay"
_SHOWN = 50


def restatements_asset(
    metrics: Sequence[Metric], deps: Sequence[dg.AssetKey], published: Path
) -> dg.AssetsDefinition:
    """`metrics/restatements`: compares the metrics with the snapshot at `published`."""

    @dg.asset(
        key=RESTATEMENTS_KEY,
        deps=list(deps),
        description=(
            "Closed periods whose value changed since it was first published: what it was, what "
            "it is, which records did it, and why."
        ),
        group_name="metrics_trust",
        owners=["team:revenue-operations"],
        kinds={"duckdb"},
        required_resource_keys={"warehouse"},
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=RESTATEMENTS_KEY,
                description="What was published of a closed period is still so.",
            )
        ],
        metadata={
            "dagster/column_schema": column_schema(
                {name: kind for name, (kind, _) in COLUMNS.items()},
                {name: meaning for name, (_, meaning) in COLUMNS.items()},
            )
        },
    )
    def restatements(context: dg.AssetExecutionContext) -> Iterator[Any]:
        warehouse: Warehouse = context.resources.warehouse
        with warehouse.get_connection() as connection:
            found = restate(connection, metrics, published)
        yield dg.MaterializeResult(
            asset_key=RESTATEMENTS_KEY,
            metadata={
                "restated_values": len(found),
                "restated_metrics": len({each.metric for each in found}),
            },
        )
        yield _check(found)

    return restatements


def _check(found: Sequence[Restatement]) -> dg.AssetCheckResult:
    rows = [
        {
            "metric": each.metric,
            "grain": each.grain,
            "period_start_on": each.period_start_on.isoformat(),
            "old_value": _text(each.old_value),
            "new_value": _text(each.new_value),
            "why": each.why,
        }
        for each in found[:_SHOWN]
    ]
    columns = dict.fromkeys(
        ("metric", "grain", "period_start_on", "old_value", "new_value", "why"), "string"
    )
    return dg.AssetCheckResult(
        asset_key=RESTATEMENTS_KEY,
        check_name=CHECK,
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(found)} values of closed periods changed" if found else None,
        metadata={
            "changed": table(columns, rows),
            "see": 'revops query "SELECT * FROM metrics.restatements"',
        },
    )


def _text(value: Any) -> str:
    return "none" if value is None else f"{value.normalize():f}"
