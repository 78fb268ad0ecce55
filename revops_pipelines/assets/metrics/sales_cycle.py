"""sales_cycle: how many days a won deal took."""

from __future__ import annotations

from revops_pipelines.assets.metrics._deals import (
    DEAL_DIMENSIONS,
    DEAL_FRAGMENTS,
    DEAL_INPUTS,
    summed_days,
)
from revops_pipelines.engine.metrics.declaration import Example, Metric, Ratio, Series, Survival

WON = """
SELECT
  closed_on AS fact_on,
  COALESCE(excluded, CASE WHEN closed_at < created_at THEN 'closed_before_created' END)
    AS excluded,
  opportunity_id,
  segment, industry, region, owner, team, channel, kind,
  (EPOCH(closed_at) - EPOCH(created_at)) / 86400 AS duration,
  TRUE AS is_observed
FROM deals
WHERE is_won
"""

WON_FROM_QUALIFIED = """
SELECT
  closed_on AS fact_on,
  COALESCE(
    excluded,
    CASE WHEN qualified_at IS NULL THEN 'never_qualified' END,
    CASE WHEN closed_at < qualified_at THEN 'closed_before_qualified' END
  ) AS excluded,
  opportunity_id,
  segment, industry, region, owner, team, channel, kind,
  (EPOCH(closed_at) - EPOCH(qualified_at)) / 86400 AS duration,
  TRUE AS is_observed
FROM deals
WHERE is_won
"""

# Only won deals look fast: those still open have lasted at least as long as they have been open.
# Lost deals will never be won and are left out, not treated as still on their way.
WON_AND_OPEN = """
SELECT
  created_on AS fact_on,
  COALESCE(
    excluded,
    CASE WHEN is_decided AND NOT is_won THEN 'lost' END,
    CASE WHEN closed_at < created_at THEN 'closed_before_created' END
  ) AS excluded,
  opportunity_id,
  segment, industry, region, owner, team, channel, kind,
  (EPOCH(COALESCE(closed_at, parameters.as_of_at)) - EPOCH(created_at)) / 86400 AS duration,
  is_won AS is_observed
FROM deals
CROSS JOIN ops.parameters AS parameters
"""

MEDIAN = Survival()
MEAN = Ratio(numerator=summed_days("duration"), denominator="COUNT(*)")


def _series(
    metric: str, title: str, facts: str, rollup: Ratio | Survival, age: str = "0"
) -> Series:
    return Series(
        metric=metric,
        title=title,
        unit="days",
        facts=facts,
        subject="opportunity_id",
        fragments=DEAL_FRAGMENTS,
        rollup=rollup,
        dimensions=DEAL_DIMENSIONS,
        mature_after_days=age,
    )


METRIC = Metric(
    name="sales_cycle",
    title="Sales cycle",
    stage="execute",
    owner="sales-operations",
    format="number",
    better="lower",
    meaning=(
        "Median days from the creation of a deal to the day it was won, by the day it was won. "
        "Beside it the mean, both from the day it was qualified, and the Kaplan-Meier median of "
        "the deals created in a period, in which open deals count as still running."
    ),
    excludes=(
        "renewals",
        "deleted and merged deals, and deals of exactly zero",
        "deals that closed before they began",
    ),
    formula="median of (day won - day created) over deals won in the period",
    differs=(
        "Usually the mean of the won deals (revopsdictionary.com/term/sales-cycle-length), "
        "which one old deal can double; it stands beside the median here as sales_cycle_mean.",
        "Others mix won and lost deals (usedaymark.io/metrics/sales-cycle-length): how long it "
        "takes to lose is another question.",
    ),
    example=Example(
        story=(
            "Three deals won in May took 10, 20 and 90 days. The median is 20; the mean, 40, "
            "is the length of none of them."
        ),
        tables={
            "opportunities": """
                opportunity_id | amount | is_closed | is_won | created_at | closed_at
                d1 | 100 | true | true | 2026-05-01 09:00 | 2026-05-11 09:00
                d2 | 100 | true | true | 2026-05-01 09:00 | 2026-05-21 09:00
                d3 | 100 | true | true | 2026-02-19 09:00 | 2026-05-20 09:00
            """,
        },
        results=(("sales_cycle", "2026-05-01", "20"), ("sales_cycle_mean", "2026-05-01", "40")),
    ),
    inputs=DEAL_INPUTS,
    series=(
        _series("sales_cycle", "Sales cycle, median", WON, MEDIAN),
        _series("sales_cycle_mean", "Sales cycle, mean", WON, MEAN),
        _series(
            "sales_cycle_from_qualified",
            "Sales cycle from qualified, median",
            WON_FROM_QUALIFIED,
            MEDIAN,
        ),
        _series(
            "sales_cycle_from_qualified_mean",
            "Sales cycle from qualified, mean",
            WON_FROM_QUALIFIED,
            MEAN,
        ),
        _series(
            "sales_cycle_created",
            "Sales cycle of created deals, open ones still running",
            WON_AND_OPEN,
            MEDIAN,
            "parameters.created_cohort_days",
        ),
    ),
)
