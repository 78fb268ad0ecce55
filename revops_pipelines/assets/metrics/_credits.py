"""How an amount is shared out among the touches before it, under every model of `attribution`.

Belongs here: the order of touches, their parts, whole cents. Does not: which amounts there are
(`_credited_deals`) and which touches (`_touches`).
"""

from __future__ import annotations

from revops_pipelines.assets.metrics._touches import CLOCKS_DIFFER

MODELS = ("first", "last", "linear", "u_shaped", "w_shaped", "full_path", "time_decay")

# Touches of a deal in order; those of one instant by their identifier, so that the order never
# depends on arrival. A milestone's touch is the last one at or before it (the one that made the
# lead may be recorded up to an hour after it), or the first where there is none. A touch that is
# several milestones' has all their parts. What is left for the others is shared by them equally;
# where there are no others, the milestones' parts are scaled up, so that one touch always has
# everything and two milestone touches half each under U.
# Parts are whole numbers, and cents are cut off, not rounded: what is left over, less than a cent a
# touch, goes to the last touch that has any credit. (A millionth of a cent keeps a quotient that
# should be whole from being cut by the computer's arithmetic.)
# (Materialized: planners otherwise put every deal beside every touch of the months before it.)
CREDITS = f"""
WITH deal_touches AS MATERIALIZED (
  SELECT deal_people.opportunity_id, marketing_touches.*
  FROM deal_people
  JOIN marketing_touches ON marketing_touches.lead_id = deal_people.lead_id
), journeys AS (
  SELECT
    milestones.basis,
    milestones.opportunity_id,
    milestones.milestone_at,
    milestones.amount,
    milestones.credited_on,
    deal_touches.touchpoint_id,
    deal_touches.campaign_id,
    deal_touches.channel,
    deal_touches.touched_at,
    CASE WHEN deal_touches.touched_at <= milestones.lead_created_at + {CLOCKS_DIFFER}
      THEN 1 ELSE 0 END
      AS is_before_lead,
    CASE WHEN deal_touches.touched_at <= milestones.opportunity_created_at THEN 1 ELSE 0 END
      AS is_before_deal
  FROM milestones
  CROSS JOIN ops.parameters AS parameters
  JOIN deal_touches
    ON deal_touches.opportunity_id = milestones.opportunity_id
    AND deal_touches.touched_at <= milestones.milestone_at
    AND deal_touches.touched_at
      >= milestones.milestone_at - parameters.attribution_days * INTERVAL 1 DAY
  WHERE milestones.excluded IS NULL
), placed_touches AS (
  SELECT
    journeys.*,
    ROW_NUMBER() OVER (
      PARTITION BY basis, opportunity_id ORDER BY touched_at, touchpoint_id
    ) AS place,
    COUNT(*) OVER deal AS last_place,
    GREATEST(1, SUM(is_before_lead) OVER deal) AS lead_place,
    GREATEST(1, SUM(is_before_deal) OVER deal) AS deal_place
  FROM journeys
  WINDOW deal AS (PARTITION BY basis, opportunity_id)
), roles AS (
  SELECT
    placed_touches.*,
    CASE WHEN place = 1 THEN 1 ELSE 0 END AS is_first,
    CASE WHEN place = lead_place THEN 1 ELSE 0 END AS is_lead,
    CASE WHEN place = deal_place THEN 1 ELSE 0 END AS is_deal,
    CASE WHEN place = last_place THEN 1 ELSE 0 END AS is_last,
    CASE WHEN place = last_place AND basis <> 'pipeline' THEN 1 ELSE 0 END AS is_close,
    POWER(
      CAST(2 AS DOUBLE),
      (EPOCH(touched_at) - EPOCH(milestone_at)) / (86400 * parameters.half_life_days)
    ) AS freshness
  FROM placed_touches
  CROSS JOIN ops.parameters AS parameters
), models AS (
  SELECT * FROM (VALUES {", ".join(f"('{model}')" for model in MODELS)}) AS listed(model)
), parts AS (
  SELECT
    models.model,
    roles.*,
    CASE models.model
      WHEN 'first' THEN is_first
      WHEN 'last' THEN is_last
      WHEN 'linear' THEN 1
      WHEN 'u_shaped' THEN 400 * (is_first + is_lead)
      WHEN 'w_shaped' THEN 300 * (is_first + is_lead + is_deal)
      WHEN 'full_path' THEN 225 * (is_first + is_lead + is_deal + is_close)
      ELSE freshness
    END AS part,
    CASE models.model
      WHEN 'u_shaped' THEN 200 WHEN 'w_shaped' THEN 100 WHEN 'full_path' THEN 100 ELSE 0
    END AS others_part
  FROM roles
  CROSS JOIN models
), counted_parts AS (
  SELECT
    parts.*,
    SUM(CASE WHEN part = 0 THEN 1 ELSE 0 END) OVER (
      PARTITION BY model, basis, opportunity_id
    ) AS others
  FROM parts
), weights AS (
  SELECT
    counted_parts.*,
    CAST(
      CASE WHEN others = 0 OR others_part = 0 THEN part
        WHEN part = 0 THEN others_part
        ELSE part * others
      END AS DOUBLE
    ) AS weight
  FROM counted_parts
), cut AS (
  SELECT
    weights.*,
    MAX(place) OVER deal AS rest_place,
    CAST(
      FLOOR(
        CAST(amount AS DOUBLE) * 100 * (weight / SUM(weight) OVER deal)
        + CAST(0.000001 AS DOUBLE)
      ) AS DECIMAL(18,0)
    ) * CAST(0.01 AS DECIMAL(3,2)) AS cut_credit
  FROM weights
  WHERE weight > 0
  WINDOW deal AS (PARTITION BY model, basis, opportunity_id)
)
SELECT
  opportunity_id,
  basis,
  model,
  touchpoint_id,
  campaign_id,
  channel,
  CASE WHEN place = rest_place
    THEN amount - SUM(cut_credit) OVER (PARTITION BY model, basis, opportunity_id) + cut_credit
    ELSE cut_credit
  END AS credit,
  touched_at,
  credited_on,
  amount
FROM cut
UNION ALL
SELECT
  milestones.opportunity_id,
  milestones.basis,
  models.model,
  'no_touch',
  'no_touch',
  'no_touch',
  milestones.amount,
  NULL,
  milestones.credited_on,
  milestones.amount
FROM milestones
CROSS JOIN models
LEFT JOIN (SELECT DISTINCT basis, opportunity_id FROM journeys) AS met
  ON met.basis = milestones.basis AND met.opportunity_id = milestones.opportunity_id
WHERE milestones.excluded IS NULL AND met.opportunity_id IS NULL
"""
