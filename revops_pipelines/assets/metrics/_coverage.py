"""Open pipeline, targets and what is won, as of one day of each period.

Belongs here: the fragments that `pipeline_coverage` counts. Does not: its series.
"""

from __future__ import annotations

from revops_pipelines.assets.metrics._deal_history import as_of, unvalued, valued
from revops_pipelines.assets.metrics._quotas import target
from revops_pipelines.engine.metrics.declaration import Fragment

# Which period is looked at from which day: each period, the next and the next but one, from the end
# of the fifth day (view day_5) and, while it runs, from the present day (view now).
LOOKS = Fragment(
    "looks",
    """
WITH told AS (
  SELECT MIN(valid_from_on) AS first_on
  FROM deal_spans
  WHERE state IN ('open', 'won', 'lost')
), views AS (
  SELECT
    periods.grain,
    periods.period_start_on,
    'day_5' AS view,
    CASE WHEN periods.period_start_on + 4 <= parameters.as_of_on
      THEN periods.period_start_on + 4 ELSE parameters.as_of_on END AS known_on
  FROM deal_periods AS periods
  CROSS JOIN ops.parameters AS parameters
  UNION ALL
  SELECT periods.grain, periods.period_start_on, 'now', parameters.as_of_on
  FROM deal_periods AS periods
  CROSS JOIN ops.parameters AS parameters
  WHERE periods.period_end_on > parameters.as_of_on
), known AS (
  SELECT views.* FROM views CROSS JOIN told WHERE views.known_on >= told.first_on
), next_ones AS (
  SELECT known.*, later.period_start_on AS due_start_on
  FROM known
  JOIN ops.periods AS later
    ON later.grain = known.grain AND later.previous_start_on = known.period_start_on
)
SELECT known.*, 0 AS ahead, known.period_start_on AS due_start_on FROM known
UNION ALL
SELECT grain, period_start_on, view, known_on, 1, due_start_on FROM next_ones
UNION ALL
SELECT next_ones.grain, next_ones.period_start_on, view, known_on, 2, later.period_start_on
FROM next_ones
JOIN ops.periods AS later
  ON later.grain = next_ones.grain AND later.previous_start_on = next_ones.due_start_on
""",
)

# One row per look and open deal, won deal or target. A target bears its quota's id.
COVERED = Fragment(
    "covered",
    f"""
WITH deals_seen AS (
  SELECT
    looks.grain, looks.period_start_on, looks.view, looks.ahead, looks.known_on, spans.*,
    CASE WHEN spans.state = 'open' AND spans.close_on < looks.known_on THEN 'overdue' END
      AS overdue
  FROM deal_spans AS spans
  JOIN ops.period_days AS days
    ON days.day = CASE spans.state WHEN 'open' THEN spans.close_on
      WHEN 'won' THEN spans.decided_on END
  JOIN looks ON looks.grain = days.grain AND looks.due_start_on = days.period_start_on
  WHERE spans.valid_from_on <= looks.known_on AND spans.valid_to_on > looks.known_on
    AND (spans.state = 'open' OR looks.ahead = 0)
  UNION ALL
  SELECT
    looks.grain, looks.period_start_on, looks.view, looks.ahead, looks.known_on, spans.*, 'overdue'
  FROM {as_of("looks", "known_on")}
  WHERE spans.state = 'open' AND looks.ahead = 0 AND spans.close_on < looks.period_start_on
  UNION ALL
  SELECT
    looks.grain, looks.period_start_on, looks.view, looks.ahead, looks.known_on, spans.*,
    'no_history'
  FROM {as_of("looks", "known_on")}
  WHERE spans.state = 'unknown'
)
SELECT
  seen.grain,
  seen.period_start_on,
  seen.view,
  seen.ahead,
  seen.opportunity_id,
  COALESCE(
    seen.excluded,
    seen.overdue,
    {unvalued("seen.local_amount", "seen.currency", "rates.rate")}
  ) AS excluded,
  seen.owner,
  seen.team,
  CASE WHEN seen.state = 'won' THEN 0 ELSE 1 END AS is_open,
  CASE WHEN seen.state = 'open' THEN {valued("seen.local_amount", "rates.rate")} ELSE 0 END
    AS open_amount,
  CASE WHEN seen.state = 'won' THEN {valued("seen.local_amount", "rates.rate")} ELSE 0 END
    AS won_amount,
  CAST(0 AS DECIMAL(28,8)) AS target_amount
FROM deals_seen AS seen
LEFT JOIN rates
  ON rates.currency = seen.currency AND rates.month_start_on = seen.period_start_on
UNION ALL
SELECT
  looks.grain,
  looks.period_start_on,
  looks.view,
  looks.ahead,
  parts.quota_id,
  CASE WHEN rates.rate IS NULL THEN 'missing_rate' END,
  parts.user_id,
  parts.team,
  0, 0, 0,
  {target("parts", "rates.rate")}
FROM quota_parts AS parts
JOIN looks ON looks.grain = parts.grain AND looks.due_start_on = parts.period_start_on
LEFT JOIN rates
  ON rates.currency = parts.currency AND rates.month_start_on = looks.period_start_on
WHERE parts.is_counted
""",
)
