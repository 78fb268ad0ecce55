"""revenue_after_churn: revenue including new, less what was lost."""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import (
    CUSTOMER_DIMENSIONS,
    CUSTOMER_FRAGMENTS,
    MONTH_INPUTS,
)
from revops_pipelines.engine.metrics.declaration import Example, Metric, Ratio, Series

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
    formula="opening MRR + new + expansion + reactivation - contraction - churn",
    differs=(
        "Lists of formulas call sums of this kind, with new revenue among them, net revenue "
        "retention (revops.technology/100-revops-metrics-formula-example starts from the "
        "revenue at the end of the period). Retention is about customers who were there "
        "before: see net_revenue_retention.",
    ),
    example=Example(
        story=(
            "In May, of 250 at its start, one customer goes from 100 to 150, one comes with "
            "80, one leaves with 60 and one goes from 90 to 70: 250 + 50 + 80 - 60 - 20 = 300."
        ),
        tables={
            "subscription_periods": """
            subscription_id | customer_id | item_id | monthly_amount | valid_from_on | valid_to_on
            s1 | c1 | i1 | 100.00 | 2026-01-01 | 2026-05-10
            s1 | c1 | i1 | 150.00 | 2026-05-10 |
            s2 | c2 | i2 | 80.00 | 2026-05-05 |
            s3 | c3 | i3 | 60.00 | 2026-01-01 | 2026-05-20
            s4 | c4 | i4 | 90.00 | 2026-01-01 | 2026-05-25
            s4 | c4 | i4 | 70.00 | 2026-05-25 |
            """,
        },
        results=(("revenue_after_churn", "2026-05-01", "300"),),
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
