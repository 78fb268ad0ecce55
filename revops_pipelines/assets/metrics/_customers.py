"""Who pays, and what each customer's month looked like, shared by the metrics of the third stage.

Belongs here: fragments over customers and `metrics.mrr_movements`. Does not: any metric.
"""

from __future__ import annotations

from revops_pipelines.engine.metrics.declaration import Fragment, each

CUSTOMER_DIMENSIONS = each("segment", "industry", "region", "owner", "team")

# What the CRM knows of the company stands in where the billing system does not say.
CUSTOMERS = Fragment(
    "paying_customers",
    """
SELECT
  customers.customer_id,
  COALESCE(customers.segment, accounts.segment) AS segment,
  COALESCE(customers.industry, accounts.industry) AS industry,
  COALESCE(customers.region, accounts.region) AS region,
  accounts.owner_id AS owner,
  users.team
FROM conformed.customers AS customers
LEFT JOIN conformed.accounts AS accounts ON accounts.account_id = customers.account_id
LEFT JOIN conformed.users AS users ON users.user_id = accounts.owner_id
""",
)

# One row per customer and closed month, with movements as positive amounts. A month that could not
# be valued, now or one month before, for want of a rate of exchange says nothing about retention.
CUSTOMER_MONTHS = Fragment(
    "customer_months",
    """
WITH unvalued AS (
  SELECT DISTINCT customer_id, period_start_on
  FROM metrics.mrr
  WHERE amount IS NULL
), months AS (
  SELECT
    customer_id,
    period_start_on,
    MAX(opening_mrr) AS opening,
    MAX(closing_mrr) AS closing,
    SUM(CASE WHEN movement = 'new' THEN amount ELSE 0 END) AS new_amount,
    SUM(CASE WHEN movement = 'expansion' THEN amount ELSE 0 END) AS expansion,
    SUM(CASE WHEN movement = 'contraction' THEN -amount ELSE 0 END) AS contraction,
    SUM(CASE WHEN movement = 'churn' THEN -amount ELSE 0 END) AS churn,
    SUM(CASE WHEN movement = 'reactivation' THEN amount ELSE 0 END) AS reactivation
  FROM metrics.mrr_movements
  GROUP BY customer_id, period_start_on
)
SELECT
  months.*,
  unvalued.customer_id IS NOT NULL AS is_unvalued,
  CASE WHEN unvalued.customer_id IS NOT NULL OR unvalued_before.customer_id IS NOT NULL
    THEN 'missing_rate' END AS excluded,
  customers.segment,
  customers.industry,
  customers.region,
  customers.owner,
  customers.team
FROM months
JOIN ops.periods AS periods
  ON periods.grain = 'month' AND periods.period_start_on = months.period_start_on
LEFT JOIN unvalued
  ON unvalued.customer_id = months.customer_id
  AND unvalued.period_start_on = months.period_start_on
LEFT JOIN unvalued AS unvalued_before
  ON unvalued_before.customer_id = months.customer_id
  AND unvalued_before.period_start_on = periods.previous_start_on
LEFT JOIN paying_customers AS customers ON customers.customer_id = months.customer_id
""",
)

# Customers who paid twelve months before a closed month, and what they pay in it.
YEAR_PAIRS = Fragment(
    "year_pairs",
    """
SELECT
  periods.period_start_on AS fact_on,
  CASE WHEN year_before.is_unvalued OR present.is_unvalued THEN 'missing_rate' END AS excluded,
  year_before.customer_id,
  year_before.closing AS amount_then,
  COALESCE(present.closing, 0) AS amount_now,
  year_before.segment,
  year_before.industry,
  year_before.region,
  year_before.owner,
  year_before.team
FROM customer_months AS year_before
JOIN ops.periods AS periods
  ON periods.grain = 'month'
  AND periods.is_closed
  AND periods.year_before_start_on = year_before.period_start_on
LEFT JOIN customer_months AS present
  ON present.customer_id = year_before.customer_id
  AND present.period_start_on = periods.period_start_on
WHERE year_before.closing > 0 OR year_before.is_unvalued
""",
)

CUSTOMER_FRAGMENTS = (CUSTOMERS, CUSTOMER_MONTHS)
CUSTOMER_INPUTS = ("conformed.accounts", "conformed.customers", "conformed.users")
MONTH_INPUTS = (
    *CUSTOMER_INPUTS,
    "metrics.mrr",
    "metrics.mrr_movements",
    "ops.parameters",
    "ops.period_days",
    "ops.periods",
)
