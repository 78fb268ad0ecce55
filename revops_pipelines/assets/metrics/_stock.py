"""The stock of recurring revenue as facts, shared by its monthly and its annual form.

Belongs here: placing `metrics.mrr` into periods. Does not: any metric.
"""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import CUSTOMER_INPUTS

# A quarter's stock is that of its last month, or of the present month while it runs.
STOCK_FACTS = """
WITH placed_months AS (
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
  placed_months.grain,
  placed_months.period_start_on,
  CASE WHEN stock.amount IS NULL THEN 'missing_rate' END AS excluded,
  customers.segment,
  customers.industry,
  customers.region,
  customers.owner,
  customers.team,
  stock.currency,
  stock.customer_id,
  stock.amount
FROM metrics.mrr AS stock
JOIN placed_months ON placed_months.month_start_on = stock.period_start_on
LEFT JOIN paying_customers AS customers ON customers.customer_id = stock.customer_id
"""

STOCK_INPUTS = (
    *CUSTOMER_INPUTS,
    "metrics.mrr",
    "ops.calendar",
    "ops.parameters",
    "ops.periods",
)
