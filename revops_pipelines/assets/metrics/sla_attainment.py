"""sla_attainment: the share of inbound leads answered within the target."""

from __future__ import annotations

from revops_pipelines.assets.metrics._leads import COUNTED_LEADS, LEAD_DIMENSIONS, LEAD_INPUTS
from revops_pipelines.engine.metrics.declaration import (
    Benchmark,
    Detail,
    DetailColumn,
    Example,
    Metric,
    Ratio,
    Series,
)
from revops_pipelines.engine.metrics.working_days import seconds_worked

# A deadline is the instant at which the running total of working seconds reaches a number. Windows
# and deadlines are laid on one line and the last window before each deadline is taken; a deadline
# on the edge belongs to the window that ends there.
DEADLINES = f"""
WITH due AS (
  SELECT
    response.lead_id,
    response.raised_at,
    response.state,
    leads.owner,
    leads.team,
    COALESCE(own.calendar, calendars.calendar, 'default') AS calendar,
    response.target_minutes * 60 AS target_seconds
  FROM metrics.speed_to_lead AS response
  JOIN counted_leads AS leads ON leads.lead_id = response.lead_id
  LEFT JOIN conformed.users AS owners ON owners.user_id = leads.owner
  LEFT JOIN ops.business_calendars AS own ON own.calendar = owners.email
  LEFT JOIN ops.business_calendars AS calendars ON calendars.calendar = leads.team
), marks AS (
  SELECT calendar, minutes_before * 60 AS second, starts_at, NULL AS lead_id, 1 AS is_window
  FROM ops.business_windows
  UNION ALL
  SELECT
    due.calendar,
    {seconds_worked("raised_day", "due.raised_at")} + due.target_seconds,
    NULL,
    due.lead_id,
    0
  FROM due
  JOIN ops.business_days AS raised_day
    ON raised_day.calendar = due.calendar AND raised_day.utc_on = CAST(due.raised_at AS DATE)
), placed_marks AS (
  SELECT
    lead_id,
    second,
    MAX(starts_at) OVER line AS window_starts_at,
    MAX(CASE WHEN is_window = 1 THEN second END) OVER line AS window_second
  FROM marks
  WINDOW line AS (
    PARTITION BY calendar ORDER BY second, is_window
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  )
)
SELECT
  due.lead_id,
  due.owner AS owner_id,
  due.team,
  due.calendar,
  due.raised_at,
  CASE parameters.response_clock
    WHEN 'calendar' THEN due.raised_at + due.target_seconds * INTERVAL 1 SECOND
    ELSE placed_marks.window_starts_at
      + (placed_marks.second - placed_marks.window_second) * INTERVAL 1 SECOND
  END AS due_at,
  due.state
FROM due
CROSS JOIN ops.parameters AS parameters
JOIN placed_marks ON placed_marks.lead_id = due.lead_id
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
  response.state
FROM metrics.speed_to_lead AS response
JOIN counted_leads AS leads ON leads.lead_id = response.lead_id
JOIN ops.reporting_days AS day ON day.utc_on = CAST(response.raised_at AS DATE)
"""

METRIC = Metric(
    name="sla_attainment",
    title="Answered within target",
    stage="engage",
    owner="marketing-operations",
    format="percent",
    better="higher",
    meaning=(
        "Inbound leads answered within the target, of those answered or whose time has run out, "
        "by the day the hand was raised. A lead that is waiting inside its time counts neither "
        "way; one that is waiting past it counts as a breach."
    ),
    excludes=(
        "leads still inside their time",
        "test, spam, internal, imported, invalid and deleted leads",
    ),
    benchmark=Benchmark(
        text="Answered within an hour, a lead is seven times likelier to qualify",
        source="Harvard Business Review, The Short Life of Online Sales Leads (2011)",
    ),
    formula="answered in time / (answered + waiting past the target)",
    differs=(
        "Help desks report it over the cases closed in a period "
        "(axence.net/help/nVision15/en/hd_reports_slaclosed.html): one that nobody answers is "
        "in no report until it is closed. Here a lead that waits past its target is a breach "
        "at once, and one inside it counts neither way.",
    ),
    example=Example(
        story=(
            "Four leads raised a hand in May. One is called after 30 minutes and one, on "
            "Friday at 16:50, on Monday at 9:20, which are 30 working minutes. One gets an "
            "automatic mail at once and a human one after 240 minutes, one never gets any: 2 "
            "of 4 within the target of 60."
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
        results=(("sla_attainment", "2026-05-01", "0.5"),),
    ),
    inputs=(
        *LEAD_INPUTS,
        "metrics.speed_to_lead",
        "ops.business_calendars",
        "ops.business_days",
        "ops.business_windows",
        "ops.parameters",
        "ops.period_days",
        "ops.periods",
        "ops.reporting_days",
    ),
    series=(
        Series(
            metric="sla_attainment",
            title="Answered within target",
            unit="share",
            facts=FACTS,
            subject="lead_id",
            fragments=(COUNTED_LEADS,),
            rollup=Ratio(
                numerator="SUM(CASE WHEN state = 'answered_in_time' THEN 1 ELSE 0 END)",
                denominator="SUM(CASE WHEN state <> 'open_in_time' THEN 1 ELSE 0 END)",
                n="SUM(CASE WHEN state <> 'open_in_time' THEN 1 ELSE 0 END)",
                interval="wilson",
            ),
            dimensions=LEAD_DIMENSIONS,
            settled="BOOL_AND(state <> 'open_in_time')",
        ),
    ),
    detail=Detail(
        table="sla_attainment",
        description="One row per inbound lead: when its answer is, or was, due.",
        key=("lead_id",),
        columns=(
            DetailColumn("lead_id", "VARCHAR", "Lead."),
            DetailColumn("owner_id", "VARCHAR", "User who owns it now."),
            DetailColumn("team", "VARCHAR", "Team of that user."),
            DetailColumn("calendar", "VARCHAR", "Working hours in force: the team, or default."),
            DetailColumn("raised_at", "TIMESTAMP", "When the hand was raised (UTC)."),
            DetailColumn("due_at", "TIMESTAMP", "When the target runs out (UTC)."),
            DetailColumn("state", "VARCHAR", "As in metrics.speed_to_lead."),
        ),
        sql=DEADLINES,
        fragments=(COUNTED_LEADS,),
    ),
)
