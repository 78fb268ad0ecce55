"""churn_threshold: churn lies surely above its limit, in the latest closed month or on its way."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import Field

from revops_pipelines.engine.alerts.declaration import (
    Finding,
    Notice,
    Row,
    Rule,
    RuleOptions,
    Verdict,
)
from revops_pipelines.engine.alerts.figures import midnight
from revops_pipelines.engine.alerts.series import SeriesOptions


class ChurnOptions(RuleOptions):
    """`[rules.churn_threshold]`."""

    dimensions: ClassVar[tuple[str, ...]] = SeriesOptions.dimensions

    limits: Mapping[str, Decimal] = Field(
        default={"logo_churn": Decimal("0.03"), "gross_mrr_churn": Decimal("0.03")},
        description="Highest share a month, per metric: logo_churn, gross_mrr_churn, "
        "net_mrr_churn, or a part of them such as gross_mrr_churn_voluntary.",
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
    run_rate_from_day: int = Field(
        default=8,
        ge=1,
        description="From this day on the running month is judged by its run-rate (info).",
    )
    run_rate_min_lost: int = Field(
        default=3,
        ge=1,
        description="A running month in which fewer customers were lost or shrank starts no alert.",
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
-- The running month so far: what the customers of its start still pay, at this month's rate.
-- Customers who came since do not count.
SELECT
  running.metric,
  running.metric || '/' || STRFTIME(running.month_start_on, '%Y-%m') || '/total' AS alert_key,
  running.month_start_on AS period_start_on,
  '{}' AS breakdown,
  running.numerator,
  running.denominator,
  running.n,
  running.lost,
  running.days_elapsed,
  running.days_in_month,
  parameters.z,
  parameters.base_currency,
  COALESCE(standing.is_stale, FALSE) AS is_stale,
  TRUE AS is_running
FROM (
  SELECT
    UNNEST([
      {'metric': 'logo_churn', 'numerator': SUM(is_gone), 'denominator': COUNT(*)},
      {'metric': 'gross_mrr_churn', 'numerator': SUM(less), 'denominator': SUM(opening)},
      {'metric': 'net_mrr_churn', 'numerator': SUM(less - more), 'denominator': SUM(opening)}
    ], recursive := TRUE),
    COUNT(*) AS n,
    SUM(CASE WHEN less > 0 THEN 1 ELSE 0 END) AS lost,
    ANY_VALUE(month_start_on) AS month_start_on,
    ANY_VALUE(days_elapsed) AS days_elapsed,
    ANY_VALUE(days_in_month) AS days_in_month
  FROM (
    SELECT
      opened.customer_id,
      months.month_start_on,
      months.days_elapsed,
      months.days_in_month,
      SUM(CAST(opened.local_amount * opened.rate AS DOUBLE)) AS opening,
      SUM(CAST(GREATEST(opened.local_amount - COALESCE(present.local_amount, 0), 0)
        * opened.rate AS DOUBLE)) AS less,
      SUM(CAST(GREATEST(COALESCE(present.local_amount, 0) - opened.local_amount, 0)
        * opened.rate AS DOUBLE)) AS more,
      CASE WHEN SUM(COALESCE(present.local_amount, 0)) = 0 THEN 1 ELSE 0 END AS is_gone
    FROM (
      SELECT
        periods.period_start_on AS month_start_on,
        periods.previous_start_on,
        parameters.as_of_on - periods.period_start_on + 1 AS days_elapsed,
        periods.period_end_on - periods.period_start_on AS days_in_month
      FROM ops.periods AS periods
      CROSS JOIN ops.parameters AS parameters
      WHERE periods.grain = 'month' AND periods.period_start_on <= parameters.as_of_on
        AND periods.period_end_on > parameters.as_of_on
    ) AS months
    JOIN metrics.mrr AS opened
      ON opened.period_start_on = months.previous_start_on AND opened.local_amount > 0
    LEFT JOIN metrics.mrr AS present
      ON present.period_start_on = months.month_start_on
      AND present.customer_id = opened.customer_id
      AND present.currency = opened.currency
    GROUP BY ALL
  ) AS customers
  HAVING COUNT(*) > 0
) AS running
CROSS JOIN ops.parameters AS parameters
LEFT JOIN metrics.metric_standing AS standing ON standing.metric = running.metric
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
    present = {row["metric"] for row in rows if not row["is_running"]}
    rows = [row for row in rows if not row["is_lacking"]]
    findings = [_judge(row, options.of(_dimensions(row))) for row in rows if _is_told(row, options)]
    missing = sorted(set(options.limits) - present)
    return findings + [
        Finding(metric, Verdict.UNKNOWN, reason="no closed month has a value") for metric in missing
    ]


def _dimensions(row: Row) -> Row:
    found: Row = json.loads(row["breakdown"])
    return found


def _is_told(row: Row, options: ChurnOptions) -> bool:
    return row["metric"] in options.limits and (
        row["breakdown"] == "{}" or any(f'"{name}"' in row["breakdown"] for name in options.by)
    )


def _judge(row: Row, options: ChurnOptions) -> Finding:
    key, limit = row["alert_key"], options.limits.get(row["metric"])
    if limit is None:
        return Finding(key, Verdict.CLEAR, reason="no longer limited")
    if row["is_stale"]:
        return Finding(key, Verdict.HOLD, reason="what it reads is stale")
    if row["is_running"]:
        return _judge_running(row, options, limit)
    if not row["is_latest"]:
        return Finding(key, Verdict.CLEAR, reason="closed out: a newer month is judged now")
    return _judge_closed(row, options, limit)


def _judge_closed(row: Row, options: ChurnOptions, limit: Decimal) -> Finding:
    key = row["alert_key"]
    if row["value"] is None:
        return Finding(key, Verdict.UNKNOWN, reason="it has no value")
    surely = row["value"] if row["lower"] is None else row["lower"]
    if surely > limit and row["n"] >= options.min_n:
        notice = _notice(row, limit, options.owner)
        return Finding(key, Verdict.BREACH, notice, severity=options.severity)
    if row["value"] < limit * options.clear_share:
        return Finding(key, Verdict.CLEAR, reason=f"restated to {_percent(row['value'])}")
    return Finding(key, Verdict.HOLD)


def _judge_running(row: Row, options: ChurnOptions, limit: Decimal) -> Finding:
    """The month so far, as if it went on like that; surely so by the bound of what was lost."""
    key, elapsed = row["alert_key"], Decimal(row["days_elapsed"])
    if elapsed < options.run_rate_from_day or not row["denominator"]:
        return Finding(key, Verdict.HOLD, reason="the month has only begun")
    passed = elapsed / row["days_in_month"]
    share = Decimal(str(row["numerator"])) / Decimal(str(row["denominator"]))
    surely = share
    if row["metric"] == "logo_churn":
        surely = _lower(float(share), row["n"], row["z"])
    if row["lost"] < options.run_rate_min_lost or row["n"] < options.min_n:
        return Finding(key, Verdict.HOLD, reason="too few to judge")
    # What was lost already is lost, however the month goes on.
    if max(surely / passed, surely) <= limit:
        is_within = share / passed < limit * options.clear_share
        return Finding(key, Verdict.CLEAR if is_within else Verdict.HOLD, reason="within its limit")
    title = _TITLES.get(row["metric"], row["metric"])
    month = row["period_start_on"]
    lost = _of(row, Decimal(str(row["numerator"])), Decimal(str(row["denominator"])))
    notice = Notice(
        headline=f"{title} in {month:%B %Y} so far: {_percent(share)}, "
        f"on the way to {_percent(share / passed)}",
        subject=f"{row['metric']}, {month:%B %Y}, running",
        since=midnight(month),
        observed=f"{_percent(share)} ({lost}) after {elapsed} of {row['days_in_month']} days",
        limit=f"at most {_percent(limit)} a month",
        owner=options.owner or "customer-success",
        facts={"Judged by": "the run-rate of the running month"},
    )
    return Finding(key, Verdict.BREACH, notice, severity="info")


def _lower(share: float, n: int, z: float) -> Decimal:
    """Lower bound of the Wilson interval."""
    middle = share + z * z / (2 * n)
    half = z * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return Decimal(str(max(0.0, (middle - half) / (1 + z * z / n))))


def _notice(row: Row, limit: Decimal, owner: str | None) -> Notice:
    title = _TITLES.get(row["metric"], row["metric"])
    month = row["period_start_on"]
    part = "" if row["breakdown"] == "{}" else f", {row['alert_key'].rsplit('/', 1)[-1]}"
    return Notice(
        headline=f"{title} in {month:%B %Y}{part}: {_percent(row['value'])}",
        subject=f"{row['metric']}, {month:%B %Y}{part}",
        since=midnight(row["period_end_on"]),
        observed=_observed(row),
        limit=f"at most {_percent(limit)} a month",
        owner=owner or "customer-success",
        team=_dimensions(row).get("team"),
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


# A month that was told as running too high, and closed above the limit that is set by default.
OUTCOME = """
SELECT
  metric || '/' || STRFTIME(period_start_on, '%Y-%m') || '/'
    || COALESCE(
      NULLIF(REGEXP_REPLACE(CAST(dimensions AS VARCHAR), '[{}" ]', '', 'g'), ''), 'total'
    ) AS alert_key,
  value > 0.03 AS came_true
FROM metrics.metric_values
WHERE grain = 'month' AND is_mature AND metric LIKE '%churn%'
"""

RULE = Rule(
    name="churn_threshold",
    title="Churn above its limit",
    owner="customer-success",
    severity="warning",
    meaning=(
        "In the latest closed month more customers, or more recurring revenue, were lost than the "
        "limit allows, and not by chance: the lower bound of the 95 % interval lies above it "
        "(where the metric has none, the value itself), with enough customers to tell. The "
        "running month is told of as info when it is surely on its way above the limit."
    ),
    what_to_do=(
        "Look at the month's lost and shrunk customers in metrics.mrr_movements, by reason and "
        "segment; call those who can still be won back, and name what they have in common."
    ),
    options=ChurnOptions,
    inputs=(
        "metrics.metric_standing",
        "metrics.metric_values",
        "metrics.mrr",
        "ops.alert_states",
        "ops.parameters",
        "ops.periods",
    ),
    never_empty=("metrics.metric_values", "ops.parameters"),
    sql=ROWS,
    detect=detect,
    metrics=("gross_mrr_churn", "logo_churn", "mrr", "net_mrr_churn"),
    outcome=OUTCOME,
)
