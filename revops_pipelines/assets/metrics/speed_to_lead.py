"""speed_to_lead: how long a person who raised a hand waits for a human answer."""

from __future__ import annotations

from revops_pipelines.assets.metrics._leads import COUNTED_LEADS, LEAD_DIMENSIONS, LEAD_INPUTS
from revops_pipelines.engine.metrics.declaration import (
    Benchmark,
    Detail,
    DetailColumn,
    Example,
    Identity,
    Metric,
    Series,
    Survival,
)
from revops_pipelines.engine.metrics.working_days import seconds_worked

# The clock belongs to the lead: it starts when the hand was raised and runs through every change
# of owner; the present owner, or the owner's team, only says which hours are working hours. An
# absence stops no clock: the lead waits all the same.
FIRST_TOUCHES = f"""
WITH inbound AS (
  SELECT
    counted_leads.lead_id,
    counted_leads.raised_at,
    counted_leads.excluded,
    COALESCE(own.calendar, calendars.calendar, 'default') AS calendar
  FROM counted_leads
  CROSS JOIN ops.parameters AS parameters
  LEFT JOIN conformed.users AS owners ON owners.user_id = counted_leads.owner
  LEFT JOIN ops.business_calendars AS own ON own.calendar = owners.email
  LEFT JOIN ops.business_calendars AS calendars ON calendars.calendar = counted_leads.team
  WHERE counted_leads.is_inbound AND counted_leads.raised_at <= parameters.as_of_at
), touches AS (
  SELECT activities.lead_id, activities.activity_id, activities.occurred_at
  FROM conformed.activities AS activities
  JOIN inbound
    ON inbound.lead_id = activities.lead_id AND activities.occurred_at >= inbound.raised_at
  CROSS JOIN ops.parameters AS parameters
  WHERE activities.is_human
    AND activities.direction = 'outbound'
    AND activities.kind IN ('call', 'email', 'meeting', 'message')
    AND COALESCE(LOWER(activities.outcome), '') <> 'bounced'
    AND activities.occurred_at <= parameters.as_of_at
    AND (activities._deleted_at IS NULL OR activities._deleted_at > parameters.as_of_at)
), earliest AS (
  SELECT lead_id, MIN(occurred_at) AS first_touch_at
  FROM touches
  GROUP BY lead_id
), first_touches AS (
  SELECT
    earliest.lead_id,
    earliest.first_touch_at,
    MIN(touches.activity_id) AS first_touch_activity_id
  FROM earliest
  JOIN touches
    ON touches.lead_id = earliest.lead_id AND touches.occurred_at = earliest.first_touch_at
  GROUP BY earliest.lead_id, earliest.first_touch_at
), timed AS (
  SELECT
    inbound.lead_id,
    inbound.raised_at,
    inbound.excluded,
    inbound.calendar,
    first_touches.first_touch_at,
    first_touches.first_touch_activity_id,
    COALESCE(first_touches.first_touch_at, parameters.as_of_at) AS until_at
  FROM inbound
  CROSS JOIN ops.parameters AS parameters
  LEFT JOIN first_touches ON first_touches.lead_id = inbound.lead_id
), waited AS (
  SELECT
    timed.*,
    EPOCH(timed.until_at) - EPOCH(timed.raised_at) AS calendar_seconds,
    {seconds_worked("until_day", "timed.until_at")}
    - {seconds_worked("raised_day", "timed.raised_at")} AS business_seconds
  FROM timed
  JOIN ops.business_days AS raised_day
    ON raised_day.calendar = timed.calendar AND raised_day.utc_on = CAST(timed.raised_at AS DATE)
  JOIN ops.business_days AS until_day
    ON until_day.calendar = timed.calendar AND until_day.utc_on = CAST(timed.until_at AS DATE)
), judged AS (
  SELECT
    waited.*,
    parameters.response_target_minutes AS target_minutes,
    CASE parameters.response_clock WHEN 'calendar' THEN calendar_seconds ELSE business_seconds END
      <= parameters.response_target_minutes * 60 AS is_in_time
  FROM waited
  CROSS JOIN ops.parameters AS parameters
)
SELECT
  lead_id,
  raised_at,
  first_touch_at,
  first_touch_activity_id,
  calendar_seconds / 60 AS calendar_minutes,
  business_seconds / 60 AS business_minutes,
  target_minutes,
  CASE
    WHEN excluded IS NOT NULL THEN 'excluded'
    WHEN first_touch_at IS NOT NULL AND is_in_time THEN 'answered_in_time'
    WHEN first_touch_at IS NOT NULL THEN 'answered_late'
    WHEN is_in_time THEN 'open_in_time'
    ELSE 'open_late'
  END AS state
FROM judged
"""

FACTS = """
SELECT
  CASE WHEN response.raised_at >= day.changes_at THEN day.on_after ELSE day.on_before END
    AS fact_on,
  leads.excluded,
  leads.lead_id,
  leads.segment,
  leads.industry,
  leads.region,
  leads.owner,
  leads.team,
  leads.channel,
  response.{minutes} AS duration,
  response.first_touch_at IS NOT NULL AS is_observed,
  response.state
FROM metrics.speed_to_lead AS response
JOIN counted_leads AS leads ON leads.lead_id = response.lead_id
JOIN ops.reporting_days AS day ON day.utc_on = CAST(response.raised_at AS DATE)
"""

