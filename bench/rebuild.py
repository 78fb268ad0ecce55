"""The metrics rebuilt by the engine, and by the same SQL run by hand.

Belongs here: both ways, each a function for a process of its own. Does not: how the warehouse got
its rows (`nights.py`).

By hand means: DuckDB on the same file, one transaction per metric, the statements of its
`rendered_sql`; a detail that a model makes is selected, modelled and inserted, as anybody would do
by hand. Both replace the rows that are there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cost import measured

if TYPE_CHECKING:
    import duckdb

    from revops_pipelines.engine.metrics.declaration import Detail, Metric


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
    """The statements of every metric, one after another."""
    from revops_pipelines.engine.warehouse.open import open_warehouse

    rebuilds = [written_out(metric) for metric in in_order()]
    connection = open_warehouse(Path(warehouse))
    with measured() as cost:
        for rebuild in rebuilds:
            rebuild(connection)
    connection.close()
    return {**asdict(cost), "metrics": len(rebuilds)}


def written_out(metric: Metric) -> Callable[[duckdb.DuckDBPyConnection], None]:
    """The rebuild of one metric by hand, its SQL at hand."""
    from revops_pipelines.engine.metrics.render import render_detail, render_series
    from revops_pipelines.engine.metrics.tables import VALUE_COLUMNS

    ids = ", ".join(f"'{name}'" for name in metric.published)
    detail = metric.detail
    select = "" if detail is None else render_detail(detail)
    inserts = [
        f"INSERT INTO metrics.metric_values ({', '.join(VALUE_COLUMNS)}) {render_series(series)}"
        for series in metric.series
    ]

    def rebuild(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute("BEGIN")
        connection.execute(f"DELETE FROM metrics.metric_values WHERE metric IN ({ids})")
        if detail is not None:
            _replace_detail(connection, detail, select)
        for insert in inserts:
            connection.execute(insert)
        connection.execute("COMMIT")

    return rebuild


def _replace_detail(connection: duckdb.DuckDBPyConnection, detail: Detail, select: str) -> None:
    if detail.model is None:
        connection.execute(f"CREATE OR REPLACE TABLE metrics.{detail.table} AS {select}")
        return
    connection.execute(f"CREATE OR REPLACE TEMP TABLE by_hand AS {select}")
    modelled = detail.model(connection.execute("SELECT * FROM temp.by_hand").df())
    connection.register("modelled_by_hand", modelled)
    columns = ", ".join(
        f"CAST({column.name} AS {column.type}) AS {column.name}" for column in detail.columns
    )
    connection.execute(
        f"CREATE OR REPLACE TABLE metrics.{detail.table} AS SELECT {columns} FROM modelled_by_hand"
    )
    connection.unregister("modelled_by_hand")
    connection.execute("DROP TABLE temp.by_hand")
