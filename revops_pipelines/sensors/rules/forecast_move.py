"""forecast_move: what is won and promised for the running quarter moved far within a week."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
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
from revops_pipelines.sensors.rules._pieces import RATES, told_of, watched

COMPANY = "(company)"


class ForecastOptions(RuleOptions):
    """`[rules.forecast_move]`."""

    dimensions: ClassVar[tuple[str, ...]] = ("team",)

    by_team: bool = Field(default=False, description="Judge each team beside the company.")
    direction: Literal["down", "both"] = Field(
        default="down", description="Tell of a fall only, or of a rise as well."
    )
    share: Decimal = Field(
        default=Decimal("0.15"),
        gt=0,
        description="Share of the forecast of seven days ago by which it must have moved.",
    )
    min_amount: Decimal = Field(
        default=Decimal(10000), ge=0, description="Moves of less, in money, are not told."
    )
    min_deals: int = Field(
        default=5, ge=0, description="Forecasts that rested on fewer deals start no alert."
    )


# The forecast of the running quarter as it stood today and seven days ago, but not before the
# quarter's first day: deals won in it so far, and those committed for it, at one rate.
ROWS = f"""
WITH {RATES}, looks AS (
  SELECT
    quarters.period_start_on,
    quarters.period_end_on,
    UNNEST([
      {{'look': 'present', 'known_on': parameters.as_of_utc_on}},
      {{'look': 'before',
        'known_on': GREATEST(parameters.as_of_utc_on - 7, quarters.period_start_on)}}
    ], recursive := TRUE)
  FROM ops.periods AS quarters
  CROSS JOIN ops.parameters AS parameters
  WHERE quarters.grain = 'quarter' AND quarters.period_start_on <= parameters.as_of_utc_on
    AND quarters.period_end_on > parameters.as_of_utc_on
), known AS (
  SELECT looks.*, snapshots.* EXCLUDE (source, source_id, _updated_at, _deleted_at)
  FROM looks
  JOIN conformed.opportunity_snapshots AS snapshots ON snapshots.snapshot_on <= looks.known_on
  WHERE snapshots._deleted_at IS NULL OR CAST(snapshots._deleted_at AS DATE) > looks.known_on
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY looks.look, snapshots.opportunity_id ORDER BY snapshots.snapshot_on DESC
  ) = 1
), counted AS (
  SELECT
    known.look,
    known.period_start_on,
    known.period_end_on,
    known.known_on,
    known.opportunity_id,
    COALESCE(users.team, '(no team)') AS team,
    CAST(known.amount * rates.rate AS DECIMAL(18, 2)) AS worth
  FROM known
  JOIN latest_rates AS rates ON rates.currency = known.currency
  LEFT JOIN conformed.opportunities AS deals ON deals.opportunity_id = known.opportunity_id
  LEFT JOIN conformed.users AS users ON users.user_id = known.owner_id
  WHERE known.close_on >= known.period_start_on AND known.close_on < known.period_end_on
    AND (known.is_won OR (NOT known.is_closed AND known.forecast_category = 'commit'))
    AND (deals.kind IS NULL OR deals.kind <> 'renewal')
), summed AS (
  SELECT
    look, team, period_start_on, period_end_on, known_on, SUM(worth) AS worth, COUNT(*) AS deals
  FROM counted
  GROUP BY ALL
  UNION ALL
  SELECT
    look, '{COMPANY}', period_start_on, period_end_on, known_on, SUM(worth), COUNT(*)
  FROM counted
  GROUP BY ALL
)
SELECT
  before.team,
  before.period_start_on,
  before.known_on AS before_on,
  before.worth AS worth_before,
  before.deals AS deals_before,
  COALESCE(present.worth, 0) AS worth,
  COALESCE(present.deals, 0) AS deals,
  parameters.as_of_utc_on,
  parameters.base_currency
FROM summed AS before
CROSS JOIN ops.parameters AS parameters
LEFT JOIN summed AS present ON present.team = before.team AND present.look = 'present'
WHERE before.look = 'before'
UNION ALL BY NAME
{watched("forecast_move")}
ORDER BY team, watched_key
"""


def detect(rows: Sequence[Row], options: ForecastOptions, now: datetime) -> list[Finding]:
    """A breach for the company (and each team, if asked for) whose forecast moved far."""
    judged, keys = told_of(rows)
    found: dict[str, Finding] = {}
    for row in judged:
        if row["team"] == COMPANY or options.by_team:
            key = f"{row['period_start_on']}/{row['team']}"
            found[key] = _judge(key, row, options.of(row))
    over = [
        Finding(key, Verdict.CLEAR, reason="the quarter is over, or it is not watched any more")
        for key in sorted(keys - found.keys())
    ]
    return [*found.values(), *over]


def _judge(key: str, row: Row, options: ForecastOptions) -> Finding:
    before = Decimal(row["worth_before"] or 0)
    moved = Decimal(row["worth"]) - before
    is_told = moved < 0 or options.direction == "both"
    if not before or row["deals_before"] < options.min_deals:
        return Finding(key, Verdict.HOLD, reason="too few deals to judge")
    if not is_told or abs(moved) < max(options.min_amount, options.share * before):
        return Finding(key, Verdict.CLEAR, reason=f"moved by {moved / before:+.0%} in a week")
    return Finding(key, Verdict.BREACH, _notice(row, options, moved), severity=options.severity)


def _notice(row: Row, options: ForecastOptions, moved: Decimal) -> Notice:
    currency = row["base_currency"]
    before = figure(row["worth_before"], "money", currency)
    now = figure(row["worth"], "money", currency)
    whose = "" if row["team"] == COMPANY else f", {row['team']}"
    share = moved / Decimal(row["worth_before"])
    return Notice(
        headline=f"Forecast moved by {share:+.0%} since {row['before_on']}{whose}: now {now}",
        subject=f"forecast of the quarter from {row['period_start_on']}{whose}",
        since=midnight(row["before_on"]),
        observed=f"{now} in {row['deals']} deals, after {before} in {row['deals_before']} on "
        f"{row['before_on']}",
        limit=f"moves of less than {options.share:.0%} a week",
        owner=options.owner or "sales-operations",
        team=None if row["team"] == COMPANY else row["team"],
    )


RULE = Rule(
    name="forecast_move",
    title="The forecast moved far",
    owner="sales-operations",
    severity="warning",
    meaning=(
        "What is won and committed for the running quarter is worth much less than it was seven "
        "days ago (or at the quarter's first day, if that is later), read from the deals' daily "
        "snapshots at one rate of exchange. Deals that were won stay in it, so closing moves "
        "nothing; it ends when a week has passed without such a move."
    ),
    what_to_do=(
        "See which deals did it: `revops explain pipeline_bridge --grain quarter`, and the alerts "
        "of commit_change; tell those who plan with the number."
    ),
    options=ForecastOptions,
    inputs=(
        "conformed.fx_rates",
        "conformed.opportunities",
        "conformed.opportunity_snapshots",
        "conformed.users",
        "ops.alert_states",
        "ops.parameters",
        "ops.periods",
    ),
    never_empty=("ops.parameters",),
    sql=ROWS,
    detect=detect,
)
