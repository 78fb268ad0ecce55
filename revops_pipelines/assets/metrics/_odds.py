"""How often deals that had come so far were won, as it was known on any day.

Belongs here: fragments that tell chances of winning from decided deals. Does not: any metric.

A deal is decided on the day on which its history sees it leave the open state for won or lost; it
speaks for every stage that it was in before. Only decisions of the last `history_days` up to the
day asked about count, so no chance knows the future. Renewals say nothing about other business.
"""

from __future__ import annotations

from revops_pipelines.engine.metrics.declaration import Fragment

# One row per decision.
DECISIONS = Fragment(
    "decisions",
    """
WITH followed AS (
  SELECT
    opportunity_id,
    valid_from_on,
    state,
    excluded,
    LAG(state) OVER (PARTITION BY opportunity_id ORDER BY valid_from_on) AS state_before
  FROM deal_spans
)
SELECT
  opportunity_id,
  valid_from_on AS decided_on,
  CASE WHEN state = 'won' THEN 1 ELSE 0 END AS won
FROM followed
WHERE state IN ('won', 'lost') AND state_before = 'open' AND excluded IS NULL
""",
)

# Decisions by the stages that their deals had been in, day by day: few rows for any questions.
STAGE_DECISIONS = Fragment(
    "stage_decisions",
    """
WITH visits AS (
  SELECT opportunity_id, pipeline, stage, MIN(valid_from_on) AS entered_on
  FROM deal_spans
  WHERE state = 'open'
  GROUP BY opportunity_id, pipeline, stage
)
SELECT
  visits.pipeline,
  visits.stage,
  decisions.decided_on,
  COUNT(*) AS n,
  SUM(decisions.won) AS won
FROM decisions
JOIN visits
  ON visits.opportunity_id = decisions.opportunity_id
  AND visits.entered_on < decisions.decided_on
GROUP BY visits.pipeline, visits.stage, decisions.decided_on
""",
)
