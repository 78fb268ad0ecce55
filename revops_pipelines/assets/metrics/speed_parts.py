"""speed_parts: where the time between a raised hand and a conversation goes."""

from __future__ import annotations

from revops_pipelines.assets.metrics._leads import COUNTED_LEADS, LEAD_DIMENSIONS, LEAD_INPUTS
from revops_pipelines.engine.metrics.declaration import (
    Detail,
    DetailColumn,
    Example,
    Identity,
    Metric,
    Series,
    Survival,
)
from revops_pipelines.engine.metrics.working_days import seconds_worked

# Three clocks that follow each other without gap or overlap: each starts where the one before
# stopped, so the parts of a lead add up to the whole on either clock. An answer before anybody was
# assigned ends the routing too, and a conversation before any attempt ends all three. A mail of
# theirs is a conversation only once it answers ours; a call or meeting that one of us took part in
# is one at any time.
CLOCKS = """
WITH inbound AS (
  SELECT
    response.lead_id,
    response.raised_at,
    response.first_touch_at,
    response.first_touch_activity_id,
    counted_leads.excluded,
    CASE WHEN leads.assigned_at <= parameters.as_of_at
      THEN GREATEST(leads.assigned_at, response.raised_at) END AS owned_at,
    leads.owner_id,
    COALESCE(own.calendar, calendars.calendar, 'default') AS calendar,
    parameters.as_of_at
  FROM metrics.speed_to_lead AS response
  CROSS JOIN ops.parameters AS parameters
  JOIN counted_leads ON counted_leads.lead_id = response.lead_id
  JOIN conformed.leads AS leads ON leads.lead_id = response.lead_id
  LEFT JOIN conformed.users AS owners ON owners.user_id = counted_leads.owner
  LEFT JOIN ops.business_calendars AS own ON own.calendar = owners.email
  LEFT JOIN ops.business_calendars AS calendars ON calendars.calendar = counted_leads.team
), conversations AS (
  SELECT activities.lead_id, activities.activity_id, activities.occurred_at
  FROM conformed.activities AS activities
  JOIN inbound
    ON inbound.lead_id = activities.lead_id AND activities.occurred_at >= inbound.raised_at
  WHERE activities.is_two_way
    AND activities.kind IN ('call', 'email', 'meeting', 'message')
    AND COALESCE(LOWER(activities.outcome), '') NOT IN ('bounced', 'voicemail')
    AND (activities.is_human OR activities.occurred_at >= inbound.first_touch_at)
    AND activities.occurred_at <= inbound.as_of_at
    AND (activities._deleted_at IS NULL OR activities._deleted_at > inbound.as_of_at)
), earliest AS (
  SELECT lead_id, MIN(occurred_at) AS contacted_at
  FROM conversations
  GROUP BY lead_id
), contacts AS (
  SELECT earliest.lead_id, earliest.contacted_at, MIN(conversations.activity_id) AS activity_id
  FROM earliest
  JOIN conversations
    ON conversations.lead_id = earliest.lead_id
    AND conversations.occurred_at = earliest.contacted_at
  GROUP BY earliest.lead_id, earliest.contacted_at
), stopped AS (
  SELECT
    inbound.*,
    contacts.contacted_at,
    contacts.activity_id AS contact_activity_id,
    CASE
      WHEN contacts.contacted_at < inbound.first_touch_at OR inbound.first_touch_at IS NULL
        THEN contacts.contacted_at
      ELSE inbound.first_touch_at
    END AS attempted_at,
    CASE
      WHEN contacts.contacted_at < inbound.first_touch_at OR inbound.first_touch_at IS NULL
        THEN contacts.activity_id
      ELSE inbound.first_touch_activity_id
    END AS attempt_activity_id
  FROM inbound
  LEFT JOIN contacts ON contacts.lead_id = inbound.lead_id
), clocked AS (
  SELECT
    stopped.*,
    CASE
      WHEN stopped.owned_at <= stopped.attempted_at OR stopped.attempted_at IS NULL
        THEN stopped.owned_at
      ELSE stopped.attempted_at
    END AS routed_at
  FROM stopped
)
"""

UNTIL = {
    "raised": "clocked.raised_at",
    "routed": "COALESCE(clocked.routed_at, clocked.as_of_at)",
    "attempted": "COALESCE(clocked.attempted_at, clocked.as_of_at)",
    "contacted": "COALESCE(clocked.contacted_at, clocked.as_of_at)",
}
PARTS = (
    ("routing", "raised", "routed"),
    ("reaction", "routed", "attempted"),
    ("contact", "attempted", "contacted"),
)


def _minutes() -> str:
    """Minutes of every part on both clocks; none for a part that has not begun."""
    columns = []
    for part, since, until in PARTS:
        begun = "TRUE" if since == "raised" else f"clocked.{since}_at IS NOT NULL"
        columns.append(
            f"CASE WHEN {begun} THEN (EPOCH({UNTIL[until]}) - EPOCH({UNTIL[since]})) / 60 END"
            f"\n    AS {part}_calendar_minutes"
        )
        columns.append(
            f"CASE WHEN {begun} THEN (clocked.{until}_worked - clocked.{since}_worked) / 60 END"
            f"\n    AS {part}_business_minutes"
        )
    return ",\n  ".join(columns)


