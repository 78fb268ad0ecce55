"""Leads that wait for their first answer: the rows that rules about them judge, and their words.

Belongs here: when a lead's time began and ends, who owns it, how a notice names it without naming
the person. Does not: any rule's verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from pydantic import Field

from revops_pipelines.engine.alerts.declaration import Finding, Notice, Row, RuleOptions, Verdict
from revops_pipelines.engine.alerts.figures import in_utc
from revops_pipelines.engine.alerts.wording import span
from revops_pipelines.engine.metrics.working_days import seconds_worked

# Who answers for leads that nobody owns.
ANSWERS = "marketing-operations"


class LeadOptions(RuleOptions):
    """What every rule about waiting leads may say, differently by these dimensions."""

    dimensions: ClassVar[tuple[str, ...]] = ("source", "channel", "segment", "team")

    backlog_hours: int = Field(
        default=24,
        ge=1,
        description="What began longer ago than this when first seen comes in a digest.",
    )
    forget_after_days: int = Field(
        default=30,
        ge=1,
        description="What began longer ago than this when first seen raises no alert.",
    )


LEAD_INPUTS = (
    "conformed.accounts",
    "conformed.activities",
    "conformed.leads",
    "conformed.users",
    "metrics.speed_to_lead",
    "ops.alert_states",
    "ops.business_calendars",
    "ops.business_days",
    "ops.business_windows",
    "ops.loads",
    "ops.parameters",
    "ops.quarantine",
    "ops.rule_settings",
)


# A lead that was warned of in its time and answered late, or not at all: warned of rightly.
LATE_IN_THE_END = """
SELECT lead_id AS alert_key, state IN ('answered_late', 'open_late') AS came_true
FROM metrics.speed_to_lead
WHERE state <> 'open_in_time'
"""


def _target(*path: str) -> str:
    steps = " -> ".join(("targets.settings_json", *path))
    return f"TRY_CAST({steps} ->> 'target_minutes' AS BIGINT)"


# The target of a lead is that of its team, segment, channel or source, as revops.toml has it for
# lead_response_sla, and that of [response] where it says nothing.
OPEN_LEADS = f"""
targets AS (
  SELECT settings_json
  FROM ops.rule_settings
  WHERE rule = 'lead_response_sla'
  QUALIFY ROW_NUMBER() OVER (ORDER BY valid_from_at DESC) = 1
), open_leads AS (
  SELECT
    response.lead_id,
    response.raised_at,
    COALESCE(
      {_target("'overrides'", "'team'", "users.team")},
      {_target("'overrides'", "'segment'", "leads.segment")},
      {_target("'overrides'", "'channel'", "leads.channel")},
      {_target("'overrides'", "'source'", "leads.source")},
      TRY_CAST(targets.settings_json ->> 'target_minutes' AS BIGINT),
      response.target_minutes
    ) AS target_minutes,
    COALESCE(own.calendar, calendars.calendar, 'default') AS calendar
  FROM metrics.speed_to_lead AS response
  LEFT JOIN conformed.leads AS leads ON leads.lead_id = response.lead_id
  LEFT JOIN conformed.users AS users ON users.user_id = leads.owner_id
  LEFT JOIN ops.business_calendars AS own ON own.calendar = users.email
  LEFT JOIN ops.business_calendars AS calendars ON calendars.calendar = users.team
  LEFT JOIN targets ON TRUE
  WHERE response.state IN ('open_in_time', 'open_late')
), loads AS (
  SELECT source, MAX(loaded_at) AS loaded_at FROM ops.loads GROUP BY source
)"""


def deadlines_of(subjects: str) -> str:
    """When each of the subjects passes its deadline.

    Working minutes up to the moment the hand was raised, plus the target, fall into exactly one
    working window of the owner's calendar. A target that is reached at closing time is passed when
    work begins again: until then the clock stands still, and an answer is in time.
    """
    return f"""
