"""churn_threshold: the churn of the latest closed month lies surely above its limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from pydantic import Field

from revops_pipelines.engine.alerts.declaration import (
    Finding,
    Notice,
    Row,
    Rule,
    RuleOptions,
    Verdict,
)


class ChurnOptions(RuleOptions):
    """`[rules.churn_threshold]`."""

    limits: Mapping[str, Decimal] = Field(
        default={"logo_churn": Decimal("0.03"), "gross_mrr_churn": Decimal("0.03")},
        description="Highest share a month, per metric.",
    )
    by: tuple[str, ...] = Field(
        default=(), description="Dimensions to judge beside the total, for example segment."
    )
    min_n: int = Field(
        default=30, ge=1, description="Months with fewer opening customers start no alert."
    )
    clear_share: Decimal = Field(
        default=Decimal("0.9"),
        gt=0,
        le=1,
        description="A restated month is clear again below this part of the limit.",
    )


# The latest closed month of every series, and every month with an open alert. The key names
# metric, month and breakdown: `logo_churn/2026-05/total`, `logo_churn/2026-05/segment:SMB`.
ROWS = """
WITH monthly AS (
  SELECT
    metric,
    period_start_on,
    period_end_on,
    CAST(dimensions AS VARCHAR) AS breakdown,
    value,
    numerator,
    denominator,
    n,
    lower,
    upper,
    computed_at,
    metric || '/' || STRFTIME(period_start_on, '%Y-%m') || '/'
      || COALESCE(
        NULLIF(REGEXP_REPLACE(CAST(dimensions AS VARCHAR), '[{}" ]', '', 'g'), ''), 'total'
      ) AS alert_key
  FROM metrics.metric_values
  WHERE grain = 'month' AND is_mature AND metric LIKE '%churn%'
), latest AS (
  SELECT metric, breakdown, MAX(period_start_on) AS period_start_on
  FROM monthly
  GROUP BY metric, breakdown
), watched AS (
  SELECT alert_key
  FROM ops.alert_states
  WHERE rule = 'churn_threshold' AND status <> 'ok'
)
SELECT
  monthly.*,
  monthly.period_start_on = latest.period_start_on AS is_latest,
  COALESCE(standing.is_stale, FALSE) AS is_stale,
  parameters.base_currency
FROM monthly
CROSS JOIN ops.parameters AS parameters
LEFT JOIN metrics.metric_standing AS standing ON standing.metric = monthly.metric
JOIN latest ON latest.metric = monthly.metric AND latest.breakdown = monthly.breakdown
LEFT JOIN watched ON watched.alert_key = monthly.alert_key
WHERE monthly.period_start_on = latest.period_start_on OR watched.alert_key IS NOT NULL
UNION ALL BY NAME
-- A company whose billing is not connected has no churn to judge, and nothing to be told.
-- What was told once is never taken back for want of data.
SELECT metric, metric AS alert_key, TRUE AS is_lacking
FROM metrics.metric_standing
WHERE NOT has_values AND CAST(missing_inputs AS VARCHAR) <> '[]' AND NOT EXISTS (
  SELECT 1 FROM watched WHERE STARTS_WITH(watched.alert_key, metric_standing.metric || '/')
)
ORDER BY alert_key
"""

_TITLES = {
    "logo_churn": "Customers lost",
    "gross_mrr_churn": "Recurring revenue lost",
    "net_mrr_churn": "Recurring revenue lost, net of expansion",
}


def detect(rows: Sequence[Row], options: ChurnOptions, now: datetime) -> list[Finding]:
    """A breach per limited metric whose interval lies wholly above its limit."""
    present = {row["metric"] for row in rows}
    rows = [row for row in rows if not row["is_lacking"]]
    findings = [_judge(row, options) for row in rows if _is_limited(row, options)]
    missing = sorted(set(options.limits) - present)
    return findings + [
        Finding(metric, Verdict.UNKNOWN, reason="no closed month has a value") for metric in missing
    ]


def _is_limited(row: Row, options: ChurnOptions) -> bool:
    return row["metric"] in options.limits and (
        row["breakdown"] == "{}" or any(f'"{name}"' in row["breakdown"] for name in options.by)
    )


def _judge(row: Row, options: ChurnOptions) -> Finding:
    key, limit = row["alert_key"], options.limits[row["metric"]]
    if not row["is_latest"]:
        return Finding(key, Verdict.CLEAR, reason="closed out: a newer month is judged now")
    if row["is_stale"]:
        return Finding(key, Verdict.HOLD, reason="what it reads is stale")
    if row["value"] is None:
        return Finding(key, Verdict.UNKNOWN, reason="it has no value")
    surely = row["value"] if row["lower"] is None else row["lower"]
    if surely > limit and row["n"] >= options.min_n:
        return Finding(key, Verdict.BREACH, _notice(row, limit))
    if row["value"] < limit * options.clear_share:
        return Finding(key, Verdict.CLEAR, reason=f"restated to {_percent(row['value'])}")
    return Finding(key, Verdict.HOLD)


def _notice(row: Row, limit: Decimal) -> Notice:
    title = _TITLES.get(row["metric"], row["metric"])
    month = row["period_start_on"]
    part = "" if row["breakdown"] == "{}" else f", {row['alert_key'].rsplit('/', 1)[-1]}"
    return Notice(
        headline=f"{title} in {month:%B %Y}{part}: {_percent(row['value'])}",
        subject=f"{row['metric']}, {month:%B %Y}{part}",
        since=_midnight(row["period_end_on"]),
        observed=_observed(row),
        limit=f"at most {_percent(limit)} a month",
        owner="customer-success",
        facts={"Judged by": "the lower bound of the interval" if row["lower"] else "the value"},
    )


def _observed(row: Row) -> str:
    value, part, whole = _percent(row["value"]), row["numerator"], row["denominator"]
    said = []
    if part is not None and whole is not None:
        said.append(_of(row, part, whole))
    if row["lower"] is not None and row["upper"] is not None:
        said.append(f"between {_percent(row['lower'])} and {_percent(row['upper'])} with 95 %")
    return f"{value} ({'; '.join(said)})" if said else value


def _of(row: Row, part: Decimal, whole: Decimal) -> str:
    if row["metric"] == "logo_churn":
        return f"{part:,.0f} of {whole:,.0f} customers"
    return f"{part:,.2f} of {whole:,.2f} {row['base_currency']}"


def _percent(share: Any) -> str:
    return f"{Decimal(share) * 100:.1f} %"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), tzinfo=UTC)


RULE = Rule(
    name="churn_threshold",
    title="Churn above its limit",
    owner="customer-success",
    severity="warning",
    meaning=(
        "In the latest closed month more customers, or more recurring revenue, were lost than the "
        "limit allows, and not by chance: the lower bound of the 95 % interval lies above it "
        "(where the metric has none, the value itself), with enough customers to tell."
    ),
    what_to_do=(
        "Look at the month's lost and shrunk customers in metrics.mrr_movements, by reason and "
        "segment; call those who can still be won back, and name what they have in common."
    ),
    options=ChurnOptions,
    inputs=(
        "metrics.metric_standing",
        "metrics.metric_values",
        "ops.alert_states",
        "ops.parameters",
    ),
    never_empty=("metrics.metric_values", "ops.parameters"),
    sql=ROWS,
    detect=detect,
)
