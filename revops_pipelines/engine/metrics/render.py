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
from revops_pipelines.engine.metrics.grouping import (
    dimensions_of,
    group_columns,
    over_groups,
    same_group,
)
from revops_pipelines.engine.metrics.render_survival import survival_ctes
from revops_pipelines.engine.metrics.tables import NUMBER

NOTHING: frozenset[str] = frozenset()


def render_fragment(fragment: Fragment) -> str:
    """The SELECT of a fragment, where those before it are tables already."""
    return fragment.sql.strip()


def render_detail(detail: Detail, shared: frozenset[str] = NOTHING) -> str:
    """The SELECT that fills a detail table, its columns cast to the declared types.

    Fragments in `shared` are left out: they are tables already. Where a model makes the table, it
    is the SELECT of what the model is given.
    """
    ctes = [*_fragments(detail.fragments, shared), cte("detail", detail.sql)]
    if detail.model is not None:
        return f"{with_clause(ctes)}\nSELECT * FROM detail"
    columns = ",\n".join(
        f"  CAST({column.name} AS {column.type}) AS {column.name}" for column in detail.columns
    )
    return f"{with_clause(ctes)}\nSELECT\n{columns}\nFROM detail"


def render_series(series: Series, shared: frozenset[str] = NOTHING) -> str:
    """The SELECT that yields the columns of `metrics.metric_values`.

    Fragments in `shared` are left out: they are tables already.
    """
    ctes = [
        *_fragments(series.fragments, shared),
        cte("facts", series.facts),
        cte("placed", _placed(series)),
        cte("left_out", _left_out(series)),
        cte("left_out_counts", LEFT_OUT_COUNTS.format(group=", ".join(group_columns(series)))),
        *_rolled_up(series),
    ]
    return f"{with_clause(ctes)}\n{_values(series)}"


def render_facts(series: Series, shared: frozenset[str] = NOTHING) -> str:
    """The SELECT of the facts, placed in their periods, dimensions as text.

    Columns: `grain`, `period_start_on`, `excluded`, those of `dimensions`, and what the facts have.
    """
    ctes = [
        *_fragments(series.fragments, shared),
        cte("facts", series.facts),
        cte("placed", _placed(series)),
    ]
    return f"{with_clause(ctes)}\nSELECT * FROM placed"


def cte(name: str, sql: str) -> str:
    """One common table expression."""
    return f"{name} AS (\n{indent(sql.strip(), '  ')}\n)"


def with_clause(ctes: Sequence[str]) -> str:
    """The WITH clause of several."""
    return "WITH " + ", ".join(ctes)


LEFT_OUT_COUNTS = """
SELECT
  {group},
  SUM(cases) AS n_excluded,
  CAST(
    '{{' || STRING_AGG('"' || excluded || '":' || CAST(cases AS VARCHAR), ',' ORDER BY excluded)
    || '}}' AS JSON
  ) AS excluded
FROM left_out
GROUP BY {group}
"""


def _fragments(fragments: Sequence[Fragment], shared: frozenset[str]) -> list[str]:
    return [
        cte(fragment.name, fragment.sql) for fragment in fragments if fragment.name not in shared
    ]


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
    return over_groups(series, "excluded,\n  COUNT(*) AS cases", "excluded IS NOT NULL", "excluded")


def _rolled_up(series: Series) -> list[str]:
    """Expressions that end in `grouped`: one row per metric, period and dimensions."""
    if isinstance(series.rollup, Survival):
        return [cte(name, sql) for name, sql in survival_ctes(series, series.rollup)]
    return [cte("grouped", _grouped(series, series.rollup)), cte("bounded", _bounded(series))]


def _grouped(series: Series, ratio: Ratio) -> str:
    aggregates = (
        f"{ratio.numerator} AS numerator,\n"
        f"  {ratio.denominator or 'NULL'} AS denominator,\n"
        f"  CAST({ratio.n} AS BIGINT) AS n,\n"
        f"  {series.settled} AS is_settled"
    )
    if ratio.bounds is not None:
        aggregates += ",\n  {} AS lower_bound,\n  {} AS upper_bound".format(*ratio.bounds)
    return over_groups(series, aggregates, "excluded IS NULL")


def _bounded(series: Series) -> str:
    ratio = series.rollup
    assert isinstance(ratio, Ratio)
    quotient = "CAST(numerator AS DOUBLE) / NULLIF(CAST(denominator AS DOUBLE), 0)"
    value = ratio.value or ("numerator" if ratio.denominator is None else quotient)
    lower, upper = _interval(ratio)
    return (
        f"SELECT\n  '{series.metric}' AS metric,\n  grouped.*,\n"
        f"  {value} AS value,\n  {lower} AS lower,\n  {upper} AS upper\n"
        f"FROM grouped\nCROSS JOIN ops.parameters"
    )


def _interval(ratio: Ratio) -> tuple[str, ...]:
    if ratio.bounds is not None:
        return "lower_bound", "upper_bound"
    return WILSON if ratio.interval == "wilson" else ("NULL", "NULL")


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
  {dimensions_of(series)} AS dimensions,
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
  ON {same_group(series, "left_out_counts", "rolled")}
WHERE periods.period_start_on <= parameters.as_of_on"""
