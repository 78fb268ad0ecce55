"""win_rate: the share of decided deals that were won."""

from __future__ import annotations

from revops_pipelines.assets.metrics._deals import (
    DEAL_DIMENSIONS,
    DEAL_FRAGMENTS,
    DEAL_INPUTS,
    MONEY_DIMENSIONS,
)
from revops_pipelines.engine.metrics.declaration import Example, Metric, Ratio, Series

DECIDED = """
SELECT
  closed_on AS fact_on,
  COALESCE(excluded, CASE WHEN NOT is_won AND is_no_decision THEN 'no_decision' END) AS excluded,
  opportunity_id,
  segment, industry, region, owner, team, channel, kind,
  is_won
FROM deals
WHERE is_decided
"""

DECIDED_VALUE = """
SELECT
  closed_on AS fact_on,
  COALESCE(
    excluded,
    CASE WHEN NOT is_won AND is_no_decision THEN 'no_decision' END,
    excluded_money
  ) AS excluded,
  opportunity_id,
  segment, industry, region, owner, team, channel, kind, currency,
  is_won,
  amount
FROM deals
WHERE is_decided
"""

CREATED = """
SELECT
  created_on AS fact_on,
  COALESCE(
    excluded,
    CASE WHEN NOT is_decided THEN 'open' END,
    CASE WHEN NOT is_won AND is_no_decision THEN 'no_decision' END
  ) AS excluded,
  opportunity_id,
  segment, industry, region, owner, team, channel, kind,
  is_won
FROM deals
"""

CREATED_VALUE = """
SELECT
  created_on AS fact_on,
  COALESCE(
    excluded,
    CASE WHEN NOT is_decided THEN 'open' END,
    CASE WHEN NOT is_won AND is_no_decision THEN 'no_decision' END,
    excluded_money
  ) AS excluded,
  opportunity_id,
  segment, industry, region, owner, team, channel, kind, currency,
  is_won,
  amount
FROM deals
"""

NO_DECISION = """
SELECT
  closed_on AS fact_on,
  excluded,
  opportunity_id,
  segment, industry, region, owner, team, channel, kind,
  NOT is_won AND is_no_decision AS is_no_decision
FROM deals
WHERE is_decided
"""

BY_COUNT = Ratio(
    numerator="SUM(CASE WHEN is_won THEN 1 ELSE 0 END)",
    denominator="COUNT(*)",
    interval="wilson",
)
BY_VALUE = Ratio(
    numerator="SUM(CASE WHEN is_won THEN amount ELSE 0 END)", denominator="SUM(amount)"
)
COHORT_AGE = "parameters.created_cohort_days"


def _series(metric: str, title: str, facts: str, rollup: Ratio, age: str = "0") -> Series:
    return Series(
        metric=metric,
        title=title,
        unit="share",
        facts=facts,
        subject="opportunity_id",
        fragments=DEAL_FRAGMENTS,
        rollup=rollup,
        dimensions=MONEY_DIMENSIONS if rollup is BY_VALUE else DEAL_DIMENSIONS,
        mature_after_days=age,
    )


METRIC = Metric(
    name="win_rate",
    title="Win rate",
    stage="execute",
    owner="sales-operations",
    format="percent",
    better="higher",
    meaning=(
        "Deals won, of those won or lost, by the day they closed. Beside it the same by value, "
        "and for the deals created in the period, which tells of deals that are never closed; "
        "that cohort is judged `created_cohort_days` after its end. Deals that ended without a "
        "decision are kept apart in win_rate_no_decision."
    ),
    excludes=(
        "renewals",
        "deleted and merged deals, and deals of exactly zero",
        "deals lost for want of a decision",
        "deals open now, even if they were closed once",
        "by value: deals without amount, currency or rate of exchange",
    ),
    formula="won / (won + lost), by the day of closing",
    differs=(
        "Salesforce reports and HubSpot divide won by all closed deals "
        "(kpitree.co/integrations/salesforce/win-rate, "
        "kpitree.co/integrations/hubspot/win-rate): renewals, deals of zero and those that "
        "ended without a decision are in; here they are out, and the last stand apart.",
        "Zoho counts overdue and old open deals as not won "
        "(zoho.com/motivator/help/dashboards/pipeline-stages.html); here open deals count "
        "neither way, and the cohort of created deals tells of those that are never closed.",
    ),
    example=Example(
        story=(
            "Four deals closed in May. One was won for 300 and one lost at 100: the rate is 1 "
            "of 2, by value 300 of 400. One ended without a decision, which is 1 of the 3 "
            "decided; the renewal is in none of them."
        ),
        tables={
            "opportunities": """
        opportunity_id | kind | amount | is_closed | is_won | lost_reason | created_at | closed_at
        d1 | new | 300 | true | true | | 2026-03-02 09:00 | 2026-05-04 09:00
        d2 | new | 100 | true | false | price | 2026-03-03 09:00 | 2026-05-11 09:00
        d3 | new | 200 | true | false | No decision | 2026-03-04 09:00 | 2026-05-18 09:00
        d4 | renewal | 500 | true | true | | 2026-04-01 09:00 | 2026-05-20 09:00
            """,
        },
        results=(
            ("win_rate", "2026-05-01", "0.5"),
            ("win_rate_value", "2026-05-01", "0.75"),
            ("win_rate_no_decision", "2026-05-01", "0.3333"),
        ),
    ),
    inputs=DEAL_INPUTS,
    series=(
        _series("win_rate", "Win rate, closed", DECIDED, BY_COUNT),
        _series("win_rate_value", "Win rate by value, closed", DECIDED_VALUE, BY_VALUE),
        _series("win_rate_created", "Win rate, created", CREATED, BY_COUNT, COHORT_AGE),
        _series(
            "win_rate_created_value",
            "Win rate by value, created",
            CREATED_VALUE,
            BY_VALUE,
            COHORT_AGE,
        ),
        _series(
            "win_rate_no_decision",
            "Closed without a decision",
            NO_DECISION,
            Ratio(
                numerator="SUM(CASE WHEN is_no_decision THEN 1 ELSE 0 END)",
                denominator="COUNT(*)",
                interval="wilson",
            ),
        ),
    ),
)
