"""gross_mrr_churn: the share of opening recurring revenue lost in a month."""

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
  opening, expansion, contraction, churn
FROM customer_months
WHERE opening > 0
"""

METRIC = Metric(
    name="gross_mrr_churn",
    title="Gross revenue churn",
    stage="expand",
    owner="customer-success",
    format="percent",
    better="lower",
    meaning=(
        "Churn and contraction of the month, of the recurring revenue at its start. What other "
        "customers gained does not count against it."
    ),
    excludes=(
        "expansion, new and reactivated revenue, the effect of rates of exchange",
        "customers whose revenue could not be valued for want of a rate of exchange",
    ),
    inputs=MONTH_INPUTS,
    series=(
        Series(
            metric="gross_mrr_churn",
            title="Gross revenue churn",
            unit="share",
            facts=FACTS,
            subject="customer_id",
            fragments=CUSTOMER_FRAGMENTS,
            rollup=Ratio(numerator="SUM(churn + contraction)", denominator="SUM(opening)"),
            grains=("month",),
            dimensions=CUSTOMER_DIMENSIONS,
        ),
    ),
)
