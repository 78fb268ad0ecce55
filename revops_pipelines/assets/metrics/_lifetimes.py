"""How long customers stay and what they pay meanwhile, shared by what is made of lifetimes.

Belongs here: fragments over `metrics.mrr_movements`, and the fit of each month's lifetimes. Does
not: any metric, or the distribution (`_shifted_beta_geometric`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revops_pipelines.assets.metrics._customers import CUSTOMER_FRAGMENTS
from revops_pipelines.engine.metrics.declaration import Fragment

if TYPE_CHECKING:
    import pandas as pd

# One row per customer and closed month: what is paid at its end, and of the twelve months up to it
# those at whose start the customer paid, and those in which it left.
CUSTOMER_YEARS = Fragment(
    "customer_years",
    """
WITH counted AS (
  SELECT
    customer_months.*,
    CASE WHEN excluded IS NULL AND opening > 0 THEN 1 ELSE 0 END AS is_at_risk,
    CASE WHEN excluded IS NULL AND opening > 0 AND churn > 0 THEN 1 ELSE 0 END AS is_lost
  FROM customer_months
), years AS (
  SELECT
    counted.*,
    SUM(is_at_risk) OVER twelve_months AS at_risk,
    SUM(is_lost) OVER twelve_months AS lost
  FROM counted
  WINDOW twelve_months AS (
    PARTITION BY customer_id ORDER BY period_start_on ROWS BETWEEN 11 PRECEDING AND CURRENT ROW
  )
)
SELECT
  years.period_start_on,
  years.excluded,
  years.customer_id,
  years.segment,
  years.industry,
  years.region,
  years.owner,
  years.team,
  years.closing,
  CASE WHEN years.closing > 0 THEN 1 ELSE 0 END AS is_paying,
  years.at_risk,
  years.lost,
  CAST(parameters.gross_margin_share AS DOUBLE) AS margin,
  parameters.z
FROM years
CROSS JOIN ops.parameters AS parameters
WHERE years.closing > 0 OR years.at_risk > 0 OR years.excluded IS NOT NULL
""",
)

LIFETIME_FRAGMENTS = (*CUSTOMER_FRAGMENTS, CUSTOMER_YEARS)

# A customer's life, for the fit, begins with the first month paid and ends with the first without:
# what comes after a return is another story. A month that could not be valued ends what is known.
LIVES = """
WITH months AS (
  SELECT period_start_on, ROW_NUMBER() OVER (ORDER BY period_start_on) AS place
  FROM ops.periods
  WHERE grain = 'month'
), starts AS (
  SELECT customer_id, period_start_on AS started_on
  FROM metrics.mrr_movements
  WHERE movement = 'new'
), ends AS (
  SELECT customer_months.customer_id, MIN(customer_months.period_start_on) AS ended_on
  FROM customer_months
  JOIN starts ON starts.customer_id = customer_months.customer_id
  WHERE customer_months.period_start_on > starts.started_on
    AND (customer_months.churn > 0 OR customer_months.excluded IS NOT NULL)
  GROUP BY customer_months.customer_id
), renewals AS (
  SELECT
    customer_months.period_start_on,
    COALESCE(customer_months.segment, 'unknown') AS segment,
    months.place - first_months.place AS age,
    CASE WHEN customer_months.churn > 0 THEN 1 ELSE 0 END AS is_lost
  FROM customer_months
  JOIN starts ON starts.customer_id = customer_months.customer_id
  JOIN months ON months.period_start_on = customer_months.period_start_on
  JOIN months AS first_months ON first_months.period_start_on = starts.started_on
  LEFT JOIN ends ON ends.customer_id = customer_months.customer_id
  WHERE customer_months.period_start_on > starts.started_on
    AND (ends.ended_on IS NULL OR customer_months.period_start_on <= ends.ended_on)
    AND customer_months.excluded IS NULL
), counted AS (
  SELECT period_start_on, segment, age, COUNT(*) AS at_risk, SUM(is_lost) AS lost
  FROM renewals
  GROUP BY period_start_on, segment, age
  UNION ALL
  SELECT period_start_on, '(all)', age, COUNT(*), SUM(is_lost)
  FROM renewals
  GROUP BY period_start_on, age
)
SELECT
  counted.period_start_on,
  counted.segment,
  counted.age,
  CAST(counted.at_risk AS BIGINT) AS at_risk,
  CAST(counted.lost AS BIGINT) AS lost,
  parameters.min_n,
  parameters.z
FROM counted
CROSS JOIN ops.parameters AS parameters
"""

FITTED = (
    "period_start_on",
    "segment",
    "lives",
    "losses",
    "alpha",
    "beta",
    "expected_months",
    "lower_months",
    "upper_months",
)


def fitted_lifetimes(renewals: pd.DataFrame) -> pd.DataFrame:
    """A fit for each segment and month, to all renewals up to it.

    `renewals` has `period_start_on`, `segment`, `age` (1 is the first renewal), `at_risk`, `lost`,
    and the settings `min_n` and `z` in every row. Fewer than `min_n` customers before their first
    renewal give a row without a fit.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for segment, of_segment in renewals.groupby("segment", sort=True):
        risks = _so_far(of_segment, "at_risk")
        losses = _so_far(of_segment, "lost")
        min_n, z = int(of_segment["min_n"].iloc[0]), float(of_segment["z"].iloc[0])
        for month in risks.index:
            fitted = _fitted(risks.loc[month], losses.loc[month], min_n, z)
            rows.append({"period_start_on": month, "segment": segment, **fitted})
    return pd.DataFrame(rows, columns=list(FITTED))


def _so_far(renewals: pd.DataFrame, column: str) -> pd.DataFrame:
    """Month by age: the counts of all months up to each."""
    counts = renewals.pivot_table(
        index="period_start_on", columns="age", values=column, aggfunc="sum", fill_value=0
    )
    ages = range(1, int(counts.columns.max()) + 1)
    return counts.sort_index().reindex(columns=ages, fill_value=0).cumsum()


def _fitted(risks: pd.Series[Any], losses: pd.Series[Any], min_n: int, z: float) -> dict[str, Any]:
    from revops_pipelines.assets.metrics._shifted_beta_geometric import fit

    at_risk, lost = risks.to_numpy(dtype=float), losses.to_numpy(dtype=float)
    counts = {"lives": int(at_risk[0]), "losses": int(lost.sum())}
    if counts["lives"] < min_n:
        return counts
    found = fit(at_risk, lost, z)
    return counts | {
        "alpha": found.alpha,
        "beta": found.beta,
        "expected_months": found.expected_months,
        "lower_months": found.lower_months,
        "upper_months": found.upper_months,
    }
