"""What was forecast of a period some days before its end, and what it brought.

Belongs here: the fragments from which `forecast_accuracy` fills its table. Does not: its series.
"""

from __future__ import annotations

from revops_pipelines.assets.metrics._deal_history import as_of, unvalued, valued
from revops_pipelines.engine.metrics.declaration import Fragment

# Periods with the last day that ended at least `forecast_horizon_days` before their end, where that
# day is over and any history reaches back to it.
HORIZONS = Fragment(
    "horizons",
    """
WITH told AS (
  SELECT MIN(valid_from_on) AS first_on
  FROM deal_spans
  WHERE state IN ('open', 'won', 'lost')
)
SELECT
  periods.grain,
  periods.period_start_on,
  periods.period_end_on,
  periods.period_end_on - parameters.forecast_horizon_days - 1 AS known_on
FROM deal_periods AS periods
CROSS JOIN ops.parameters AS parameters
CROSS JOIN told
WHERE periods.period_end_on - parameters.forecast_horizon_days - 1 <= parameters.as_of_on
  AND periods.period_end_on - parameters.forecast_horizon_days - 1 >= told.first_on
""",
)

# Chances of winning by stage as of each horizon's day; `all_` those of all decided deals.
STAGE_ODDS = Fragment(
    "stage_odds",
    """
WITH days AS (
  SELECT DISTINCT horizons.known_on, parameters.history_days
  FROM horizons
  CROSS JOIN ops.parameters AS parameters
), overall AS (
  SELECT days.known_on, COUNT(*) AS all_n, SUM(decisions.won) AS all_won
  FROM days
  JOIN decisions
    ON decisions.decided_on <= days.known_on
    AND decisions.decided_on > days.known_on - days.history_days
  GROUP BY days.known_on
), staged AS (
  SELECT
    days.known_on,
    stage_decisions.pipeline,
    stage_decisions.stage,
    SUM(stage_decisions.n) AS n,
    SUM(stage_decisions.won) AS won
  FROM days
  JOIN stage_decisions
    ON stage_decisions.decided_on <= days.known_on
    AND stage_decisions.decided_on > days.known_on - days.history_days
  GROUP BY days.known_on, stage_decisions.pipeline, stage_decisions.stage
)
SELECT
  overall.known_on,
  overall.all_n,
  overall.all_won,
  staged.pipeline,
  staged.stage,
  staged.n,
  staged.won
FROM overall
LEFT JOIN staged ON staged.known_on = overall.known_on
""",
)

