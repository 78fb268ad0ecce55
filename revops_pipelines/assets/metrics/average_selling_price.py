"""average_selling_price: what a won deal is worth."""

from __future__ import annotations

from revops_pipelines.assets.metrics._deals import DEAL_FRAGMENTS, DEAL_INPUTS, MONEY_DIMENSIONS
from revops_pipelines.engine.metrics.declaration import Metric, Ratio, Series, Survival

FACTS = """
SELECT
  closed_on AS fact_on,
  COALESCE(excluded, excluded_money) AS excluded,
  opportunity_id,
  segment, industry, region, owner, team, channel, kind, currency,
  amount,
  amount AS duration,
  TRUE AS is_observed
FROM deals
WHERE is_won
"""

METRIC = Metric(
    name="average_selling_price",
    title="Average selling price",
    stage="execute",
    owner="sales-operations",
    format="money",
    better="higher",
    meaning=(
        "Amount won divided by deals won, by the day they closed, in the base currency at the "
        "rate of that month; the median stands beside it. The amount is the one that the CRM "
        "holds: whether it is a year's or the whole contract's value is the CRM's convention."
    ),
    excludes=(
        "renewals",
        "deleted and merged deals, and deals of exactly zero",
        "deals without amount, currency or rate of exchange",
    ),
    inputs=DEAL_INPUTS,
    series=(
        Series(
            metric="average_selling_price",
            title="Average selling price",
            unit="money",
            facts=FACTS,
            subject="opportunity_id",
            fragments=DEAL_FRAGMENTS,
            rollup=Ratio(numerator="SUM(amount)", denominator="COUNT(*)"),
            dimensions=MONEY_DIMENSIONS,
        ),
        Series(
            metric="average_selling_price_median",
            title="Median selling price",
            unit="money",
            facts=FACTS,
            subject="opportunity_id",
            fragments=DEAL_FRAGMENTS,
            rollup=Survival(),
            dimensions=MONEY_DIMENSIONS,
        ),
    ),
)
