"""payment_failed: a customer's payment failed, and later: nobody made it good in time."""

from __future__ import annotations

from collections.abc import Sequence
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
from revops_pipelines.engine.alerts.figures import figure, in_utc
from revops_pipelines.sensors.rules._pieces import ended, told_of, watched


class PaymentOptions(RuleOptions):
    """`[rules.payment_failed]`. The recovery window is `[economics] recovery_days`."""

    dimensions: ClassVar[tuple[str, ...]] = ("source", "currency", "region", "segment", "team")

    min_amount: Decimal = Field(
        default=Decimal(0), ge=0, description="Smaller failures are not told."
    )
    large_amount: Decimal = Field(
        default=Decimal(5000),
        ge=0,
        description="Failures of this and more are a warning at once and critical once the "
        "recovery window has ended; smaller ones info, then a warning.",
    )
    ended_severity: Severity | None = Field(
        default=None, description="Instead, severity of all once the recovery window has ended."
    )
    told_days: int = Field(
        default=30, ge=0, description="Days after the window's end for which it stays open."
    )


ROWS = f"""
SELECT
  failures.failure_id,
  failures.invoice_id,
  failures.customer_id,
  failures.failed_at,
  failures.recovered_at,
  failures.currency,
  failures.failed_amount,
  failures.recovered_amount,
  SPLIT_PART(failures.failure_id, ':', 1) AS source,
  accounts.name AS account,
  accounts.url,
  accounts.segment,
  accounts.region,
  users.name AS owner_name,
  users.email AS owner_email,
  users.team,
  users.is_active AS owner_is_active,
  parameters.recovery_days,
  parameters.base_currency,
  parameters.as_of_at,
  COALESCE(standing.is_stale, FALSE) AS is_stale
FROM metrics.payment_recovery AS failures
CROSS JOIN ops.parameters AS parameters
LEFT JOIN metrics.metric_standing AS standing ON standing.metric = 'payment_recovery'
LEFT JOIN conformed.customers AS customers ON customers.customer_id = failures.customer_id
LEFT JOIN conformed.accounts AS accounts ON accounts.account_id = customers.account_id
LEFT JOIN conformed.users AS users ON users.user_id = accounts.owner_id
WHERE failures.excluded IS NULL
UNION ALL BY NAME
{watched("payment_failed")}
ORDER BY failed_at, failure_id, watched_key
"""

# Told of rightly: within the window it was not made good in full.
OUTCOME = """
SELECT
  failures.failure_id AS alert_key,
  CASE
    WHEN failures.recovered_amount >= failures.failed_amount THEN FALSE
    WHEN failures.failed_at + parameters.recovery_days * INTERVAL 1 DAY <= parameters.as_of_at
      THEN TRUE
  END AS came_true
FROM metrics.payment_recovery AS failures
CROSS JOIN ops.parameters AS parameters
WHERE failures.excluded IS NULL
"""


def detect(rows: Sequence[Row], options: PaymentOptions, now: datetime) -> list[Finding]:
    """A breach per failed payment that is not made good, more severe after its window."""
    judged, keys = told_of(rows)
    found: dict[str, Finding] = {}
    for row in judged:
        finding = _judge(row, options.of(row), now, row["failure_id"] in keys)
        if finding is not None:
            found[finding.key] = finding
    return [
        *found.values(),
        *ended(keys - found.keys(), judged, "the bill is void or counts no more"),
    ]


def _judge(row: Row, options: PaymentOptions, now: datetime, is_open: bool) -> Finding | None:
    key = row["failure_id"]
    failed_at = in_utc(row["failed_at"]) or now
    ends_at = failed_at + timedelta(days=row["recovery_days"])
    owed = Decimal(row["failed_amount"] or 0) - Decimal(row["recovered_amount"] or 0)
    if now > ends_at + timedelta(days=options.told_days):
        # Long since a loss that other numbers count: it was told in its time.
        return (
            Finding(key, Verdict.CLEAR, reason="not recovered; written off here")
            if is_open
            else None
        )
    if owed <= 0:
        paid = in_utc(row["recovered_at"])
        when = f" on {paid:%Y-%m-%d}" if paid else ""
        return Finding(key, Verdict.CLEAR, reason=f"paid{when}")
    if row["is_stale"]:
        return Finding(key, Verdict.HOLD, reason="what it reads is stale")
    if Decimal(row["failed_amount"] or 0) < options.min_amount:
        return Finding(key, Verdict.CLEAR, reason="too small to be told")
    has_ended = now >= ends_at
    severity = _severity(row, options, has_ended)
    notice = _notice(row, options, failed_at, ends_at, has_ended)
    return Finding(key, Verdict.BREACH, notice, severity=severity)


def _severity(row: Row, options: PaymentOptions, has_ended: bool) -> Severity:
    # The systems try small cards again by themselves, and nobody is woken for one that is lost.
    is_large = Decimal(row["failed_amount"] or 0) >= options.large_amount
    if has_ended:
        return options.ended_severity or ("critical" if is_large else "warning")
    return options.severity or ("warning" if is_large else "info")


def _notice(
    row: Row, options: PaymentOptions, failed_at: datetime, ends_at: datetime, has_ended: bool
) -> Notice:
    who = row["account"] or row["customer_id"] or "a customer"
    amount = figure(row["failed_amount"], "money", row["base_currency"])
    what = "Payment not recovered in time" if has_ended else "Payment failed"
    got = figure(row["recovered_amount"], "money", row["base_currency"])
    return Notice(
        headline=f"{what}: {who}, {amount}",
        subject=f"{who} ({row['invoice_id'] or row['failure_id']})",
        since=failed_at,
        observed=f"{amount} failed on {failed_at:%Y-%m-%d}, {got} of it paid since",
        limit=f"paid within {row['recovery_days']} days, by {ends_at:%Y-%m-%d}",
        owner=options.owner or row["owner_name"],
        owner_email=row["owner_email"],
        team=row["team"] or "finance",
        is_owner_gone=row["owner_is_active"] is False,
        url=row["url"],
        what_to_do=_STEPS[has_ended],
        facts={"Currency of the bill": row["currency"] or "not known"},
    )


_STEPS = {
    False: "Ask the customer for another means of payment before the billing system's last try.",
    True: "Decide with finance: a last reminder, a pause, or the end of the contract.",
}

RULE = Rule(
    name="payment_failed",
    title="Payment failed",
    owner="finance",
    severity="warning",
    meaning=(
        "A payment of a bill failed and the bill is not paid in full since: info from the first "
        "failure on, a warning once `recovery_days` have passed without the money; large ones are "
        "a warning at once and critical then. However often the billing system tries, it is one "
        "alert; it ends when the bill is paid or void."
    ),
    what_to_do="Ask the customer for another means of payment.",
    options=PaymentOptions,
    inputs=(
        "conformed.accounts",
        "conformed.customers",
        "conformed.users",
        "metrics.metric_standing",
        "metrics.payment_recovery",
        "ops.alert_states",
        "ops.parameters",
    ),
    never_empty=("ops.parameters",),
    sql=ROWS,
    detect=detect,
    metrics=("payment_recovery",),
    outcome=OUTCOME,
)
