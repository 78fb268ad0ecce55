"""How deals went through their stages, shared by the two metrics of stages.

Belongs here: the fragment over `conformed.opportunity_stage_history`. Does not: any metric.
"""

from __future__ import annotations

from revops_pipelines.engine.metrics.declaration import Fragment

# One row per deal and open stage that it was ever in, whatever number of times. A deal advances
# from a stage if it is later found in a stage of higher order in the same pipeline, or won: a
# skipped stage was never entered, a step back loses nothing, coming again is not entering again.
STAGES = Fragment(
    "stages",
    """
WITH stays AS (
  SELECT
    history.opportunity_id,
    history.pipeline,
    history.stage,
    history.stage_label,
    history.stage_order,
    history.is_closed,
    history.is_won,
    history.entered_at,
    CASE WHEN history.left_at <= parameters.as_of_at THEN history.left_at END AS left_at,
    CASE
      WHEN history.is_won THEN 1000000
      WHEN NOT history.is_closed THEN history.stage_order
    END AS height
  FROM conformed.opportunity_stage_history AS history
  CROSS JOIN ops.parameters AS parameters
  WHERE history.entered_at <= parameters.as_of_at AND history._deleted_at IS NULL
), followed AS (
  SELECT
    stays.*,
    MAX(height) OVER (
      PARTITION BY opportunity_id, pipeline ORDER BY entered_at, stage_order, stage
      ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
    ) AS height_after,
    ROW_NUMBER() OVER (
      PARTITION BY opportunity_id, pipeline, stage ORDER BY entered_at
    ) AS visit,
    EPOCH(COALESCE(left_at, parameters.as_of_at)) - EPOCH(entered_at) AS seconds
  FROM stays
  CROSS JOIN ops.parameters AS parameters
), visited AS (
  SELECT
    opportunity_id,
    pipeline,
    stage,
    MAX(CASE WHEN visit = 1 THEN stage_label END) AS stage_label,
    MAX(CASE WHEN visit = 1 THEN stage_order END) AS stage_order,
    MIN(entered_at) AS entered_at,
    CASE WHEN COUNT(*) = COUNT(left_at) THEN MAX(left_at) END AS left_at,
    COUNT(*) AS visits,
    CAST(SUM(CAST(seconds AS DECIMAL(18,6))) AS DOUBLE) / 86400 AS days,
    MAX(CASE WHEN visit = 1 AND height_after > height THEN 1 ELSE 0 END) = 1 AS is_advanced
  FROM followed
  WHERE NOT is_closed
  GROUP BY opportunity_id, pipeline, stage
)
SELECT
  visited.*,
  CASE WHEN visited.entered_at >= day.changes_at THEN day.on_after ELSE day.on_before END
    AS entered_on,
  CASE
    WHEN visited.is_advanced THEN 'advanced'
    WHEN deals.pipeline <> visited.pipeline THEN 'moved'
    WHEN deals.is_decided AND NOT deals.is_won THEN 'lost'
    WHEN deals.is_decided THEN 'advanced'
    ELSE 'open'
  END AS outcome,
  CASE WHEN deals.is_deleted THEN 'deleted' END AS excluded,
  deals.segment,
  deals.industry,
  deals.region,
  deals.owner,
  deals.team,
  deals.channel,
  deals.kind
FROM visited
JOIN deals ON deals.opportunity_id = visited.opportunity_id
JOIN ops.reporting_days AS day ON day.utc_on = CAST(visited.entered_at AS DATE)
""",
)
