"""The published snapshot: what the report, BI, sensors and `revops query` read.

Belongs here: what Dagster sees of publishing. Does not: copying (`engine.warehouse.publish`).
"""

# Annotations stay objects here: Dagster compares the context's annotation with its classes.

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from revops_pipelines.engine.needs import Warehouse
from revops_pipelines.engine.warehouse.publish import publish_snapshot

PUBLISHED_KEY = dg.AssetKey(["published", "snapshot"])


def published_asset(path: Path, deps: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """`published/snapshot`: the conformed, metric and ops tables, swapped in by one rename."""

    @dg.asset(
        key=PUBLISHED_KEY,
        deps=list(deps),
        description="Snapshot that people and BI open: conformed, metrics and ops tables.",
        group_name="published",
        owners=["team:revenue-operations"],
        kinds={"duckdb"},
        required_resource_keys={"warehouse"},
    )
    def snapshot(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        warehouse: Warehouse = context.resources.warehouse
        with warehouse.get_connection() as connection:
            published = publish_snapshot(connection, path)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": published.rows,
                "tables": published.tables,
                "size_mb": round(published.size_bytes / 1e6, 2),
                "file": path.name,
            }
        )

    return snapshot
