"""Which of marketing's touches a person had, shared by the metrics that credit or cost them.

Belongs here: fragments over `conformed.touchpoints`. Does not: any metric.
"""

from __future__ import annotations

from revops_pipelines.engine.metrics.declaration import Fragment

# A form filled in leaves several records in a marketing system (the form, the list, the status in
# the program): what a person did with a campaign on one day is one touch, the first.
TOUCHES = Fragment(
    "marketing_touches",
    """
WITH known AS (
  SELECT
    touchpoints.touchpoint_id,
    touchpoints.lead_id,
    touchpoints.campaign_id,
    COALESCE(touchpoints.channel, campaigns.channel, 'unknown') AS channel,
    touchpoints.occurred_at AS touched_at
  FROM conformed.touchpoints AS touchpoints
  CROSS JOIN ops.parameters AS parameters
  LEFT JOIN conformed.campaigns AS campaigns
    ON campaigns.campaign_id = touchpoints.campaign_id
  WHERE touchpoints.lead_id IS NOT NULL
    AND touchpoints.occurred_at <= parameters.as_of_at
    AND (touchpoints._deleted_at IS NULL OR touchpoints._deleted_at > parameters.as_of_at)
), numbered AS (
  SELECT
    known.*,
    ROW_NUMBER() OVER (
      PARTITION BY lead_id, COALESCE(campaign_id, channel), CAST(touched_at AS DATE)
      ORDER BY touched_at, touchpoint_id
    ) AS place_in_day
  FROM known
)
SELECT touchpoint_id, lead_id, campaign_id, channel, touched_at
FROM numbered
WHERE place_in_day = 1
""",
)

# A form makes the lead in one system and the touch in another, whose clocks and queues differ by
# minutes: the touch may bear the later time and still be what raised the hand.
CLOCKS_DIFFER = "INTERVAL 1 HOUR"

TOUCH_INPUTS = ("conformed.campaigns", "conformed.touchpoints")
