"""quick_ratio: recurring revenue won for each unit of it lost."""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import (
    CUSTOMER_DIMENSIONS,
    CUSTOMER_FRAGMENTS,
    MONTH_INPUTS,
)
from revops_pipelines.engine.metrics.declaration import Benchmark, Example, Metric, Ratio, Series

FACTS = """
SELECT
  period_start_on AS fact_on,
  excluded,
  customer_id,
  segment, industry, region, owner, team,
  new_amount, expansion, reactivation, contraction, churn
FROM customer_months
WHERE new_amount + expansion + reactivation + contraction + churn > 0 OR excluded IS NOT NULL
"""

METRIC = Metric(
    name="quick_ratio",
    title="Quick ratio",
    stage="expand",
    owner="finance",
    format="multiple",
    better="higher",
    formula="(new + expansion + reactivation) / (contraction + churn)",
    meaning=(
        "Recurring revenue gained in the period for each unit of it lost: new, expansion and "
        "reactivation divided by contraction and churn. A period in which nothing was lost has no "
        "ratio and shows its two parts alone."
    ),
    excludes=(
        "the effect of rates of exchange",
        "customers whose revenue could not be valued for want of a rate of exchange",
    ),
    benchmark=Benchmark(
        text="above 4 is taken for healthy growth",
        source="https://www.firstofficer.io/saas-metrics-glossary/quick-ratio/",
        value=4.0,
    ),
    differs=(
        "ProfitWell and FirstOfficer leave reactivation out of what was gained "
        "(http://bssubs.net/saa-s-quick-ratio.html, "
        "https://www.firstofficer.io/saas-metrics-glossary/quick-ratio/); here a customer who "
        "comes back is revenue gained, as the one who left was revenue lost.",
        "The quick ratio of accountants is another number: liquid assets by current liabilities.",
    ),
    inputs=MONTH_INPUTS,
    series=(
        Series(
            metric="quick_ratio",
            title="Quick ratio",
            unit="times",
            facts=FACTS,
            subject="customer_id",
            fragments=CUSTOMER_FRAGMENTS,
            rollup=Ratio(
                numerator="SUM(new_amount + expansion + reactivation)",
                denominator="SUM(contraction + churn)",
            ),
            grains=("month", "quarter"),
            dimensions=CUSTOMER_DIMENSIONS,
        ),
    ),
    example=Example(
        story=(
            "In May Ada grows from 100 to 160, Ben comes for 30 and Cem falls from 50 to 20: "
            "(30 + 60) / 30 = 3."
        ),
        tables={
            "subscription_periods": """
            subscription_id | customer_id | item_id | monthly_amount | valid_from_on | valid_to_on
            s1 | ada | i1 | 100 | 2026-04-03 | 2026-05-03
            s1 | ada | i1 | 160 | 2026-05-03 |
            s2 | ben | i2 | 30  | 2026-05-07 |
            s3 | cem | i3 | 50  | 2026-04-01 | 2026-05-09
            s3 | cem | i3 | 20  | 2026-05-09 |
            """,
        },
        results=(("quick_ratio", "2026-05-01", "3"),),
    ),
)
