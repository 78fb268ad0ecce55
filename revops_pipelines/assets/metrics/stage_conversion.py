"""stage_conversion: of the deals that entered a stage, how many went on."""

from __future__ import annotations

from revops_pipelines.assets.metrics._deals import DEAL_DIMENSIONS, DEAL_FRAGMENTS, DEAL_INPUTS
from revops_pipelines.assets.metrics._stages import STAGES
from revops_pipelines.engine.metrics.declaration import (
    Detail,
    DetailColumn,
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
