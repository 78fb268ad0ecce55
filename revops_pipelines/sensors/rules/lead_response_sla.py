"""lead_response_sla: an inbound lead passed its deadline without a human answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import Field

from revops_pipelines.engine.alerts.declaration import (
    Finding,
    Row,
    Rule,
    Severity,
    Verdict,
)
from revops_pipelines.engine.alerts.figures import in_utc
from revops_pipelines.engine.alerts.wording import span
from revops_pipelines.sensors.rules._leads import (
    LEAD_INPUTS,
    OPEN_LEADS,
    LeadOptions,
    clear,
    deadlines_of,
    notice_of,
    over,
    rows_of,
    unknown,
    who,
)


class LeadResponseOptions(LeadOptions):
    """`[rules.lead_response_sla]`. The clock is that of `[response]`."""

    keep_minutes: int = Field(
        default=10, ge=0, description="How long it must be clear before it counts as resolved."
    )
    target_minutes: int | None = Field(
        default=None,
        gt=0,
        description="Minutes within which a lead must be answered, where it is not that of "
        "[response]: for alerts only, and best by team or segment in overrides.",
    )
    warn_minutes: int = Field(
        default=0,
        ge=0,
        description="Tell already when so few minutes are left to the deadline; 0: never "
        "(lead_response_risk tells by shares of the time).",
    )
    critical_after_share: float = Field(
        default=4.0,
        gt=1,
        description="Critical once so many times the target have passed without an answer.",
    )


# Beside the open leads one that nobody has seen yet, for each calendar: raised at the last look at
# the leads, it would pass its deadline unnoticed. With pulses more frequent than the target is long
# that never comes first; when they fail, or the target is short, a look is asked for in time.
DEADLINES = f"""
WITH {OPEN_LEADS}, looked AS (
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
), {deadlines_of("waiting")}
SELECT waiting.lead_id AS alert_key, deadlines.deadline_at, waiting.judged_at
FROM deadlines
JOIN waiting ON waiting.lead_id = deadlines.lead_id
"""

# Told of rightly: what still counts as a lead, and was not answered in its time.
OUTCOME = """
SELECT lead_id AS alert_key, state IN ('answered_late', 'open_late') AS came_true
FROM metrics.speed_to_lead
"""


def detect(rows: Sequence[Row], options: LeadResponseOptions, now: datetime) -> list[Finding]:
    """A breach per open lead past its deadline; the rest of what is watched is shown to end."""
    findings = (_judge(row, options.of(row), now) for row in rows)
    return [finding for finding in findings if finding is not None]


def _judge(row: Row, options: LeadResponseOptions, now: datetime) -> Finding | None:
    if row["state"] == "open_late":
        return _late(row, options, now)
    if row["state"] == "open_in_time":
        return _in_time(row, options, now)
    return over(row)


def _late(row: Row, options: LeadResponseOptions, now: datetime) -> Finding | None:
    deadline = in_utc(row["deadline_at"])
    if deadline is None:
        return unknown(row, "its deadline lies outside the calendars")
    loaded = in_utc(row["loaded_at"])
    if loaded is not None and loaded < deadline:
        # The answer may be there, and not fetched yet.
        return unknown(row, "the data is older than the deadline")
    age = now - deadline
    if age > timedelta(days=options.forget_after_days) and not row["is_watched"]:
        return None
    headline = f"Lead unanswered past its deadline: {who(row)}"
    is_backlog = age > timedelta(hours=options.backlog_hours)
    severity: Severity | None = options.severity
    if (
        not is_backlog
        and row["used_minutes"] > row["target_minutes"] * options.critical_after_share
    ):
        severity = "critical"
    return Finding(
        row["lead_id"],
        Verdict.BREACH,
        notice_of(row, headline, deadline, options.owner),
        severity=severity,
        is_backlog=is_backlog,
    )


def _in_time(row: Row, options: LeadResponseOptions, now: datetime) -> Finding:
    deadline = in_utc(row["deadline_at"])
    if deadline is None or not options.warn_minutes:
        return clear(row, "within its time")
    left = deadline - now
    if left > timedelta(minutes=options.warn_minutes):
        return clear(row, "within its time")
    headline = f"Lead unanswered, {span(left)} left: {who(row)}"
    warned_at = deadline - timedelta(minutes=options.warn_minutes)
    severity: Severity = "info"
    return Finding(
        row["lead_id"], Verdict.BREACH, notice_of(row, headline, warned_at), severity=severity
    )


RULE = Rule(
    name="lead_response_sla",
    title="Lead waits too long",
    owner="marketing-operations",
    severity="warning",
    meaning=(
        "An inbound lead has had no human outbound call, mail, meeting or message within the "
        "target of [response], counted by the working hours of its owner's team; critical once "
        "several times the target have passed. One alert per lead; it ends when the lead is "
        "answered, excluded, deleted or merged away."
    ),
    what_to_do="Call or write to the lead now, from the CRM so that the touch is recorded.",
    options=LeadResponseOptions,
    inputs=LEAD_INPUTS,
    never_empty=("metrics.speed_to_lead", "ops.parameters"),
    sql=rows_of("lead_response_sla"),
    detect=detect,
    pulse=True,
    deadlines=DEADLINES,
    metrics=("speed_to_lead",),
    outcome=OUTCOME,
)
