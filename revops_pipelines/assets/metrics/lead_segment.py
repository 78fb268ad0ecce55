"""lead_segment: how many leads of each segment of the score become an opportunity."""

from __future__ import annotations

from revops_pipelines.assets.metrics._leads import COUNTED_LEADS, LEAD_INPUTS
from revops_pipelines.assets.metrics.lead_score import JUDGED, SCORED, worked_tables
from revops_pipelines.engine.metrics.declaration import Example, Identity, Metric, Ratio, Series

BY_SEGMENT = (("lead_segment",),)

METRIC = Metric(
    name="lead_segment",
    title="Conversion by segment of the lead score",
    stage="engage",
    owner="marketing-operations",
    format="percent",
    better="higher",
    meaning=(
        "Inbound leads that became an opportunity within `lead_to_opportunity_days`, of all that "
        "were scored and have had their time, by the day the hand was raised, in total and by "
        "segment: A leads had at least twice the odds of the average lead when they came (60 "
        "points or more), B more than it, C down to half, D less. If the score is worth "
        "anything, A converts best. lead_segment_leads is how many there were."
    ),
    formula="leads of the segment with an opportunity in time / leads of the segment",
    excludes=(
        "leads whose time has not run out",
        "leads that could not be scored yet: see lead_score",
        "test, spam, internal, invalid and deleted leads",
    ),
    differs=(
        "HubSpot's contact priority makes four equal quarters of the contacts there are "
        "(support.hypeanddexter.com, Predictive lead scoring), so that a quarter is always very "
        "high; here a segment is a range of odds, and may be empty.",
    ),
    inputs=(
        *LEAD_INPUTS,
        "metrics.lead_score",
        "ops.parameters",
        "ops.period_days",
        "ops.periods",
        "ops.reporting_days",
    ),
    series=(
        Series(
            metric="lead_segment",
            title="Conversion by segment",
            unit="share",
            facts=JUDGED,
            subject="lead_id",
            fragments=(COUNTED_LEADS,),
            rollup=Ratio(numerator="SUM(outcome)", denominator="COUNT(*)", interval="wilson"),
            grains=("month", "quarter"),
            dimensions=BY_SEGMENT,
            mature_after_days="parameters.lead_to_opportunity_days",
        ),
        Series(
            metric="lead_segment_leads",
            title="Leads by segment",
            unit="count",
            facts=SCORED,
            subject="lead_id",
            fragments=(COUNTED_LEADS,),
            rollup=Ratio(numerator="COUNT(*)"),
            grains=("month", "quarter"),
            dimensions=BY_SEGMENT,
        ),
    ),
    example=Example(
        story=(
            "Learnt from forty leads of November, four of twenty small and eight of twenty middle "
            "companies' (see lead_score), Ada of a small company is a C and Bob of a middle one a "
            "B when they raise their hands in March. Bob becomes an opportunity: of the B leads "
            "all, of the C leads none, together half."
        ),
        tables=worked_tables("2025-11", "2025-12", "2026-03", "bob | bob | 2026-03-20 10:00"),
        results=(("lead_segment", "2026-03-01", "0.5"), ("lead_segment_leads", "2026-03-01", "2")),
    ),
    identities=(
        Identity(
            "segments_follow_the_score",
            "A segment is that of the score.",
            """
            SELECT lead_id FROM metrics.lead_score
            WHERE lead_segment <> CASE WHEN score >= 60 THEN 'A' WHEN score >= 50 THEN 'B'
              WHEN score >= 40 THEN 'C' ELSE 'D' END
            """,
        ),
    ),
)
