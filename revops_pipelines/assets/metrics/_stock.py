"""The stock of recurring revenue as facts, shared by its monthly and its annual form.

Belongs here: placing `metrics.mrr` into periods. Does not: any metric.
"""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import (
    CUSTOMER_DIMENSIONS,
    CUSTOMER_INPUTS,
    CUSTOMERS,
)
from revops_pipelines.engine.metrics.declaration import Ratio, Series

# A quarter's stock is that of its last month, or of the present month while it runs.
PLACED_MONTHS = """placed_months AS (
  SELECT 'month' AS grain, periods.period_start_on, periods.period_start_on AS month_start_on
  FROM ops.periods AS periods
  WHERE periods.grain = 'month'
  UNION ALL
  SELECT 'quarter', calendar.quarter_start_on, MAX(calendar.month_start_on)
  FROM ops.calendar AS calendar
  CROSS JOIN ops.parameters AS parameters
  WHERE calendar.day <= parameters.as_of_utc_on
  GROUP BY calendar.quarter_start_on
)"""
FACTS = f"""
WITH {PLACED_MONTHS}
SELECT
  placed_months.grain,
  placed_months.period_start_on,
  CASE WHEN stock.amount IS NULL THEN 'missing_rate' END AS excluded,
  stock.customer_id,
  customers.segment,
  customers.industry,
  customers.region,
  customers.owner,
  customers.team,
  stock.currency,
  stock.amount
FROM {{stock}} AS stock
JOIN placed_months ON placed_months.month_start_on = stock.period_start_on
LEFT JOIN paying_customers AS customers ON customers.customer_id = stock.customer_id
"""

# One row per customer, so that counting rows counts customers.
BY_CUSTOMER = FACTS.format(
    stock="""(
  SELECT customer_id, period_start_on, NULL AS currency, SUM(amount) AS amount
  FROM metrics.mrr
  WHERE amount IS NOT NULL
  GROUP BY customer_id, period_start_on
  UNION ALL
  SELECT customer_id, period_start_on, currency, amount
  FROM metrics.mrr
  WHERE amount IS NULL
)"""
)
BY_CURRENCY = FACTS.format(stock="metrics.mrr")


def stock_series(metric: str, title: str, numerator: str) -> tuple[Series, ...]:
    """The stock in total and by what the customer is, and by currency."""
    return tuple(
        Series(
            metric=metric,
            title=title,
            unit="money",
            facts=facts,
            subject="customer_id",
            fragments=(CUSTOMERS,),
            rollup=Ratio(numerator=numerator),
            grains=("month", "quarter"),
            dimensions=dimensions,
            is_placed=True,
            has_total=has_total,
        )
        for facts, dimensions, has_total in (
            (BY_CUSTOMER, CUSTOMER_DIMENSIONS, True),
            (BY_CURRENCY, (("currency",),), False),
        )
    )


STOCK_INPUTS = (
    *CUSTOMER_INPUTS,
    "metrics.mrr",
    "ops.calendar",
    "ops.parameters",
    "ops.periods",
)
