"""net_revenue_retention: what last year's customers pay now, of what they paid then."""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import (
    CUSTOMER_DIMENSIONS,
    CUSTOMER_FRAGMENTS,
    MONTH_INPUTS,
    YEAR_PAIRS,
)
from revops_pipelines.engine.metrics.declaration import Benchmark, Example, Metric, Ratio, Series

FACTS = """
SELECT *
FROM year_pairs
"""

METRIC = Metric(
    name="net_revenue_retention",
    title="Net revenue retention",
    stage="expand",
    owner="customer-success",
    format="percent",
    better="higher",
    meaning=(
        "Recurring revenue, at the end of the month, of the customers who paid twelve months "
        "before, divided by what they paid then."
    ),
    excludes=(
        "customers who were not paying twelve months before",
        "customers whose revenue could not be valued for want of a rate of exchange",
    ),
    benchmark=Benchmark(text="102 %", source="metric catalogue", value=1.02),
    formula="MRR now of the customers of twelve months ago / their MRR then",
    differs=(
        "Baremetrics looks back 30 days "
        "(changelog.baremetrics.com/new-metric-net-revenue-retention-2BOJIA): a monthly rate, "
        "not to be set beside a yearly one.",
        "ChartMogul's cohorts are the customers who started in one month, compared with their "
        "start (help.chartmogul.com/hc/en-us/articles/203359411); here they are all who paid "
        "twelve months ago, however long they had been there.",
        "A formula that starts from the revenue at the end of the period "
        "(revops.technology/100-revops-metrics-formula-example) has new customers in it; see "
        "revenue_after_churn.",
    ),
    example=Example(
        story=(
            "Two customers paid 100 each at the end of May 2025. A year later one pays 130 and "
            "one 50: 180 / 200 = 90 %. The customer of 500 who came in between is not asked."
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
        results=(("net_revenue_retention", "2026-05-01", "0.9"),),
    ),
    inputs=MONTH_INPUTS,
    series=(
        Series(
            metric="net_revenue_retention",
            title="Net revenue retention",
            unit="share",
            facts=FACTS,
            subject="customer_id",
            fragments=(*CUSTOMER_FRAGMENTS, YEAR_PAIRS),
            rollup=Ratio(numerator="SUM(amount_now)", denominator="SUM(amount_then)"),
            grains=("month",),
            dimensions=CUSTOMER_DIMENSIONS,
        ),
    ),
)
