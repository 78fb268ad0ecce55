"""How the open pipeline due in a period became what was left of it, step by step.

Belongs here: the fragment from which `pipeline_bridge` fills its table. Does not: its series.
"""

from __future__ import annotations

from revops_pipelines.assets.metrics._deal_history import unvalued, valued
from revops_pipelines.engine.metrics.declaration import Fragment

# One row per period, deal and movement. A deal is in a period's bridge while it is open and due in
# the period; each day on which it comes in, changes its worth or goes out is a step. What is won
# without having been due (before its time, or long overdue) comes in by the same step, so that the
# won are all that the period won. Worth is told at the rate of the period's first month throughout,
# so no rate of exchange moves a bridge.
BRIDGE = Fragment(
    "bridge",
    f"""
WITH followed AS (
  SELECT
    spans.*,
    LAG(state) OVER (PARTITION BY opportunity_id ORDER BY valid_from_on) AS state_before,
    LAG(close_on) OVER (PARTITION BY opportunity_id ORDER BY valid_from_on) AS close_on_before,
    LAG(local_amount) OVER (PARTITION BY opportunity_id ORDER BY valid_from_on) AS amount_before,
    LAG(currency) OVER (PARTITION BY opportunity_id ORDER BY valid_from_on) AS currency_before
  FROM deal_spans AS spans
), steps AS (
  SELECT
    periods.grain,
    periods.period_start_on,
    followed.opportunity_id,
    followed.state,
    followed.state_before,
    followed.local_amount,
    followed.currency,
    followed.amount_before,
    followed.currency_before,
    COALESCE(
      followed.state_before = 'open'
      AND followed.close_on_before >= periods.period_start_on
      AND followed.close_on_before < periods.period_end_on, FALSE
    ) AS was_due,
    COALESCE(
      followed.state = 'open'
      AND followed.close_on >= periods.period_start_on
      AND followed.close_on < periods.period_end_on, FALSE
    ) AS is_due,
    COALESCE(
      followed.state = 'won'
      AND (
        followed.state_before <> 'won'
        OR followed.state_before IS NULL AND followed.close_on >= periods.period_start_on
          AND followed.close_on < periods.period_end_on
      ), FALSE
    ) AS is_winning
  FROM followed
  JOIN ops.period_days AS days ON days.day = followed.valid_from_on
  JOIN deal_periods AS periods
    ON periods.grain = days.grain AND periods.period_start_on = days.period_start_on
  WHERE followed.state IN ('open', 'won', 'lost', 'deleted')
), moved AS (
  SELECT
    days.grain, days.period_start_on, spans.opportunity_id, 'start' AS movement,
    spans.local_amount AS plus, spans.currency AS plus_currency,
    CAST(NULL AS DECIMAL(18,2)) AS minus, CAST(NULL AS VARCHAR) AS minus_currency
  FROM deal_spans AS spans
  JOIN ops.period_days AS days ON days.day = spans.close_on
  JOIN deal_periods AS periods
    ON periods.grain = days.grain AND periods.period_start_on = days.period_start_on
  WHERE spans.state = 'open'
    AND spans.valid_from_on <= periods.opening_on AND spans.valid_to_on > periods.opening_on
  UNION ALL
  SELECT
    grain, period_start_on, opportunity_id,
    CASE
      WHEN state_before IS NULL OR state_before = 'unknown' THEN 'created'
      WHEN state_before = 'open' THEN 'pulled_in'
      ELSE 'reopened'
    END,
    local_amount, currency, NULL, NULL
  FROM steps
  WHERE NOT was_due AND (is_due OR is_winning)
  UNION ALL
  SELECT
    grain, period_start_on, opportunity_id, 'amount',
    local_amount, currency, amount_before, currency_before
  FROM steps
  WHERE was_due AND (is_due OR is_winning)
    AND (
      COALESCE(local_amount, 0) <> COALESCE(amount_before, 0)
      OR COALESCE(currency, '') <> COALESCE(currency_before, '')
    )
  UNION ALL
  SELECT grain, period_start_on, opportunity_id, 'won', NULL, NULL, local_amount, currency
  FROM steps
  WHERE is_winning
  UNION ALL
  SELECT
    grain, period_start_on, opportunity_id,
    CASE WHEN state = 'open' THEN 'pushed_out' ELSE state END,
    NULL, NULL, amount_before, currency_before
  FROM steps
  WHERE was_due AND NOT is_due AND NOT is_winning
  UNION ALL
  SELECT
    days.grain, days.period_start_on, spans.opportunity_id, 'end',
    spans.local_amount, spans.currency, NULL, NULL
  FROM deal_spans AS spans
  JOIN ops.period_days AS days ON days.day = spans.close_on
  JOIN deal_periods AS periods
    ON periods.grain = days.grain AND periods.period_start_on = days.period_start_on
  WHERE spans.state = 'open'
    AND spans.valid_from_on <= periods.last_on AND spans.valid_to_on > periods.last_on
), priced AS (
  SELECT
    moved.grain,
    moved.period_start_on,
    moved.opportunity_id,
    moved.movement,
    {valued("moved.plus", "plus_rates.rate")} - {valued("moved.minus", "minus_rates.rate")}
      AS amount,
    COALESCE(
      {unvalued("moved.plus", "moved.plus_currency", "plus_rates.rate")},
      {unvalued("moved.minus", "moved.minus_currency", "minus_rates.rate")}
    ) AS reason
  FROM moved
  LEFT JOIN rates AS plus_rates
    ON plus_rates.currency = moved.plus_currency
    AND plus_rates.month_start_on = moved.period_start_on
  LEFT JOIN rates AS minus_rates
    ON minus_rates.currency = moved.minus_currency
    AND minus_rates.month_start_on = moved.period_start_on
), unclear AS (
  SELECT periods.grain, periods.period_start_on, spans.opportunity_id
  FROM deal_periods AS periods
  JOIN deal_spans AS spans
    ON spans.valid_from_on <= periods.last_on AND spans.valid_to_on >= periods.period_start_on
  WHERE spans.state = 'unknown'
), judged AS (
  SELECT
    priced.grain,
    priced.period_start_on,
    priced.opportunity_id,
    CASE
      WHEN priced.movement <> 'amount' THEN priced.movement
      WHEN priced.amount >= 0 THEN 'amount_up'
      ELSE 'amount_down'
    END AS movement,
    priced.amount,
    MAX(priced.reason) OVER (
      PARTITION BY priced.grain, priced.period_start_on, priced.opportunity_id
    ) AS reason
  FROM priced
  LEFT JOIN unclear
    ON unclear.opportunity_id = priced.opportunity_id
    AND unclear.grain = priced.grain
    AND unclear.period_start_on = priced.period_start_on
  WHERE unclear.opportunity_id IS NULL
  UNION ALL
  SELECT grain, period_start_on, opportunity_id, 'excluded', NULL, 'no_history'
  FROM unclear
)
SELECT
  judged.grain,
  judged.period_start_on,
  judged.opportunity_id,
  CASE WHEN COALESCE(closing.excluded, judged.reason) IS NULL THEN judged.movement
    ELSE 'excluded' END AS movement,
  CASE WHEN COALESCE(closing.excluded, judged.reason) IS NULL THEN SUM(judged.amount) END
    AS amount,
  COALESCE(closing.excluded, judged.reason) AS excluded,
  closing.segment,
  closing.industry,
  closing.region,
  closing.owner,
  closing.team,
  closing.channel,
  closing.kind
FROM judged
JOIN deal_periods AS periods
  ON periods.grain = judged.grain AND periods.period_start_on = judged.period_start_on
JOIN deal_spans AS closing
  ON closing.opportunity_id = judged.opportunity_id
  AND closing.valid_from_on <= periods.last_on
  AND closing.valid_to_on > periods.last_on
GROUP BY
  judged.grain,
  judged.period_start_on,
  judged.opportunity_id,
  CASE WHEN COALESCE(closing.excluded, judged.reason) IS NULL THEN judged.movement
    ELSE 'excluded' END,
  COALESCE(closing.excluded, judged.reason),
  closing.segment,
  closing.industry,
  closing.region,
  closing.owner,
  closing.team,
  closing.channel,
  closing.kind
""",
)
