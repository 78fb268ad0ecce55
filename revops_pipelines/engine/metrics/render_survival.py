"""Renders Kaplan-Meier quantiles as SQL.

Belongs here: the estimate, its quantiles and their bounds. Does not: placing and breaking down
(`render`, `grouping`).

E. L. Kaplan and P. Meier, JASA 53 (1958) 457-481; variance by Greenwood (1926); a quantile's bounds
are where the curve's own bounds cross it (Brookmeyer and Crowley, Biometrics 38 (1982) 29-41).
Where the curve lies level on the quantile, the middle of that step is taken, as R's `survfit` does;
with nothing censored this is the ordinary median.
"""

from __future__ import annotations

from revops_pipelines.engine.metrics.declaration import Series, Survival
from revops_pipelines.engine.metrics.grouping import dimensions_of, grouping_sets

# The product of factors is a sum of logarithms, exact to about 1e-11; no step is that small.
TOLERANCE = "1e-9"

GROUP = "grain, period_start_on, dimensions"

SURVIVING = f"""
SELECT
  {GROUP},
  duration,
  events,
  is_settled,
  SUM(leaving) OVER (PARTITION BY {GROUP}) AS n,
  SUM(leaving) OVER (PARTITION BY {GROUP})
    - SUM(leaving) OVER (PARTITION BY {GROUP} ORDER BY duration) + leaving AS at_risk
FROM lifetimes
"""

CURVE = f"""
SELECT
  {GROUP},
  duration,
  CASE WHEN at_risk = events THEN 0
    ELSE EXP(SUM(CASE WHEN at_risk > events
      THEN LN(1 - CAST(events AS DOUBLE) / at_risk) ELSE 0 END)
      OVER (PARTITION BY {GROUP} ORDER BY duration)) END AS share,
  SQRT(SUM(CASE WHEN at_risk > events
    THEN CAST(events AS DOUBLE) / at_risk / (at_risk - events) ELSE 0 END)
    OVER (PARTITION BY {GROUP} ORDER BY duration)) AS spread
FROM surviving
WHERE events > 0
"""

COHORTS = f"""
SELECT {GROUP}, MAX(n) AS n, BOOL_AND(is_settled) AS is_settled
FROM surviving
GROUP BY {GROUP}
"""

CROSSINGS = f"""
SELECT
  quantiles.metric,
  {GROUP},
  MIN(CASE WHEN share <= 1 - quantile + {TOLERANCE} THEN duration END) AS reached_at,
  MIN(CASE WHEN share < 1 - quantile - {TOLERANCE} THEN duration END) AS passed_at,
  MIN(CASE WHEN share * (1 - z * spread) <= 1 - quantile + {TOLERANCE} THEN duration END) AS lower,
  MIN(CASE WHEN share * (1 + z * spread) <= 1 - quantile + {TOLERANCE} THEN duration END) AS upper
FROM curve
CROSS JOIN quantiles
CROSS JOIN ops.parameters
GROUP BY quantiles.metric, {GROUP}
"""

GROUPED = """
SELECT
  quantiles.metric,
  cohorts.grain,
  cohorts.period_start_on,
  cohorts.dimensions,
  NULL AS numerator,
  NULL AS denominator,
  cohorts.n,
  cohorts.is_settled,
  (crossings.reached_at + COALESCE(crossings.passed_at, crossings.reached_at)) / 2 AS value,
  crossings.lower,
  crossings.upper
FROM cohorts
CROSS JOIN quantiles
LEFT JOIN crossings
  ON crossings.metric = quantiles.metric
  AND crossings.grain = cohorts.grain
  AND crossings.period_start_on = cohorts.period_start_on
  AND crossings.dimensions = cohorts.dimensions
"""


def survival_ctes(series: Series, survival: Survival) -> list[tuple[str, str]]:
    """(name, SQL) of the expressions from `placed` to `grouped`, in order."""
    return [
        ("quantiles", _quantiles(series, survival)),
        ("lifetimes", _lifetimes(series)),
        ("surviving", SURVIVING),
        ("curve", CURVE),
        ("cohorts", COHORTS),
        ("crossings", CROSSINGS),
        ("grouped", GROUPED),
    ]


def _quantiles(series: Series, survival: Survival) -> str:
    rows = ", ".join(
        f"('{series.metric}{suffix}', CAST({quantile} AS DOUBLE))"
        for suffix, quantile in survival.quantiles
    )
    return f"SELECT * FROM (VALUES {rows}) AS listed(metric, quantile)"


def _lifetimes(series: Series) -> str:
    """How many left the group at each duration, and how many of them by the event."""
    return f"""
SELECT
  grain,
  period_start_on,
  {dimensions_of(series)} AS dimensions,
  CAST(duration AS DOUBLE) AS duration,
  SUM(CASE WHEN is_observed THEN 1 ELSE 0 END) AS events,
  COUNT(*) AS leaving,
  {series.settled} AS is_settled
FROM placed
WHERE excluded IS NULL
GROUP BY {grouping_sets(series, ("duration",))}
"""
