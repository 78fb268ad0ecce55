"""committed_arr: annual recurring revenue with what is signed and without what will end."""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import CUSTOMER_DIMENSIONS, CUSTOMERS
from revops_pipelines.assets.metrics._ledger import LEDGER
from revops_pipelines.assets.metrics._rates import RATES
from revops_pipelines.assets.metrics._stock import STOCK_INPUTS
from revops_pipelines.assets.metrics._terms import SPANS
from revops_pipelines.engine.metrics.declaration import (
    Example,
    Fragment,
    Identity,
    Metric,
    Ratio,
    Series,
)

# The last day of each month, and the instant up to whose end things were known then.
MONTH_ENDS = Fragment(
    "month_ends",
    """
WITH placed AS (
  SELECT 'month' AS grain, periods.period_start_on, periods.period_start_on AS month_start_on
  FROM ops.periods AS periods
  WHERE periods.grain = 'month'
  UNION ALL
  SELECT 'quarter', calendar.quarter_start_on, MAX(calendar.month_start_on)
  FROM ops.calendar AS calendar
  CROSS JOIN ops.parameters AS parameters
  WHERE calendar.day <= parameters.as_of_utc_on
  GROUP BY calendar.quarter_start_on
)
SELECT
  placed.grain,
  placed.period_start_on,
  placed.month_start_on,
  LEAST(months.period_end_on - 1, parameters.as_of_utc_on) AS last_on,
  months.ends_at
FROM placed
CROSS JOIN ops.parameters AS parameters
JOIN ops.periods AS months
  ON months.grain = 'month' AND months.period_start_on = placed.month_start_on
WHERE placed.month_start_on <= parameters.as_of_utc_on
""",
)

# What is signed and has not started adds only where its party neither pays nor is bound already:
# else it renews or replaces what runs, and its worth is in there.
FACTS = """
WITH paying AS (
  SELECT DISTINCT mrr.period_start_on, COALESCE(customers.account_id, mrr.customer_id) AS party
  FROM metrics.mrr AS mrr
  LEFT JOIN conformed.customers AS customers ON customers.customer_id = mrr.customer_id
), agreed AS (
  SELECT
    contracts.*,
    COALESCE(contracts.account_id, customers.account_id, contracts.customer_id) AS party
  FROM conformed.contracts AS contracts
  LEFT JOIN conformed.customers AS customers ON customers.customer_id = contracts.customer_id
), bound AS (
  SELECT DISTINCT month_ends.month_start_on, agreed.party
  FROM month_ends
  JOIN agreed
    ON agreed.starts_on <= month_ends.last_on
    AND COALESCE(agreed.ended_on, agreed.ends_on, DATE '9999-12-31') > month_ends.last_on
), waiting AS (
  SELECT
    month_ends.grain,
    month_ends.period_start_on,
    month_ends.month_start_on,
    agreed.customer_id,
    agreed.party,
    agreed.annual_amount,
    agreed.currency
  FROM month_ends
  CROSS JOIN ops.parameters AS parameters
  JOIN agreed
    ON agreed.starts_on > month_ends.last_on
    AND agreed.signed_at < month_ends.ends_at
    AND agreed.signed_at <= parameters.as_of_at
    AND (
      agreed._deleted_at IS NULL
      OR agreed._deleted_at >= LEAST(month_ends.ends_at, parameters.as_of_at)
    )
), parts AS (
  SELECT
    month_ends.grain,
    month_ends.period_start_on,
    'in_force' AS part,
    stock.customer_id,
    12 * SUM(stock.amount) AS amount,
    NULL AS excluded
  FROM metrics.mrr AS stock
  JOIN month_ends ON month_ends.month_start_on = stock.period_start_on
  WHERE stock.amount IS NOT NULL
  GROUP BY month_ends.grain, month_ends.period_start_on, stock.customer_id
  UNION ALL
  SELECT month_ends.grain, month_ends.period_start_on, 'in_force', stock.customer_id, NULL,
    'missing_rate'
  FROM metrics.mrr AS stock
  JOIN month_ends ON month_ends.month_start_on = stock.period_start_on
  WHERE stock.amount IS NULL
  UNION ALL
  SELECT
    month_ends.grain,
    month_ends.period_start_on,
    'scheduled_end',
    spans.customer_id,
    -12 * ROUND(spans.monthly_amount * rates.rate, 2),
    CASE WHEN rates.rate IS NULL THEN 'missing_rate' END
  FROM conformed.subscriptions AS subscriptions
  CROSS JOIN ops.parameters AS parameters
  JOIN spans ON spans.subscription_id = subscriptions.subscription_id
  JOIN month_ends
    ON spans.from_on <= month_ends.last_on
    AND COALESCE(spans.to_on, DATE '9999-12-31') > month_ends.last_on
    AND subscriptions.cancel_requested_at < month_ends.ends_at
    AND subscriptions.cancel_requested_at <= parameters.as_of_at
    AND COALESCE(subscriptions.ended_on, DATE '9999-12-31') > month_ends.last_on
  LEFT JOIN rates
    ON rates.currency = spans.currency AND rates.month_start_on = month_ends.month_start_on
  UNION ALL
  SELECT
    waiting.grain,
    waiting.period_start_on,
    'not_started',
    waiting.customer_id,
    ROUND(waiting.annual_amount * rates.rate, 2),
    CASE
      WHEN paying.party IS NOT NULL OR bound.party IS NOT NULL THEN 'follows_what_runs'
      WHEN waiting.annual_amount IS NULL THEN 'no_amount'
      WHEN rates.rate IS NULL THEN 'missing_rate'
    END
  FROM waiting
  LEFT JOIN paying
    ON paying.period_start_on = waiting.month_start_on AND paying.party = waiting.party
  LEFT JOIN bound
    ON bound.month_start_on = waiting.month_start_on AND bound.party = waiting.party
  LEFT JOIN rates
    ON rates.currency = waiting.currency AND rates.month_start_on = waiting.month_start_on
)
SELECT
  parts.grain,
  parts.period_start_on,
  parts.excluded,
  parts.customer_id,
  parts.part,
  customers.segment,
  customers.industry,
  customers.region,
  customers.owner,
  customers.team,
  parts.amount
FROM parts
LEFT JOIN paying_customers AS customers ON customers.customer_id = parts.customer_id
"""

