"""The Dagster assets of the metrics.

Belongs here: what Dagster sees of a metric: its header, dependencies, headline, plot, lineage. Does
not: computing it (`engine.metrics`).
"""

# Annotations stay objects here: Dagster compares the context's annotation with its classes.

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import dagster as dg
import duckdb

from revops_pipelines.engine.factories.metadata import column_schema, same_named_lineage
from revops_pipelines.engine.metrics.build import Built, build_metric
from revops_pipelines.engine.metrics.declaration import Identity, Metric
from revops_pipelines.engine.metrics.tables import VALUES
from revops_pipelines.engine.needs import Warehouse

LAYER = "metrics"


def metric_key(metric: str) -> dg.AssetKey:
    """The asset key of a metric: `metrics/<metric>`."""
    return dg.AssetKey([LAYER, metric])


def metric_asset(
    metric: Metric, available: Mapping[dg.AssetKey, Collection[str]]
) -> dg.AssetsDefinition:
    """The asset of one metric.

    `available` maps the assets that exist to their columns: an input whose table no source feeds is
    an empty table, not a dependency.
    """
    key = metric_key(metric.name)
    reads = {_input_key(name) for name in metric.inputs} & set(available) - {key}
    columns, meanings = _columns(metric)

    @dg.asset(
        key=key,
        deps=sorted(reads),
        description=_description(metric),
        group_name=f"{LAYER}_{metric.stage}",
        owners=[f"team:{metric.owner}"],
        kinds={"duckdb", "sql"},
        required_resource_keys={"warehouse"},
        check_specs=[
            dg.AssetCheckSpec(identity.name, asset=key, description=identity.holds)
            for identity in metric.identities
        ],
        metadata={
            "dagster/column_schema": column_schema(columns, meanings),
            "dagster/column_lineage": same_named_lineage(
                columns, {read: available[read] for read in sorted(reads)}
            ),
            "sql": dg.MetadataValue.md(f"```sql\n{metric.rendered_sql}\n```"),
            "unit": metric.unit,
            "good_is": metric.better,
        },
    )
    def build(context: dg.AssetExecutionContext) -> Iterator[Any]:
        warehouse: Warehouse = context.resources.warehouse
        with warehouse.get_connection() as connection:
            built = build_metric(connection, metric)
            checks = [_held(connection, key, identity) for identity in metric.identities]
        yield dg.MaterializeResult(asset_key=key, metadata=_metadata(built))
        yield from checks

    return build


def _held(
    connection: duckdb.DuckDBPyConnection, key: dg.AssetKey, identity: Identity
) -> dg.AssetCheckResult:
    row = connection.execute(f"SELECT COUNT(*) FROM ({identity.broken})").fetchone()
    broken = int(row[0]) if row else 0
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=identity.name,
        passed=not broken,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "rows_that_break_it": broken,
            "sql": dg.MetadataValue.md(f"```sql\n{identity.broken}\n```"),
        },
    )


def metric_columns(metric: Metric) -> tuple[str, ...]:
    """The columns that others may read of a metric's table."""
    return tuple(_columns(metric)[0])


def _columns(metric: Metric) -> tuple[dict[str, str], dict[str, str]]:
    if metric.detail is None:
        return (
            {name: type_ for name, (type_, _) in VALUES.items()},
            {name: meaning for name, (_, meaning) in VALUES.items()},
        )
    return (
        {column.name: column.type for column in metric.detail.columns},
        {column.name: column.description for column in metric.detail.columns},
    )


def _input_key(name: str) -> dg.AssetKey:
    """`conformed.leads` is `conformed/leads`; everything in `ops` comes with its parameters."""
    schema, _, table = name.partition(".")
    return dg.AssetKey([schema, "parameters" if schema == "ops" else table])


def _description(metric: Metric) -> str:
    parts = [f"**{metric.title}**", metric.meaning]
    if metric.excludes:
        parts.append("Left out: " + "; ".join(metric.excludes) + ".")
    if metric.benchmark is not None:
        parts.append(f"Benchmark: {metric.benchmark.text} ({metric.benchmark.source}).")
    return "\n\n".join(parts)


def _metadata(built: Built) -> dict[str, Any]:
    """Numbers that Dagster plots over time: the headline, what it rests on, the table's size."""
    metadata: dict[str, Any] = {
        "dagster/row_count": built.rows,
        "seconds": round(built.seconds, 3),
    }
    if built.detail_rows:
        metadata["detail_rows"] = built.detail_rows
    metadata |= {name: value for name, value in built.headline.items() if value is not None}
    if built.headline_on is not None:
        metadata["headline_month"] = built.headline_on.isoformat()[:7]
    return metadata
