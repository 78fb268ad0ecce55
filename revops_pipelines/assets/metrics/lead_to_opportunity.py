"""lead_to_opportunity: the share of leads that become an opportunity in time."""

from __future__ import annotations

from revops_pipelines.assets.metrics._leads import COUNTED_LEADS, LEAD_DIMENSIONS, LEAD_INPUTS
from revops_pipelines.engine.metrics.declaration import (
    Benchmark,
    Example,
    Fragment,
    Metric,
    Ratio,
    Series,
)

# A deal has many people and a person many deals: a lead counts once, by its first deal that is not
# older than itself. What the lifecycle stage claims does not matter.
# (Materialized: planners otherwise put every lead beside every deal that is younger.)
CONVERSIONS = Fragment(
    "conversions",
    """
WITH linked AS (
  SELECT contacts.opportunity_id, contacts.lead_id
  FROM conformed.opportunity_contacts AS contacts
  CROSS JOIN ops.parameters AS parameters
  WHERE contacts._deleted_at IS NULL OR contacts._deleted_at > parameters.as_of_at
  UNION
  SELECT opportunities.opportunity_id, opportunities.lead_id
  FROM conformed.opportunities AS opportunities
  WHERE opportunities.lead_id IS NOT NULL
), deals_of_leads AS MATERIALIZED (
  SELECT linked.lead_id, opportunities.created_at
  FROM linked
  JOIN conformed.opportunities AS opportunities
    ON opportunities.opportunity_id = linked.opportunity_id
  CROSS JOIN ops.parameters AS parameters
  WHERE opportunities.kind <> 'renewal'
    AND opportunities.created_at <= parameters.as_of_at
    AND (opportunities._deleted_at IS NULL OR opportunities._deleted_at > parameters.as_of_at)
)
SELECT
  counted_leads.lead_id,
  MIN(deals_of_leads.created_at) AS converted_at
FROM deals_of_leads
JOIN counted_leads
  ON counted_leads.lead_id = deals_of_leads.lead_id
  AND counted_leads.arrived_at <= deals_of_leads.created_at
GROUP BY counted_leads.lead_id
""",
)

COHORT = """
SELECT
  CASE WHEN leads.arrived_at >= day.changes_at THEN day.on_after ELSE day.on_before END
    AS fact_on,
  leads.excluded,
  leads.lead_id,
  leads.segment,
  leads.industry,
  leads.region,
  leads.owner,
  leads.team,
  leads.channel,
  COALESCE(
    conversions.converted_at
      < leads.arrived_at + parameters.lead_to_opportunity_days * INTERVAL 1 DAY,
    FALSE
  ) AS is_converted
FROM counted_leads AS leads
CROSS JOIN ops.parameters AS parameters
JOIN ops.reporting_days AS day ON day.utc_on = CAST(leads.arrived_at AS DATE)
LEFT JOIN conversions ON conversions.lead_id = leads.lead_id
WHERE leads.arrived_at <= parameters.as_of_at
"""

# The period form counts what arrived and what converted in the same days, whoever it was; it can
# exceed 1 and is not a share of a cohort, so it has no interval.
PERIOD = """
WITH events AS (
  SELECT lead_id, arrived_at AS event_at, 0 AS converted, 1 AS arrived
  FROM counted_leads
  UNION ALL
  SELECT lead_id, converted_at, 1, 0
  FROM conversions
)
SELECT
  CASE WHEN events.event_at >= day.changes_at THEN day.on_after ELSE day.on_before END AS fact_on,
  leads.excluded,
  leads.lead_id,
  leads.segment,
  leads.industry,
  leads.region,
  leads.owner,
  leads.team,
  leads.channel,
  events.converted,
  events.arrived
FROM events
JOIN counted_leads AS leads ON leads.lead_id = events.lead_id
CROSS JOIN ops.parameters AS parameters
JOIN ops.reporting_days AS day ON day.utc_on = CAST(events.event_at AS DATE)
WHERE events.event_at <= parameters.as_of_at
"""

METRIC = Metric(
    name="lead_to_opportunity",
    title="Lead to opportunity",
    stage="engage",
    owner="marketing-operations",
    format="percent",
    better="higher",
    meaning=(
        "Leads with an opportunity within `lead_to_opportunity_days` of their arrival (the raised "
        "hand, else the record's creation), of all leads that arrived in the period. Beside it, "
        "lead_to_opportunity_period divides the leads that got their first opportunity in a "
        "period by those that arrived in it."
    ),
    excludes=(
        "opportunities older than the lead, deleted ones and renewals",
        "leads marked as converted without an opportunity",
        "test, spam, internal, imported, invalid and deleted leads",
    ),
    benchmark=Benchmark(text="13 %", source="metric catalogue", value=0.13),
    formula="leads of the period with an opportunity within N days / leads of the period",
    differs=(
        "Often leads converted in a period by leads created in it "
        "(brainshark.com/ideas-blog/2018/september/how-calculate-lead-conversion-rate): two "
        "sets of people, and more than 100 % is possible. That number stands beside this one "
        "as lead_to_opportunity_period.",
    ),
    example=Example(
        story=(
            "Four leads came in February. One has a deal after 20 days; one after 120, too "
            "late; one belongs to a deal that is older than the lead; one has none: 1 of 4."
        ),
        tables={
            "leads": """
                lead_id | raised_at
                l1 | 2026-02-02 09:00
                l2 | 2026-02-02 09:00
                l3 | 2026-02-02 09:00
                l4 | 2026-02-02 09:00
            """,
            "opportunities": """
                opportunity_id | lead_id | amount | created_at
                d1 | l1 | 100 | 2026-02-22 09:00
                d2 | l2 | 100 | 2026-06-02 09:00
                d3 | l3 | 100 | 2026-01-15 09:00
            """,
        },
        results=(
            ("lead_to_opportunity", "2026-02-01", "0.25"),
            ("lead_to_opportunity_period", "2026-02-01", "0.25"),
        ),
    ),
    inputs=(
        *LEAD_INPUTS,
        "conformed.opportunities",
        "conformed.opportunity_contacts",
        "ops.parameters",
        "ops.period_days",
        "ops.periods",
        "ops.reporting_days",
    ),
    series=(
        Series(
            metric="lead_to_opportunity",
            title="Lead to opportunity, cohort",
            unit="share",
            facts=COHORT,
            subject="lead_id",
            fragments=(COUNTED_LEADS, CONVERSIONS),
            rollup=Ratio(
                numerator="SUM(CASE WHEN is_converted THEN 1 ELSE 0 END)",
                denominator="COUNT(*)",
                interval="wilson",
            ),
            dimensions=LEAD_DIMENSIONS,
            mature_after_days="parameters.lead_to_opportunity_days",
        ),
        Series(
            metric="lead_to_opportunity_period",
            title="Lead to opportunity, period",
            unit="share",
            facts=PERIOD,
            subject="lead_id",
            fragments=(COUNTED_LEADS, CONVERSIONS),
            rollup=Ratio(numerator="SUM(converted)", denominator="SUM(arrived)", n="SUM(arrived)"),
            dimensions=LEAD_DIMENSIONS,
        ),
    ),
)
