"""mrr: monthly recurring revenue in force at the end of a period."""

from __future__ import annotations

from revops_pipelines.assets.metrics._ledger import LEDGER
from revops_pipelines.assets.metrics._rates import RATES
from revops_pipelines.assets.metrics._stock import STOCK_INPUTS, stock_series
from revops_pipelines.engine.metrics.declaration import (
    Detail,
    DetailColumn,
    Example,
    Metric,
)

# A period is in the stock of a month if it began by its last day and ends after it; so it enters
# with the month of its first day and leaves with the month of its end, and the stock is a running
# total. It is valued per customer and currency, not per item, so that rounding happens once.
STOCK = """
WITH changes AS (
  SELECT ledger.customer_id, ledger.currency, calendar.month_start_on, SUM(ledger.change) AS change
  FROM ledger
  JOIN ops.calendar AS calendar ON calendar.day = ledger.changes_on
  GROUP BY ledger.customer_id, ledger.currency, calendar.month_start_on
), spans AS (
  SELECT customer_id, currency, MIN(month_start_on) AS first_month_on
  FROM changes
  GROUP BY customer_id, currency
), months AS (
  SELECT spans.customer_id, spans.currency, periods.period_start_on
  FROM spans
  CROSS JOIN ops.parameters AS parameters
  JOIN ops.periods AS periods
    ON periods.grain = 'month'
    AND periods.period_start_on >= spans.first_month_on
    AND periods.period_start_on <= parameters.as_of_utc_on
), stocks AS (
  SELECT
    months.customer_id,
    months.currency,
    months.period_start_on,
    SUM(COALESCE(changes.change, 0)) OVER (
      PARTITION BY months.customer_id, months.currency ORDER BY months.period_start_on
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS local_amount
  FROM months
  LEFT JOIN changes
    ON changes.customer_id = months.customer_id
    AND changes.currency = months.currency
    AND changes.month_start_on = months.period_start_on
)
SELECT
  stocks.period_start_on,
  stocks.customer_id,
  stocks.currency,
  stocks.local_amount,
  rates.rate,
  ROUND(CAST(stocks.local_amount AS DECIMAL(18,2)) * rates.rate, 2) AS amount
FROM stocks
LEFT JOIN rates
  ON rates.currency = stocks.currency AND rates.month_start_on = stocks.period_start_on
WHERE stocks.local_amount > 0
"""

METRIC = Metric(
    name="mrr",
    title="Monthly recurring revenue",
    stage="expand",
    owner="finance",
    format="money",
    better="higher",
    meaning=(
        "Monthly value of all subscription items in force on the last day of the period, after "
        "discounts and before tax, in the base currency at the rate of that month. Past-due "
        "subscriptions count for `past_due_days`. The running month is valued as of now."
    ),
    excludes=(
        "trials, free plans, paused and unpaid subscriptions, metered items",
        "amounts in a currency without a rate of exchange, which are listed in metrics.mrr "
        "without an amount",
    ),
    formula=(
        "sum of the monthly value of all paid subscription items in force at the end of the period"
    ),
    differs=(
        "Stripe counts active and past-due subscriptions without limit until they are "
        "cancelled or marked unpaid "
        "(docs.stripe.com/billing/subscriptions/analytics/glossary); here a past-due one "
        "counts for `past_due_days`.",
        "Stripe takes off coupons that last forever and leaves others out "
        "(support.stripe.com/questions/billing-analytics); here every discount counts while it "
        "is in force.",
        "Both leave out taxes, trials, free plans and metered items.",
    ),
    example=Example(
        story=(
            "At the end of May one customer pays 100 a month, one 1,200 a year, which is 100 a "
            "month, and one 50 euros at a rate of 1.10. A trial is worth nothing, and who left "
            "on the 15th is gone: 100 + 100 + 55 = 255."
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
        results=(("mrr", "2026-05-01", "255"),),
    ),
    inputs=(
        *STOCK_INPUTS,
        "conformed.fx_rates",
        "conformed.subscription_periods",
    ),
    series=stock_series("mrr", "Monthly recurring revenue", "SUM(amount)"),
    detail=Detail(
        table="mrr",
        description="One row per customer, currency and month with recurring revenue at its end.",
        key=("period_start_on", "customer_id", "currency"),
        columns=(
            DetailColumn("period_start_on", "DATE", "First day of the month."),
            DetailColumn("customer_id", "VARCHAR", "Customer."),
            DetailColumn("currency", "VARCHAR", "Currency of the subscriptions."),
            DetailColumn("local_amount", "DECIMAL(18,2)", "Monthly value in that currency."),
            DetailColumn("rate", "DECIMAL(24,10)", "Base currency for one unit; null if missing."),
            DetailColumn("amount", "DECIMAL(18,2)", "In base currency; null where no rate holds."),
        ),
        sql=STOCK,
        fragments=(RATES, LEDGER),
    ),
)
