"""How leads are scored from what was known when the hand was raised.

Belongs here: fragments that `lead_score` is made of. Does not: what is published of it.

Every month a new model is fitted on the leads whose time to convert had run out by its first day,
as they were known on that day: later deals, deletions and activities play no part, neither in the
points nor in the chances. A lead is scored by the model of the month in which it raised its hand.
"""

from __future__ import annotations

from revops_pipelines.engine.metrics.declaration import Fragment

# What is scored: who the lead is (fit), how it came and what it had done before (engagement).
FIT = ("segment", "industry", "region")
ENGAGEMENT = ("channel", "earlier_touches", "earlier_days")
ATTRIBUTES = (*FIT, *ENGAGEMENT)

# Ten points double the odds; 50 is the average lead.
POINTS = "10"
AVERAGE = "50"

BAND = "CASE WHEN {days} = 0 THEN '0' WHEN {days} = 1 THEN '1' ELSE '2 and more' END"

# (Materialized: planners otherwise put every lead beside every deal that is younger.)
SCORED_LEADS = Fragment(
    "scored_leads",
    f"""
WITH raised AS (
  SELECT
    counted_leads.*,
    leads.excluded_reason,
    leads._deleted_at,
    CASE WHEN counted_leads.raised_at >= day.changes_at THEN day.on_after ELSE day.on_before END
      AS raised_on
  FROM counted_leads
  CROSS JOIN ops.parameters AS parameters
  JOIN conformed.leads AS leads ON leads.lead_id = counted_leads.lead_id
  JOIN ops.reporting_days AS day ON day.utc_on = CAST(counted_leads.raised_at AS DATE)
  WHERE counted_leads.is_inbound AND counted_leads.raised_at <= parameters.as_of_at
), touched AS (
  SELECT raised.lead_id, COUNT(DISTINCT CAST(touchpoints.occurred_at AS DATE)) AS days
  FROM raised
  JOIN conformed.touchpoints AS touchpoints
    ON touchpoints.lead_id = raised.lead_id
    AND touchpoints.occurred_at < raised.raised_at
    AND (touchpoints._deleted_at IS NULL OR touchpoints._deleted_at >= raised.raised_at)
  GROUP BY raised.lead_id
), acted AS (
  SELECT raised.lead_id, COUNT(DISTINCT CAST(activities.occurred_at AS DATE)) AS days
  FROM raised
  JOIN conformed.activities AS activities
    ON activities.lead_id = raised.lead_id
    AND activities.occurred_at < raised.raised_at
    AND activities.direction = 'inbound'
    AND (activities._deleted_at IS NULL OR activities._deleted_at >= raised.raised_at)
  GROUP BY raised.lead_id
), linked AS (
  SELECT contacts.opportunity_id, contacts.lead_id
  FROM conformed.opportunity_contacts AS contacts
  CROSS JOIN ops.parameters AS parameters
  WHERE contacts._deleted_at IS NULL OR contacts._deleted_at > parameters.as_of_at
  UNION
  SELECT opportunities.opportunity_id, opportunities.lead_id
  FROM conformed.opportunities AS opportunities
  WHERE opportunities.lead_id IS NOT NULL
), deals_of_leads AS MATERIALIZED (
  SELECT linked.lead_id, deals.created_at, deals._deleted_at
  FROM linked
  JOIN conformed.opportunities AS deals ON deals.opportunity_id = linked.opportunity_id
  WHERE deals.kind <> 'renewal'
), won_over AS (
  SELECT
    raised.lead_id,
    MAX(CASE WHEN deals._deleted_at <= parameters.as_of_at THEN deals._deleted_at
      ELSE TIMESTAMP '2100-01-01 00:00:00' END) AS until_at
  FROM raised
  CROSS JOIN ops.parameters AS parameters
  JOIN deals_of_leads AS deals
    ON deals.lead_id = raised.lead_id
    AND deals.created_at >= raised.raised_at
    AND deals.created_at
      < raised.raised_at + parameters.lead_to_opportunity_days * INTERVAL 1 DAY
    AND deals.created_at <= parameters.as_of_at
  GROUP BY raised.lead_id
)
SELECT
  raised.lead_id,
  raised.raised_at,
  raised.raised_on,
  calendar.month_start_on AS model_on,
  raised.excluded,
  COALESCE(raised.segment, 'unknown') AS segment,
  COALESCE(raised.industry, 'unknown') AS industry,
  COALESCE(raised.region, 'unknown') AS region,
  COALESCE(raised.channel, 'unknown') AS channel,
  {BAND.format(days="COALESCE(touched.days, 0)")} AS earlier_touches,
  {BAND.format(days="COALESCE(acted.days, 0)")} AS earlier_days,
  raised.excluded_reason IS NULL AS is_learnt_from,
  raised.raised_on + parameters.lead_to_opportunity_days AS known_on,
  won_over.lead_id IS NOT NULL AS has_converted,
  CASE WHEN won_over.until_at <= parameters.as_of_at THEN CAST(won_over.until_at AS DATE) + 1 END
    AS undone_on,
  CASE WHEN raised._deleted_at <= parameters.as_of_at THEN CAST(raised._deleted_at AS DATE) + 1 END
    AS gone_on
FROM raised
CROSS JOIN ops.parameters AS parameters
JOIN ops.calendar AS calendar ON calendar.day = raised.raised_on
LEFT JOIN touched ON touched.lead_id = raised.lead_id
LEFT JOIN acted ON acted.lead_id = raised.lead_id
LEFT JOIN won_over ON won_over.lead_id = raised.lead_id
""",
)

