"""stage_conversion: of the deals that entered a stage, how many went on."""

from __future__ import annotations

from revops_pipelines.assets.metrics._deals import DEAL_DIMENSIONS, DEAL_FRAGMENTS, DEAL_INPUTS
from revops_pipelines.assets.metrics._stages import STAGES
from revops_pipelines.engine.metrics.declaration import (
    Detail,
    DetailColumn,
    Example,
    Metric,
    Ratio,
    Series,
)

ENTERED = """
SELECT
  entered_on AS fact_on,
  COALESCE(
    excluded,
    CASE outcome WHEN 'open' THEN 'still_open' WHEN 'moved' THEN 'moved_to_other_pipeline' END
  ) AS excluded,
  opportunity_id,
  pipeline, stage, segment, industry, region, owner, team, channel, kind,
  outcome
FROM stages
"""

METRIC = Metric(
    name="stage_conversion",
    title="Stage conversion",
    stage="execute",
    owner="sales-operations",
    format="percent",
    better="higher",
    meaning=(
        "Of the deals that entered a stage in the period and have left it for good, the share "
        "that went on to a later stage or was won; the rest was lost. The total is over all "
        "stages. How many entered, advanced, were lost or are open is in "
        "metrics.stage_conversion."
    ),
    excludes=(
        "deals that are still open and have not gone on",
        "deals that were moved to another pipeline first",
        "deleted deals; stages that were skipped; second and later visits",
    ),
    formula="advanced / (advanced + lost), of the deals that entered the stage in the period",
    differs=(
        "HubSpot's funnel of records that went through all stages drops who skipped one from "
        "all later ones "
        "(knowledge.hubspot.com/reports/differences-between-funnel-reports-types); here a deal "
        "that skips a stage has advanced from the one it was in.",
        "Deals advancing by deals entering "
        "(kpitree.co/integrations/hubspot/pipeline-stage-conversion-analysis) leaves open "
        "whether these are the same deals, and what of the open ones; here they are those that "
        "entered in the period, and open ones count neither way.",
    ),
    example=Example(
        story=(
            "Three deals entered the demo stage in May: one went on to the offer, one was "
            "lost, one was won at once. 2 of 3 advanced; the one that is open in the offer "
            "stage counts there neither way."
        ),
        tables={
            "opportunities": """
                opportunity_id | amount | stage | is_closed | is_won | created_at | closed_at
                d1 | 100 | offer | false | false | 2026-05-04 09:00 |
                d2 | 100 | lost | true | false | 2026-05-04 09:00 | 2026-05-20 09:00
                d3 | 100 | won | true | true | 2026-05-04 09:00 | 2026-05-21 09:00
            """,
            "opportunity_stage_history": """
                opportunity_id | stage | stage_order | is_closed | is_won | entered_at | left_at
                d1 | demo | 1 | false | false | 2026-05-04 09:00 | 2026-05-11 09:00
                d1 | offer | 2 | false | false | 2026-05-11 09:00 |
                d2 | demo | 1 | false | false | 2026-05-04 09:00 | 2026-05-20 09:00
                d2 | lost | 4 | true | false | 2026-05-20 09:00 |
                d3 | demo | 1 | false | false | 2026-05-04 09:00 | 2026-05-21 09:00
                d3 | won | 3 | true | true | 2026-05-21 09:00 |
            """,
        },
        results=(("stage_conversion", "2026-05-01", "0.6667"),),
    ),
    inputs=(*DEAL_INPUTS, "conformed.opportunity_stage_history"),
    series=(
        Series(
            metric="stage_conversion",
            title="Stage conversion",
            unit="share",
            facts=ENTERED,
            subject="opportunity_id",
            fragments=(*DEAL_FRAGMENTS, STAGES),
            rollup=Ratio(
                numerator="SUM(CASE WHEN outcome = 'advanced' THEN 1 ELSE 0 END)",
                denominator="COUNT(*)",
                interval="wilson",
            ),
            dimensions=(("pipeline", "stage"), *DEAL_DIMENSIONS),
            mature_after_days="parameters.created_cohort_days",
        ),
    ),
    detail=Detail(
        table="stage_conversion",
        description="One row per deal and open stage that it entered: what became of it.",
        key=("opportunity_id", "pipeline", "stage"),
        columns=(
            DetailColumn("opportunity_id", "VARCHAR", "Deal."),
            DetailColumn("pipeline", "VARCHAR", "Pipeline."),
            DetailColumn("stage", "VARCHAR", "Stage."),
            DetailColumn("stage_label", "VARCHAR", "Stage as people call it."),
            DetailColumn("stage_order", "BIGINT", "Position of the stage in its pipeline."),
            DetailColumn("entered_at", "TIMESTAMP", "When it first entered (UTC)."),
            DetailColumn("entered_on", "DATE", "That day, reporting time zone."),
            DetailColumn("outcome", "VARCHAR", "advanced, lost, open, or moved (other pipeline)."),
        ),
        sql="SELECT * FROM stages WHERE excluded IS NULL",
        fragments=(*DEAL_FRAGMENTS, STAGES),
    ),
)
