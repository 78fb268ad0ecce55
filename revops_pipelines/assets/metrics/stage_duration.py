"""stage_duration: how many days deals spend in a stage."""

from __future__ import annotations

from revops_pipelines.assets.metrics._deals import DEAL_DIMENSIONS, DEAL_FRAGMENTS, DEAL_INPUTS
from revops_pipelines.assets.metrics._stages import STAGES
from revops_pipelines.engine.metrics.declaration import (
    Detail,
    DetailColumn,
    Example,
    Metric,
    Series,
    Survival,
)

STAYED = """
SELECT
  entered_on AS fact_on,
  excluded,
  opportunity_id,
  pipeline, stage, segment, industry, region, owner, team, channel, kind,
  days AS duration,
  left_at IS NOT NULL AS is_observed
FROM stages
"""

METRIC = Metric(
    name="stage_duration",
    title="Days in stage",
    stage="execute",
    owner="sales-operations",
    format="number",
    better="lower",
    meaning=(
        "Median days that a deal spends in a stage, all its visits together, by the day it first "
        "entered; P90 beside it. Deals still there count as staying on (Kaplan-Meier). The total "
        "is over all stages."
    ),
    excludes=("deleted deals", "won and lost stages"),
    formula="median days in the stage, all visits together, deals still there running on",
    differs=(
        "Averages from one stage to the next "
        "(help.swantide.com/en/articles/6174329) "
        "know only deals that have moved on, so that a stage in which deals rot looks fast; "
        "here those count as still running.",
    ),
    example=Example(
        story=(
            "Three deals entered the demo stage in May. Two left it after 4 and 10 days, the "
            "third has been there for weeks. Of the three, half have left after 10 days: that "
            "is the median. The mean of those that left would be 7."
        ),
        tables={
            "opportunities": """
                opportunity_id | amount | stage | is_closed | is_won | created_at | closed_at
                d1 | 100 | lost | true | false | 2026-05-04 09:00 | 2026-05-08 09:00
                d2 | 100 | lost | true | false | 2026-05-04 09:00 | 2026-05-14 09:00
                d3 | 100 | demo | false | false | 2026-05-04 09:00 |
            """,
            "opportunity_stage_history": """
                opportunity_id | stage | stage_order | is_closed | is_won | entered_at | left_at
                d1 | demo | 1 | false | false | 2026-05-04 09:00 | 2026-05-08 09:00
                d1 | lost | 4 | true | false | 2026-05-08 09:00 |
                d2 | demo | 1 | false | false | 2026-05-04 09:00 | 2026-05-14 09:00
                d2 | lost | 4 | true | false | 2026-05-14 09:00 |
                d3 | demo | 1 | false | false | 2026-05-04 09:00 |
            """,
        },
        results=(("stage_duration", "2026-05-01", "10"),),
    ),
    inputs=(*DEAL_INPUTS, "conformed.opportunity_stage_history"),
    series=(
        Series(
            metric="stage_duration",
            title="Days in stage",
            unit="days",
            facts=STAYED,
            subject="opportunity_id",
            fragments=(*DEAL_FRAGMENTS, STAGES),
            rollup=Survival((("", 0.5), ("_p90", 0.9))),
            dimensions=(("pipeline", "stage"), *DEAL_DIMENSIONS),
            mature_after_days="parameters.created_cohort_days",
        ),
    ),
    detail=Detail(
        table="stage_duration",
        description="One row per deal and open stage that it entered: how long it was there.",
        key=("opportunity_id", "pipeline", "stage"),
        columns=(
            DetailColumn("opportunity_id", "VARCHAR", "Deal."),
            DetailColumn("pipeline", "VARCHAR", "Pipeline."),
            DetailColumn("stage", "VARCHAR", "Stage."),
            DetailColumn("stage_label", "VARCHAR", "Stage as people call it."),
            DetailColumn("stage_order", "BIGINT", "Position of the stage in its pipeline."),
            DetailColumn("entered_at", "TIMESTAMP", "When it first entered (UTC)."),
            DetailColumn("left_at", "TIMESTAMP", "When it left for the last time; null if there."),
            DetailColumn("visits", "BIGINT", "How many times it was there."),
            DetailColumn("days", "DOUBLE", "Days in all visits, so far where it is there."),
        ),
        sql="SELECT * FROM stages WHERE excluded IS NULL",
        fragments=(*DEAL_FRAGMENTS, STAGES),
    ),
)