def _worked() -> str:
    """The working seconds at which each clock starts or stops, one after the other.

    Materialized: planners otherwise put the days of all calendars beside each other before they
    look at the leads.
    """
    steps, before = [], "clocked"
    for edge, at in UNTIL.items():
        worked = seconds_worked("day", at).replace("clocked.", f"{before}.")
        instant = at.replace("clocked.", f"{before}.")
        steps.append(
            f"worked_when_{edge} AS MATERIALIZED (\n"
            f"  SELECT {before}.*, {worked} AS {edge}_worked\n"
            f"  FROM {before}\n"
            f"  JOIN ops.business_days AS day\n"
            f"    ON day.calendar = {before}.calendar AND day.utc_on = CAST({instant} AS DATE)\n)"
        )
        before = f"worked_when_{edge}"
    return ", ".join(steps)


DETAIL = f"""{CLOCKS.rstrip()}, {_worked()}
SELECT
  clocked.lead_id,
  clocked.owner_id,
  clocked.raised_at,
  clocked.routed_at,
  clocked.attempted_at,
  clocked.attempt_activity_id,
  clocked.contacted_at,
  clocked.contact_activity_id,
  {_minutes()},
  clocked.excluded
FROM worked_when_contacted AS clocked
"""

# A part that has not begun says nothing yet: an unrouted lead does not wait for a reaction.
FACTS = """
SELECT
  CASE WHEN parts.raised_at >= day.changes_at THEN day.on_after ELSE day.on_before END AS fact_on,
  leads.excluded,
  leads.lead_id,
  leads.segment,
  leads.industry,
  leads.region,
  leads.owner,
  leads.team,
  leads.channel,
  {duration} AS duration,
  parts.{until}_at IS NOT NULL AS is_observed
FROM metrics.speed_parts AS parts
JOIN counted_leads AS leads ON leads.lead_id = parts.lead_id
JOIN ops.reporting_days AS day ON day.utc_on = CAST(parts.raised_at AS DATE)
WHERE {begun}
"""


def _whole(clock: str) -> str:
    return " + ".join(f"COALESCE(parts.{part}_{clock}_minutes, 0)" for part, _, _ in PARTS)


def _series(metric: str, title: str, duration: str, until: str, since: str = "") -> Series:
    begun = f"parts.{since}_at IS NOT NULL" if since else "TRUE"
    return Series(
        metric=metric,
        title=title,
        unit="minutes",
        facts=FACTS.format(duration=duration, until=until, begun=begun),
        subject="lead_id",
        fragments=(COUNTED_LEADS,),
        rollup=Survival((("", 0.5), ("_p90", 0.9))),
        grains=("month", "quarter"),
        dimensions=LEAD_DIMENSIONS,
        mature_after_days="parameters.contact_days",
    )


