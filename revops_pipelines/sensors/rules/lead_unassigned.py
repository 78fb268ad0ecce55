"""lead_unassigned: an inbound lead waits, and nobody who is here owns it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import Field

from revops_pipelines.engine.alerts.declaration import Finding, Row, Rule, Verdict
from revops_pipelines.engine.alerts.figures import in_utc
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


class UnassignedOptions(LeadOptions):
    """`[rules.lead_unassigned]`."""

    keep_minutes: int = Field(
        default=0, ge=0, description="How long it must be clear before it counts as resolved."
    )
    after_share: float = Field(
        default=0.25,
        ge=0,
        description="Share of the time to answer that a lead may go without an owner.",
    )


def detect(rows: Sequence[Row], options: UnassignedOptions, now: datetime) -> list[Finding]:
    """A breach per open lead without an owner, or whose owner has left."""
    findings = (_judge(row, options.of(row), now) for row in rows)
    return [finding for finding in findings if finding is not None]


def _judge(row: Row, options: UnassignedOptions, now: datetime) -> Finding | None:
    if row["state"] not in ("open_late", "open_in_time"):
        return over(row)
    if row["owner"] is not None and row["owner_is_active"] is not False:
        return clear(row, f"assigned to {row['owner']}")
    if row["owner_id"] is not None and row["owner"] is None:
        return unknown(row, "its owner is not known here")
    raised = in_utc(row["raised_at"]) or now
    age = now - raised
    if age > timedelta(days=options.forget_after_days) and not row["is_watched"]:
        return None
    if float(row["used_minutes"] or 0) < row["target_minutes"] * options.after_share:
        return clear(row, "just raised")
    why = "nobody owns it" if row["owner"] is None else f"{row['owner']} has left"
    return Finding(
        row["lead_id"],
        Verdict.BREACH,
        notice_of(row, f"Lead without an owner, {why}: {who(row)}", raised, options.owner),
        severity=options.severity,
        is_backlog=age > timedelta(hours=options.backlog_hours),
    )


RULE = Rule(
    name="lead_unassigned",
    title="Lead without an owner",
    owner="marketing-operations",
    severity="warning",
    meaning=(
        "An inbound lead waits for an answer, and nobody owns it, or its owner has left: so "
        "nobody will answer. It is told once a quarter of the time to answer has passed, so that "
        "the CRM's own assignment has had its turn."
    ),
    what_to_do="Assign an owner in the CRM, and see why its assignment rules left this lead out.",
    options=UnassignedOptions,
    inputs=LEAD_INPUTS,
    never_empty=("metrics.speed_to_lead", "ops.parameters"),
    sql=rows_of("lead_unassigned"),
    detect=detect,
    pulse=True,
    metrics=("speed_to_lead",),
    outcome=LATE_IN_THE_END,
)
