"""lead_contact_rate: the share of qualified leads that we really spoke with."""

from __future__ import annotations

from revops_pipelines.assets.metrics._leads import COUNTED_LEADS, LEAD_DIMENSIONS, LEAD_INPUTS
from revops_pipelines.engine.metrics.declaration import Benchmark, Example, Metric, Ratio, Series

# The call that qualified a lead is a conversation too, so contact before qualification counts.
FACTS = """
WITH qualified AS (
  SELECT counted_leads.*
  FROM counted_leads
  CROSS JOIN ops.parameters AS parameters
  WHERE counted_leads.qualified_at <= parameters.as_of_at
), contacted AS (
  SELECT DISTINCT activities.lead_id
  FROM conformed.activities AS activities
  JOIN qualified ON qualified.lead_id = activities.lead_id
  CROSS JOIN ops.parameters AS parameters
  WHERE activities.is_two_way
    AND activities.kind IN ('call', 'email', 'meeting', 'message')
    AND COALESCE(LOWER(activities.outcome), '') NOT IN ('bounced', 'voicemail')
    AND activities.occurred_at <= parameters.as_of_at
    AND activities.occurred_at
      < qualified.qualified_at + parameters.contact_days * INTERVAL 1 DAY
    AND (activities._deleted_at IS NULL OR activities._deleted_at > parameters.as_of_at)
)
SELECT
  CASE WHEN qualified.qualified_at >= day.changes_at THEN day.on_after ELSE day.on_before END
    AS fact_on,
  qualified.excluded,
  qualified.lead_id,
  qualified.segment,
  qualified.industry,
  qualified.region,
  qualified.owner,
  qualified.team,
  qualified.channel,
  contacted.lead_id IS NOT NULL AS is_contacted
FROM qualified
JOIN ops.reporting_days AS day ON day.utc_on = CAST(qualified.qualified_at AS DATE)
LEFT JOIN contacted ON contacted.lead_id = qualified.lead_id
"""

METRIC = Metric(
    name="lead_contact_rate",
    title="Lead contact rate",
    stage="engage",
    owner="sales-development",
    format="percent",
    better="higher",
    meaning=(
        "Qualified leads with whom both sides spoke, wrote or met, of all leads qualified in the "
        "period. Contact counts until `contact_days` after qualification; a cohort is judged "
        "once those days have passed."
    ),
    excludes=(
        "attempts, voicemails and bounced mail",
        "meetings still to come",
        "test, spam, internal, imported, invalid and deleted leads",
    ),
    benchmark=Benchmark(text="Example of 90 %", source="metric catalogue", value=0.9),
    formula="qualified leads with two-way contact / qualified leads",
    differs=(
        "Contact rates of call centres divide live conversations by call attempts "
        "(trellus.ai/learning-center/contact-rate): they say how well a call goes through. "
        "Here it is people of people, whatever the means and however many attempts it took.",
    ),
    example=Example(
        story=(
            "Four leads were qualified in April. One talked on the phone and one wrote back; "
            "one was left a voicemail, one an unanswered mail: 2 of 4."
        ),
        tables={
            "leads": """
            lead_id | raised_at | qualified_at
            l1 | 2026-04-01 09:00 | 2026-04-02 09:00
            l2 | 2026-04-01 09:00 | 2026-04-02 09:00
            l3 | 2026-04-01 09:00 | 2026-04-02 09:00
            l4 | 2026-04-01 09:00 | 2026-04-02 09:00
            """,
            "activities": """
            activity_id | lead_id | kind | direction | is_human | is_two_way | outcome | occurred_at
            a1 | l1 | call | outbound | true | true | connected | 2026-04-03 09:00
            a2 | l2 | email | inbound | false | true | | 2026-04-04 09:00
            a3 | l3 | call | outbound | true | false | voicemail | 2026-04-03 09:00
            a4 | l4 | email | outbound | true | false | | 2026-04-03 09:00
            """,
        },
        results=(("lead_contact_rate", "2026-04-01", "0.5"),),
    ),
    inputs=(
        *LEAD_INPUTS,
        "conformed.activities",
        "ops.parameters",
        "ops.period_days",
        "ops.periods",
        "ops.reporting_days",
    ),
    series=(
        Series(
            metric="lead_contact_rate",
            title="Lead contact rate",
            unit="share",
            facts=FACTS,
            subject="lead_id",
            fragments=(COUNTED_LEADS,),
            rollup=Ratio(
                numerator="SUM(CASE WHEN is_contacted THEN 1 ELSE 0 END)",
                denominator="COUNT(*)",
                interval="wilson",
            ),
            dimensions=LEAD_DIMENSIONS,
            mature_after_days="parameters.contact_days",
        ),
    ),
)
