"""stuck_deals: open deals that have been in their stage longer than nearly all that were won."""

from __future__ import annotations

from revops_pipelines.assets.metrics._deals import DEAL_DIMENSIONS, DEAL_FRAGMENTS, DEAL_INPUTS
from revops_pipelines.assets.metrics._stages import STAGES
from revops_pipelines.engine.metrics.declaration import (
    Detail,
    DetailColumn,
    Example,
    Fragment,
    Identity,
    Metric,
    Ratio,
    Series,
)

# The P90 of fewer cases is their largest, or one of its neighbours at best.
LEAST_WON = 10

# One row per open deal: its days in the stage where it is, and the P90 of the won deals that passed
# the same stage, by nearest rank: the least number of days within which 90 % of them had left it.
JUDGED = Fragment(
    "judged",
    f"""
WITH passed AS (
  SELECT
    stages.pipeline,
    stages.stage,
    stages.segment,
    stages.days
  FROM stages
  JOIN deals ON deals.opportunity_id = stages.opportunity_id
  WHERE deals.is_won AND deals.excluded IS NULL AND stages.left_at IS NOT NULL
), ranked AS (
  SELECT
    passed.*,
    ROW_NUMBER() OVER (PARTITION BY pipeline, stage, segment ORDER BY days) AS place,
    COUNT(*) OVER (PARTITION BY pipeline, stage, segment) AS n,
    ROW_NUMBER() OVER (PARTITION BY pipeline, stage ORDER BY days) AS stage_place,
    COUNT(*) OVER (PARTITION BY pipeline, stage) AS stage_n
  FROM passed
), of_segments AS (
  SELECT
    pipeline,
    stage,
    segment,
    n,
    MIN(CASE WHEN 10 * place >= 9 * n THEN days END) AS p90_days
  FROM ranked
  GROUP BY pipeline, stage, segment, n
), of_stages AS (
  SELECT
    pipeline,
    stage,
    stage_n AS n,
    MIN(CASE WHEN 10 * stage_place >= 9 * stage_n THEN days END) AS p90_days
  FROM ranked
  GROUP BY pipeline, stage, stage_n
), present AS (
  SELECT
    deals.*,
    stages.stage,
    stages.stage_label,
    stages.entered_at,
    stages.days,
    CASE WHEN of_segments.n >= {LEAST_WON} THEN 'stage and segment'
      WHEN of_stages.n >= {LEAST_WON} THEN 'stage' END AS reference,
    CASE WHEN of_segments.n >= {LEAST_WON} THEN of_segments.n
      ELSE of_stages.n END AS reference_n,
    CASE WHEN of_segments.n >= {LEAST_WON} THEN of_segments.p90_days
      WHEN of_stages.n >= {LEAST_WON} THEN of_stages.p90_days END AS reference_days
  FROM deals
  LEFT JOIN stages
    ON stages.opportunity_id = deals.opportunity_id
    AND stages.pipeline = deals.pipeline
    AND stages.left_at IS NULL
  LEFT JOIN of_segments
    ON of_segments.pipeline = stages.pipeline AND of_segments.stage = stages.stage
    AND of_segments.segment = deals.segment
  LEFT JOIN of_stages
    ON of_stages.pipeline = stages.pipeline AND of_stages.stage = stages.stage
  WHERE NOT deals.is_decided
)
SELECT
  present.opportunity_id,
  COALESCE(
    present.excluded,
    CASE WHEN present.stage IS NULL THEN 'no_history' END,
    CASE WHEN present.reference IS NULL THEN 'too_few_won' END
  ) AS excluded,
  present.excluded_money,
  present.segment,
  present.industry,
  present.region,
  present.owner,
  present.team,
  present.channel,
  present.kind,
  present.pipeline,
  present.stage,
  present.stage_label,
  present.entered_at,
  present.days,
  present.reference,
  present.reference_n,
  present.reference_days,
  present.amount,
  CASE WHEN present.days > present.reference_days THEN 1 ELSE 0 END AS is_stuck
FROM present
""",
)
FRAGMENTS = (*DEAL_FRAGMENTS, STAGES, JUDGED)
DIMENSIONS = (("pipeline", "stage"), *DEAL_DIMENSIONS)


def _series(suffix: str, title: str, unit: str, rollup: Ratio) -> Series:
    is_money = unit == "money"
    excluded = "COALESCE(excluded, excluded_money)" if is_money else "excluded"
    return Series(
        metric=f"stuck_deals{suffix}",
        title=title,
        unit="money" if is_money else "share" if rollup.denominator else "count",
        facts=f"""
SELECT
  opportunity_id, parameters.as_of_on AS fact_on, {excluded} AS excluded,
  pipeline, stage, segment, industry, region, owner, team, channel, kind,
  is_stuck, amount
FROM judged
CROSS JOIN ops.parameters AS parameters
""",
        subject="opportunity_id",
        fragments=FRAGMENTS,
        rollup=rollup,
        grains=("month", "quarter"),
        dimensions=DIMENSIONS,
    )


