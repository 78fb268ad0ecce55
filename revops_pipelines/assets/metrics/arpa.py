"""arpa: recurring revenue per paying customer."""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import CUSTOMER_DIMENSIONS, CUSTOMERS
from revops_pipelines.assets.metrics._stock import FACTS, STOCK_INPUTS
from revops_pipelines.engine.metrics.declaration import Example, Metric, Ratio, Series

# One row per customer: what a customer pays in several currencies, or through several
# subscriptions, is one account's revenue. Who is only partly valued is left out whole: half a
# customer's revenue over a whole customer would be too little.
PAYING = FACTS.format(
    stock="""(
  SELECT
    customer_id,
    period_start_on,
    CAST(NULL AS VARCHAR) AS currency,
    CASE WHEN MAX(CASE WHEN amount IS NULL THEN 1 ELSE 0 END) = 0 THEN SUM(amount) END AS amount
  FROM metrics.mrr
  GROUP BY customer_id, period_start_on
)"""
)

ARRIVED = """
SELECT
  movements.period_start_on AS fact_on,
  NULL AS excluded,
  movements.customer_id,
  customers.segment,
  customers.industry,
  customers.region,
  customers.owner,
  customers.team,
  movements.amount
FROM metrics.mrr_movements AS movements
LEFT JOIN paying_customers AS customers ON customers.customer_id = movements.customer_id
WHERE movements.movement = 'new'
"""

PER_CUSTOMER = Ratio(numerator="SUM(amount)", denominator="COUNT(*)")

METRIC = Metric(
    name="arpa",
    title="Average revenue per account",
    stage="expand",
    owner="finance",
    format="money",
    better="higher",
    formula="MRR at the end of the period / customers with MRR > 0 at its end",
    meaning=(
        "Monthly recurring revenue at the end of the period divided by the customers who pay it, "
        "however many subscriptions each has. Beside it the same of those customers alone who "
        "came in the period: what new customers start with."
    ),
    excludes=(
        "customers who pay nothing: trials, free plans, paused and unpaid subscriptions",
        "customers whose revenue could not be valued in full for want of a rate of exchange",
        "one-off sales and metered use, which are no recurring revenue",
    ),
    differs=(
        "ChartMogul divides the total MRR by the number of subscribers, as here, and calls the "
        "average of first purchases another chart, Average Sale Price; here that is `arpa_new` "
        "(https://help.chartmogul.com/hc/en-us/articles/203359301).",
        "ARPU of other articles divides all revenue, one-off sales included, by users; this is "
        "recurring revenue by paying customers.",
    ),
    inputs=(*STOCK_INPUTS, "metrics.mrr_movements", "ops.period_days"),
    series=(
        Series(
            metric="arpa",
            title="Average revenue per account",
            unit="money",
            facts=PAYING,
            subject="customer_id",
            fragments=(CUSTOMERS,),
            rollup=PER_CUSTOMER,
            grains=("month", "quarter"),
            dimensions=CUSTOMER_DIMENSIONS,
            is_placed=True,
        ),
        Series(
            metric="arpa_new",
            title="Average revenue per new account",
            unit="money",
            facts=ARRIVED,
            subject="customer_id",
            fragments=(CUSTOMERS,),
            rollup=PER_CUSTOMER,
            grains=("month", "quarter"),
            dimensions=CUSTOMER_DIMENSIONS,
        ),
    ),
    example=Example(
        story=(
            "Ada pays 100 and, for a second subscription, 20; Ben pays 60 from May on. In April "
            "the average is 120 / 1 = 120, in May (120 + 60) / 2 = 90, and May's new customer "
            "started with 60."
        ),
        tables={
            "subscription_periods": """
            subscription_id | customer_id | item_id | monthly_amount | valid_from_on
            s1 | ada | i1 | 100 | 2026-04-03
            s2 | ada | i2 | 20  | 2026-04-05
            s3 | ben | i3 | 60  | 2026-05-07
            """,
        },
        results=(
            ("arpa", "2026-04-01", "120"),
            ("arpa", "2026-05-01", "90"),
            ("arpa_new", "2026-05-01", "60"),
        ),
    ),
)