_PROFILE = ", ".join(ATTRIBUTES)
_SAME = " AND ".join(f"scored.{name} = profiles.{name}" for name in ATTRIBUTES)

# A lead is learnt from since the day on which its time had run out, until it was deleted; that it
# converted holds until the last of its deals was deleted. Each turn adds or takes one, and what a
# month's model knows is the sum of the turns up to its first day.
LEARNT = Fragment(
    "learnt",
    f"""
WITH known AS (
  SELECT
    scored_leads.*,
    has_converted AND (undone_on IS NULL OR undone_on > known_on) AS converts,
    CASE WHEN undone_on < gone_on OR gone_on IS NULL THEN undone_on END AS undone_first_on
  FROM scored_leads
  WHERE is_learnt_from AND (gone_on IS NULL OR gone_on > known_on)
), turns AS (
  SELECT {_PROFILE}, known_on AS turns_on, 1 AS leads,
    CASE WHEN converts THEN 1 ELSE 0 END AS conversions
  FROM known
  UNION ALL
  SELECT {_PROFILE}, undone_first_on, 0, -1
  FROM known
  WHERE converts AND undone_first_on IS NOT NULL
  UNION ALL
  SELECT {_PROFILE}, gone_on, -1,
    CASE WHEN converts AND undone_first_on IS NULL THEN -1 ELSE 0 END
  FROM known
  WHERE gone_on IS NOT NULL
), monthly AS (
  SELECT
    {_PROFILE},
    CASE WHEN calendar.day = calendar.month_start_on THEN calendar.day
      ELSE calendar.next_month_start_on END AS since_on,
    SUM(leads) AS leads,
    SUM(conversions) AS conversions
  FROM turns
  JOIN ops.calendar AS calendar ON calendar.day = turns.turns_on
  GROUP BY {_PROFILE}, since_on
), models AS (
  SELECT DISTINCT model_on FROM scored_leads
)
SELECT
  models.model_on,
  {", ".join(f"monthly.{name}" for name in ATTRIBUTES)},
  SUM(monthly.leads) AS leads,
  SUM(monthly.conversions) AS conversions
FROM models
JOIN monthly ON monthly.since_on <= models.model_on
GROUP BY models.model_on, {", ".join(f"monthly.{name}" for name in ATTRIBUTES)}
""",
)

# A model needs a few leads, and some of both kinds.
MODELS = Fragment(
    "score_models",
    """
SELECT
  learnt.model_on,
  SUM(learnt.leads) AS leads,
  CAST(SUM(learnt.conversions) AS DOUBLE) / SUM(learnt.leads) AS base
FROM learnt
CROSS JOIN ops.parameters AS parameters
GROUP BY learnt.model_on, parameters.min_n
HAVING SUM(learnt.leads) >= parameters.min_n
  AND SUM(learnt.conversions) > 0
  AND SUM(learnt.conversions) < SUM(learnt.leads)
""",
)

