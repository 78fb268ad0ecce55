"""arr: annual recurring revenue, twelve times the monthly."""

from __future__ import annotations

from revops_pipelines.assets.metrics._stock import STOCK_INPUTS, stock_series
from revops_pipelines.engine.metrics.declaration import Example, Metric

METRIC = Metric(
    name="arr",
    title="Annual recurring revenue",
    stage="expand",
    owner="finance",
    format="money",
    better="higher",
    meaning="Twelve times the monthly recurring revenue in force on the last day of the period.",
    excludes=(
        "trials, free plans, paused and unpaid subscriptions, metered items",
        "amounts in a currency without a rate of exchange",
    ),
    formula="12 x MRR",
    differs=(
        "ChartMogul's annual run rate is the same, MRR x 12 "
        "(help.chartmogul.com/hc/en-us/articles/203299892). The annual recurring revenue that "
        "it tells from it is confirmed by contracts of a year and more "
        "(chartmogul.com/lp/arr-analytics); months that may be cancelled are in ours.",
    ),
    example=Example(
        story=(
            "At the end of May one customer pays 100 a month, one 1,200 a year, which is 100 a "
            "month, and one 50 euros at a rate of 1.10. A trial is worth nothing, and who left "
            "on the 15th is gone: 12 x 255 = 3,060."
        ),
        tables={
            "subscription_periods": """
    subscription_id | customer_id | status | monthly_amount | currency | valid_from_on | valid_to_on
    s1 | c1 | active | 100.00 | USD | 2026-01-01 |
    s2 | c2 | active | 100.00 | USD | 2026-02-10 |
    s3 | c3 | active | 50.00 | EUR | 2026-03-01 |
    s4 | c4 | trialing | 0.00 | USD | 2026-05-20 |
    s5 | c5 | active | 70.00 | USD | 2026-01-01 | 2026-05-15
            """,
            "fx_rates": """
    currency | rate | valid_on
    EUR | 1.10 | 2026-05-01
            """,
        },
        results=(("arr", "2026-05-01", "3060"),),
    ),
    inputs=STOCK_INPUTS,
    series=stock_series("arr", "Annual recurring revenue", "12 * SUM(amount)"),
)