due AS (
  SELECT
    {subjects}.lead_id,
    {subjects}.raised_at,
    {subjects}.target_minutes,
    {subjects}.calendar,
    {seconds_worked("raised_day", f"{subjects}.raised_at")} + {subjects}.target_minutes * 60
      AS due_second
  FROM {subjects}
  JOIN ops.business_days AS raised_day
    ON raised_day.calendar = {subjects}.calendar
    AND raised_day.utc_on = CAST({subjects}.raised_at AS DATE)
), deadlines AS (
  SELECT
    due.lead_id,
    CASE parameters.response_clock
      WHEN 'calendar' THEN due.raised_at + due.target_minutes * INTERVAL 1 MINUTE
      ELSE windows.starts_at
        + CAST(CEIL(due.due_second - windows.minutes_before * 60) AS BIGINT) * INTERVAL 1 SECOND
    END AS deadline_at
  FROM due
  CROSS JOIN ops.parameters AS parameters
  JOIN ops.business_windows AS windows
    ON windows.calendar = due.calendar
    AND windows.minutes_before * 60 <= due.due_second
    AND windows.minutes_before * 60 + EPOCH(windows.ends_at) - EPOCH(windows.starts_at)
      > due.due_second
)"""


def rows_of(rule: str) -> str:
    """Open leads, and all that have an open alert of the rule: those must be seen to end.

    A person's name leaves the warehouse as initials only.
    """
    return f"""
WITH {OPEN_LEADS}, {deadlines_of("open_leads")}, used AS (
  SELECT
    response.lead_id,
    CASE parameters.response_clock
      WHEN 'calendar' THEN response.calendar_minutes
      ELSE response.business_minutes
    END AS minutes
  FROM metrics.speed_to_lead AS response
  CROSS JOIN ops.parameters AS parameters
), watched AS (
  SELECT alert_key AS lead_id
  FROM ops.alert_states
  WHERE rule = '{rule}' AND status <> 'ok' AND alert_key <> '(rule)'
), subjects AS (
  SELECT lead_id FROM open_leads
  UNION
  SELECT lead_id FROM watched
), quarantined AS (
  SELECT DISTINCT source || ':' || source_id AS lead_id
  FROM ops.quarantine
  WHERE entity = 'leads'
)
SELECT
  subjects.lead_id,
  watched.lead_id IS NOT NULL AS is_watched,
  CASE
    WHEN open_leads.lead_id IS NULL OR open_leads.target_minutes = response.target_minutes
      THEN response.state
    WHEN used.minutes > open_leads.target_minutes THEN 'open_late'
    ELSE 'open_in_time'
  END AS state,
  used.minutes AS used_minutes,
  response.raised_at,
  response.first_touch_at,
  response.calendar_minutes,
  response.business_minutes,
  COALESCE(open_leads.target_minutes, response.target_minutes) AS target_minutes,
  parameters.response_clock,
  deadlines.deadline_at,
  loads.loaded_at,
  leads.lead_id IS NOT NULL AS is_known,
  leads._deleted_at IS NOT NULL AS is_deleted,
  quarantined.lead_id IS NOT NULL AS is_quarantined,
  leads.excluded_reason,
  REGEXP_REPLACE(TRIM(leads.full_name), '(\\S)\\S*', '\\1.', 'g') AS initials,
  leads.url,
  leads.channel,
  leads.segment,
  leads.source,
  leads.owner_id,
  leads.assigned_at,
  accounts.name AS account,
  users.name AS owner,
  users.email AS owner_email,
  users.team,
  users.is_active AS owner_is_active,
  touches.kind AS touch_kind,
  toucher.name AS touched_by
FROM subjects
CROSS JOIN ops.parameters AS parameters
LEFT JOIN watched ON watched.lead_id = subjects.lead_id
LEFT JOIN metrics.speed_to_lead AS response ON response.lead_id = subjects.lead_id
LEFT JOIN used ON used.lead_id = subjects.lead_id
LEFT JOIN open_leads ON open_leads.lead_id = subjects.lead_id
LEFT JOIN deadlines ON deadlines.lead_id = subjects.lead_id
LEFT JOIN conformed.leads AS leads ON leads.lead_id = subjects.lead_id
LEFT JOIN loads ON loads.source = leads.source
LEFT JOIN quarantined ON quarantined.lead_id = subjects.lead_id
LEFT JOIN conformed.accounts AS accounts ON accounts.account_id = leads.account_id
LEFT JOIN conformed.users AS users ON users.user_id = leads.owner_id
LEFT JOIN conformed.activities AS touches
  ON touches.activity_id = response.first_touch_activity_id
  AND touches.lead_id = response.lead_id