QUANTILES = (("", 0.5), ("_p90", 0.9), ("_p95", 0.95))
NO_WINDOW_OPEN = "BOOL_AND(state <> 'open_in_time')"


def _series(metric: str, title: str, minutes: str) -> Series:
    return Series(
        metric=metric,
        title=title,
        unit="minutes",
        facts=FACTS.replace("{minutes}", minutes),
        subject="lead_id",
        fragments=(COUNTED_LEADS,),
        rollup=Survival(QUANTILES),
        dimensions=LEAD_DIMENSIONS,
        settled=NO_WINDOW_OPEN,
    )


METRIC = Metric(
    name="speed_to_lead",
    title="Speed to lead",
    stage="engage",
    owner="marketing-operations",
    format="duration",
    better="lower",
    meaning=(
        "Working minutes from the moment an inbound lead raised a hand to the first human "
        "outbound call, mail, meeting or message: the median, by the day the hand was raised. "
        "Unanswered leads count as still waiting (Kaplan-Meier), so a month with many of them "
        "is slow, not fast. P90, P95 and calendar minutes stand beside it."
    ),
    excludes=(
        "sequences, auto-replies and marketing mail",
        "tasks, notes and bounced mail",
        "touches before the hand was raised, and meetings still to come",
        "test, spam, internal, imported, invalid and deleted leads",
    ),
    benchmark=Benchmark(
        text="Companies of 1-300 people 48 min, of 301-2500 98, of 2501 and more 88",
        source="Harvard Business Review, The Short Life of Online Sales Leads (2011)",
    ),
    formula=(
        "median working minutes from the raised hand to the first human touch, unanswered "
        "leads running on"
    ),
    differs=(
        "First response less creation, as it is usually defined "
        "(metrickittools.com/glossary/lead-response-time, which warns of automatic mails), exists "
        "only where there was a response: a lead that nobody answers makes it no worse. Here "
        "unanswered leads count as waiting.",
        "The same page holds working hours against a measure of leads that come around the "
        "clock; speed_to_lead_calendar stands beside this one.",
    ),
    example=Example(
        story=(
            "Four leads raised a hand in May. Two were called after 30 working minutes, one of "
            "these over a weekend; one was written to by a person after 240, one never. Half "
            "are answered after 30 minutes and more than half after 240: the median lies in "
            "the middle, at 135. Without the lead that nobody answered it would be 30."
        ),
        tables={
            "leads": """
                lead_id | raised_at
                l1 | 2026-05-04 09:00
                l2 | 2026-05-04 10:00
                l3 | 2026-05-08 16:50
                l4 | 2026-05-12 09:00
            """,
            "activities": """
                activity_id | lead_id | kind | direction | is_human | is_two_way | occurred_at
                a1 | l1 | call | outbound | true | false | 2026-05-04 09:30
                a2 | l2 | email | outbound | false | false | 2026-05-04 10:00:05
                a3 | l2 | email | outbound | true | false | 2026-05-04 14:00
                a4 | l3 | call | outbound | true | false | 2026-05-11 09:20
            """,
        },
        results=(("speed_to_lead", "2026-05-01", "135"),),
    ),
    inputs=(
        *LEAD_INPUTS,
        "conformed.activities",
        "metrics.speed_to_lead",
        "ops.business_calendars",
        "ops.business_days",
        "ops.parameters",
        "ops.period_days",
        "ops.periods",
        "ops.reporting_days",
    ),
    series=(
        _series("speed_to_lead", "Speed to lead, working minutes", "business_minutes"),
        _series("speed_to_lead_calendar", "Speed to lead, all minutes", "calendar_minutes"),
    ),
    detail=Detail(
        table="speed_to_lead",
        description="One row per inbound lead: when it was raised, when and how it was answered.",
        key=("lead_id",),
        columns=(
            DetailColumn("lead_id", "VARCHAR", "Lead."),
            DetailColumn("raised_at", "TIMESTAMP", "When the hand was first raised (UTC)."),
            DetailColumn("first_touch_at", "TIMESTAMP", "First human touch; null while open."),
            DetailColumn("first_touch_activity_id", "VARCHAR", "The activity that it was."),
            DetailColumn(
                "calendar_minutes", "DOUBLE", "Minutes to the touch, or waited so far while open."
            ),
            DetailColumn("business_minutes", "DOUBLE", "Those inside the team's working hours."),
            DetailColumn("target_minutes", "BIGINT", "Target in force."),
            DetailColumn(
                "state",
                "VARCHAR",
                "answered_in_time, answered_late, open_in_time, open_late or excluded.",
            ),
        ),
        sql=FIRST_TOUCHES,
        fragments=(COUNTED_LEADS,),
    ),
    identities=(
        Identity(
            "one_state_each",
            "Every inbound lead is there once: answered or open, in time or late, or excluded.",
            """
            SELECT lead_id FROM metrics.speed_to_lead GROUP BY lead_id HAVING COUNT(*) > 1
            UNION ALL
            SELECT leads.lead_id FROM conformed.leads AS leads
            CROSS JOIN ops.parameters AS parameters
            WHERE leads.is_inbound AND leads.raised_at <= parameters.as_of_at
              AND NOT EXISTS (
                SELECT 1 FROM metrics.speed_to_lead AS told WHERE told.lead_id = leads.lead_id
              )
            """,
        ),
    ),
)
