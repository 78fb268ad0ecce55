"""The report page as an asset.

Belongs here: what Dagster sees of the report. Does not: the page, which is handed in as `draw`.
"""

# Annotations stay objects here: Dagster compares the context's annotation with its classes.

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from revops_pipelines.assets.publish import PUBLISHED_KEY
from revops_pipelines.engine.factories.metadata import table

REPORT_KEY = dg.AssetKey(["report", "index"])


_COLUMNS = {
    "record": "string",
    "numerator": "float",
    "denominator": "float",
    "part_of_change": "float",
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """The report's page, and per metric the records that did most (identifiers and numbers)."""

    path: Path
    contributors: Mapping[str, Sequence[Mapping[str, Any]]]


def report_asset(draw: Callable[[], Drawn]) -> dg.AssetsDefinition:
    """`report/index`: the self-contained pages, drawn from the published snapshot.

    Each metric's asset is told its top contributors, so that they stand on its page in the UI.
    """

    @dg.asset(
        key=REPORT_KEY,
        deps=[PUBLISHED_KEY],
        description="Self-contained pages: the company, each team, maturity.",
        group_name="published",
        owners=["team:revenue-operations"],
        kinds={"html"},
    )
    def index(context: dg.AssetExecutionContext) -> Iterator[Any]:
        drawn = draw()
        for metric, rows in drawn.contributors.items():
            key = dg.AssetKey(["metrics", metric])
            metadata = {"top_contributors": table(_COLUMNS, [dict(row) for row in rows])}
            context.log_event(dg.AssetObservation(asset_key=key, metadata=metadata))
        yield dg.MaterializeResult(
            metadata={
                "file": dg.MetadataValue.path(drawn.path),
                "size_kb": round(drawn.path.stat().st_size / 1000, 1),
                "drill_downs": len(drawn.contributors),
            }
        )

    return index
