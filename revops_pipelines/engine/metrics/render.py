"""Turns a declaration into the SQL text that computes it.

Belongs here: placing facts in periods, rolling them up by dimension, intervals, maturity. Does not:
what a fact is (the metric's file). The text is plain DuckDB SQL without parameters, so that it can
be read, reviewed and run by hand on the published file.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import indent

from revops_pipelines.engine.metrics.declaration import (
    Detail,
    Fragment,
    Ratio,
    Series,
    Survival,
)
from revops_pipelines.engine.metrics.grouping import dimensions_of, grouping_sets
from revops_pipelines.engine.metrics.render_survival import survival_ctes
from revops_pipelines.engine.metrics.tables import NUMBER


def render_detail(detail: Detail) -> str:
    """The SELECT that fills a detail table, its columns cast to the declared types."""
    ctes = [*_fragments(detail.fragments), cte("detail", detail.sql)]
    columns = ",\n".join(
        f"  CAST({column.name} AS {column.type}) AS {column.name}" for column in detail.columns
    )
    return f"{with_clause(ctes)}\nSELECT\n{columns}\nFROM detail\nORDER BY {', '.join(detail.key)}"


def render_series(series: Series) -> str:
    """The SELECT that yields the columns of `metrics.metric_values`."""
    ctes = [
        *_fragments(series.fragments),
        cte("facts", series.facts),
        cte("placed", _placed(series)),
        cte("left_out", _left_out(series)),
        cte("left_out_counts", LEFT_OUT_COUNTS),
        *_rolled_up(series),
    ]
    return f"{with_clause(ctes)}\n{_values(series)}"


def cte(name: str, sql: str) -> str:
    """One common table expression."""
    return f"{name} AS (\n{indent(sql.strip(), '  ')}\n)"


def with_clause(ctes: Sequence[str]) -> str:
    """The WITH clause of several."""
    return "WITH " + ", ".join(ctes)


LEFT_OUT_COUNTS = """
SELECT
  grain,
  period_start_on,
  dimensions,
  SUM(cases) AS n_excluded,
  CAST('{' || STRING_AGG('"' || excluded || '":' || CAST(cases AS VARCHAR), ',' ORDER BY excluded)
    || '}' AS JSON) AS excluded
FROM left_out
GROUP BY grain, period_start_on, dimensions
"""


def _fragments(fragments: Sequence[Fragment]) -> list[str]:
    return [cte(fragment.name, fragment.sql) for fragment in fragments]


def _placed(series: Series) -> str:
    """Facts with their periods, their dimensions as text."""
    columns = sorted({column for dimension in series.dimensions for column in dimension})
    shown = "".join(
        f",\n    COALESCE(CAST(facts.{column} AS VARCHAR), 'unknown') AS {column}"
        for column in columns
    )
    rest = f" EXCLUDE ({', '.join(columns)})" if columns else ""
    grains = ", ".join(f"'{grain}'" for grain in series.grains)
    if series.is_placed:
        return f"SELECT\n    facts.*{rest}{shown}\nFROM facts\nWHERE facts.grain IN ({grains})"
    return (
        f"SELECT\n    days.grain,\n    days.period_start_on,\n    facts.*{rest}{shown}\n"
        f"FROM facts\nJOIN ops.period_days AS days\n"
        f"  ON days.day = facts.fact_on AND days.grain IN ({grains})"
    )


def _left_out(series: Series) -> str:
    return (
        f"SELECT\n  grain,\n  period_start_on,\n  {dimensions_of(series)} AS dimensions,\n"
        f"  excluded,\n  COUNT(*) AS cases\nFROM placed\nWHERE excluded IS NOT NULL\n"
        f"GROUP BY {grouping_sets(series, ('excluded',))}"
    )


def _rolled_up(series: Series) -> list[str]:
    """Expressions that end in `grouped`: one row per metric, period and dimensions."""
    if isinstance(series.rollup, Survival):
        return [cte(name, sql) for name, sql in survival_ctes(series, series.rollup)]
    return [cte("grouped", _grouped(series, series.rollup)), cte("bounded", _bounded(series))]


def _grouped(series: Series, ratio: Ratio) -> str:
    return (
        f"SELECT\n  '{series.metric}' AS metric,\n  grain,\n  period_start_on,\n"
        f"  {dimensions_of(series)} AS dimensions,\n"
        f"  CAST({ratio.numerator} AS {NUMBER}) AS numerator,\n"
        f"  CAST({ratio.denominator or 'NULL'} AS {NUMBER}) AS denominator,\n"
        f"  CAST({ratio.n} AS BIGINT) AS n,\n"
        f"  {series.settled} AS is_settled\n"
        f"FROM placed\nWHERE excluded IS NULL\nGROUP BY {grouping_sets(series)}"
    )


def _bounded(series: Series) -> str:
    ratio = series.rollup
    assert isinstance(ratio, Ratio)
    quotient = "CAST(numerator AS DOUBLE) / NULLIF(CAST(denominator AS DOUBLE), 0)"
    value = ratio.value or ("numerator" if ratio.denominator is None else quotient)
    lower, upper = WILSON if ratio.interval == "wilson" else ("NULL", "NULL")
    return (
        f"SELECT\n  grouped.*,\n  {value} AS value,\n  {lower} AS lower,\n  {upper} AS upper\n"
        f"FROM grouped\nCROSS JOIN ops.parameters"
    )


# Wilson's score interval: E. B. Wilson, JASA 22 (1927) 209-212.
_CENTRE = "numerator / denominator + z * z / (2 * denominator)"
_HALF = (
    "z * SQRT(GREATEST(0, numerator / denominator * (1 - numerator / denominator) / denominator"
    " + z * z / (4 * denominator * denominator)))"
)
WILSON = tuple(
    f"CASE WHEN denominator > 0 THEN\n    {outer}(({_CENTRE} {sign} {_HALF})"
    f" / (1 + z * z / denominator), {limit}) END"
    for outer, sign, limit in (("GREATEST", "-", "0"), ("LEAST", "+", "1"))
)


def _values(series: Series) -> str:
    source = "grouped" if isinstance(series.rollup, Survival) else "bounded"
    numbers = ",\n".join(
        f"  CAST(rolled.{name} AS {NUMBER}) AS {name}"
        for name in ("value", "numerator", "denominator")
    )
    return f"""SELECT
  rolled.metric,
  rolled.grain,
  rolled.period_start_on,
  periods.period_end_on,
  rolled.dimensions,
{numbers},
  rolled.n,
  COALESCE(left_out_counts.n_excluded, 0) AS n_excluded,
  periods.period_end_on + {series.mature_after_days} <= parameters.as_of_on
    AND rolled.is_settled AS is_mature,
  CAST(rolled.lower AS {NUMBER}) AS lower,
  CAST(rolled.upper AS {NUMBER}) AS upper,
  '{series.unit}' AS unit,
  parameters.policy,
  parameters.as_of_at,
  parameters.computed_at,
  COALESCE(left_out_counts.excluded, CAST('{{}}' AS JSON)) AS excluded
FROM {source} AS rolled
JOIN ops.periods AS periods
  ON periods.grain = rolled.grain AND periods.period_start_on = rolled.period_start_on
CROSS JOIN ops.parameters AS parameters
LEFT JOIN left_out_counts
  ON left_out_counts.grain = rolled.grain
  AND left_out_counts.period_start_on = rolled.period_start_on
  AND left_out_counts.dimensions = rolled.dimensions
WHERE periods.period_start_on <= parameters.as_of_on"""