METRIC = Metric(
    name="stuck_deals",
    title="Stuck deals",
    stage="execute",
    owner="sales-operations",
    format="number",
    better="lower",
    meaning=(
        "Deals open now that have been in their stage for longer than nine of ten won deals of the "
        "same stage and segment were, all visits together. Where fewer than ten deals of the "
        "segment were won, those of all segments in the stage are the measure; where those are too "
        "few as well, the deal is not judged. Beside the number their value and their share of the "
        "deals judged. It is today's state, published for the running month and quarter; who, "
        "where and for how long is in metrics.stuck_deals."
    ),
    formula="open deals with days in stage > P90 of the won deals' days in that stage",
    differs=(
        "Pipedrive lets a deal rot after a number of idle days that somebody sets per stage "
        "(support.pipedrive.com, The Rotting Feature); here won deals set it, and being active "
        "does not stop the clock: a busy deal can be stuck.",
        "Freshsales compares a deal's whole age with one limit per pipeline "
        "(crmsupport.freshworks.com, rotten deals).",
    ),
    excludes=(
        "renewals, deleted deals and deals of exactly zero",
        "deals without a history of stages (no_history)",
        "deals in stages that fewer than ten won deals have passed (too_few_won)",
        "by value: deals without amount, currency or rate of exchange",
    ),
    inputs=(*DEAL_INPUTS, "conformed.opportunity_stage_history"),
    series=(
        _series("", "Stuck deals", "count", Ratio(numerator="SUM(is_stuck)")),
        _series(
            "_value",
            "Value of stuck deals",
            "money",
            Ratio(
                numerator="SUM(CASE WHEN is_stuck = 1 THEN amount ELSE 0 END)", n="SUM(is_stuck)"
            ),
        ),
        _series(
            "_share",
            "Share of open deals that are stuck",
            "share",
            Ratio(numerator="SUM(is_stuck)", denominator="COUNT(*)", interval="wilson"),
        ),
    ),
    detail=Detail(
        table="stuck_deals",
        description="One row per stuck deal: whose it is, where, for how long, and the measure.",
        key=("opportunity_id",),
        columns=(
            DetailColumn("opportunity_id", "VARCHAR", "Deal."),
            DetailColumn("owner", "VARCHAR", "Owner."),
            DetailColumn("team", "VARCHAR", "Team of the owner."),
            DetailColumn("segment", "VARCHAR", "Segment."),
            DetailColumn("kind", "VARCHAR", "Kind of business."),
            DetailColumn("pipeline", "VARCHAR", "Pipeline."),
            DetailColumn("stage", "VARCHAR", "Stage that it is in."),
            DetailColumn("stage_label", "VARCHAR", "Stage as people call it."),
            DetailColumn("entered_at", "TIMESTAMP", "When it first entered the stage (UTC)."),
            DetailColumn("days", "DOUBLE", "Days in the stage, all visits together."),
            DetailColumn("reference_days", "DOUBLE", "P90 of the won deals' days there."),
            DetailColumn(
                "reference", "VARCHAR", "Of which won deals: stage and segment, or stage."
            ),
            DetailColumn("reference_n", "BIGINT", "How many won deals that rests on."),
            DetailColumn("days_over", "DOUBLE", "Days beyond the measure."),
            DetailColumn("amount", "DECIMAL(18,2)", "Worth, base currency; null if unknown."),
            DetailColumn("close_on", "DATE", "Expected day of closing."),
            DetailColumn("url", "VARCHAR", "Link to the record in its system."),
        ),
        sql="""
SELECT
  judged.*,
  judged.days - judged.reference_days AS days_over,
  opportunities.close_on,
  opportunities.url
FROM judged
JOIN conformed.opportunities AS opportunities
  ON opportunities.opportunity_id = judged.opportunity_id
WHERE judged.excluded IS NULL AND judged.is_stuck = 1
""",
        fragments=FRAGMENTS,
    ),
    identities=(
        Identity(
            name="stuck_deals_are_listed",
            holds="The published number is that of the deals listed.",
            broken="""
                SELECT v.value FROM metrics.metric_values AS v
                WHERE v.metric = 'stuck_deals' AND v.grain = 'month'
                  AND CAST(v.dimensions AS VARCHAR) = '{}'
                  AND v.value <> (SELECT COUNT(*) FROM metrics.stuck_deals)""",
        ),
    ),
    example=Example(
        story=(
            "Ten deals were won after one to ten days in the stage Demo: nine of them had left it "
            "after nine days. Two open deals are there, for nine and for ten days: the second is "
            "stuck."
        ),
        tables={
            "opportunities": """
opportunity_id|created_at      |pipeline|stage|is_closed|is_won|closed_at       |amount
"""
            + "".join(
                f"w{days}|2026-05-01 12:00|sales|won|true|true|2026-05-{1 + days:02} 12:00|100\n"
                for days in range(1, 11)
            )
            + """a|2026-06-01 12:00|sales|demo|false|false||400
b|2026-06-01 12:00|sales|demo|false|false||700""",
            "opportunity_stage_history": """
opportunity_id|pipeline|stage|stage_order|is_closed|entered_at      |left_at
"""
            + "".join(
                f"w{days}|sales|demo|1|false|2026-05-01 12:00|2026-05-{1 + days:02} 12:00\n"
                for days in range(1, 11)
            )
            + """a|sales|demo|1|false|2026-06-21 12:00|
b|sales|demo|1|false|2026-06-20 12:00|""",
        },
        results=(
            ("stuck_deals", "2026-06-01", "1"),
            ("stuck_deals_value", "2026-06-01", "700"),
            ("stuck_deals_share", "2026-06-01", "0.5"),
        ),
    ),
)
