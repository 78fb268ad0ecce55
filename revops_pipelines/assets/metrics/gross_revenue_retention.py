"""gross_revenue_retention: what last year's customers still pay, without their growth."""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import (
    CUSTOMER_DIMENSIONS,
    CUSTOMER_FRAGMENTS,
    MONTH_INPUTS,
    YEAR_PAIRS,
)
from revops_pipelines.engine.metrics.declaration import Example, Metric, Ratio, Series

FACTS = """
SELECT *
FROM year_pairs
"""

METRIC = Metric(
    name="gross_revenue_retention",
    title="Gross revenue retention",
    stage="expand",
    owner="customer-success",
    format="percent",
    better="higher",
    meaning=(
        "Recurring revenue, at the end of the month, of the customers who paid twelve months "
        "before, each counted at most with what it paid then, divided by what they paid then. "
        "One customer's growth never hides another's loss."
    ),
    excludes=(
        "customers who were not paying twelve months before",
        "customers whose revenue could not be valued for want of a rate of exchange",
    ),
    formula="sum of min(MRR then, MRR now) per customer / MRR then",
    differs=(
        "Usually told by sums of movements, (starting MRR - churn - contraction) / starting "
        "MRR (theprimecalculator.com/business/gross-retention-rate-calculator/formula). Over a "
        "year a customer who goes down and up again has lost there, and one who grew and then "
        "shrank has lost more than it grew from; here each is compared with itself, a year "
        "apart.",
    ),
    example=Example(
        story=(
            "Two customers paid 100 each at the end of May 2025. A year later one pays 130, "
            "which counts as 100, and one 50: 150 / 200 = 75 %."
        ),
        tables={
            "subscription_periods": """
            subscription_id | customer_id | item_id | monthly_amount | valid_from_on | valid_to_on
            s1 | c1 | i1 | 100.00 | 2025-01-01 | 2026-02-01
            s1 | c1 | i1 | 130.00 | 2026-02-01 |
            s2 | c2 | i2 | 100.00 | 2025-01-01 | 2026-03-01
            s2 | c2 | i2 | 50.00 | 2026-03-01 |
            s3 | c3 | i3 | 500.00 | 2025-11-01 |
            """,
        },
        results=(("gross_revenue_retention", "2026-05-01", "0.75"),),
    ),
    inputs=MONTH_INPUTS,
    series=(
        Series(
            metric="gross_revenue_retention",
            title="Gross revenue retention",
            unit="share",
            facts=FACTS,
            subject="customer_id",
            fragments=(*CUSTOMER_FRAGMENTS, YEAR_PAIRS),
            rollup=Ratio(
                numerator="SUM(LEAST(amount_then, amount_now))", denominator="SUM(amount_then)"
            ),
            grains=("month",),
            dimensions=CUSTOMER_DIMENSIONS,
        ),
    ),
)
