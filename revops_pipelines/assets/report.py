"""The report page as an asset.

Belongs here: what Dagster sees of the report. Does not: the page, which is handed in as `draw`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg

from revops_pipelines.assets.publish import PUBLISHED_KEY

REPORT_KEY = dg.AssetKey(["report", "index"])


def report_asset(draw: Callable[[], Path]) -> dg.AssetsDefinition:
    """`report/index`: the self-contained page, drawn from the published snapshot."""

    @dg.asset(
        key=REPORT_KEY,
        deps=[PUBLISHED_KEY],
        description="One self-contained page: scorecard, trends, alerts, trust.",
        group_name="published",
        owners=["team:revenue-operations"],
        kinds={"html"},
    )
    def index() -> dg.MaterializeResult[Any]:
        path = draw()
        return dg.MaterializeResult(
            metadata={
                "file": dg.MetadataValue.path(path),
                "size_kb": round(path.stat().st_size / 1000, 1),
            }
        )

    return index
