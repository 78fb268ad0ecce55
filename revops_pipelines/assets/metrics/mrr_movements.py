"""mrr_movements: what changed recurring revenue, customer by customer, month by month."""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import (
    CUSTOMER_DIMENSIONS,
    CUSTOMER_INPUTS,
    CUSTOMERS,
)
from revops_pipelines.engine.metrics.declaration import (
    Detail,
    DetailColumn,
    Example,
    Identity,
    Metric,
    Ratio,
    Series,
)

# Per currency, what the opening amount gained or lost by the month's rate alone is `fx`; the rest
# of a change between two paying months is expansion or contraction. From nothing to something is
# new the first time and reactivation after, to nothing is churn, with the whole amount. Where one
# of the two months could not be valued for want of a rate, the change says something of our
# knowledge and nothing of the customer: restatement.
MOVEMENTS = """
WITH stocks AS (
  SELECT
    stock.customer_id,
    stock.period_start_on,
    stock.local_amount,
    stock.amount,
    stock.rate,
    before.local_amount AS opening_local,
    before.amount AS opening_amount
  FROM metrics.mrr AS stock
  JOIN ops.periods AS periods
    ON periods.grain = 'month' AND periods.period_start_on = stock.period_start_on
  LEFT JOIN metrics.mrr AS before
    ON before.customer_id = stock.customer_id
    AND before.currency = stock.currency
    AND before.period_start_on = periods.previous_start_on
  WHERE periods.is_closed
), valued AS (
  SELECT
    customer_id,
    period_start_on,
    SUM(COALESCE(amount, 0)) AS closing,
    SUM(COALESCE(
      -- Of several months' rates together, `rate` is rounded.
      CASE WHEN opening_local = local_amount THEN amount ELSE ROUND(opening_local * rate, 2) END
        - opening_amount, 0)) AS fx,
    MAX(CASE WHEN amount IS NULL THEN 1 ELSE 0 END) AS is_unvalued
  FROM stocks
  GROUP BY customer_id, period_start_on
), spans AS (
  SELECT customer_id, MIN(period_start_on) AS first_month_on
  FROM valued
  GROUP BY customer_id
), months AS (
  SELECT
    spans.customer_id,
    periods.period_start_on,
    COALESCE(valued.closing, 0) AS closing,
    COALESCE(valued.fx, 0) AS fx,
    COALESCE(valued.is_unvalued, 0) AS is_unvalued
  FROM spans
  JOIN ops.periods AS periods
    ON periods.grain = 'month'
    AND periods.is_closed
    AND periods.period_start_on >= spans.first_month_on
  LEFT JOIN valued
    ON valued.customer_id = spans.customer_id
    AND valued.period_start_on = periods.period_start_on
), bridged AS (
  SELECT
    customer_id,
    period_start_on,
    closing,
    fx,
    COALESCE(LAG(closing) OVER line, 0) AS opening,
    is_unvalued + COALESCE(LAG(is_unvalued) OVER line, 0) > 0 AS is_restated,
    ROW_NUMBER() OVER line = 1 AS is_first
  FROM months
  WINDOW line AS (PARTITION BY customer_id ORDER BY period_start_on)
), classified AS (
  SELECT
    customer_id,
    period_start_on,
    opening,
    closing,
    CASE WHEN opening > 0 AND closing > 0 AND NOT is_restated THEN fx ELSE 0 END AS fx,
    CASE
      WHEN is_restated THEN 'restatement'
      WHEN opening = 0 AND is_first THEN 'new'
      WHEN opening = 0 THEN 'reactivation'
      WHEN closing = 0 THEN 'churn'
      WHEN closing - opening - fx > 0 THEN 'expansion'
      ELSE 'contraction'
    END AS movement
  FROM bridged
)
SELECT period_start_on, customer_id, movement, closing - opening - fx AS amount,
  opening AS opening_mrr, closing AS closing_mrr
FROM classified
WHERE closing - opening - fx <> 0
UNION ALL
SELECT period_start_on, customer_id, 'fx', fx, opening, closing
FROM classified
WHERE fx <> 0
UNION ALL
SELECT period_start_on, customer_id, 'none', 0, opening, closing
FROM classified
WHERE fx = 0 AND closing = opening
"""

