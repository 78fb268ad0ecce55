"""Breakdowns as SQL: the grouping sets of a series and the JSON that names a group.

Belongs here: how dimensions become text. Does not: what is aggregated over them (`render`).
"""

from __future__ import annotations

from collections.abc import Sequence

from revops_pipelines.engine.metrics.declaration import NO_DIMENSION, Dimension, Series


def dimensions_of(series: Series) -> str:
    """SQL: the JSON that names a group's breakdown; a rolled-up column is null there."""
    cases = "".join(
        f"\n    WHEN {dimension[0]} IS NOT NULL THEN json_object({_pairs(dimension)})"
        for dimension in series.dimensions
    )
    total = "CAST('{}' AS JSON)"
    return f"CASE{cases}\n    ELSE {total} END" if cases else total


def _pairs(dimension: Dimension) -> str:
    return ", ".join(f"'{column}', {column}" for column in dimension)


def grouping_sets(series: Series, more: Sequence[str] = ()) -> str:
    """SQL: the total and every breakdown, per period."""
    sets = [
        f"  ({', '.join(('grain', 'period_start_on', *dimension, *more))})"
        for dimension in (NO_DIMENSION, *series.dimensions)
    ]
    return "GROUPING SETS (\n" + ",\n".join(sets) + "\n)"