# The odds of converting at a level against those of all whose level is known, in points. A level is
# taken for as good as `min_n` average leads more than it has, so that a few cases move little. What
# is not known gives no points: records of those who convert are filled in later, so that a gap
# would tell the future.
_LEVELS = "\n  UNION ALL\n".join(
    f"  SELECT model_on, '{name}' AS attribute, {name} AS level, leads, conversions FROM learnt"
    for name in ATTRIBUTES
)
LEVEL_POINTS = Fragment(
    "level_points",
    f"""
WITH levels AS (
{_LEVELS}
), known AS (
  SELECT model_on, attribute, CAST(SUM(conversions) AS DOUBLE) / SUM(leads) AS base
  FROM levels
  WHERE level <> 'unknown'
  GROUP BY model_on, attribute
  HAVING SUM(leads) > 0 AND SUM(conversions) > 0 AND SUM(conversions) < SUM(leads)
), rates AS (
  SELECT
    levels.model_on,
    levels.attribute,
    levels.level,
    known.base,
    (SUM(levels.conversions) + parameters.min_n * known.base)
      / (SUM(levels.leads) + parameters.min_n) AS rate
  FROM levels
  CROSS JOIN ops.parameters AS parameters
  JOIN score_models ON score_models.model_on = levels.model_on
  JOIN known ON known.model_on = levels.model_on AND known.attribute = levels.attribute
  WHERE levels.level <> 'unknown'
  GROUP BY levels.model_on, levels.attribute, levels.level, known.base, parameters.min_n
)
SELECT
  model_on,
  attribute,
  level,
  CAST(
    ROUND({POINTS} * (LN(rate / (1 - rate)) - LN(base / (1 - base))) / LN(2)) AS INTEGER
  ) AS points
FROM rates
""",
)

_POINTS = ",\n  ".join(f"COALESCE({name}_level.points, 0) AS {name}_points" for name in ATTRIBUTES)
_JOINS = "\n".join(
    f"LEFT JOIN level_points AS {name}_level\n  ON {name}_level.model_on = profiles.model_on"
    f" AND {name}_level.attribute = '{name}'\n  AND {name}_level.level = profiles.{name}"
    for name in ATTRIBUTES
)
SCORE = f"{AVERAGE} + " + " + ".join(f"{name}_points" for name in ATTRIBUTES)

# Every kind of lead under every model that has to score or has learnt from it.
PROFILES = Fragment(
    "scored_profiles",
    f"""
WITH profiles AS (
  SELECT model_on, {_PROFILE} FROM learnt
  UNION
  SELECT model_on, {_PROFILE} FROM scored_leads
), pointed AS (
  SELECT profiles.*, {_POINTS}
  FROM profiles
  JOIN score_models ON score_models.model_on = profiles.model_on
  {_JOINS}
), summed AS (
  SELECT pointed.*, {SCORE} AS score FROM pointed
)
SELECT
  summed.*,
  CASE WHEN score >= 60 THEN 'A' WHEN score >= 50 THEN 'B' WHEN score >= 40 THEN 'C' ELSE 'D' END
    AS lead_segment
FROM summed
""",
)

# The chance of a segment is what became of it among the leads that the model learnt from.
CHANCES = Fragment(
    "segment_chances",
    f"""
SELECT
  profiles.model_on,
  profiles.lead_segment,
  CAST(
    ROUND(
      (SUM(COALESCE(scored.conversions, 0)) + parameters.min_n * score_models.base)
        / (SUM(COALESCE(scored.leads, 0)) + parameters.min_n), 6
    ) AS DECIMAL(9,6)
  ) AS probability
FROM scored_profiles AS profiles
CROSS JOIN ops.parameters AS parameters
JOIN score_models ON score_models.model_on = profiles.model_on
LEFT JOIN learnt AS scored ON scored.model_on = profiles.model_on AND {_SAME}
GROUP BY profiles.model_on, profiles.lead_segment, score_models.base, parameters.min_n
""",
)

SCORES = f"""
SELECT
  scored.lead_id,
  scored.raised_at,
  scored.model_on,
  {", ".join(f"scored.{name}" for name in ATTRIBUTES)},
  {", ".join(f"profiles.{name}_points" for name in ATTRIBUTES)},
  {" + ".join(f"profiles.{name}_points" for name in FIT)} AS fit_points,
  {" + ".join(f"profiles.{name}_points" for name in ENGAGEMENT)} AS engagement_points,
  profiles.score,
  profiles.lead_segment,
  chances.probability,
  ROUND(score_models.base, 6) AS base_probability,
  CASE WHEN scored.known_on <= parameters.as_of_on
    THEN scored.has_converted AND scored.undone_on IS NULL END AS is_converted,
  COALESCE(scored.excluded, CASE WHEN profiles.score IS NULL THEN 'too_little_history' END)
    AS excluded
FROM scored_leads AS scored
CROSS JOIN ops.parameters AS parameters
LEFT JOIN score_models ON score_models.model_on = scored.model_on
LEFT JOIN scored_profiles AS profiles ON profiles.model_on = scored.model_on AND {_SAME}
LEFT JOIN segment_chances AS chances
  ON chances.model_on = scored.model_on AND chances.lead_segment = profiles.lead_segment
"""

SCORE_FRAGMENTS = (SCORED_LEADS, LEARNT, MODELS, LEVEL_POINTS, PROFILES, CHANCES)
