"""upsell_rate: growth at renewal, and at any time."""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import (
    CUSTOMER_DIMENSIONS,
    CUSTOMER_FRAGMENTS,
    MONTH_INPUTS,
)
from revops_pipelines.engine.metrics.declaration import Example, Metric, Ratio, Series

AT_RENEWAL = """
SELECT
  ends_on AS fact_on,
  excluded,
  contract_id,
  segment, industry, region, owner, team,
  party,
  outcome,
  due_amount,
  expansion_amount
FROM metrics.renewal_rate
"""

RENEWED_ONLY = """
SELECT
  ends_on AS fact_on,
  COALESCE(
    excluded, CASE WHEN outcome NOT IN ('early', 'on_time') THEN 'not_renewed' END
  ) AS excluded,
  contract_id,
  segment, industry, region, owner, team,
  expansion_amount
FROM metrics.renewal_rate
"""

ANY_TIME = """
SELECT
  period_start_on AS fact_on,
  excluded,
  customer_id,
  segment, industry, region, owner, team,
  opening, expansion
FROM customer_months
WHERE opening > 0
"""


def _at_renewal(metric: str, title: str, facts: str, rollup: Ratio) -> Series:
    return Series(
        metric=metric,
        title=title,
        unit="share",
        facts=facts,
        subject="contract_id",
        rollup=rollup,
        grains=("month", "quarter"),
        dimensions=CUSTOMER_DIMENSIONS,
        mature_after_days="parameters.renewal_window_days",
    )


METRIC = Metric(
    name="upsell_rate",
    title="Upsell rate at renewal",
    stage="expand",
    owner="customer-success",
    format="percent",
    better="higher",
    formula="ARR renewed beyond what was due / ARR due in the period",
    meaning=(
        "What terms due in the period grew by when they were renewed, as a share of all that was "
        "due; it adds to `renewal_rate` and never hides what was not renewed. Beside it the share "
        "of renewed terms that grew, and growth at any time of a term: the month's expansion by "
        "the recurring revenue at its start."
    ),
    excludes=(
        "new subscriptions of customers who renewed what was due: these are expansion in "
        "`upsell_rate_any_time`",
        "evergreen, pending and unvalued terms, as in `renewal_rate`",
        "at any time: new and reactivated revenue, and the effect of rates of exchange",
    ),
    differs=(
        "Where renewed value includes upsells, as with Planhat "
        "(https://www.planhat.com/community/saas-renewal-rate/), the two rates here add up to it.",
        "Articles call the share of customers who bought anything more in a period upsell rate; "
        "of the renewed terms that is `upsell_rate_count`.",
    ),
    inputs=(*MONTH_INPUTS, "metrics.renewal_rate"),
    series=(
        _at_renewal(
            "upsell_rate",
            "Upsell rate at renewal",
            AT_RENEWAL,
            Ratio(numerator="SUM(expansion_amount)", denominator="SUM(due_amount)"),
        ),
        _at_renewal(
            "upsell_rate_count",
            "Renewed terms that grew",
            RENEWED_ONLY,
            Ratio(
                numerator="SUM(CASE WHEN expansion_amount > 0 THEN 1 ELSE 0 END)",
                denominator="COUNT(*)",
                interval="wilson",
            ),
        ),
        Series(
            metric="upsell_rate_any_time",
            title="Expansion of the opening revenue",
            unit="share",
            facts=ANY_TIME,
            subject="customer_id",
            fragments=CUSTOMER_FRAGMENTS,
            rollup=Ratio(numerator="SUM(expansion)", denominator="SUM(opening)"),
            grains=("month",),
            dimensions=CUSTOMER_DIMENSIONS,
        ),
    ),
    example=Example(
        story=(
            "In April Ada's term of 100 a month ends and goes on at 150, Ben's of 200 ends for "
            "good: growth of 600 a year by 3,600 due is a sixth; the one renewed term grew."
        ),
        tables={
            "contracts": """
            contract_id | customer_id | subscription_id | starts_on | ends_on
            1 | ada | s1 | 2025-04-10 | 2026-04-10
            2 | ben | s2 | 2025-04-12 | 2026-04-12
            """,
            "subscription_periods": """
            subscription_id | customer_id | item_id | monthly_amount | valid_from_on | valid_to_on
            s1 | ada | i1 | 100 | 2025-04-10 | 2026-04-10
            s1 | ada | i1 | 150 | 2026-04-10 |
            s2 | ben | i2 | 200 | 2025-04-12 | 2026-04-12
            """,
        },
        results=(
            ("upsell_rate", "2026-04-01", "0.166667"),
            ("upsell_rate_count", "2026-04-01", "1"),
            ("upsell_rate_any_time", "2026-04-01", "0.166667"),
        ),
    ),
)
