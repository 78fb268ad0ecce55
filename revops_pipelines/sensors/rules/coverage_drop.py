"""coverage_drop: today's open pipeline covers too little of the target, or far less than before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from pydantic import Field

from revops_pipelines.engine.alerts.declaration import Finding, Notice, Row, Rule, Verdict
from revops_pipelines.engine.alerts.figures import (
    breakdown_name,
    breakdown_text,
    figure,
    midnight,
    period_name,
)
from revops_pipelines.engine.alerts.series import INPUTS, NEVER_EMPTY, SeriesOptions


class CoverageOptions(SeriesOptions):
    """`[rules.coverage_drop]`."""

    minimum: Decimal = Field(
        default=Decimal("2.0"),
        gt=0,
        description="How many times the pipeline must cover what is left of the quarter's target.",
    )
    drop_share: Decimal = Field(
        default=Decimal("0.3"),
        gt=0,
        lt=1,
        description="Told as well when it has fallen by this share since the quarter's fifth day.",
    )
    last_days: int = Field(
        default=14,
        ge=0,
        description="In the last days of a quarter nothing is told: what is not there by then "
        "cannot be built any more.",
    )
    min_n: int = Field(default=3, ge=0, description="Fewer open deals start no alert of a drop.")


# Coverage of the running quarter, now and as it was on its fifth day, and open alerts.
ROWS = """
SELECT
  present.grain,
  present.period_start_on,
  present.period_end_on,
  CAST(present.dimensions AS VARCHAR) AS breakdown,
  present.value,
  present.n,
  opening.value AS opening_value,
  remaining.value AS remaining_amount,
  users.name AS owner_name,
  users.email AS owner_email,
  users.team AS owner_team,
  users.is_active AS owner_is_active,
  parameters.as_of_on,
  parameters.base_currency,
  COALESCE(standing.is_stale, FALSE) AS is_stale
FROM metrics.metric_values AS present
CROSS JOIN ops.parameters AS parameters
LEFT JOIN metrics.metric_values AS opening
  ON opening.metric = 'pipeline_coverage'
  AND opening.grain = present.grain
  AND opening.period_start_on = present.period_start_on
  AND CAST(opening.dimensions AS VARCHAR) = CAST(present.dimensions AS VARCHAR)
LEFT JOIN metrics.metric_values AS remaining
  ON remaining.metric = 'pipeline_coverage_now_remaining'
  AND remaining.grain = present.grain
  AND remaining.period_start_on = present.period_start_on
  AND CAST(remaining.dimensions AS VARCHAR) = CAST(present.dimensions AS VARCHAR)
LEFT JOIN metrics.metric_standing AS standing ON standing.metric = present.metric
LEFT JOIN conformed.users AS users ON users.user_id = (present.dimensions ->> 'owner')
WHERE present.metric = 'pipeline_coverage_now' AND present.grain = 'quarter'
  AND present.period_start_on <= parameters.as_of_on
  AND present.period_end_on > parameters.as_of_on
UNION ALL BY NAME
SELECT alert_key AS watched_key
FROM ops.alert_states
WHERE rule = 'coverage_drop' AND status <> 'ok' AND alert_key <> '(rule)'
ORDER BY breakdown, watched_key
"""


# Told of rightly: the quarter's target was missed.
OUTCOME = """
SELECT
  CAST(attained.period_start_on AS VARCHAR) || '/' || CASE CAST(attained.dimensions AS VARCHAR)
    WHEN '{}' THEN 'total'
    ELSE COALESCE(
      'team:' || (attained.dimensions ->> 'team'), 'owner:' || (attained.dimensions ->> 'owner')
    )
  END AS alert_key,
  CASE WHEN attained.period_end_on <= parameters.as_of_on THEN attained.value < 1 END AS came_true
FROM metrics.metric_values AS attained
CROSS JOIN ops.parameters AS parameters
WHERE attained.metric = 'quota_attainment' AND attained.grain = 'quarter'
  AND (
    CAST(attained.dimensions AS VARCHAR) = '{}'
    OR (attained.dimensions ->> 'team') IS NOT NULL
    OR (attained.dimensions ->> 'owner') IS NOT NULL
  )
