"""What each subscription item is worth a month, and when, as MRR counts it.

Belongs here: the fragment over `conformed.subscription_periods`. Does not: any metric.
"""

from __future__ import annotations

from revops_pipelines.engine.metrics.declaration import Fragment

# The ledger ends a period on the earliest of: its own end, the day the row or its customer was
# deleted at the source, and for a past-due one the last day on which it still counts. An end that
# lies ahead is not known to come, so it is open.
LEDGER = Fragment(
    "ledger",
    """
WITH ends AS (
  SELECT
    periods.subscription_id,
    periods.customer_id,
    periods.currency,
    periods.product,
    periods.monthly_amount,
    periods.valid_from_on,
    LEAST(
      COALESCE(periods.valid_to_on, DATE '9999-12-31'),
      COALESCE(CAST(periods._deleted_at AS DATE), DATE '9999-12-31'),
      COALESCE(CAST(customers._deleted_at AS DATE), DATE '9999-12-31'),
      CASE WHEN periods.status = 'past_due'
        THEN periods.valid_from_on + parameters.past_due_days
        ELSE DATE '9999-12-31' END
    ) AS ends_on,
    parameters.as_of_utc_on
  FROM conformed.subscription_periods AS periods
  CROSS JOIN ops.parameters AS parameters
  LEFT JOIN conformed.customers AS customers ON customers.customer_id = periods.customer_id
  WHERE periods.status IN ('active', 'past_due')
    AND periods.monthly_amount > 0
    AND periods.valid_from_on <= parameters.as_of_utc_on
)
SELECT
  subscription_id,
  customer_id,
  currency,
  product,
  valid_from_on AS changes_on,
  monthly_amount AS change
FROM ends
WHERE ends_on > valid_from_on
UNION ALL
SELECT subscription_id, customer_id, currency, product, ends_on, -monthly_amount
FROM ends
WHERE ends_on > valid_from_on AND ends_on <= as_of_utc_on
""",
)
