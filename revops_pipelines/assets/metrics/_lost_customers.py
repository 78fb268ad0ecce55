"""Customers who paid at the start of a month, whether they left in it, and why.

Belongs here: the fragment over customers' months and endings. Does not: any metric.
"""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import MONTH_INPUTS
from revops_pipelines.engine.metrics.declaration import Fragment

# Why a customer left: what its subscriptions that ended in the month say; where none ended, an
# unpaid one means that payment failed and a paused one that the customer wanted it so.
LOST_CUSTOMERS = Fragment(
    "lost_customers",
    """
WITH endings AS (
  SELECT
    subscriptions.customer_id,
    calendar.month_start_on AS period_start_on,
    MAX(CASE WHEN subscriptions.cancel_reason = 'involuntary' THEN 1 ELSE 0 END) AS involuntary,
    MAX(CASE WHEN subscriptions.cancel_reason = 'voluntary' THEN 1 ELSE 0 END) AS voluntary
  FROM conformed.subscriptions AS subscriptions
  JOIN ops.calendar AS calendar ON calendar.day = subscriptions.ended_on
  GROUP BY subscriptions.customer_id, calendar.month_start_on
), lost AS (
  SELECT customer_months.customer_id, customer_months.period_start_on, periods.period_end_on
  FROM customer_months
  JOIN ops.periods AS periods
    ON periods.grain = 'month' AND periods.period_start_on = customer_months.period_start_on
  WHERE customer_months.churn > 0
), stopped AS (
  SELECT
    lost.customer_id,
    lost.period_start_on,
    MAX(CASE WHEN ledger.status = 'unpaid' THEN 1 ELSE 0 END) AS unpaid,
    MAX(CASE WHEN ledger.status = 'paused' THEN 1 ELSE 0 END) AS paused
  FROM lost
  JOIN conformed.subscription_periods AS ledger
    ON ledger.customer_id = lost.customer_id
    AND ledger.valid_from_on < lost.period_end_on
    AND (ledger.valid_to_on IS NULL OR ledger.valid_to_on >= lost.period_end_on)
  WHERE ledger.status IN ('unpaid', 'paused')
  GROUP BY lost.customer_id, lost.period_start_on
)
SELECT
  months.period_start_on AS fact_on,
  months.excluded,
  months.customer_id,
  months.segment,
  months.industry,
  months.region,
  months.owner,
  months.team,
  months.opening,
  months.expansion,
  months.contraction,
  months.churn,
  months.churn > 0 AS is_lost,
  CASE
    WHEN months.churn = 0 THEN NULL
    WHEN endings.involuntary = 1 THEN 'involuntary'
    WHEN endings.voluntary = 1 THEN 'voluntary'
    WHEN stopped.unpaid = 1 THEN 'involuntary'
    WHEN stopped.paused = 1 THEN 'voluntary'
  END AS reason
FROM customer_months AS months
LEFT JOIN endings
  ON endings.customer_id = months.customer_id
  AND endings.period_start_on = months.period_start_on
LEFT JOIN stopped
  ON stopped.customer_id = months.customer_id
  AND stopped.period_start_on = months.period_start_on
WHERE months.opening > 0
""",
)

LOST_INPUTS = (
    *MONTH_INPUTS,
    "conformed.subscription_periods",
    "conformed.subscriptions",
    "ops.calendar",
)

# A month's rate kept up for a year: what is left of what is left, twelve times.
ANNUAL = "1 - POWER(1 - CAST(numerator AS DOUBLE) / NULLIF(CAST(denominator AS DOUBLE), 0), 12)"
