"""lead_response_sla: an inbound lead passed its deadline without a human answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import Field

from revops_pipelines.engine.alerts.declaration import (
    Finding,
    Notice,
    Row,
    Rule,
    RuleOptions,
    Severity,
    Verdict,
)
from revops_pipelines.engine.alerts.wording import span
from revops_pipelines.engine.metrics.working_days import seconds_worked


class LeadResponseOptions(RuleOptions):
    """`[rules.lead_response_sla]`. Target and clock are those of `[response]`."""

    keep_minutes: int = Field(
        default=10, ge=0, description="How long it must be clear before it counts as resolved."
    )
    warn_minutes: int = Field(
        default=0,
        ge=0,
        description="Tell already when so few minutes are left to the deadline; 0: never.",
    )
    backlog_hours: int = Field(
        default=24, ge=1, description="Breaches older than this when first seen come in a digest."
    )
    forget_after_days: int = Field(
        default=30, ge=1, description="Breaches older than this when first seen raise no alert."
    )


_OPEN_LEADS = """
open_leads AS (
  SELECT
    response.lead_id,
    response.raised_at,
    response.target_minutes,
    COALESCE(calendars.calendar, 'default') AS calendar
  FROM metrics.speed_to_lead AS response
  LEFT JOIN conformed.leads AS leads ON leads.lead_id = response.lead_id
  LEFT JOIN conformed.users AS users ON users.user_id = leads.owner_id
  LEFT JOIN ops.business_calendars AS calendars ON calendars.calendar = users.team
  WHERE response.state IN ('open_in_time', 'open_late')
), loads AS (
  SELECT source, MAX(loaded_at) AS loaded_at FROM ops.loads GROUP BY source
)"""


def _deadlines(subjects: str) -> str:
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


# Beside the open leads one that nobody has seen yet, for each calendar: raised at the last look at
# the leads, it would pass its deadline unnoticed. With pulses more frequent than the target is long
# that never comes first; when they fail, or the target is short, a look is asked for in time.
DEADLINES = f"""
WITH {_OPEN_LEADS}, looked AS (
  SELECT MIN(LEAST(loads.loaded_at, parameters.as_of_at)) AS looked_at
  FROM loads
  CROSS JOIN ops.parameters AS parameters
  WHERE loads.source IN (SELECT source FROM conformed.leads)
), waiting AS (
  SELECT
    open_leads.*,
    LEAST(parameters.as_of_at, COALESCE(loads.loaded_at, parameters.as_of_at)) AS judged_at
  FROM open_leads
  CROSS JOIN ops.parameters AS parameters
  JOIN conformed.leads AS leads ON leads.lead_id = open_leads.lead_id
  LEFT JOIN loads ON loads.source = leads.source
  UNION ALL
  SELECT
    '(not seen yet) ' || calendars.calendar,
    looked.looked_at,
    parameters.response_target_minutes,
    calendars.calendar,
    looked.looked_at
  FROM ops.business_calendars AS calendars
  CROSS JOIN looked
  CROSS JOIN ops.parameters AS parameters
  WHERE looked.looked_at IS NOT NULL
), {_deadlines("waiting")}
SELECT waiting.lead_id AS alert_key, deadlines.deadline_at, waiting.judged_at
FROM deadlines
JOIN waiting ON waiting.lead_id = deadlines.lead_id
"""

# Open leads, and all that have an open alert: those must be seen to end, not just to vanish.
# A person's name leaves the warehouse as initials only.
ROWS = f"""
WITH {_OPEN_LEADS}, {_deadlines("open_leads")}, watched AS (
  SELECT alert_key AS lead_id
  FROM ops.alert_states
  WHERE rule = 'lead_response_sla' AND status <> 'ok' AND alert_key <> '(rule)'
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
  response.state,
  response.raised_at,
  response.first_touch_at,
  response.calendar_minutes,
  response.business_minutes,
  response.target_minutes,
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
  accounts.name AS account,
  users.name AS owner,
  users.team,
  users.is_active AS owner_is_active,
  touches.kind AS touch_kind,
  toucher.name AS touched_by
FROM subjects
CROSS JOIN ops.parameters AS parameters
LEFT JOIN watched ON watched.lead_id = subjects.lead_id
LEFT JOIN metrics.speed_to_lead AS response ON response.lead_id = subjects.lead_id
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


def detect(rows: Sequence[Row], options: LeadResponseOptions, now: datetime) -> list[Finding]:
    """A breach per open lead past its deadline; the rest of what is watched is shown to end."""
    findings = (_judge(row, options, now) for row in rows)
    return [finding for finding in findings if finding is not None]


def _judge(row: Row, options: LeadResponseOptions, now: datetime) -> Finding | None:
    if row["state"] == "open_late":
        return _late(row, options, now)
    if row["state"] == "open_in_time":
        return _in_time(row, options, now)
    return _over(row)


def _late(row: Row, options: LeadResponseOptions, now: datetime) -> Finding | None:
    deadline = _utc(row["deadline_at"])
    if deadline is None:
        return _unknown(row, "its deadline lies outside the calendars")
    loaded = _utc(row["loaded_at"])
    if loaded is not None and loaded < deadline:
        # The answer may be there, and not fetched yet.
        return _unknown(row, "the data is older than the deadline")
    age = now - deadline
    if age > timedelta(days=options.forget_after_days) and not row["is_watched"]:
        return None
    headline = f"Lead unanswered past its deadline: {_who(row)}"
    is_backlog = age > timedelta(hours=options.backlog_hours)
    return Finding(
        row["lead_id"],
        Verdict.BREACH,
        _notice(row, headline, deadline),
        is_backlog=is_backlog,
    )


def _in_time(row: Row, options: LeadResponseOptions, now: datetime) -> Finding:
    deadline = _utc(row["deadline_at"])
    if deadline is None or not options.warn_minutes:
        return Finding(row["lead_id"], Verdict.CLEAR, reason="within its time")
    left = deadline - now
    if left > timedelta(minutes=options.warn_minutes):
        return Finding(row["lead_id"], Verdict.CLEAR, reason="within its time")
    headline = f"Lead unanswered, {span(left)} left: {_who(row)}"
    warned_at = deadline - timedelta(minutes=options.warn_minutes)
    severity: Severity = "info"
    return Finding(
        row["lead_id"], Verdict.BREACH, _notice(row, headline, warned_at), severity=severity
    )


def _over(row: Row) -> Finding:
    """The verdict on a watched lead that is no longer open."""
    if row["state"] in ("answered_in_time", "answered_late"):
        return _answered(row)
    if row["is_quarantined"]:
        return _unknown(row, "its record is in quarantine")
    if not row["is_known"]:
        return _clear(row, "the record was merged into another, or removed")
    if row["is_deleted"]:
        return _clear(row, "the record was deleted")
    reason = row["excluded_reason"] or "not an inbound lead any more"
    return _clear(row, f"no longer counts: {reason}")


def _answered(row: Row) -> Finding:
    touched = _utc(row["first_touch_at"])
    by = f" by {row['touched_by']}" if row["touched_by"] else ""
    how = f" ({row['touch_kind']})" if row["touch_kind"] else ""
    at = f" on {touched:%Y-%m-%d %H:%M} UTC" if touched else ""
    headline = f"Lead answered: {_who(row)}"
    reason = f"answered{by}{how}{at}, after {_waited(row)}"
    notice = _notice(row, headline, _utc(row["raised_at"]) or datetime(1970, 1, 1, tzinfo=UTC))
    return Finding(row["lead_id"], Verdict.CLEAR, notice, reason=reason)


def _clear(row: Row, reason: str) -> Finding:
    return Finding(row["lead_id"], Verdict.CLEAR, reason=reason)


def _unknown(row: Row, reason: str) -> Finding:
    return Finding(row["lead_id"], Verdict.UNKNOWN, reason=reason)


def _notice(row: Row, headline: str, since: datetime) -> Notice:
    kind = "working" if row["response_clock"] == "business" else "elapsed"
    deadline = _utc(row["deadline_at"])
    by = f", by {deadline:%Y-%m-%d %H:%M} UTC" if deadline else ""
    return Notice(
        headline=headline,
        subject=f"{_who(row)} ({row['lead_id']})",
        since=since,
        observed=f"waiting {_waited(row)}" if not row["first_touch_at"] else _waited(row),
        limit=f"first human answer within {row['target_minutes']} {kind} minutes{by}",
        owner=_owner(row),
        url=row["url"],
        what_to_do=_what_to_do(row),
        facts=_facts(row),
    )


def _what_to_do(row: Row) -> str:
    if row["owner"] is None:
        return "Nobody owns this lead: assign an owner, then call or write from the CRM."
    if row["owner_is_active"] is False:
        return "Its owner has left: reassign the lead, then call or write from the CRM."
    return (
        "Call or write to the lead now, from the CRM so that the touch is recorded; "
        "reassign it if the owner is away."
    )


def _owner(row: Row) -> str | None:
    if row["owner"] is None:
        return None
    left = " (has left)" if row["owner_is_active"] is False else ""
    team = f", {row['team']}" if row["team"] else ""
    return f"{row['owner']}{left}{team}"


def _facts(row: Row) -> Mapping[str, str]:
    raised = _utc(row["raised_at"])
    facts: dict[str, Any] = {
        "Raised": f"{raised:%Y-%m-%d %H:%M} UTC" if raised else None,
        "Channel": row["channel"],
    }
    return {label: str(value) for label, value in facts.items() if value}


def _who(row: Row) -> str:
    """Company and initials: enough to recognise, not enough to identify."""
    return ", ".join(str(part) for part in (row["account"], row["initials"]) if part) or "a lead"


def _waited(row: Row) -> str:
    # Working time in hours: a working day is no 24 of them.
    hours, minutes = divmod(int(row["business_minutes"] or 0), 60)
    working = f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
    elapsed = span(timedelta(minutes=float(row["calendar_minutes"] or 0)))
    return f"{working} of working time ({elapsed} in all)"


def _utc(stored: datetime | None) -> datetime | None:
    return None if stored is None else stored.replace(tzinfo=UTC)


RULE = Rule(
    name="lead_response_sla",
    title="Lead waits too long",
    owner="marketing-operations",
    severity="warning",
    meaning=(
        "An inbound lead has had no human outbound call, mail, meeting or message within the "
        "target of [response], counted by the working hours of its owner's team. One alert per "
        "lead; it ends when the lead is answered, excluded, deleted or merged away."
    ),
    what_to_do="Call or write to the lead now, from the CRM so that the touch is recorded.",
    options=LeadResponseOptions,
    inputs=(
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
    ),
    never_empty=("metrics.speed_to_lead", "ops.parameters"),
    sql=ROWS,
    detect=detect,
    pulse=True,
    deadlines=DEADLINES,
)