"""


def detect(rows: Sequence[Row], options: CoverageOptions, now: datetime) -> list[Finding]:
    """A breach per team (or the company) whose coverage is low or has fallen far."""
    wanted: set[frozenset[str]] = {frozenset(part.split("+")) for part in options.by}
    wanted.add(frozenset())
    found: dict[str, Finding] = {}
    for row in rows:
        if row.get("watched_key"):
            continue
        dimensions = json.loads(row["breakdown"])
        if frozenset(dimensions) in wanted:
            key = f"{row['period_start_on']}/{breakdown_name(dimensions)}"
            found[key] = _judge(key, row, dimensions, options.of({**row, **dimensions}))
    for row in rows:
        watched = row.get("watched_key")
        if watched and watched not in found:
            found[watched] = Finding(
                watched, Verdict.CLEAR, reason="its quarter is over, or not watched"
            )
    return list(found.values())


def _judge(key: str, row: Row, dimensions: dict[str, str], options: CoverageOptions) -> Finding:
    if row["is_stale"]:
        return Finding(key, Verdict.HOLD, reason="what it reads is stale")
    if row["value"] is None:
        # Nothing is left to cover, or there is no target.
        return Finding(key, Verdict.CLEAR, reason="nothing is left of the target")
    if (row["period_end_on"] - row["as_of_on"]).days <= options.last_days:
        return Finding(key, Verdict.HOLD, reason="the quarter is about to end")
    reasons = _reasons(row, options)
    if not reasons:
        return Finding(key, Verdict.CLEAR, reason=f"covered {figure(row['value'], 'times')}")
    return Finding(
        key, Verdict.BREACH, _notice(row, dimensions, options, reasons), severity=options.severity
    )


def _reasons(row: Row, options: CoverageOptions) -> list[str]:
    value, opening = Decimal(row["value"]), row["opening_value"]
    reasons = []
    if value < options.minimum:
        reasons.append(f"at least {figure(options.minimum, 'times')}")
    if opening and row["n"] >= options.min_n and value < opening * (1 - options.drop_share):
        reasons.append(
            f"no fall by {options.drop_share:.0%} since the fifth day "
            f"({figure(opening, 'times')} then)"
        )
    return reasons


def _notice(
    row: Row, dimensions: dict[str, str], options: CoverageOptions, reasons: list[str]
) -> Notice:
    part = breakdown_text(dimensions, row["owner_name"])
    quarter = period_name("quarter", row["period_start_on"])
    left = figure(row["remaining_amount"], "money", row["base_currency"])
    return Notice(
        headline=f"Pipeline covers {figure(row['value'], 'times')} of {quarter}{part}",
        subject=f"pipeline coverage of {quarter}{part}",
        since=midnight(row["as_of_on"]),
        observed=f"{row['n']} open deals cover {figure(row['value'], 'times')} of {left} left",
        limit="; ".join(reasons),
        owner=options.owner or row["owner_name"] or "sales-operations",
        owner_email=row["owner_email"],
        team=dimensions.get("team") or row["owner_team"],
        is_owner_gone=row["owner_is_active"] is False,
        facts={"Days left": str((row["period_end_on"] - row["as_of_on"]).days)},
    )


RULE = Rule(
    name="coverage_drop",
    title="Pipeline coverage low or falling",
    owner="sales-operations",
    severity="warning",
    meaning=(
        "The open pipeline due in the running quarter covers less than it should of what is left "
        "of the target, or a third less than it did on the quarter's fifth day, while there is "
        "still time to build more. Where the target is reached, or there is none, it says nothing."
    ),
    what_to_do=(
        "See what left the quarter: `revops explain pipeline_bridge --grain quarter --by owner`; "
        "pull in what is ready, and build pipeline where it is short."
    ),
    options=CoverageOptions,
    inputs=INPUTS,
    never_empty=NEVER_EMPTY,
    sql=ROWS,
    detect=detect,
    metrics=("pipeline_coverage", "pipeline_coverage_now", "pipeline_coverage_now_remaining"),
    outcome=OUTCOME,
)
