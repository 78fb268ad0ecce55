"""revenue_after_churn: revenue including new, less what was lost."""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import (
    CUSTOMER_DIMENSIONS,
    CUSTOMER_FRAGMENTS,
    MONTH_INPUTS,
)
from revops_pipelines.engine.metrics.declaration import Metric, Ratio, Series

FACTS = """
SELECT
  period_start_on AS fact_on,
  excluded,
  customer_id,
  segment, industry, region, owner, team,
  opening, closing, new_amount, expansion, reactivation, contraction, churn
FROM customer_months
WHERE opening > 0 OR closing > 0
"""

METRIC = Metric(
    name="revenue_after_churn",
    title="Revenue after churn",
    stage="expand",
    owner="finance",
    format="money",
    better="higher",
    meaning=(
        "Opening recurring revenue plus new, expansion and reactivation, less contraction and "
        "churn of the month. Articles call this sum net revenue retention; it has no denominator "
        "and includes new customers, so it is money and never published under that name."
    ),
    excludes=(
        "the effect of rates of exchange",
        "customers whose revenue could not be valued for want of a rate of exchange",
    ),
    inputs=MONTH_INPUTS,
    series=(
        Series(
            metric="revenue_after_churn",
            title="Revenue after churn",
            unit="money",
            facts=FACTS,
            subject="customer_id",
            fragments=CUSTOMER_FRAGMENTS,
            rollup=Ratio(
                numerator="SUM(opening + new_amount + expansion + reactivation"
                " - contraction - churn)"
            ),
            grains=("month",),
            dimensions=CUSTOMER_DIMENSIONS,
        ),
    ),
)
