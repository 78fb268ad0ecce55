"""pipeline_velocity: value that the open pipeline yields per day."""

from __future__ import annotations

from revops_pipelines.assets.metrics._deals import (
    DEAL_DIMENSIONS,
    DEAL_FRAGMENTS,
    DEAL_INPUTS,
    summed_days,
)
from revops_pipelines.engine.metrics.declaration import (
    Benchmark,
    Example,
    Fragment,
    Metric,
    Ratio,
    Series,
)

# When a qualified deal was open, by its stage history, so that days between closing and reopening
# do not count; by its own dates where it has no history.
OPEN_SPANS = Fragment(
    "open_spans",
    """
WITH stays AS (
  SELECT
    deals.opportunity_id,
    CASE WHEN deals.qualified_at > history.entered_at
      THEN deals.qualified_at ELSE history.entered_at END AS opened_at,
    history.left_at AS ended_at,
    history.is_closed
  FROM deals
  JOIN conformed.opportunity_stage_history AS history
    ON history.opportunity_id = deals.opportunity_id
  CROSS JOIN ops.parameters AS parameters
  WHERE deals.qualified_at <= parameters.as_of_at
    AND history.entered_at <= parameters.as_of_at
    AND history._deleted_at IS NULL
)
SELECT opportunity_id, opened_at, ended_at
FROM stays
WHERE NOT is_closed AND (ended_at IS NULL OR ended_at > opened_at)
UNION ALL
SELECT deals.opportunity_id, deals.qualified_at, deals.closed_at
FROM deals
CROSS JOIN ops.parameters AS parameters
WHERE deals.qualified_at <= parameters.as_of_at
  AND NOT EXISTS (SELECT 1 FROM stays WHERE stays.opportunity_id = deals.opportunity_id)
""",
)

# One population: deals that were ever qualified. One window: the period itself. Open deals are
# those open at the period's last instant (or now, while it runs).
FACTS = """
WITH ends AS (
  SELECT
    periods.grain,
    periods.period_start_on,
    CASE WHEN periods.is_closed THEN periods.ends_at ELSE parameters.as_of_at END AS ends_at
  FROM ops.periods AS periods
  CROSS JOIN ops.parameters AS parameters
  WHERE periods.grain IN ('month', 'quarter')
    AND periods.period_start_on <= parameters.as_of_on
), open_deals AS (
  SELECT DISTINCT ends.grain, ends.period_start_on, open_spans.opportunity_id
  FROM open_spans
  JOIN ends
    ON open_spans.opened_at < ends.ends_at
    AND COALESCE(open_spans.ended_at, TIMESTAMP '2200-01-01 00:00:00') >= ends.ends_at
)
SELECT
  open_deals.grain,
  open_deals.period_start_on,
  deals.excluded,
  deals.opportunity_id,
  segment, industry, region, owner, team, channel, kind,
  1 AS is_open, 0 AS is_decided, 0 AS is_won,
  CAST(0 AS DECIMAL(18,2)) AS won_amount,
  CAST(0 AS DOUBLE) AS won_days
FROM open_deals
JOIN deals ON deals.opportunity_id = open_deals.opportunity_id
UNION ALL
SELECT
  days.grain,
  days.period_start_on,
  COALESCE(
    deals.excluded,
    CASE WHEN NOT is_won AND is_no_decision THEN 'no_decision' END,
    CASE WHEN is_won AND closed_at < created_at THEN 'closed_before_created' END,
    CASE WHEN is_won THEN excluded_money END
  ),
  deals.opportunity_id,
  segment, industry, region, owner, team, channel, kind,
  0, 1, CASE WHEN is_won THEN 1 ELSE 0 END,
  CASE WHEN is_won THEN amount ELSE 0 END,
  CASE WHEN is_won THEN (EPOCH(closed_at) - EPOCH(created_at)) / 86400 ELSE 0 END
FROM deals
JOIN ops.period_days AS days ON days.day = deals.closed_on
WHERE is_decided AND qualified_at IS NOT NULL
"""

METRIC = Metric(
    name="pipeline_velocity",
    title="Pipeline velocity",
    stage="execute",
    owner="sales-operations",
    format="money",
    better="higher",
    meaning=(
        "Open qualified deals at the end of the period x win rate x average selling price / mean "
        "sales cycle: what the pipeline yields a day. All four are of deals that were qualified, "
        "the last three of those that closed in the period. The numerator is the expected value "
        "of the open deals, the denominator the mean cycle in days."
    ),
    excludes=(
        "renewals",
        "deleted and merged deals, and deals of exactly zero",
        "deals lost for want of a decision",
        "won deals without amount, currency or rate of exchange",
    ),
    benchmark=Benchmark(
        text="50 deals x 10,000 x 20 % / 30 days = 3,333.33 a day",
        source="metric catalogue, worked example",
        value=3333.33,
    ),
    formula="open qualified deals x win rate x average selling price / mean cycle in days",
    differs=(
        "Articles give the same four factors (mavenlb.com/blog/sales-velocity-formula) and "
        "leave open whose they are. Some count the deals that closed as the opportunities "
        "(trexrun.co/sales-velocity-formula): what is won in a day then, and not what the "
        "pipeline will yield. Here all four are of deals that were qualified.",
    ),
    example=Example(
        story=(
            "At the end of May four qualified deals are open. Of five qualified ones that "
            "closed in May one was won, for 10,000 after 30 days: 4 x 20 % x 10,000 / 30 = "
            "266.67 a day."
        ),
        tables={
            "opportunities": """
                opportunity_id | amount | is_closed | is_won | created_at | qualified_at | closed_at
                o1 | 7000 | false | false | 2026-04-20 09:00 | 2026-04-21 09:00 |
                o2 | 7000 | false | false | 2026-04-20 09:00 | 2026-04-21 09:00 |
                o3 | 7000 | false | false | 2026-04-20 09:00 | 2026-04-21 09:00 |
                o4 | 7000 | false | false | 2026-04-20 09:00 | 2026-04-21 09:00 |
                w1 | 10000 | true | true | 2026-04-15 09:00 | 2026-04-16 09:00 | 2026-05-15 09:00
                l1 | 10000 | true | false | 2026-04-15 09:00 | 2026-04-16 09:00 | 2026-05-04 09:00
                l2 | 10000 | true | false | 2026-04-15 09:00 | 2026-04-16 09:00 | 2026-05-05 09:00
                l3 | 10000 | true | false | 2026-04-15 09:00 | 2026-04-16 09:00 | 2026-05-06 09:00
                l4 | 10000 | true | false | 2026-04-15 09:00 | 2026-04-16 09:00 | 2026-05-07 09:00
            """,
        },
        results=(("pipeline_velocity", "2026-05-01", "266.67"),),
    ),
    inputs=(*DEAL_INPUTS, "conformed.opportunity_stage_history"),
    series=(
        Series(
            metric="pipeline_velocity",
            title="Pipeline velocity",
            unit="money_per_day",
            facts=FACTS,
            subject="opportunity_id",
            fragments=(*DEAL_FRAGMENTS, OPEN_SPANS),
            rollup=Ratio(
                numerator="SUM(is_open) * CAST(SUM(won_amount) AS DOUBLE)"
                " / NULLIF(SUM(is_decided), 0)",
                denominator=f"{summed_days('won_days')} / NULLIF(SUM(is_won), 0)",
                n="SUM(is_open)",
            ),
            grains=("month", "quarter"),
            dimensions=DEAL_DIMENSIONS,
            is_placed=True,
        ),
    ),
)
