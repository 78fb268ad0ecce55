"""The metrics rebuilt by the engine, and by the same SQL run by hand.

Belongs here: both ways, each a function for a process of its own. Does not: how the warehouse got
its rows (`nights.py`).

By hand means: DuckDB on the same file, one transaction per metric, the statements of its
`rendered_sql`. Both replace the rows that are there.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.cost import measured


def in_order() -> list[Any]:
    """All metrics, each after those whose tables it reads."""
    from revops_pipelines.assets import metrics as plugins
    from revops_pipelines.engine.metrics.declaration import Metric
    from revops_pipelines.engine.registry import discover

    waiting = discover(plugins, Metric)
    ordered: list[Any] = []
    while waiting:
        ready = [
            name
            for name, metric in waiting.items()
            if not {f"metrics.{other}" for other in waiting if other != name} & set(metric.inputs)
        ]
        ordered += [waiting.pop(name) for name in ready]
    return ordered


def engine(warehouse: str) -> dict[str, Any]:
    """`build_metric` for every metric."""
    from revops_pipelines.engine.metrics.build import build_metric
    from revops_pipelines.engine.warehouse.open import open_warehouse

    metrics = in_order()
    connection = open_warehouse(Path(warehouse))
    with measured() as cost:
        built = {metric.name: build_metric(connection, metric) for metric in metrics}
    connection.close()
    return {
        **asdict(cost),
        "metrics": len(metrics),
        "rows": sum(each.rows for each in built.values()),
        "by_metric": {name: each.seconds for name, each in built.items()},
    }


def by_hand(warehouse: str) -> dict[str, Any]:
    """The rendered SQL of every metric, statement by statement."""
    from revops_pipelines.engine.metrics.render import render_detail, render_series
    from revops_pipelines.engine.metrics.tables import VALUE_COLUMNS
    from revops_pipelines.engine.warehouse.open import open_warehouse

    columns = ", ".join(VALUE_COLUMNS)
    scripts = [
        (
            metric,
            [f"DELETE FROM metrics.metric_values WHERE metric IN {_listed(metric.published)}"]
            + (
                [
                    f"CREATE OR REPLACE TABLE metrics.{metric.detail.table} AS "
                    f"{render_detail(metric.detail)}"
                ]
                if metric.detail
                else []
            )
            + [
                f"INSERT INTO metrics.metric_values ({columns}) {render_series(series)}"
                for series in metric.series
            ],
        )
        for metric in in_order()
    ]
    connection = open_warehouse(Path(warehouse))
    with measured() as cost:
        for _, statements in scripts:
            connection.execute("BEGIN")
            for statement in statements:
                connection.execute(statement)
            connection.execute("COMMIT")
    connection.close()
    return {**asdict(cost), "metrics": len(scripts)}


def _listed(names: tuple[str, ...]) -> str:
    return "(" + ", ".join(f"'{name}'" for name in names) + ")"