# One row per period and deal: what it was forecast to bring, and what it brought.
FORECASTS = Fragment(
    "forecasts",
    f"""
WITH expected AS (
  SELECT horizons.grain, horizons.period_start_on, horizons.known_on, spans.*
  FROM deal_spans AS spans
  JOIN ops.period_days AS days
    ON days.day = CASE spans.state WHEN 'open' THEN spans.close_on
      WHEN 'won' THEN spans.decided_on END
  JOIN horizons
    ON horizons.grain = days.grain AND horizons.period_start_on = days.period_start_on
  WHERE spans.valid_from_on <= horizons.known_on AND spans.valid_to_on > horizons.known_on
), graded AS (
  SELECT
    expected.*,
    {valued("expected.local_amount", "rates.rate")} AS amount,
    {unvalued("expected.local_amount", "expected.currency", "rates.rate")} AS reason,
    CASE
      WHEN expected.state = 'won' THEN 0
      WHEN expected.forecast_category IN ('commit', 'committed', 'forecast') THEN 1
      WHEN expected.forecast_category = 'mostlikely' THEN 2
      WHEN expected.forecast_category IN ('bestcase', 'upside') THEN 3
      ELSE 4
    END AS category
  FROM expected
  LEFT JOIN rates
    ON rates.currency = expected.currency AND rates.month_start_on = expected.period_start_on
), chances AS (
  SELECT
    graded.*,
    CASE WHEN graded.state = 'won' THEN 1 WHEN staged.n >= parameters.min_n THEN staged.won
      ELSE overall.all_won END AS odds_won,
    CASE WHEN graded.state = 'won' THEN 1 WHEN staged.n >= parameters.min_n THEN staged.n
      ELSE overall.all_n END AS odds_n
  FROM graded
  CROSS JOIN ops.parameters AS parameters
  LEFT JOIN stage_odds AS staged
    ON staged.known_on = graded.known_on
    AND staged.pipeline = graded.pipeline AND staged.stage = graded.stage
  LEFT JOIN (SELECT DISTINCT known_on, all_n, all_won FROM stage_odds) AS overall
    ON overall.known_on = graded.known_on
), parts AS (
  SELECT
    grain, period_start_on, opportunity_id, owner, team, state, stage,
    forecast_category, currency, excluded, reason,
    CASE WHEN category <= 1 THEN amount ELSE 0 END AS commit_amount,
    CASE WHEN category <= 2 THEN amount ELSE 0 END AS most_likely_amount,
    CASE WHEN category <= 3 THEN amount ELSE 0 END AS best_case_amount,
    COALESCE(
      CASE WHEN state = 'open' AND probability IS NOT NULL
        THEN CAST(CAST(amount AS DOUBLE) * probability AS DECIMAL(28,8))
        ELSE CAST(CAST(amount AS DOUBLE) * odds_won / odds_n AS DECIMAL(28,8)) END, 0
    ) AS weighted_amount,
    CASE WHEN odds_n IS NULL AND probability IS NULL AND amount <> 0 THEN 'no_win_rate' END
      AS reason_weighted,
    CAST(0 AS DECIMAL(18,2)) AS actual_amount
  FROM chances
  UNION ALL
  SELECT
    horizons.grain, horizons.period_start_on, deals.opportunity_id, NULL, NULL, NULL, NULL,
    NULL, deals.currency, CASE WHEN deals.kind = 'renewal' THEN 'renewal' END,
    COALESCE(
      CASE WHEN deals.local_amount IS NULL THEN 'no_amount' END,
      {unvalued("deals.local_amount", "deals.currency", "rates.rate")}
    ),
    0, 0, 0, 0, NULL,
    {valued("deals.local_amount", "rates.rate")}
  FROM deals
  JOIN ops.period_days AS days ON days.day = deals.closed_on
  JOIN horizons
    ON horizons.grain = days.grain AND horizons.period_start_on = days.period_start_on
  LEFT JOIN rates
    ON rates.currency = deals.currency AND rates.month_start_on = horizons.period_start_on
  WHERE deals.is_won AND NOT deals.is_deleted
  UNION ALL
  SELECT
    horizons.grain, horizons.period_start_on, spans.opportunity_id, spans.owner, spans.team,
    NULL, NULL, NULL, NULL, spans.excluded, 'no_history', 0, 0, 0, 0, NULL, 0
  FROM {as_of("horizons", "known_on")}
  WHERE spans.state = 'unknown'
    OR spans.state = 'unseen' AND spans.valid_from_on >= horizons.period_start_on
), together AS (
  SELECT
    grain,
    period_start_on,
    opportunity_id,
    MAX(owner) AS owner,
    MAX(team) AS team,
    MAX(state) AS state,
    MAX(stage) AS stage,
    MAX(forecast_category) AS forecast_category,
    MAX(currency) AS currency,
    MAX(excluded) AS excluded,
    MAX(reason) AS reason,
    MAX(reason_weighted) AS reason_weighted,
    SUM(commit_amount) AS commit_amount,
    SUM(most_likely_amount) AS most_likely_amount,
    SUM(best_case_amount) AS best_case_amount,
    SUM(weighted_amount) AS weighted_amount,
    SUM(actual_amount) AS actual_amount,
    COUNT(CASE WHEN state IS NOT NULL OR reason = 'no_history' THEN 1 END) AS times_told
  FROM parts
  GROUP BY grain, period_start_on, opportunity_id
)
SELECT
  together.grain,
  together.period_start_on,
  together.opportunity_id,
  COALESCE(together.excluded, together.reason) AS excluded,
  together.reason_weighted AS excluded_weighted,
  deals.segment,
  deals.industry,
  deals.region,
  CASE WHEN together.times_told > 0 THEN together.owner ELSE deals.owner END AS owner,
  CASE WHEN together.times_told > 0 THEN together.team ELSE deals.team END AS team,
  deals.channel,
  deals.kind,
  together.state,
  together.stage,
  together.forecast_category,
  together.commit_amount,
  together.most_likely_amount,
  together.best_case_amount,
  together.weighted_amount,
  together.actual_amount
FROM together
JOIN deals ON deals.opportunity_id = together.opportunity_id
""",
)
