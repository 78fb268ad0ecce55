"""call_budget: a source's allowance of API calls runs out, or has run out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
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
from revops_pipelines.engine.alerts.figures import in_utc
from revops_pipelines.sensors.rules._pieces import ended, told_of, watched


class BudgetOptions(RuleOptions):
    """`[rules.call_budget]`. The budgets are `max_calls` and `spare_calls` of each source."""

    dimensions: ClassVar[tuple[str, ...]] = ("source",)

    left_share: float = Field(
        default=0.2,
        gt=0,
        lt=1,
        description="Told when less than this share of the vendor's allowance is left.",
    )
    max_used: int | None = Field(
        default=None, gt=0, description="Told when the runs of 24 hours use more calls than this."
    )
    max_age_hours: int = Field(
        default=26, ge=1, description="Older readings say nothing of today's allowance."
    )


ROWS = f"""
SELECT
  calls.source,
  calls.read_at,
  calls.calls_used,
  calls.calls_left,
  calls.calls_limit,
  calls.is_exhausted,
  day.used AS used_in_a_day
FROM ops.source_calls AS calls
JOIN (
  SELECT own.source, SUM(own.calls_used) AS used
  FROM ops.source_calls AS own
  CROSS JOIN ops.parameters AS parameters
  WHERE own.read_at > parameters.as_of_at - INTERVAL 24 HOUR
  GROUP BY own.source
) AS day ON day.source = calls.source
QUALIFY ROW_NUMBER() OVER (PARTITION BY calls.source ORDER BY calls.read_at DESC) = 1
UNION ALL BY NAME
{watched("call_budget")}
ORDER BY source, watched_key
"""


def detect(rows: Sequence[Row], options: BudgetOptions, now: datetime) -> list[Finding]:
    """A breach per source whose calls have run out (critical) or are about to."""
    judged, keys = told_of(rows)
    found = {row["source"]: _judge(row, options.of(row), now) for row in judged}
    return [*found.values(), *ended(keys - found.keys(), judged, "it was not pulled for a day")]


def _judge(row: Row, options: BudgetOptions, now: datetime) -> Finding:
    key = row["source"]
    read_at = in_utc(row["read_at"]) or now
    if now - read_at > timedelta(hours=options.max_age_hours):
        return Finding(key, Verdict.HOLD, reason="no reading of today")
    said, severity = _trouble(row, options)
    if not said:
        return Finding(key, Verdict.CLEAR, reason="enough calls are left")
    notice = Notice(
        headline=f"{key}: {said}",
        subject=f"source {key}",
        since=read_at,
        observed=_observed(row),
        limit=_limit(options),
        owner=options.owner or "data-engineering",
        what_to_do=""
        if severity != "critical"
        else "Raise max_calls or lower spare_calls of "
        f"[sources.{key}], or wait for the vendor's next day: the next run goes on where it "
        "stopped.",
    )
    return Finding(key, Verdict.BREACH, notice, severity=options.severity or severity)


def _trouble(row: Row, options: BudgetOptions) -> tuple[str, Severity]:
    left, limit = row["calls_left"], row["calls_limit"]
    if row["is_exhausted"]:
        return "a stream stopped for want of calls", "critical"
    if left is not None and limit and left < options.left_share * limit:
        return f"{left / limit:.0%} of the day's calls are left", "warning"
    if options.max_used is not None and row["used_in_a_day"] > options.max_used:
        return f"{row['used_in_a_day']:,} calls used in a day", "warning"
    return "", "info"


def _observed(row: Row) -> str:
    said = f"{row['calls_used']:,} calls in the last run, {row['used_in_a_day']:,} in a day"
    if row["calls_left"] is None:
        return said
    of = f" of {row['calls_limit']:,}" if row["calls_limit"] else ""
    return f"{said}; {row['calls_left']:,}{of} left"


def _limit(options: BudgetOptions) -> str:
    most = "" if options.max_used is None else f"; at most {options.max_used:,} calls a day"
    return f"no stream stops for want of calls, {options.left_share:.0%} are left{most}"


RULE = Rule(
    name="call_budget",
    title="A source's calls run out",
    owner="data-engineering",
    severity="warning",
    meaning=(
        "A stream stopped because its source's calls were used up (critical), little is left of "
        "the vendor's daily allowance, or a day's runs used more than their budget. Vendors that "
        "say nothing of an allowance are judged by what stopped and what was used."
    ),
    what_to_do=(
        'See what used them: `revops query "SELECT * FROM ops.source_calls ORDER BY read_at '
        'DESC LIMIT 20"`; raise the budget, or pull less often.'
    ),
    options=BudgetOptions,
    inputs=("ops.alert_states", "ops.parameters", "ops.source_calls"),
    never_empty=("ops.parameters",),
    sql=ROWS,
    detect=detect,
    pulse=True,
)
