"""closed_value_velocity: value won per day of its sales cycle."""

from __future__ import annotations

from revops_pipelines.assets.metrics._deals import (
    DEAL_FRAGMENTS,
    DEAL_INPUTS,
    MONEY_DIMENSIONS,
    summed_days,
)
from revops_pipelines.engine.metrics.declaration import Example, Metric, Ratio, Series

FACTS = """
SELECT
  closed_on AS fact_on,
  COALESCE(
    excluded,
    CASE WHEN closed_at < created_at THEN 'closed_before_created' END,
    excluded_money
  ) AS excluded,
  opportunity_id,
  segment, industry, region, owner, team, channel, kind, currency,
  amount,
  (EPOCH(closed_at) - EPOCH(created_at)) / 86400 AS days
FROM deals
WHERE is_won
"""

METRIC = Metric(
    name="closed_value_velocity",
    title="Closed value velocity",
    stage="execute",
    owner="sales-operations",
    format="money",
    better="higher",
    meaning=(
        "Value won in the period divided by the mean days that those deals took from creation to "
        "closing. It looks back at what closed; pipeline_velocity looks at what is open."
    ),
    excludes=(
        "renewals",
        "deleted and merged deals, and deals of exactly zero",
        "deals without amount, currency or rate of exchange",
    ),
    formula="amount won / mean days from creation to closing of those deals",
    differs=(
        "Some articles call this, or the like of it, sales velocity: closed opportunities x "
        "their value x win rate / cycle (creativeg.gr/glossary/sales-velocity). Here it has "
        "its own name, beside pipeline_velocity, because it looks back.",
    ),
    example=Example(
        story=(
            "Two deals were won in May: 10,000 after 20 days and 20,000 after 40 days. 30,000 "
            "/ 30 days = 1,000 a day."
        ),
        tables={
            "opportunities": """
                opportunity_id | amount | is_closed | is_won | created_at | closed_at
                d1 | 10000 | true | true | 2026-05-01 09:00 | 2026-05-21 09:00
                d2 | 20000 | true | true | 2026-04-05 09:00 | 2026-05-15 09:00
            """,
        },
        results=(("closed_value_velocity", "2026-05-01", "1000"),),
    ),
    inputs=DEAL_INPUTS,
    series=(
        Series(
            metric="closed_value_velocity",
            title="Closed value velocity",
            unit="money_per_day",
            facts=FACTS,
            subject="opportunity_id",
            fragments=DEAL_FRAGMENTS,
            rollup=Ratio(numerator="SUM(amount)", denominator=f"{summed_days('days')} / COUNT(*)"),
            dimensions=MONEY_DIMENSIONS,
        ),
    ),
)
