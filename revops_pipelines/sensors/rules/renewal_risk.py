"""renewal_risk: a renewal comes up, and what is seen of it says that it may be lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import ClassVar

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
from revops_pipelines.engine.alerts.figures import figure
from revops_pipelines.sensors.rules._pieces import ended, told_of, watched


class RenewalOptions(RuleOptions):
    """`[rules.renewal_risk]`."""

    dimensions: ClassVar[tuple[str, ...]] = ("source", "region", "segment", "team")

    days: Mapping[int, Severity] = Field(
        default={120: "info", 90: "info", 60: "warning", 30: "critical"},
        min_length=1,
        description="Days before the renewal from which it is told, and how severe it is then.",
    )
    warnings: int = Field(
        default=1,
        ge=0,
        le=4,
        description="How many of the four warnings must hold: payment failing, fewer seats, no "
        "contact, a cancellation asked for. 0 tells of every renewal.",
    )
    min_amount: Decimal = Field(
        default=Decimal(0), ge=0, description="Renewals of less yearly revenue are not told."
    )
    critical_amount: Decimal = Field(
        default=Decimal(5000),
        ge=0,
        description="Renewals of less yearly revenue are a warning at most.",
    )


ROWS = f"""
SELECT
  renewals.contract_id,
  renewals.ends_on,
  renewals.notice_on,
  renewals.days_to_renewal,
  renewals.auto_renews,
  renewals.arr_amount,
  renewals.is_payment_failing,
  renewals.is_seats_falling,
  renewals.is_quiet,
  renewals.last_activity_at,
  renewals.cancel_requested_at,
  renewals.renewal_opportunity_id,
  renewals.warnings,
  renewals.segment,
  renewals.region,
  SPLIT_PART(renewals.contract_id, ':', 1) AS source,
  accounts.name AS account,
  accounts.url,
  COALESCE(renewals.customer_id, renewals.account_id) AS party_id,
  users.name AS owner_name,
  users.email AS owner_email,
  users.team,
  users.is_active AS owner_is_active,
  parameters.base_currency,
  COALESCE(standing.is_stale, FALSE) AS is_stale
FROM metrics.renewals_calendar AS renewals
CROSS JOIN ops.parameters AS parameters
LEFT JOIN metrics.metric_standing AS standing ON standing.metric = 'renewals_calendar'
LEFT JOIN conformed.accounts AS accounts ON accounts.account_id = renewals.account_id
LEFT JOIN conformed.users AS users ON users.user_id = accounts.owner_id
WHERE renewals.excluded IS NULL
UNION ALL BY NAME
{watched("renewal_risk")}
ORDER BY ends_on, contract_id, watched_key
"""

# Told of rightly: it was lost, or renewed for less.
OUTCOME = """
SELECT
  contract_id || '/' || CAST(ends_on AS VARCHAR) AS alert_key,
  COALESCE(renewed_amount, 0) < due_amount AS came_true
FROM metrics.renewal_rate
WHERE excluded IS NULL AND outcome <> 'pending'
"""


def detect(rows: Sequence[Row], options: RenewalOptions, now: datetime) -> list[Finding]:
    """A breach per renewal with a warning, the more severe the nearer it is."""
    judged, keys = told_of(rows)
    found: dict[str, Finding] = {}
    for row in judged:
        key = f"{row['contract_id']}/{row['ends_on']}"
        found[key] = _judge(key, row, options.of(row), now)
    return [
        *found.values(),
        *ended(keys - found.keys(), judged, "renewed, ended, or no longer due"),
    ]


def _judge(key: str, row: Row, options: RenewalOptions, now: datetime) -> Finding:
    if row["is_stale"]:
        return Finding(key, Verdict.HOLD, reason="what it reads is stale")
    left = row["days_to_renewal"]
    reached = [days for days in options.days if left <= days]
    if not reached:
        return Finding(key, Verdict.CLEAR, reason=f"{left} days are left")
    if row["warnings"] < options.warnings:
        return Finding(key, Verdict.CLEAR, reason="nothing warns of it any more")
    if (row["arr_amount"] or 0) < options.min_amount:
        return Finding(key, Verdict.CLEAR, reason="too small to be told")
    days = min(reached)
    severity = options.severity or _at_most(options.days[days], row, options)
    return Finding(key, Verdict.BREACH, _notice(row, options, days, now), severity=severity)


def _at_most(severity: Severity, row: Row, options: RenewalOptions) -> Severity:
    # Critical passes quiet hours and pages: what is small is not worth that.
    is_small = (row["arr_amount"] or 0) < options.critical_amount
    return "warning" if severity == "critical" and is_small else severity


def _notice(row: Row, options: RenewalOptions, days: int, now: datetime) -> Notice:
    who = row["account"] or row["party_id"]
    left = row["days_to_renewal"]
    when = f"in {left} days" if left >= 0 else f"{-left} days ago"
    worth = figure(row["arr_amount"], "money", row["base_currency"])
    facts = {
        "Last day of notice": str(row["notice_on"] or "none agreed"),
        "Renews by itself": {True: "yes", False: "no"}.get(row["auto_renews"], "not known"),
        "Renewal deal": row["renewal_opportunity_id"] or "none is open",
    }
    return Notice(
        headline=f"Renewal at risk {when}: {who}, {worth} a year",
        subject=f"{who} ({row['contract_id']})",
        since=now - timedelta(days=max(0, days - left)),
        observed="; ".join(_seen(row)) or "it comes up for renewal",
        limit=f"no warning within {days} days of {row['ends_on']}",
        owner=options.owner or row["owner_name"],
        owner_email=row["owner_email"],
        team=row["team"] or "customer-success",
        is_owner_gone=row["owner_is_active"] is False,
        url=row["url"],
        facts=facts,
    )


def _seen(row: Row) -> list[str]:
    last = row["last_activity_at"]
    seen = {
        "a payment is failing": row["is_payment_failing"],
        "it has fewer seats than before": row["is_seats_falling"],
        f"nobody spoke with them since {last:%Y-%m-%d}" if last else "nobody spoke with them": row[
            "is_quiet"
        ],
        "they asked to cancel": row["cancel_requested_at"] is not None,
    }
    return [text for text, holds in seen.items() if holds]


RULE = Rule(
    name="renewal_risk",
    title="Renewal at risk",
    owner="customer-success",
    severity="warning",
    meaning=(
        "An agreement comes up for renewal within 120 days and something warns of it: a payment "
        "is failing, seats have fallen, nobody has spoken with the customer for long, or a "
        "cancellation was asked for. It is info at 120 and 90 days, a warning at 60, critical at "
        "30 if it is large, and ends when it is renewed or nothing warns any more."
    ),
    what_to_do=(
        "Talk with the customer before the last day of notice, open a renewal deal if there is "
        "none, and mend what warns of it first."
    ),
    options=RenewalOptions,
    inputs=(
        "conformed.accounts",
        "conformed.users",
        "metrics.metric_standing",
        "metrics.renewals_calendar",
        "ops.alert_states",
        "ops.parameters",
    ),
    never_empty=("ops.parameters",),
    sql=ROWS,
    detect=detect,
    metrics=("renewals_calendar",),
    outcome=OUTCOME,
)