FACTS = """
SELECT
  movements.period_start_on AS fact_on,
  NULL AS excluded,
  movements.customer_id,
  movements.movement,
  customers.segment,
  customers.industry,
  customers.region,
  customers.owner,
  customers.team,
  movements.amount
FROM metrics.mrr_movements AS movements
LEFT JOIN paying_customers AS customers ON customers.customer_id = movements.customer_id
WHERE movements.movement <> 'none'
"""

METRIC = Metric(
    name="mrr_movements",
    title="Net change of recurring revenue",
    stage="expand",
    owner="finance",
    format="money",
    better="higher",
    meaning=(
        "New, expansion, contraction, churn, reactivation and the effect of rates of exchange, "
        "summed over customers; the breakdown by movement is the bridge from one month's MRR to "
        "the next. Losses are negative, so that opening + movements = closing, per customer and "
        "month, to the cent."
    ),
    excludes=("the running month", "nothing else: what cannot be valued is a restatement"),
    formula="new + reactivation + expansion - contraction - churn + effect of exchange rates",
    differs=(
        "ChartMogul lists every change on its day: what a customer adds and gives up within a "
        "month is an expansion and a contraction "
        "(help.chartmogul.com/hc/en-us/articles/201244842). Here a customer's month is the "
        "difference of its two ends, and such a pair is no movement.",
        "Stripe has the same movements and an adjustment for exchange rates "
        "(docs.stripe.com/billing/subscriptions/analytics/glossary).",
    ),
    example=Example(
        story=(
            "In May one customer goes from 100 to 150 (expansion 50), one comes with 80 (new), "
            "one leaves with 60 (churn) and one goes from 90 to 70 (contraction 20): 50 + 80 - "
            "60 - 20 = 50."
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
        results=(("mrr_movements", "2026-05-01", "50"),),
    ),
    inputs=(
        *CUSTOMER_INPUTS,
        "metrics.mrr",
        "metrics.mrr_movements",
        "ops.parameters",
        "ops.period_days",
        "ops.periods",
    ),
    series=(
        Series(
            metric="mrr_movements",
            title="Net change of recurring revenue",
            unit="money",
            facts=FACTS,
            subject="customer_id",
            fragments=(CUSTOMERS,),
            rollup=Ratio(numerator="SUM(amount)"),
            grains=("month", "quarter"),
            dimensions=(("movement",), *CUSTOMER_DIMENSIONS),
        ),
    ),
    detail=Detail(
        table="mrr_movements",
        description=(
            "One row per customer, month and movement, in base currency, from the customer's "
            "first month to the last closed one; `none` where nothing moved."
        ),
        key=("period_start_on", "customer_id", "movement"),
        columns=(
            DetailColumn("period_start_on", "DATE", "First day of the month."),
            DetailColumn("customer_id", "VARCHAR", "Customer."),
            DetailColumn(
                "movement",
                "VARCHAR",
                "new, expansion, contraction, churn, reactivation, fx, restatement or none.",
            ),
            DetailColumn("amount", "DECIMAL(18,2)", "Change; losses are negative."),
            DetailColumn("opening_mrr", "DECIMAL(18,2)", "At the end of the month before."),
            DetailColumn("closing_mrr", "DECIMAL(18,2)", "At the end of the month."),
        ),
        sql=MOVEMENTS,
    ),
    identities=(
        Identity(
            "movements_close",
            "Opening MRR and the movements make the closing MRR, per customer and month.",
            """
            SELECT customer_id, period_start_on FROM metrics.mrr_movements
            GROUP BY customer_id, period_start_on
            HAVING MAX(opening_mrr) + SUM(amount) <> MAX(closing_mrr)
                OR MAX(opening_mrr) <> MIN(opening_mrr) OR MAX(closing_mrr) <> MIN(closing_mrr)
            """,
        ),
        Identity(
            "months_join",
            "A month opens with what the month before closed with.",
            """
            WITH months AS (
              SELECT customer_id, period_start_on, MAX(opening_mrr) AS opening_mrr,
                MAX(closing_mrr) AS closing_mrr
              FROM metrics.mrr_movements GROUP BY customer_id, period_start_on
            ), joined AS (
              SELECT customer_id, period_start_on, opening_mrr,
                LAG(closing_mrr) OVER (PARTITION BY customer_id ORDER BY period_start_on) AS before
              FROM months
            )
            SELECT customer_id, period_start_on FROM joined
            WHERE opening_mrr <> COALESCE(before, 0)
            """,
        ),
    ),
)
