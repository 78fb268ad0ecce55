"""campaign_roi: what was won through campaigns, for each unit of money spent on them."""

from __future__ import annotations

from revops_pipelines.assets.metrics._credits import MODELS
from revops_pipelines.engine.metrics.declaration import (
    Dimension,
    Example,
    Grain,
    Identity,
    Metric,
    Ratio,
    Series,
)

# What a touch brought is laid on the day of the touch, beside the money that was spent then, and
# not on the day of winning, when other money is spent. So a period goes on growing for as long as a
# touch can still be credited.
FACTS = f"""
WITH models AS (
  SELECT * FROM (VALUES {", ".join(f"('{model}')" for model in MODELS)}) AS listed(model)
)
SELECT
  CASE WHEN credits.touched_at >= day.changes_at THEN day.on_after ELSE day.on_before END
    AS fact_on,
  CAST(NULL AS VARCHAR) AS excluded,
  credits.opportunity_id,
  credits.channel,
  COALESCE(credits.campaign_id, 'no_campaign') AS campaign,
  credits.model,
  credits.credit AS revenue,
  CAST(0 AS DECIMAL(18,2)) AS spend,
  credits.opportunity_id AS deal
FROM metrics.attribution AS credits
JOIN ops.reporting_days AS day ON day.utc_on = CAST(credits.touched_at AS DATE)
WHERE credits.basis = 'won'
UNION ALL
SELECT
  costs.spent_on,
  costs.excluded,
  costs.cost_id,
  costs.channel,
  costs.campaign,
  models.model,
  0,
  costs.amount,
  NULL
FROM metrics.marketing_cost AS costs
CROSS JOIN models
WHERE costs.kind = 'media'
"""

TOTAL = f"""
SELECT * FROM (
{FACTS.strip()}
) AS told
WHERE model = 'linear'
"""

RETURNED = Ratio(numerator="SUM(revenue)", denominator="SUM(spend)", n="COUNT(DISTINCT deal)")


def _series(facts: str, grains: tuple[Grain, ...], dimensions: tuple[Dimension, ...]) -> Series:
    return Series(
        metric="campaign_roi",
        title="Won through campaigns, times what they cost",
        unit="times",
        facts=facts,
        subject="opportunity_id",
        rollup=RETURNED,
        grains=grains,
        dimensions=dimensions,
        has_total=not dimensions,
        mature_after_days="parameters.attribution_days",
    )


METRIC = Metric(
    name="campaign_roi",
    title="Return on campaigns",
    stage="engage",
    owner="marketing-operations",
    format="multiple",
    better="higher",
    meaning=(
        "Closed-won amounts credited to marketing's touches, over the media money spent in the "
        "period of the touches: 3.0x is three won for one spent. The credit lies on the day of "
        "the touch, so that money meets what it brought, and a period is judged once "
        "`attribution_days` have passed and it can grow no more. The total is under the linear "
        "model, which prefers no touch; breakdowns are told under every model of `attribution`, "
        "by channel each month and by campaign each quarter."
    ),
    formula="credits of closed-won amounts to the period's touches / media spent in the period",
    excludes=(
        "what no touch preceded",
        "salaries and tools: see marketing_cost for all of it",
        "spend in a currency without a rate of exchange",
        "cost of goods: it is revenue over spend, not profit",
    ),
    differs=(
        "Return on investment in accounting is profit over cost, (gain - cost) / cost: 3.0x here "
        "is at most 200 % there. Revenue over advertising spend is what advertisers call ROAS "
        "(shadowforge.app, How to calculate ROI and the cost of a lead).",
    ),
    inputs=(
        "metrics.attribution",
        "metrics.marketing_cost",
        "ops.parameters",
        "ops.period_days",
        "ops.periods",
        "ops.reporting_days",
    ),
    series=(
        _series(TOTAL, ("month", "quarter"), ()),
        _series(FACTS, ("month", "quarter"), (("channel", "model"), ("model",))),
        _series(FACTS, ("quarter",), (("campaign", "model"),)),
    ),
    identities=(
        Identity(
            "all_credit_is_returned",
            "What is laid on the days of touches is all that touches are credited with.",
            """
            WITH laid AS (
              SELECT json_extract_string(dimensions, '$.model') AS model,
                SUM(numerator) AS revenue
              FROM metrics.metric_values
              WHERE metric = 'campaign_roi' AND grain = 'month'
                AND json_extract_string(dimensions, '$.model') IS NOT NULL
                AND json_extract_string(dimensions, '$.channel') IS NULL
              GROUP BY 1
            ), credited AS (
              SELECT model, SUM(credit) AS revenue FROM metrics.attribution
              WHERE basis = 'won' AND touchpoint_id <> 'no_touch' GROUP BY model
            )
            SELECT credited.model FROM credited
            LEFT JOIN laid ON laid.model = credited.model
            WHERE credited.revenue <> COALESCE(laid.revenue, 0)
            """,
        ),
    ),
    example=Example(
        story=(
            "400.00 were spent on ads in February and Ada clicked on one; 100.00 went into a "
            "webinar in March, which she attended. In May she buys for 1,200.00: under the linear "
            "model 600.00 go to each touch, 1.5x for February and 6.0x for March, whatever was "
            "spent in May."
        ),
        tables={
            "leads": """
lead_id | is_inbound | raised_at        | created_at
ada     | true       | 2026-03-20 10:00 | 2026-03-20 10:00
""",
            "touchpoints": """
touchpoint_id | lead_id | campaign_id | channel | kind     | occurred_at
1             | ada     | ads         | ads     | ad_click | 2026-02-10 10:00
2             | ada     | webinar     | webinar | attended | 2026-03-10 10:00
""",
            "opportunities": """
opportunity_id | lead_id | amount  | created_at       | is_closed | is_won | closed_at
d              | ada     | 1200.00 | 2026-03-25 09:00 | true      | true   | 2026-05-20 09:00
""",
            "marketing_spend": """
spend_id | campaign_id | channel | spent_on   | amount | currency
1        | ads         | ads     | 2026-02-01 | 400    | USD
2        | webinar     | webinar | 2026-03-01 | 100    | USD
3        | ads         | ads     | 2026-05-01 | 700    | USD
""",
        },
        results=(
            ("campaign_roi", "2026-02-01", "1.5"),
            ("campaign_roi", "2026-03-01", "6"),
            ("campaign_roi", "2026-05-01", "0"),
        ),
    ),
)
