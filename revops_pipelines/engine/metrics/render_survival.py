"""Renders Kaplan-Meier quantiles as SQL.

Belongs here: the estimate, its quantiles and their bounds. Does not: placing and breaking down
(`render`, `grouping`).

E. L. Kaplan and P. Meier, JASA 53 (1958) 457-481; variance by Greenwood (1926); a quantile's bounds
are where the curve's own bounds cross it (Brookmeyer and Crowley, Biometrics 38 (1982) 29-41).
Where the curve lies level on the quantile, the middle of that step is taken, as R's `survfit` does;
with nothing censored this is the ordinary median. Where everything is over, the curve is 0 and its
variance is not defined (`survfit` says NA): there it crosses no bound, so that one case alone has
no interval instead of one of no width.
"""

from __future__ import annotations

from revops_pipelines.engine.metrics.declaration import Series, Survival
from revops_pipelines.engine.metrics.grouping import (
    group_columns,
    in_groups,
    over_groups,
)

# The product of factors is a sum of logarithms, exact to about 1e-11; no step is that small.
TOLERANCE = "1e-9"

# Quantiles need every duration in order, group by group, so only months are broken down.
BROKEN_DOWN = ("month",)

NUMBERED = "cohorts.group_number, placed.duration, placed.is_observed"

# Groups are numbered, because sorting millions of rows by a number is what makes this fast.
COHORTS = """
SELECT
  sized.*,
  ROW_NUMBER() OVER (ORDER BY {group}) AS group_number
FROM sized
"""

LIFETIMES = """
SELECT
  group_number,
  CAST(duration AS DOUBLE) AS duration,
  SUM(CASE WHEN is_observed THEN 1 ELSE 0 END) AS events,
  COUNT(*) AS leaving
FROM numbered
GROUP BY group_number, CAST(duration AS DOUBLE)
"""

SURVIVING = """
SELECT
  group_number,
  duration,
  events,
  SUM(leaving) OVER (
    PARTITION BY group_number ORDER BY duration
    ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
  ) AS at_risk
FROM lifetimes
"""

CURVE = """
SELECT
  group_number,
  duration,
  CASE WHEN at_risk = events THEN 0
    ELSE EXP(SUM(CASE WHEN at_risk > events
      THEN LN(1 - CAST(events AS DOUBLE) / at_risk) ELSE 0 END) OVER line) END AS share,
  CASE WHEN at_risk > events THEN SQRT(SUM(CASE WHEN at_risk > events
    THEN CAST(events AS DOUBLE) / at_risk / (at_risk - events) ELSE 0 END) OVER line) END AS spread
FROM surviving
WHERE events > 0
WINDOW line AS (
  PARTITION BY group_number ORDER BY duration
  ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
)
"""

CROSSINGS = """
SELECT
  quantiles.metric,
  group_number,
  MIN(CASE WHEN share <= 1 - quantile + {tolerance} THEN duration END) AS reached_at,
  MIN(CASE WHEN share < 1 - quantile - {tolerance} THEN duration END) AS passed_at,
  MIN(CASE WHEN share * (1 - z * spread) <= 1 - quantile + {tolerance} THEN duration END) AS lower,
  MIN(CASE WHEN share * (1 + z * spread) <= 1 - quantile + {tolerance} THEN duration END) AS upper
FROM curve
CROSS JOIN quantiles
CROSS JOIN ops.parameters
GROUP BY quantiles.metric, group_number
"""

GROUPED = """
SELECT
  quantiles.metric,
  cohorts.*,
  NULL AS numerator,
  NULL AS denominator,
  (crossings.reached_at + COALESCE(crossings.passed_at, crossings.reached_at)) / 2 AS value,
  crossings.lower,
  crossings.upper
FROM cohorts
CROSS JOIN quantiles
LEFT JOIN crossings
  ON crossings.metric = quantiles.metric AND crossings.group_number = cohorts.group_number
"""


def survival_ctes(series: Series, survival: Survival) -> list[tuple[str, str]]:
    """(name, SQL) of the expressions from `placed` to `grouped`, in order."""
    sizes = f"COUNT(*) AS n,\n  {series.settled} AS is_settled"
    return [
        ("quantiles", _quantiles(series, survival)),
        ("sized", over_groups(series, sizes, "excluded IS NULL", grains=BROKEN_DOWN)),
        ("cohorts", COHORTS.format(group=", ".join(group_columns(series)))),
        ("numbered", in_groups(series, "cohorts", NUMBERED, "placed.excluded IS NULL")),
        ("lifetimes", LIFETIMES),
        ("surviving", SURVIVING),
        ("curve", CURVE),
        ("crossings", CROSSINGS.format(tolerance=TOLERANCE)),
        ("grouped", GROUPED),
    ]


def _quantiles(series: Series, survival: Survival) -> str:
    rows = ", ".join(
        f"('{series.metric}{suffix}', CAST({quantile} AS DOUBLE))"
        for suffix, quantile in survival.quantiles
    )
    return f"SELECT * FROM (VALUES {rows}) AS listed(metric, quantile)"
