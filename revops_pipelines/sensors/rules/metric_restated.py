"""metric_restated: numbers of closed periods changed after people had seen them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

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
from revops_pipelines.engine.alerts.figures import figure, in_utc, period_name
from revops_pipelines.sensors.rules._pieces import told_of, watched


class RestatedOptions(RuleOptions):
    """`[rules.metric_restated]`."""

    metrics: tuple[str, ...] = Field(default=(), description="Only these metrics; empty: all.")
    ignore: tuple[str, ...] = Field(
        default=("attribution_billed", "qualified_pipeline_created_now"),
        description="Metrics left out: those whose past periods grow, or follow today's amounts, "
        "by their definition.",
    )
    grains: tuple[Literal["week", "month", "quarter"], ...] = Field(
        default=("month", "quarter"), description="Periods that are told."
    )
    min_share: Decimal = Field(
        default=Decimal("0.01"), ge=0, description="Changes of a smaller share are not told."
    )
    warn_share: Decimal = Field(
        default=Decimal("0.05"), gt=0, description="A change of this share is a warning."
    )
    definitions: bool = Field(
        default=False,
        description="Tell as well when the metric's own definition, or a setting, changed it.",
    )
    told_days: int = Field(default=7, ge=1, description="Days for which it is news.")
    shown: int = Field(default=12, ge=1, le=30, description="Changes written out.")


ROWS = f"""
SELECT
  restated.metric,
  restated.grain,
  restated.period_start_on,
  restated.old_value,
  restated.new_value,
  restated.unit,
  restated.why,
  restated.restated_at,
  parameters.base_currency
FROM metrics.restatements AS restated
CROSS JOIN ops.parameters AS parameters
WHERE restated.restated_at > parameters.as_of_at - INTERVAL 60 DAY
UNION ALL BY NAME
{watched("metric_restated")}
ORDER BY restated_at, metric, grain, period_start_on, watched_key
"""


def detect(rows: Sequence[Row], options: RestatedOptions, now: datetime) -> list[Finding]:
    """One breach per night that changed closed numbers far enough, while it is news."""
    judged, keys = told_of(rows)
    nights: dict[datetime, list[Row]] = {}
    for row in judged:
        at = in_utc(row["restated_at"]) or now
        if now - at <= timedelta(days=options.told_days) and _is_told(row, options):
            nights.setdefault(at, []).append(row)
    found = {_key(at): _breach(at, changes, options) for at, changes in nights.items()}
    over = [
        Finding(key, Verdict.CLEAR, reason="told long enough ago")
        for key in sorted(keys - found.keys())
    ]
    return [*found.values(), *over]


def _key(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _is_told(row: Row, options: RestatedOptions) -> bool:
    return (
        row["grain"] in options.grains
        and _is_wanted(row["metric"], options)
        and (options.definitions or row["why"] != "definition")
        and _share(row) >= options.min_share
    )


def _is_wanted(metric: str, options: RestatedOptions) -> bool:
    return metric in options.metrics if options.metrics else metric not in options.ignore


def _share(row: Row) -> Decimal:
    """How far it moved, as a share of the larger; 1 where a value came or went."""
    old, new = row["old_value"], row["new_value"]
    if old is None or new is None:
        return Decimal(1)
    larger = max(abs(Decimal(old)), abs(Decimal(new)))
    return abs(Decimal(new) - Decimal(old)) / larger if larger else Decimal(0)


def _breach(at: datetime, changes: Sequence[Row], options: RestatedOptions) -> Finding:
    most = sorted(changes, key=lambda row: (-_share(row), row["metric"]))
    severity: Severity = "warning" if _share(most[0]) >= options.warn_share else "info"
    metrics = len({row["metric"] for row in changes})
    facts = {_name(row): _said(row) for row in most[: options.shown]}
    if len(most) > options.shown:
        facts["And more"] = f"{len(most) - options.shown} in metrics.restatements"
    notice = Notice(
        headline=f"{_count(len(changes), 'closed number')} of {_count(metrics, 'metric')} changed",
        subject=f"restatements of {at:%Y-%m-%d %H:%M} UTC",
        since=at,
        observed=f"the furthest: {_name(most[0])}, {_said(most[0])}",
        limit=f"closed periods stay as published, within {options.min_share:.1%}",
        owner=options.owner or "revenue-operations",
        facts=facts,
        is_momentary=True,
    )
    return Finding(_key(at), Verdict.BREACH, notice, severity=options.severity or severity)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _name(row: Row) -> str:
    return f"{row['metric']}, {period_name(row['grain'], row['period_start_on'])}"


def _said(row: Row) -> str:
    old, new = (figure(row[name], row["unit"], row["base_currency"]) for name in _VALUES)
    return f"{old} became {new} ({row['why'] or 'cause not known'})"


_VALUES = ("old_value", "new_value")

RULE = Rule(
    name="metric_restated",
    title="Closed numbers changed",
    owner="revenue-operations",
    severity="warning",
    meaning=(
        "Values of closed months or quarters are not what was published before: records arrived "
        "late, were changed or deleted, or what they are judged by changed. One alert a night "
        "with the furthest changes first; below 1 % it is silent, from 5 % on a warning."
    ),
    what_to_do=(
        'See which records did it: `revops query "SELECT * FROM metrics.restatements ORDER BY '
        'restated_at DESC"`; tell those who have reported the old number.'
    ),
    options=RestatedOptions,
    inputs=("metrics.restatements", "ops.alert_states", "ops.parameters"),
    never_empty=("ops.parameters",),
    sql=ROWS,
    detect=detect,
)
