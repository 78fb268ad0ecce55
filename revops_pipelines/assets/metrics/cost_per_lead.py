"""cost_per_lead: what marketing costs for every hand that was raised."""

from __future__ import annotations

from revops_pipelines.assets.metrics._leads import COUNTED_LEADS, LEAD_INPUTS
from revops_pipelines.assets.metrics._touches import CLOCKS_DIFFER, TOUCH_INPUTS, TOUCHES
from revops_pipelines.engine.metrics.declaration import (
    Example,
    Fragment,
    Identity,
    Metric,
    Ratio,
    Series,
    each,
)

# A hand was raised through the touch nearest to it. Where marketing knows of none, the channel is
# the one that the lead's own record names.
RAISED = Fragment(
    "raised_hands",
    f"""
WITH touched AS (
  SELECT
    counted_leads.lead_id,
    marketing_touches.campaign_id,
    marketing_touches.channel,
    ROW_NUMBER() OVER (
      PARTITION BY counted_leads.lead_id
      ORDER BY
        ABS(EPOCH(marketing_touches.touched_at) - EPOCH(counted_leads.raised_at)),
        marketing_touches.touched_at,
        marketing_touches.touchpoint_id
    ) AS place
  FROM counted_leads
  CROSS JOIN ops.parameters AS parameters
  JOIN marketing_touches
    ON marketing_touches.lead_id = counted_leads.lead_id
    AND marketing_touches.touched_at <= counted_leads.raised_at + {CLOCKS_DIFFER}
    AND marketing_touches.touched_at
      >= counted_leads.raised_at - parameters.attribution_days * INTERVAL 1 DAY
)
SELECT
  CASE WHEN counted_leads.raised_at >= day.changes_at THEN day.on_after ELSE day.on_before END
    AS raised_on,
  counted_leads.lead_id,
  counted_leads.excluded,
  COALESCE(touched.campaign_id, 'no_campaign') AS campaign,
  COALESCE(touched.channel, counted_leads.channel, 'unknown') AS channel
FROM counted_leads
CROSS JOIN ops.parameters AS parameters
JOIN ops.reporting_days AS day ON day.utc_on = CAST(counted_leads.raised_at AS DATE)
LEFT JOIN touched ON touched.lead_id = counted_leads.lead_id AND touched.place = 1
WHERE counted_leads.is_inbound AND counted_leads.raised_at <= parameters.as_of_at
""",
)

FACTS = """
SELECT
  raised_on AS fact_on,
  excluded,
  lead_id,
  campaign,
  channel,
  CAST(0 AS DECIMAL(18,2)) AS cost,
  1 AS leads
FROM raised_hands
UNION ALL
SELECT
  costs.spent_on,
  costs.excluded,
  costs.cost_id,
  costs.campaign,
  costs.channel,
  costs.amount,
  0
FROM metrics.marketing_cost AS costs
WHERE {which}
"""

PER_LEAD = Ratio(numerator="SUM(cost)", denominator="SUM(leads)", n="SUM(leads)")

METRIC = Metric(
    name="cost_per_lead",
    title="Cost per lead",
    stage="engage",
    owner="marketing-operations",
    format="money",
    better="lower",
    meaning=(
        "All that marketing cost in a period, for each inbound lead raised in it. "
        "cost_per_lead_media takes the media alone, and is told by channel and campaign: a lead "
        "belongs to those of the touch nearest to the raised hand, from `attribution_days` before "
        "until an hour after (systems' clocks differ), or else to the channel that its record "
        "names. Leads come later than the money in long "
        "cycles; the quarter says more than the month."
    ),
    formula="cost of marketing in the period / inbound leads raised in the period",
    excludes=(
        "leads that nobody raised a hand for: imported and bought lists",
        "test, spam, internal, invalid and deleted leads",
        "costs in a currency without a rate of exchange",
        "whatever the books do not hold yet",
    ),
    differs=(
        "GrowthOptix divides what the connected advertising platforms say was spent by the form "
        "events of its own script (help.growthoptix.com, Cost Per Lead), which is near "
        "cost_per_lead_media; cost_per_lead has the salaries and tools of the books, too, and "
        "counts people, each once.",
    ),
    inputs=(
        *LEAD_INPUTS,
        *TOUCH_INPUTS,
        "metrics.marketing_cost",
        "ops.parameters",
        "ops.period_days",
        "ops.periods",
        "ops.reporting_days",
    ),
    series=(
        Series(
            metric="cost_per_lead",
            title="Cost of marketing per lead",
            unit="money",
            facts=FACTS.format(which="TRUE"),
            subject="lead_id",
            fragments=(COUNTED_LEADS, TOUCHES, RAISED),
            rollup=PER_LEAD,
            grains=("month", "quarter"),
        ),
        Series(
            metric="cost_per_lead_media",
            title="Cost of media per lead",
            unit="money",
            facts=FACTS.format(which="costs.kind = 'media'"),
            subject="lead_id",
            fragments=(COUNTED_LEADS, TOUCHES, RAISED),
            rollup=PER_LEAD,
            grains=("month", "quarter"),
            dimensions=each("channel", "campaign"),
        ),
    ),
    identities=(
        Identity(
            "the_money_is_that_of_marketing_cost",
            "What is divided is marketing_cost, month by month.",
            """
            SELECT per_lead.period_start_on
            FROM metrics.metric_values AS per_lead
            LEFT JOIN metrics.metric_values AS cost
              ON cost.metric
                = CASE per_lead.metric WHEN 'cost_per_lead' THEN 'marketing_cost'
                  ELSE 'marketing_cost_media' END
              AND cost.grain = per_lead.grain
              AND cost.period_start_on = per_lead.period_start_on
              AND CAST(cost.dimensions AS VARCHAR) = '{}'
            WHERE per_lead.metric IN ('cost_per_lead', 'cost_per_lead_media')
              AND CAST(per_lead.dimensions AS VARCHAR) = '{}'
              AND per_lead.numerator <> COALESCE(cost.numerator, 0)
            """,
        ),
    ),
    example=Example(
        story=(
            "May cost 300.00 of ads and 500.00 of salaries, and three hands were raised, two of "
            "them after an ad: 266.67 per lead in all, 100.00 of media per lead, 150.00 per lead "
            "of the ads."
        ),
        tables={
            "leads": """
lead_id | is_inbound | raised_at        | created_at       | channel
ada     | true       | 2026-05-04 10:00 | 2026-05-04 10:00 | direct
bob     | true       | 2026-05-05 10:00 | 2026-05-05 10:00 | direct
cyd     | true       | 2026-05-06 10:00 | 2026-05-06 10:00 | direct
""",
            "touchpoints": """
touchpoint_id | lead_id | campaign_id | channel | kind     | occurred_at
1             | ada     | ads         | ads     | ad_click | 2026-05-04 09:58
2             | bob     | ads         | ads     | ad_click | 2026-05-03 10:00
3             | cyd     | ads         | ads     | ad_click | 2026-05-09 10:00
""",
            "marketing_spend": """
spend_id | campaign_id | channel | spent_on   | amount | currency
1        | ads         | ads     | 2026-05-01 | 300    | USD
""",
            "expenses": """
expense_id | department | kind     | spent_on   | amount | currency
1          | marketing  | salaries | 2026-05-01 | 500    | USD
""",
        },
        results=(
            ("cost_per_lead", "2026-05-01", "266.67"),
            ("cost_per_lead_media", "2026-05-01", "100"),
        ),
    ),
)
