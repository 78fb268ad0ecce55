"""lead_response_risk: an inbound lead has used up most of its time, and nobody has answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from pydantic import Field

from revops_pipelines.engine.alerts.declaration import Finding, Row, Rule, Severity, Verdict
from revops_pipelines.engine.alerts.figures import in_utc
from revops_pipelines.engine.alerts.wording import span
from revops_pipelines.sensors.rules._leads import (
    LATE_IN_THE_END,
    LEAD_INPUTS,
    LeadOptions,
    clear,
    notice_of,
    over,
    rows_of,
    unknown,
    who,
)


class LeadRiskOptions(LeadOptions):
    """`[rules.lead_response_risk]`. The target is that of lead_response_sla."""

    keep_minutes: int = Field(
        default=0, ge=0, description="How long it must be clear before it counts as resolved."
    )
    first_share: float = Field(
        default=0.5, gt=0, lt=1, description="Share of the time used at which it is told (info)."
    )
    urgent_share: float = Field(
        default=0.8, gt=0, lt=1, description="Share of the time used at which it is a warning."
    )


def detect(rows: Sequence[Row], options: LeadRiskOptions, now: datetime) -> list[Finding]:
    """A breach per open lead that has used more than the share of its time; late ones are over."""
    return [_judge(row, options.of(row), now) for row in rows]


def _judge(row: Row, options: LeadRiskOptions, now: datetime) -> Finding:
    if row["state"] == "open_late":
        return clear(row, "its time is over: lead_response_sla tells of it now")
    if row["state"] != "open_in_time":
        return over(row)
    deadline = in_utc(row["deadline_at"])
    if deadline is None or row["used_minutes"] is None:
        return unknown(row, "its deadline lies outside the calendars")
    if deadline <= now:
        return clear(row, "its time is over: lead_response_sla tells of it when the data say so")
    used = float(row["used_minutes"]) / row["target_minutes"]
    if used < options.first_share:
        return clear(row, "most of its time is left")
    left = timedelta(minutes=row["target_minutes"] - float(row["used_minutes"]))
    kind = "working time" if row["response_clock"] == "business" else "time"
    headline = f"Lead unanswered, {span(left)} of {kind} left: {who(row)}"
    severity: Severity = "warning" if used >= options.urgent_share else "info"
    notice = notice_of(row, headline, in_utc(row["raised_at"]) or now, options.owner)
    facts = {**notice.facts, "Time used": f"{used:.0%}"}
    return Finding(
        row["lead_id"],
        Verdict.BREACH,
        replace(notice, facts=facts),
        severity=options.severity or severity,
    )


RULE = Rule(
    name="lead_response_risk",
    title="Lead about to wait too long",
    owner="marketing-operations",
    severity="info",
    meaning=(
        "An inbound lead has had no human answer and has used half of its time (info) or four "
        "fifths of it (warning), counted by the working hours of its owner's team. It ends when "
        "the lead is answered, or its time is over: then lead_response_sla goes on."
    ),
    what_to_do="Call or write to the lead now, from the CRM so that the touch is recorded.",
    options=LeadRiskOptions,
    inputs=LEAD_INPUTS,
    never_empty=("metrics.speed_to_lead", "ops.parameters"),
    sql=rows_of("lead_response_risk"),
    detect=detect,
    pulse=True,
    metrics=("speed_to_lead",),
    outcome=LATE_IN_THE_END,
)