LEFT JOIN conformed.users AS toucher ON toucher.user_id = touches.user_id
ORDER BY deadlines.deadline_at, subjects.lead_id
"""


def over(row: Row) -> Finding:
    """The verdict on a watched lead that is no longer open."""
    if row["state"] in ("answered_in_time", "answered_late"):
        return _answered(row)
    if row["is_quarantined"]:
        return unknown(row, "its record is in quarantine")
    if not row["is_known"]:
        return clear(row, "the record was merged into another, or removed")
    if row["is_deleted"]:
        return clear(row, "the record was deleted")
    reason = row["excluded_reason"] or "not an inbound lead any more"
    return clear(row, f"no longer counts: {reason}")


def _answered(row: Row) -> Finding:
    touched = in_utc(row["first_touch_at"])
    by = f" by {row['touched_by']}" if row["touched_by"] else ""
    how = f" ({row['touch_kind']})" if row["touch_kind"] else ""
    at = f" on {touched:%Y-%m-%d %H:%M} UTC" if touched else ""
    headline = f"Lead answered: {who(row)}"
    reason = f"answered{by}{how}{at}, after {waited(row)}"
    since = in_utc(row["raised_at"]) or datetime(1970, 1, 1, tzinfo=UTC)
    return Finding(row["lead_id"], Verdict.CLEAR, notice_of(row, headline, since), reason=reason)


def clear(row: Row, reason: str) -> Finding:
    """It has ended, and why."""
    return Finding(row["lead_id"], Verdict.CLEAR, reason=reason)


def unknown(row: Row, reason: str) -> Finding:
    """It cannot be judged, and why."""
    return Finding(row["lead_id"], Verdict.UNKNOWN, reason=reason)


def notice_of(row: Row, headline: str, since: datetime, owner: str | None = None) -> Notice:
    """What is told of a lead; `owner` is who answers where nobody owns it."""
    kind = "working" if row["response_clock"] == "business" else "elapsed"
    deadline = in_utc(row["deadline_at"])
    by = f", by {deadline:%Y-%m-%d %H:%M} UTC" if deadline else ""
    return Notice(
        headline=headline,
        subject=f"{who(row)} ({row['lead_id']})",
        since=since,
        observed=f"waiting {waited(row)}" if not row["first_touch_at"] else waited(row),
        limit=f"first human answer within {row['target_minutes']} {kind} minutes{by}",
        owner=owner_of(row) or owner,
        url=row["url"],
        what_to_do=what_to_do(row),
        facts=_facts(row),
        owner_email=row["owner_email"],
        team=row["team"] or ANSWERS,
        is_owner_gone=row["owner_is_active"] is False,
    )


def what_to_do(row: Row) -> str:
    """The next step, by whose lead it is."""
    if row["owner"] is None:
        return "Nobody owns this lead: assign an owner, then call or write from the CRM."
    if row["owner_is_active"] is False:
        return "Its owner has left: reassign the lead, then call or write from the CRM."
    return (
        "Call or write to the lead now, from the CRM so that the touch is recorded; "
        "reassign it if the owner is away."
    )


def owner_of(row: Row) -> str | None:
    """The owner with team, and whether they have left; None where nobody owns it."""
    if row["owner"] is None:
        return None
    left = " (has left)" if row["owner_is_active"] is False else ""
    team = f", {row['team']}" if row["team"] else ""
    return f"{row['owner']}{left}{team}"


def _facts(row: Row) -> Mapping[str, str]:
    raised = in_utc(row["raised_at"])
    facts: dict[str, Any] = {
        "Raised": f"{raised:%Y-%m-%d %H:%M} UTC" if raised else None,
        "Channel": row["channel"],
    }
    return {label: str(value) for label, value in facts.items() if value}


def who(row: Row) -> str:
    """Company and initials: enough to recognise, not enough to identify."""
    return ", ".join(str(part) for part in (row["account"], row["initials"]) if part) or "a lead"


def waited(row: Row) -> str:
    """How long it has waited, by both clocks."""
    # Working time in hours: a working day is no 24 of them.
    hours, minutes = divmod(int(row["business_minutes"] or 0), 60)
    working = f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
    elapsed = span(timedelta(minutes=float(row["calendar_minutes"] or 0)))
    return f"{working} of working time ({elapsed} in all)"
