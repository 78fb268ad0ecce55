"""stuck_deals: a list a week and team of open deals that are in a stage longer than won ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import ClassVar, Literal

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
from revops_pipelines.sensors.rules._pieces import told_of, watched

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NO_TEAM = "(no team)"
# Who answers for lists of nobody's team.
OPERATIONS = "sales-operations"


class StuckOptions(RuleOptions):
    """`[rules.stuck_deals]`."""

    dimensions: ClassVar[tuple[str, ...]] = ("team",)

    group_by: Literal["team", "owner"] = Field(
        default="team", description="One list per team, or one per owner."
    )
    day: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] = Field(
        default="mon", description="Day of the week on which a new list is told."
    )
    min_amount: Decimal = Field(
        default=Decimal(0), ge=0, description="Deals of less are left out; so are none without one."
    )
    min_days_over: float = Field(
        default=0, ge=0, description="Days beyond the measure below which a deal is left out."
    )
    shown: int = Field(default=10, ge=1, le=30, description="Deals written out in a list.")


ROWS = f"""
SELECT
  stuck.opportunity_id,
  stuck.owner AS owner_id,
  COALESCE(stuck.team, '{NO_TEAM}') AS team,
  stuck.stage_label,
  stuck.days,
  stuck.reference_days,
  stuck.days_over,
  stuck.amount,
  stuck.close_on,
  stuck.url,
  deals.name AS deal,
  accounts.name AS account,
  users.name AS owner_name,
  users.email AS owner_email,
  users.is_active AS owner_is_active,
  parameters.as_of_on,
  parameters.base_currency,
  COALESCE(standing.is_stale, FALSE) AS is_stale
FROM metrics.stuck_deals AS stuck
CROSS JOIN ops.parameters AS parameters
LEFT JOIN metrics.metric_standing AS standing ON standing.metric = 'stuck_deals'
LEFT JOIN conformed.opportunities AS deals ON deals.opportunity_id = stuck.opportunity_id
LEFT JOIN conformed.accounts AS accounts ON accounts.account_id = deals.account_id
LEFT JOIN conformed.users AS users ON users.user_id = stuck.owner
UNION ALL BY NAME
{watched("stuck_deals")}
ORDER BY days_over DESC, opportunity_id, watched_key
"""


# Told of rightly: the deal was not won in the end. Of open ones it is not known.
OUTCOME = """
SELECT opportunity_id AS alert_key, CASE WHEN is_closed THEN NOT is_won END AS came_true
FROM conformed.opportunities
WHERE _deleted_at IS NULL
"""


def detect(rows: Sequence[Row], options: StuckOptions, now: datetime) -> list[Finding]:
    """A breach per group with a stuck deal and week; last week's list ends as the new one comes."""
    judged, keys = told_of(rows)
    groups: dict[str, list[Row]] = {}
    for row in judged:
        own = options.of(row)
        is_small = own.min_amount and (row["amount"] or 0) < own.min_amount
        if not is_small and row["days_over"] >= own.min_days_over:
            groups.setdefault(_group(row, options), []).append(row)
    found: dict[str, Finding] = {}
    for group, listed in groups.items():
        week = _week(listed[0]["as_of_on"], options)
        key = f"{week}/{group}"
        found[key] = _judge(key, week, group, listed, options.of(listed[0]))
    over = [
        Finding(key, Verdict.CLEAR, reason="a newer list was told, or none is stuck any more")
        for key in sorted(keys - found.keys())
    ]
    return [*found.values(), *over]


def _group(row: Row, options: StuckOptions) -> str:
    return str(row["team"] if options.group_by == "team" else row["owner_id"] or NO_TEAM)


def _week(today: date, options: StuckOptions) -> date:
    """The day on which the present list was told first."""
    return today - timedelta(days=(today.weekday() - _DAYS.index(options.day)) % 7)


def _judge(
    key: str, week: date, group: str, listed: Sequence[Row], options: StuckOptions
) -> Finding:
    if listed[0]["is_stale"]:
        return Finding(key, Verdict.HOLD, reason="what it reads is stale")
    notice = _notice(week, group, listed, options)
    return Finding(key, Verdict.BREACH, notice, severity=options.severity, is_backlog=True)


def _notice(week: date, group: str, listed: Sequence[Row], options: StuckOptions) -> Notice:
    first = listed[0]
    currency = first["base_currency"]
    worth = sum((Decimal(row["amount"] or 0) for row in listed), Decimal(0))
    is_one = options.group_by == "owner"
    whose = (first["owner_name"] or group) if is_one else group
    count = f"{len(listed)} stuck deal{'' if len(listed) == 1 else 's'}"
    return Notice(
        headline=f"{count}, {whose}: {figure(worth, 'money', currency)}",
        subject=f"stuck deals of {whose}, week of {week}",
        since=midnight(week),
        observed=f"{count}, the longest {first['days']:.0f} days in its stage",
        limit="no longer in a stage than nine of ten won deals were",
        owner=options.owner or (first["owner_name"] if is_one else _team(first)) or OPERATIONS,
        owner_email=first["owner_email"] if is_one else None,
        is_owner_gone=is_one and first["owner_is_active"] is False,
        team=_team(first),
        url=first["url"] if len(listed) == 1 else None,
        facts=_facts(listed, options.shown, currency),
        is_momentary=True,
        members=tuple(row["opportunity_id"] for row in listed),
    )


def _team(row: Row) -> str | None:
    return None if row["team"] == NO_TEAM else str(row["team"])


def _facts(listed: Sequence[Row], shown: int, currency: str) -> dict[str, str]:
    facts = {
        f"{place}. {row['account'] or row['deal'] or row['opportunity_id']}": (
            f"{row['stage_label']}, {row['days']:.0f} days ({row['reference_days']:.0f} usual), "
            f"{figure(row['amount'], 'money', currency)}, {row['owner_name'] or 'nobody'}"
        )
        for place, row in enumerate(listed[:shown], start=1)
    }
    if len(listed) > shown:
        facts["And more"] = f"{len(listed) - shown} in metrics.stuck_deals"
    return facts


RULE = Rule(
    name="stuck_deals",
    title="Stuck deals of the week",
    owner=OPERATIONS,
    severity="info",
    meaning=(
        "Open deals that have been in their stage longer than nine of ten won deals of the same "
        "stage and segment were, told as one list per team and week, the longest over first. A "
        "list is news once: the next comes on the same day of the next week."
    ),
    what_to_do=(
        "Go through the list with each owner: agree on the next step with a date, move the deal "
        "to the stage where it really is, or close it."
    ),
    options=StuckOptions,
    inputs=(
        "conformed.accounts",
        "conformed.opportunities",
        "conformed.users",
        "metrics.metric_standing",
        "metrics.stuck_deals",
        "ops.alert_states",
        "ops.parameters",
    ),
    never_empty=("ops.parameters",),
    sql=ROWS,
    detect=detect,
    metrics=("stuck_deals",),
    outcome=OUTCOME,
)
