"""revenue_leakage: something was sold and not billed, billed too low, or not collected."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from revops_pipelines.engine.alerts.declaration import (
    Finding,
    Notice,
    Row,
    Rule,
    RuleOptions,
    Verdict,
)
from revops_pipelines.engine.alerts.figures import figure, midnight
from revops_pipelines.sensors.rules._pieces import ended, told_of, watched

_TITLES = {
    "won_not_billed": "Won and not billed",
    "billed_less_than_contracted": "Billed less than sold",
    "discount_past_its_end": "Discount past its end",
    "failed_payment_not_recovered": "Payment not recovered",
}
_STEPS = {
    "won_not_billed": "Set the subscription up in billing, or mend the deal if it was not sold.",
    "billed_less_than_contracted": "Compare the subscription's price and quantity with the deal.",
    "discount_past_its_end": "End the discount in billing, or have its extension signed.",
    "failed_payment_not_recovered": "Decide with finance how the money is collected.",
}


class LeakageOptions(RuleOptions):
    """`[rules.revenue_leakage]`. Grace and tolerance are those of `[economics]`."""

    dimensions: ClassVar[tuple[str, ...]] = ("type", "source", "region", "segment", "team")

    types: tuple[str, ...] = Field(
        default=tuple(_TITLES), description="Which findings are told; see metrics.revenue_leakage."
    )
    min_amount: Decimal = Field(
        default=Decimal(1000), ge=0, description="Smaller findings are not told one by one."
    )
    backlog_days: int = Field(
        default=45, ge=0, description="Findings older than this when first seen come in a digest."
    )


ROWS = f"""
SELECT
  leaks.finding_id,
  leaks.type,
  leaks.since_on,
  leaks.age_days,
  leaks.contracted_amount,
  leaks.billed_amount,
  leaks.amount,
  leaks.opportunity_id,
  leaks.subscription_id,
  leaks.invoice_id,
  leaks.party_id,
  SPLIT_PART(COALESCE(leaks.opportunity_id, leaks.invoice_id, leaks.party_id), ':', 1) AS source,
  accounts.name AS account,
  COALESCE(deals.url, accounts.url) AS url,
  accounts.segment,
  accounts.region,
  users.name AS owner_name,
  users.email AS owner_email,
  users.team,
  users.is_active AS owner_is_active,
  parameters.base_currency,
  COALESCE(standing.is_stale, FALSE) AS is_stale
FROM metrics.revenue_leakage AS leaks
CROSS JOIN ops.parameters AS parameters
LEFT JOIN metrics.metric_standing AS standing ON standing.metric = 'revenue_leakage'
LEFT JOIN conformed.opportunities AS deals ON deals.opportunity_id = leaks.opportunity_id
LEFT JOIN conformed.customers AS customers
  ON customers.customer_id = COALESCE(leaks.customer_id, leaks.party_id)
LEFT JOIN conformed.accounts AS accounts
  ON accounts.account_id = COALESCE(deals.account_id, customers.account_id, leaks.party_id)
LEFT JOIN conformed.users AS users ON users.user_id = COALESCE(deals.owner_id, accounts.owner_id)
UNION ALL BY NAME
{watched("revenue_leakage")}
ORDER BY amount DESC, finding_id, watched_key
"""


def detect(rows: Sequence[Row], options: LeakageOptions, now: datetime) -> list[Finding]:
    """A breach per finding of a told type that is large enough."""
    judged, keys = told_of(rows)
    found: dict[str, Finding] = {}
    for row in judged:
        own = options.of(row)
        if row["type"] in own.types and (row["amount"] or 0) >= own.min_amount:
            found[row["finding_id"]] = _judge(row, own)
    return [*found.values(), *ended(keys - found.keys(), judged, "billed, paid or mended")]


def _judge(row: Row, options: LeakageOptions) -> Finding:
    if row["is_stale"]:
        return Finding(row["finding_id"], Verdict.HOLD, reason="what it reads is stale")
    return Finding(
        row["finding_id"],
        Verdict.BREACH,
        _notice(row, options),
        severity=options.severity,
        is_backlog=row["age_days"] > options.backlog_days,
    )


def _notice(row: Row, options: LeakageOptions) -> Notice:
    currency = row["base_currency"]
    who = row["account"] or row["party_id"]
    amount = figure(row["amount"], "money", currency)
    records = {
        "Deal": row["opportunity_id"],
        "Subscription": row["subscription_id"],
        "Bill": row["invoice_id"],
    }
    return Notice(
        headline=f"{_TITLES.get(row['type'], row['type'])}: {who}, {amount}",
        subject=f"{who} ({row['finding_id']})",
        since=midnight(row["since_on"]),
        observed=f"sold {figure(row['contracted_amount'], 'money', currency)}, "
        f"billed {figure(row['billed_amount'], 'money', currency)}, for {row['age_days']} days",
        limit=f"differences below {figure(options.min_amount, 'money', currency)}",
        owner=options.owner or row["owner_name"],
        owner_email=row["owner_email"],
        team=row["team"] or "finance",
        is_owner_gone=row["owner_is_active"] is False,
        url=row["url"],
        what_to_do=_STEPS.get(row["type"], ""),
        facts={label: value for label, value in records.items() if value},
    )


RULE = Rule(
    name="revenue_leakage",
    title="Revenue leakage",
    owner="finance",
    severity="warning",
    meaning=(
        "CRM and billing disagree to our disadvantage, beyond grace and tolerance: a deal was won "
        "and never billed, a bill is below the contract, a discount outlived its end, or a failed "
        "payment was not made good. One alert per finding; it ends when the two agree."
    ),
    what_to_do="Compare the deal with the subscription and its bills, and mend what is wrong.",
    options=LeakageOptions,
    inputs=(
        "conformed.accounts",
        "conformed.customers",
        "conformed.opportunities",
        "conformed.users",
        "metrics.metric_standing",
        "metrics.revenue_leakage",
        "ops.alert_states",
        "ops.parameters",
    ),
    never_empty=("ops.parameters",),
    sql=ROWS,
    detect=detect,
    metrics=("revenue_leakage",),
)
