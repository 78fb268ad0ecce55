"""Metrics of a very large company: rebuilt, by hand, in another order, step by step.

Belongs here: functions for a process of their own. Does not: what by hand means (`rebuild.py`),
making the company (`volume_company.py`), the same in pandas (`volume_pandas.py`), the order of runs
(`volume_suite.py`).
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cost import Cost, cpu_seconds, measured
from bench.rebuild import in_order, written_out
from bench.volume_company import opened, prepared

if TYPE_CHECKING:
    import duckdb

    from revops_pipelines.engine.metrics.declaration import Metric

# What must be the same however the rows came in: everything but the time of computing.
VALUES = "SELECT * EXCLUDE (computed_at) FROM {database}metrics.metric_values"


def rebuild(warehouse: str, only: Iterable[str] = ()) -> dict[str, Any]:
    """`build_metric` for every metric, or those named; what fails is told with its error.

    `by_metric` has CPU seconds.
    """
    import duckdb

    from revops_pipelines.engine.metrics.build import build_metric

    connection = prepared(warehouse)
    by_metric: dict[str, Any] = {}
    failed: dict[str, str] = {}
    rows = 0
    with measured() as cost:
        for metric in _wanted(only):
            began = cpu_seconds()
            try:
                built = build_metric(connection, metric)
            except duckdb.Error as error:
                failed[metric.name] = str(error).splitlines()[0]
                continue
            rows += built.rows + built.detail_rows
            by_metric[metric.name] = cpu_seconds() - began
    connection.close()
    return {
        **asdict(cost),
        "peak": peak(),
        "rows": rows,
        "by_metric": by_metric,
        "failed": failed,
    }


def paired(warehouse: str, runs: int, only: Iterable[str] = ()) -> dict[str, Any]:
    """Each metric in turns by the engine and by hand: seconds and CPU seconds of every run."""
    from revops_pipelines.engine.metrics.build import build_metric

    connection = prepared(warehouse)
    found: dict[str, Any] = {}
    for metric in _wanted(only):
        build_metric(connection, metric)  # what comes first reads the file from the disk
        by_hand = written_out(metric)
        costs: dict[str, list[Cost]] = {"engine": [], "hand": []}
        for _ in range(runs):
            costs["engine"].append(_cost(partial(build_metric, connection, metric)))
            costs["hand"].append(_cost(partial(by_hand, connection)))
        found[metric.name] = {
            f"{way}_{kind}": [getattr(cost, kind) for cost in each]
            for way, each in costs.items()
            for kind in ("wall", "cpu")
        }
    connection.close()
    return found


def restated(warehouse: str, published: str) -> dict[str, Any]:
    """What a night writes down of the closed periods that are not what they were in `published`.

    Where there is no such file it notes what the metrics mean, as the first night does.
    """
    from revops_pipelines.engine.metrics.restate import restate

    connection = prepared(warehouse)
    with measured() as cost:
        found = restate(connection, in_order(), Path(published))
    connection.close()
    return {**asdict(cost), "peak": peak(), "rows": len(found)}


def differences(one: str, other: str) -> dict[str, int]:
    """What is in one file and not in the other; nothing is {}.

    Of the values, how many rows by metric; of a detail table that is not the same, how many rows
    there are.
    """
    connection = opened(one)
    connection.execute(f"ATTACH '{other}' AS other (READ_ONLY)")
    mine, theirs = VALUES.format(database=""), VALUES.format(database="other.")
    rows = connection.execute(
        f"SELECT metric, count(*) FROM (({mine} EXCEPT ALL {theirs}) UNION ALL "
        f"({theirs} EXCEPT ALL {mine})) GROUP BY metric ORDER BY metric"
    ).fetchall()
    found = {str(metric): int(count) for metric, count in rows}
    for metric in in_order():
        if metric.detail is not None:
            table = f"metrics.{metric.detail.table}"
            count, summed = _summed(connection, table)
            if (count, summed) != _summed(connection, f"other.{table}"):
                found[table] = count
    connection.close()
    return found


def _summed(connection: duckdb.DuckDBPyConnection, table: str) -> tuple[int, int]:
    """Rows, and a sum over them that does not depend on their order."""
    row = connection.execute(
        f"SELECT count(*), sum(CAST(hash(held) AS HUGEINT)) FROM {table} AS held"
    ).fetchone()
    return (int(row[0]), int(row[1] or 0)) if row else (0, 0)


def peak() -> int:
    """The most memory that this process has held so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _wanted(only: Iterable[str]) -> list[Metric]:
    names = set(only)
    return [metric for metric in in_order() if not names or metric.name in names]


def _cost(work: Callable[[], object]) -> Cost:
    with measured() as cost:
        work()
    return cost