METRIC = Metric(
    name="committed_arr",
    title="Committed ARR",
    stage="expand",
    owner="finance",
    format="money",
    better="higher",
    formula="ARR + a year of what is signed and not started - a year of what is known to end",
    meaning=(
        "Annual recurring revenue on the last day of the period, with a year's worth of "
        "agreements that were signed by then and start later, and without the subscriptions whose "
        "cancellation was asked for by then and that still run. The breakdown by part shows the "
        "three; both of the others are as they were known on that day."
    ),
    excludes=(
        "agreements of which nobody says when they were signed",
        "agreements that follow or replace what their party pays for or is bound to already "
        "(follows_what_runs): renewals add nothing",
        "ends that nobody asked for yet: failing payments, terms that will not be renewed",
        "agreements without an amount, amounts in a currency without a rate of exchange",
    ),
    differs=(
        "Definitions of contracted ARR add what is signed and not live and leave it there "
        "(https://www.pigment.com/glossary/contracted-annual-recurring-revenue-carr); others take "
        "known cancellations off as well "
        "(https://www.abacum.io/glossary/contracted-annual-recurring-revenue-carr), as here.",
        "Bookings are what was signed in a period; this is a stock at its end.",
    ),
    inputs=(
        *STOCK_INPUTS,
        "conformed.contracts",
        "conformed.fx_rates",
        "conformed.subscription_periods",
        "conformed.subscriptions",
        "ops.policies",
    ),
    series=(
        Series(
            metric="committed_arr",
            title="Committed ARR",
            unit="money",
            facts=FACTS,
            subject="customer_id",
            fragments=(CUSTOMERS, RATES, LEDGER, SPANS, MONTH_ENDS),
            rollup=Ratio(numerator="SUM(amount)"),
            grains=("month", "quarter"),
            dimensions=(("part",), *CUSTOMER_DIMENSIONS),
            is_placed=True,
        ),
    ),
    identities=(
        Identity(
            "in_force_is_arr",
            "The part in force is twelve times the recurring revenue of the month.",
            """
            SELECT value FROM metrics.metric_values AS part
            JOIN (
              SELECT period_start_on, 12 * SUM(amount) AS amount FROM metrics.mrr
              GROUP BY period_start_on
            ) AS arr ON arr.period_start_on = part.period_start_on
            WHERE part.metric = 'committed_arr' AND part.grain = 'month'
              AND json_extract_string(part.dimensions, '$.part') = 'in_force'
              AND part.value <> arr.amount
            """,
        ),
    ),
    example=Example(
        story=(
            "At the end of May Ada pays 100 a month and Ben 50; Ben asked on 20 May to leave in "
            "August. Cem signed on 25 May for 2,400 a year from July on. Committed are "
            "12 x 150 + 2,400 - 600 = 3,600."
        ),
        tables={
            "subscription_periods": """
            subscription_id | customer_id | item_id | monthly_amount | valid_from_on
            s1 | ada | i1 | 100 | 2026-03-03
            s2 | ben | i2 | 50  | 2026-03-05
            """,
            "subscriptions": """
            subscription_id | customer_id | cancel_requested_at
            s1 | ada |
            s2 | ben | 2026-05-20 10:00
            """,
            "contracts": """
            contract_id | customer_id | signed_at | starts_on | ends_on | annual_amount | currency
            1 | cem | 2026-05-25 10:00 | 2026-07-01 | 2027-07-01 | 2400 | USD
            """,
        },
        results=(("committed_arr", "2026-04-01", "1800"), ("committed_arr", "2026-05-01", "3600")),
    ),
)
