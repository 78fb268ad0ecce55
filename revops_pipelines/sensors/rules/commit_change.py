"""commit_change: a promised deal was put off, cut, or taken out of the commit."""

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
from revops_pipelines.sensors.rules._pieces import RATES, told_of, watched


class CommitOptions(RuleOptions):
    """`[rules.commit_change]`."""

    dimensions: ClassVar[tuple[str, ...]] = ("source", "pipeline", "segment", "team")

    min_amount: Decimal = Field(
        default=Decimal(5000), ge=0, description="Changes of less worth are not told."
    )
    days: int = Field(
        default=7, ge=1, le=30, description="Days for which a change is news, then it ends."
    )
    cut_share: Decimal = Field(
        default=Decimal("0.2"), gt=0, le=1, description="An amount cut by this share is told."
    )


# Two consecutive snapshots of a deal, the former of which promised it for the quarter in which the
# change was made. Lost deals are told too: a promise was broken.
ROWS = f"""
WITH {RATES}, moves AS (
  SELECT
    snapshots.opportunity_id,
    snapshots.snapshot_on AS changed_on,
    snapshots.forecast_category,
    snapshots.close_on,
    snapshots.amount,
    snapshots.currency,
    snapshots.is_closed,
    snapshots.is_won,
    LAG(snapshots.forecast_category) OVER deal AS forecast_category_before,
    LAG(snapshots.close_on) OVER deal AS close_on_before,
    LAG(snapshots.amount) OVER deal AS amount_before
  FROM conformed.opportunity_snapshots AS snapshots
  CROSS JOIN ops.parameters AS parameters
  WHERE snapshots.snapshot_on <= parameters.as_of_utc_on
  WINDOW deal AS (PARTITION BY snapshots.opportunity_id ORDER BY snapshots.snapshot_on)
)
SELECT
  moves.*,
  parameters.as_of_utc_on,
  quarters.period_end_on AS quarter_end_on,
  CAST(moves.amount_before * rates.rate AS DECIMAL(18, 2)) AS worth_before,
  CAST(moves.amount * rates.rate AS DECIMAL(18, 2)) AS worth,
  deals.name AS deal,
  deals.url,
  deals.pipeline,
  deals.source,
  accounts.name AS account,
  accounts.segment,
  users.name AS owner_name,
  users.email AS owner_email,
  users.team,
  users.is_active AS owner_is_active,
  parameters.base_currency
FROM moves
CROSS JOIN ops.parameters AS parameters
JOIN ops.period_days AS days ON days.grain = 'quarter' AND days.day = moves.changed_on
JOIN ops.periods AS quarters
  ON quarters.grain = 'quarter' AND quarters.period_start_on = days.period_start_on
LEFT JOIN latest_rates AS rates ON rates.currency = moves.currency
LEFT JOIN conformed.opportunities AS deals ON deals.opportunity_id = moves.opportunity_id
LEFT JOIN conformed.accounts AS accounts ON accounts.account_id = deals.account_id
LEFT JOIN conformed.users AS users ON users.user_id = deals.owner_id
WHERE moves.forecast_category_before = 'commit'
  AND moves.changed_on > parameters.as_of_utc_on - 31
  AND moves.close_on_before < quarters.period_end_on
  AND (deals.kind IS NULL OR deals.kind <> 'renewal')
UNION ALL BY NAME
{watched("commit_change")}
ORDER BY changed_on, opportunity_id, watched_key
"""

# Told of rightly: the deal was not won in the quarter for which it was promised.
OUTCOME = """
SELECT
  snapshots.opportunity_id || '/' || CAST(snapshots.snapshot_on AS VARCHAR) AS alert_key,
  CASE
    WHEN deals.is_won AND CAST(deals.closed_at AS DATE) < quarters.period_end_on THEN FALSE
    WHEN deals.is_closed OR quarters.period_end_on <= parameters.as_of_utc_on THEN TRUE
  END AS came_true
FROM conformed.opportunity_snapshots AS snapshots
CROSS JOIN ops.parameters AS parameters
JOIN conformed.opportunities AS deals ON deals.opportunity_id = snapshots.opportunity_id
JOIN ops.period_days AS days ON days.grain = 'quarter' AND days.day = snapshots.snapshot_on
JOIN ops.periods AS quarters
  ON quarters.grain = 'quarter' AND quarters.period_start_on = days.period_start_on
"""


def detect(rows: Sequence[Row], options: CommitOptions, now: datetime) -> list[Finding]:
    """A breach per deal and day on which a promise was taken back, while it is news."""
    judged, keys = told_of(rows)
    found: dict[str, Finding] = {}
    for row in judged:
        own = options.of(row)
        said = _taken_back(row, own)
        if said and (row["as_of_utc_on"] - row["changed_on"]).days <= own.days:
            key = f"{row['opportunity_id']}/{row['changed_on']}"
            notice = _notice(row, own, said)
            found[key] = Finding(key, Verdict.BREACH, notice, severity=own.severity)
    over = [
        Finding(key, Verdict.CLEAR, reason="told long enough ago")
        for key in sorted(keys - found.keys())
    ]
    return [*found.values(), *over]


def _taken_back(row: Row, options: CommitOptions) -> str:
    """What was taken back of the promise, in words; empty where nothing was."""
    if row["is_won"] or (row["worth_before"] or 0) < options.min_amount:
        return ""
    if row["is_closed"]:
        return "lost"
    if row["close_on"] is None or row["close_on"] >= row["quarter_end_on"]:
        return f"put off to {row['close_on'] or 'no date'}"
    if row["forecast_category"] != "commit":
        return f"now {str(row['forecast_category'] or 'no category').replace('_', ' ')}"
    if (row["worth"] or 0) <= row["worth_before"] * (1 - options.cut_share):
        return f"cut to {figure(row['worth'], 'money', row['base_currency'])}"
    return ""


def _notice(row: Row, options: CommitOptions, said: str) -> Notice:
    who = row["account"] or row["deal"] or row["opportunity_id"]
    worth = figure(row["worth_before"], "money", row["base_currency"])
    return Notice(
        headline=f"Committed deal {said}: {who}, {worth}",
        subject=f"{row['deal'] or who} ({row['opportunity_id']})",
        since=midnight(row["changed_on"]),
        observed=f"{said}; it was committed with {worth} for {row['close_on_before']}",
        limit=f"what is committed closes by {row['quarter_end_on']} as it was committed",
        owner=options.owner or row["owner_name"],
        owner_email=row["owner_email"],
        team=row["team"] or "sales-operations",
        is_owner_gone=row["owner_is_active"] is False,
        url=row["url"],
        is_momentary=True,
    )


RULE = Rule(
    name="commit_change",
    title="A committed deal was taken back",
    owner="sales-operations",
    severity="warning",
    meaning=(
        "A deal that was in the commit of the running quarter was put off beyond it, moved to a "
        "weaker category, cut by a fifth or more, or lost. Read from the deals' daily snapshots, "
        "so a change and its undoing on one day is none. It is news for a week."
    ),
    what_to_do="Ask the owner what happened, and take it out of what you have promised yourself.",
    options=CommitOptions,
    inputs=(
        "conformed.accounts",
        "conformed.fx_rates",
        "conformed.opportunities",
        "conformed.opportunity_snapshots",
        "conformed.users",
        "ops.alert_states",
        "ops.parameters",
        "ops.period_days",
        "ops.periods",
    ),
    never_empty=("ops.parameters",),
    sql=ROWS,
    detect=detect,
    outcome=OUTCOME,
)
