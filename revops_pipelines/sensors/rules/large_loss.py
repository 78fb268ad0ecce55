"""large_loss: one customer left, or pays so much less that it shows in the total."""

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
from revops_pipelines.engine.alerts.figures import figure, midnight
from revops_pipelines.sensors.rules._pieces import ended, told_of, watched


class LossOptions(RuleOptions):
    """`[rules.large_loss]`."""

    dimensions: ClassVar[tuple[str, ...]] = ("movement", "source", "region", "segment", "team")

    share: Decimal = Field(
        default=Decimal("0.02"),
        ge=0,
        le=1,
        description="Told when it is this share of the revenue at the month's start, or more.",
    )
    min_amount: Decimal = Field(
        default=Decimal(500), ge=0, description="A month's revenue below which none is told."
    )
    critical_share: Decimal = Field(
        default=Decimal("0.1"), gt=0, le=1, description="From this share on it is critical."
    )
    told_days: int = Field(
        default=35, ge=1, description="Days after the change for which it stays open."
    )


# What each customer paid at the end of one month and pays at the end of the next, the running month
# as of today. Currency by currency, at one rate, so that exchange alone loses nobody.
ROWS = f"""
SELECT
  opened.customer_id,
  months.period_start_on,
  months.period_end_on,
  CASE WHEN SUM(COALESCE(present.local_amount, 0)) = 0 THEN 'churn' ELSE 'contraction' END
    AS movement,
  SUM(CAST(opened.local_amount * opened.rate AS DECIMAL(18, 2))) AS opening_mrr,
  SUM(CAST((opened.local_amount - COALESCE(present.local_amount, 0)) * opened.rate
    AS DECIMAL(18, 2))) AS lost_mrr,
  ANY_VALUE(totals.opening_mrr) AS total_mrr,
  ANY_VALUE(customers.source) AS source,
  ANY_VALUE(accounts.name) AS account,
  ANY_VALUE(accounts.url) AS url,
  ANY_VALUE(accounts.segment) AS segment,
  ANY_VALUE(accounts.region) AS region,
  ANY_VALUE(users.name) AS owner_name,
  ANY_VALUE(users.email) AS owner_email,
  ANY_VALUE(users.team) AS team,
  ANY_VALUE(users.is_active) AS owner_is_active,
  ANY_VALUE(parameters.base_currency) AS base_currency
FROM ops.periods AS months
CROSS JOIN ops.parameters AS parameters
JOIN metrics.mrr AS opened
  ON opened.period_start_on = months.previous_start_on AND opened.local_amount > 0
LEFT JOIN metrics.mrr AS present
  ON present.period_start_on = months.period_start_on
  AND present.customer_id = opened.customer_id
  AND present.currency = opened.currency
JOIN (
  SELECT period_start_on, SUM(amount) AS opening_mrr FROM metrics.mrr GROUP BY period_start_on
) AS totals ON totals.period_start_on = months.previous_start_on
LEFT JOIN conformed.customers AS customers ON customers.customer_id = opened.customer_id
LEFT JOIN conformed.accounts AS accounts ON accounts.account_id = customers.account_id
LEFT JOIN conformed.users AS users ON users.user_id = accounts.owner_id
WHERE months.grain = 'month' AND months.period_start_on <= parameters.as_of_on
  AND months.period_end_on >= parameters.as_of_on - 100
GROUP BY opened.customer_id, months.period_start_on, months.period_end_on
HAVING SUM(opened.local_amount) > SUM(COALESCE(present.local_amount, 0))
UNION ALL BY NAME
{watched("large_loss")}
ORDER BY period_start_on, lost_mrr DESC, customer_id, watched_key
"""

# Told of rightly: what was lost has not come back since.
OUTCOME = """
SELECT
  moved.customer_id || '/' || STRFTIME(moved.period_start_on, '%Y-%m') AS alert_key,
  COALESCE(latest.amount, 0) < moved.opening_mrr AS came_true
FROM metrics.mrr_movements AS moved
LEFT JOIN (
  SELECT customer_id, SUM(amount) AS amount
  FROM metrics.mrr
  WHERE period_start_on = (SELECT MAX(period_start_on) FROM metrics.mrr)
  GROUP BY customer_id
) AS latest ON latest.customer_id = moved.customer_id
WHERE moved.movement IN ('churn', 'contraction')
"""


def detect(rows: Sequence[Row], options: LossOptions, now: datetime) -> list[Finding]:
    """A breach per customer and month with a loss that is large, while it is news."""
    judged, keys = told_of(rows)
    found: dict[str, Finding] = {}
    for row in judged:
        own = options.of(row)
        key = f"{row['customer_id']}/{row['period_start_on']:%Y-%m}"
        if now > midnight(row["period_end_on"]) + timedelta(days=own.told_days):
            continue
        if _is_large(row, own):
            found[key] = Finding(
                key, Verdict.BREACH, _notice(row, own), severity=_severity(row, own)
            )
    return [*found.values(), *ended(keys - found.keys(), judged, "regained, or told long ago")]


def _is_large(row: Row, options: LossOptions) -> bool:
    lost, total = Decimal(row["lost_mrr"]), Decimal(row["total_mrr"] or 0)
    return lost >= options.min_amount and lost >= options.share * total


def _severity(row: Row, options: LossOptions) -> Severity | None:
    is_critical = row["lost_mrr"] >= options.critical_share * row["total_mrr"]
    return options.severity or ("critical" if is_critical else None)


def _notice(row: Row, options: LossOptions) -> Notice:
    currency = row["base_currency"]
    lost, total = figure(row["lost_mrr"], "money", currency), Decimal(row["total_mrr"])
    share = figure(row["lost_mrr"] / total, "share") if total else "all"
    who = row["account"] or row["customer_id"]
    did = "left" if row["movement"] == "churn" else "pays less"
    return Notice(
        headline=f"{who} {did}: {lost} a month lost in {row['period_start_on']:%B %Y}",
        subject=f"{who} ({row['customer_id']})",
        since=midnight(row["period_start_on"]),
        observed=f"{lost} of {figure(row['opening_mrr'], 'money', currency)} a month, "
        f"{share} of all recurring revenue",
        limit=f"less than {figure(options.share, 'share')} of the month's opening revenue "
        f"and {figure(options.min_amount, 'money', currency)}",
        owner=options.owner or row["owner_name"],
        owner_email=row["owner_email"],
        team=row["team"] or "customer-success",
        is_owner_gone=row["owner_is_active"] is False,
        url=row["url"],
    )


RULE = Rule(
    name="large_loss",
    title="A large customer lost or shrunk",
    owner="customer-success",
    severity="warning",
    meaning=(
        "One customer stopped paying, or pays so much less, that it alone moves the total: by "
        "default 2 % of the recurring revenue at the month's start, and 500 a month at least. "
        "The running month counts as it stands today, so it is told within a day."
    ),
    what_to_do=(
        "Call the customer while it can still be won back; ask who knew, and since when. The "
        "renewals and payments of the customer are in metrics.renewals_calendar and "
        "metrics.payment_recovery."
    ),
    options=LossOptions,
    inputs=(
        "conformed.accounts",
        "conformed.customers",
        "conformed.users",
        "metrics.mrr",
        "ops.alert_states",
        "ops.parameters",
        "ops.periods",
    ),
    never_empty=("ops.parameters",),
    sql=ROWS,
    detect=detect,
    metrics=("mrr", "mrr_movements"),
    outcome=OUTCOME,
)
