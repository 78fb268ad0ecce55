"""What winning customers cost, month by month, shared by CAC and what divides by it.

Belongs here: fragments over `metrics.cac`, `metrics.mrr` and `metrics.mrr_movements`. Does not: any
metric.
"""

from __future__ import annotations

from revops_pipelines.engine.metrics.declaration import Fragment

# A month whose books hold nothing of marketing and sales has no fully loaded cost: media alone
# would make customers look cheap.
LOADED_COSTS = Fragment(
    "loaded_costs",
    """
WITH books AS (
  SELECT DISTINCT counted_on
  FROM metrics.cac
  WHERE entity = 'expenses' AND excluded IS NULL
)
SELECT
  costs.counted_on,
  costs.cost_id,
  costs.department,
  costs.kind,
  costs.amount,
  COALESCE(costs.excluded, CASE WHEN books.counted_on IS NULL THEN 'no_books' END) AS excluded
FROM metrics.cac AS costs
JOIN ops.periods AS periods
  ON periods.grain = 'month'
  AND periods.is_closed
  AND periods.period_start_on = costs.counted_on
LEFT JOIN books ON books.counted_on = costs.counted_on
""",
)

# Who paid for the first time, by the month, and with what.
NEW_CUSTOMERS = Fragment(
    "new_customers",
    """
SELECT period_start_on AS counted_on, customer_id, amount
FROM metrics.mrr_movements
WHERE movement = 'new'
""",
)
