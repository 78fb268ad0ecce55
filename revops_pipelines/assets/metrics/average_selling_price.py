"""average_selling_price: what a won deal is worth."""

from __future__ import annotations

from revops_pipelines.assets.metrics._deals import DEAL_FRAGMENTS, DEAL_INPUTS, MONEY_DIMENSIONS
from revops_pipelines.engine.metrics.declaration import Example, Metric, Ratio, Series, Survival

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
    formula="amount won / deals won",
    differs=(
        "ChartMogul's average sale price is the new business MRR of a period by the customers "
        "who subscribed for the first time (help.chartmogul.com/hc/en-us/articles/203359381): "
        "a monthly price from billing. Here it is the whole amount that the CRM holds of each "
        "deal won, expansions included.",
    ),
    example=Example(
        story=(
            "Three deals were won in May, for 1,000, 2,000 and 9,000. The average is 4,000, "
            "the median 2,000."
        ),
        tables={
            "opportunities": """
                opportunity_id | amount | is_closed | is_won | created_at | closed_at
                d1 | 1000 | true | true | 2026-03-02 09:00 | 2026-05-04 09:00
                d2 | 2000 | true | true | 2026-03-03 09:00 | 2026-05-11 09:00
                d3 | 9000 | true | true | 2026-03-04 09:00 | 2026-05-18 09:00
            """,
        },
        results=(
            ("average_selling_price", "2026-05-01", "4000"),
            ("average_selling_price_median", "2026-05-01", "2000"),
        ),
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
