"""What a currency was worth in the base currency, month by month, shared by all money metrics.

Belongs here: the fragment over `conformed.fx_rates`. Does not: any metric.
"""

from __future__ import annotations

from revops_pipelines.engine.metrics.declaration import Fragment

# A rate holds from its day until the next one; a month is valued at the rate that holds on its
# first day. A currency without one is absent, so that what is in it is counted as an error and
# never as worth 1.
RATES = Fragment(
    "rates",
    """
WITH months AS (
  SELECT periods.period_start_on AS month_start_on
  FROM ops.periods AS periods
  CROSS JOIN ops.parameters AS parameters
  WHERE periods.grain = 'month' AND periods.period_start_on <= parameters.as_of_on
), holding AS (
  SELECT
    months.month_start_on,
    fx_rates.currency,
    MAX(fx_rates.valid_on) AS valid_on
  FROM months
  CROSS JOIN ops.parameters AS parameters
  JOIN conformed.fx_rates AS fx_rates
    ON fx_rates.valid_on <= months.month_start_on
    AND fx_rates.base_currency = parameters.base_currency
    AND fx_rates.currency <> parameters.base_currency
    AND fx_rates._deleted_at IS NULL
  GROUP BY months.month_start_on, fx_rates.currency
)
SELECT holding.month_start_on, holding.currency, MAX(fx_rates.rate) AS rate
FROM holding
CROSS JOIN ops.parameters AS parameters
JOIN conformed.fx_rates AS fx_rates
  ON fx_rates.currency = holding.currency
  AND fx_rates.valid_on = holding.valid_on
  AND fx_rates.base_currency = parameters.base_currency
  AND fx_rates._deleted_at IS NULL
GROUP BY holding.month_start_on, holding.currency
UNION ALL
SELECT months.month_start_on, parameters.base_currency, CAST(1 AS DECIMAL(24,10))
FROM months
CROSS JOIN ops.parameters AS parameters
""",
)