METRIC = Metric(
    name="speed_parts",
    title="Time to a conversation, and its parts",
    stage="engage",
    owner="marketing-operations",
    format="duration",
    better="lower",
    meaning=(
        "Median minutes from a raised hand to the first conversation, by the day the hand was "
        "raised, and its three parts one after the other: routing (until somebody owned the lead: "
        "what the systems take, counted round the clock), reaction (from there to the first human "
        "attempt) and contact (from the attempt until both sides spoke), which people take, "
        "counted in working hours. What has not ended counts as still running (Kaplan-Meier), "
        "with the median's interval; a part that has not begun does not count yet. An answer by "
        "somebody whom nobody assigned ends the routing. The detail has every part on both clocks "
        "and the touch that stopped it."
    ),
    formula="raised to spoken = raised to owned + owned to attempt + attempt to spoken",
    excludes=(
        "tasks, notes, sequences and automatic replies as attempts",
        "voicemails, bounced mail and their own unanswered mail as conversation",
        "leads raised by people who already had an owner: their routing takes no time",
        "test, spam, internal, imported, invalid and deleted leads",
    ),
    differs=(
        "LeanScale tells two parts, what systems take and what people take from the assignment "
        "(playbooks.leanscale.team, Speed to lead methodology); here the people's part is two, "
        "until they try and until both sides speak.",
        "Prospeo counts the time to first contact from the lead's creation (prospeo.io, "
        "Speed-to-lead metrics): that is the whole here, speed_parts, of which contact is the "
        "last part.",
    ),
    inputs=(
        *LEAD_INPUTS,
        "conformed.activities",
        "metrics.speed_parts",
        "metrics.speed_to_lead",
        "ops.business_calendars",
        "ops.business_days",
        "ops.parameters",
        "ops.period_days",
        "ops.periods",
        "ops.reporting_days",
    ),
    series=(
        _series(
            "speed_parts",
            "Raised to conversation, working minutes",
            _whole("business"),
            "contacted",
        ),
        _series(
            "speed_parts_routing",
            "Raised to owned, all minutes",
            "parts.routing_calendar_minutes",
            "routed",
        ),
        _series(
            "speed_parts_reaction",
            "Owned to first attempt, working minutes",
            "parts.reaction_business_minutes",
            "attempted",
            "routed",
        ),
        _series(
            "speed_parts_contact",
            "First attempt to conversation, working minutes",
            "parts.contact_business_minutes",
            "contacted",
            "attempted",
        ),
    ),
    detail=Detail(
        table="speed_parts",
        description="One row per inbound lead: when each clock stopped, and the touch that did it.",
        key=("lead_id",),
        columns=(
            DetailColumn("lead_id", "VARCHAR", "Lead."),
            DetailColumn("owner_id", "VARCHAR", "User who owns it now."),
            DetailColumn("raised_at", "TIMESTAMP", "When the hand was raised (UTC)."),
            DetailColumn("routed_at", "TIMESTAMP", "When somebody first owned or answered it."),
            DetailColumn("attempted_at", "TIMESTAMP", "When somebody first tried to reach it."),
            DetailColumn("attempt_activity_id", "VARCHAR", "The activity that it was."),
            DetailColumn("contacted_at", "TIMESTAMP", "When both sides first spoke or wrote."),
            DetailColumn("contact_activity_id", "VARCHAR", "The activity that it was."),
            *(
                DetailColumn(f"{part}_{clock}_minutes", "DOUBLE", f"{words} {hours}.")
                for part, words in (
                    ("routing", "Raised to owned, or waited so far,"),
                    ("reaction", "Owned to attempt, or waited so far,"),
                    ("contact", "Attempt to conversation, or waited so far,"),
                )
                for clock, hours in (
                    ("calendar", "round the clock"),
                    ("business", "in the team's working hours"),
                )
            ),
            DetailColumn("excluded", "VARCHAR", "Why it does not count; null where it does."),
        ),
        sql=DETAIL,
        fragments=(COUNTED_LEADS,),
    ),
    identities=(
        Identity(
            "parts_follow_each_other",
            "A lead is raised, owned, tried and reached in this order, none left out.",
            """
            SELECT lead_id FROM metrics.speed_parts
            WHERE routed_at < raised_at OR attempted_at < routed_at OR contacted_at < attempted_at
              OR (routed_at IS NULL AND attempted_at IS NOT NULL)
              OR (attempted_at IS NULL AND contacted_at IS NOT NULL)
            """,
        ),
        Identity(
            "parts_make_the_whole",
            "The three parts of a lead add up to the time from raised to reached, or to now.",
            """
            SELECT parts.lead_id FROM metrics.speed_parts AS parts
            CROSS JOIN ops.parameters AS parameters
            WHERE ABS(
              COALESCE(parts.routing_calendar_minutes, 0)
              + COALESCE(parts.reaction_calendar_minutes, 0)
              + COALESCE(parts.contact_calendar_minutes, 0)
              - (EPOCH(COALESCE(parts.contacted_at, parameters.as_of_at))
                - EPOCH(parts.raised_at)) / 60
            ) > 0.001
            """,
        ),
        Identity(
            "every_inbound_lead",
            "The leads are those of speed_to_lead, and an attempt by us is the same touch.",
            """
            SELECT response.lead_id FROM metrics.speed_to_lead AS response
            LEFT JOIN metrics.speed_parts AS parts ON parts.lead_id = response.lead_id
            WHERE parts.lead_id IS NULL OR parts.attempted_at > response.first_touch_at
            """,
        ),
    ),
    example=Example(
        story=(
            "Ada raises her hand on Monday at 10:00, is given to a seller at 10:05, is called in "
            "vain at 10:25 and answers at 11:25: 5 minutes of routing, 20 of reaction, 60 of "
            "contact, 85 in all. Bob waits twice as long for each."
        ),
        tables={
            "leads": """
lead_id | is_inbound | raised_at        | assigned_at      | created_at
ada     | true       | 2026-05-04 10:00 | 2026-05-04 10:05 | 2026-05-04 10:00
bob     | true       | 2026-05-04 10:00 | 2026-05-04 10:10 | 2026-05-04 10:00
""",
            "activities": """
activity_id | lead_id | kind  | is_two_way | outcome   | occurred_at
1           | ada     | call  | false      | no_answer | 2026-05-04 10:25
2           | ada     | email | true       | received  | 2026-05-04 11:25
3           | bob     | call  | false      | no_answer | 2026-05-04 10:50
4           | bob     | call  | true       | connected | 2026-05-04 12:50
""",
        },
        results=(
            ("speed_parts", "2026-05-01", "127.5"),
            ("speed_parts_routing", "2026-05-01", "7.5"),
            ("speed_parts_reaction", "2026-05-01", "30"),
            ("speed_parts_contact", "2026-05-01", "90"),
        ),
    ),
)
