"""lead_score: how likely a lead is to become an opportunity, in points that can be read."""

from __future__ import annotations

from revops_pipelines.assets.metrics._leads import COUNTED_LEADS, LEAD_DIMENSIONS, LEAD_INPUTS
from revops_pipelines.assets.metrics._scoring import (
    ATTRIBUTES,
    SCORE_FRAGMENTS,
    SCORES,
)
from revops_pipelines.engine.metrics.declaration import (
    Detail,
    DetailColumn,
    Example,
    Identity,
    Metric,
    Ratio,
    Series,
    Unit,
)

FACTS = """
SELECT
  CASE WHEN scores.raised_at >= day.changes_at THEN day.on_after ELSE day.on_before END AS fact_on,
  {excluded} AS excluded,
  scores.lead_id,
  leads.segment,
  leads.industry,
  leads.region,
  leads.owner,
  leads.team,
  leads.channel,
  scores.lead_segment,
  scores.score,
  scores.probability,
  scores.base_probability AS base,
  CASE WHEN scores.is_converted THEN 1 ELSE 0 END AS outcome
FROM metrics.lead_score AS scores
JOIN counted_leads AS leads ON leads.lead_id = scores.lead_id
JOIN ops.reporting_days AS day ON day.utc_on = CAST(scores.raised_at AS DATE)
"""

SCORED = FACTS.format(excluded="scores.excluded")
JUDGED = FACTS.format(
    excluded="COALESCE(scores.excluded, CASE WHEN scores.is_converted IS NULL THEN 'too_young' END)"
)


def worked_tables(month: str, deals_month: str, asked: str, converted: str) -> dict[str, str]:
    """Forty leads of a month, twelve with a deal in another; Ada (small) and Bob (middle) later.

    `converted` lists further leads' deals, a line each.
    """
    learnt = [
        (f"{size}{n}", size, n < good) for size, good in (("SMB", 4), ("MID", 8)) for n in range(20)
    ]
    people = [(name, size, f"{month}-05") for name, size, _ in learnt]
    people += [("ada", "SMB", f"{asked}-05"), ("bob", "MID", f"{asked}-06")]
    leads = ["lead_id | is_inbound | segment | channel | raised_at | created_at"]
    leads += [
        f"{name} | true | {size} | direct | {day} 10:00 | {day} 10:00" for name, size, day in people
    ]
    deals = ["opportunity_id | lead_id | created_at"]
    deals += [f"{name} | {name} | {deals_month}-05 10:00" for name, _, good in learnt if good]
    return {
        "leads": "\n".join(leads),
        "opportunities": "\n".join([*deals, *converted.splitlines()]),
    }


def _squared(chance: str) -> str:
    """SQL: squared error, exact: its sum is the same in whatever order leads come."""
    return f"CAST(({chance} - outcome) * ({chance} - outcome) AS DECIMAL(18,12))"


def _judged(suffix: str, title: str, unit: Unit, numerator: str, denominator: str) -> Series:
    return Series(
        metric=f"lead_score_{suffix}",
        title=title,
        unit=unit,
        facts=JUDGED,
        subject="lead_id",
        fragments=(COUNTED_LEADS,),
        rollup=Ratio(numerator=numerator, denominator=denominator),
        grains=("month", "quarter"),
        dimensions=(("lead_segment",),),
        mature_after_days="parameters.lead_to_opportunity_days",
    )


METRIC = Metric(
    name="lead_score",
    title="Lead score",
    stage="engage",
    owner="marketing-operations",
    format="number",
    better="higher",
    meaning=(
        "Mean score of the inbound leads raised in the period: 50 is the average lead, ten points "
        "more are twice the odds of an opportunity within `lead_to_opportunity_days`, ten fewer "
        "half. The score is a sum: points for the size, industry and region of the company (fit), "
        "for the channel and for what the person had done with us on earlier days (engagement). A "
        "level's points are its odds against those of all leads whose level is known, drawn to "
        "the average as if it had `min_n` average leads more; what is not known gives none. "
        "Points and chances are fitted anew each month, on leads whose time had run out by its "
        "first day, as known then; nothing later is looked at. Beside it stands what the chances "
        "were worth: squared error (Brier), the gap between expected and real conversions, and "
        "the part of the error that the score takes away: 0 if it knows nothing."
    ),
    formula="score = 50 + sum of 10 x log2(odds of the level / odds of all leads)",
    excludes=(
        "whatever happened after the hand was raised",
        "months before `min_n` leads had had their time, some converted and some not",
        "leads that nobody raised a hand for",
        "test, spam, internal, invalid and deleted leads",
        "in the series that judge it: leads whose time has not run out",
        "gaps: a size or industry that is not known gives no points, because records of those who "
        "convert are filled in later",
        "earlier values of a company's size, industry and region: those of today are used",
    ),
    differs=(
        "HubSpot's likelihood to close is the chance of becoming a customer within 90 days by a "
        "model that does not show its reasons, and its tiers are quarters of the contacts "
        "(support.hypeanddexter.com, Predictive lead scoring); here the parts are shown, the "
        "outcome is an opportunity and segments are fixed by odds.",
        "Points that people agree on (+10 for a title, +15 for a demo, as in vantagepoint.io, "
        "Lead scoring in Salesforce and HubSpot) are not calibrated; these are measured.",
    ),
    inputs=(
        *LEAD_INPUTS,
        "conformed.activities",
        "conformed.opportunities",
        "conformed.opportunity_contacts",
        "conformed.touchpoints",
        "metrics.lead_score",
        "ops.calendar",
        "ops.parameters",
        "ops.period_days",
        "ops.periods",
        "ops.reporting_days",
    ),
    series=(
        Series(
            metric="lead_score",
            title="Mean score",
            unit="points",
            facts=SCORED,
            subject="lead_id",
            fragments=(COUNTED_LEADS,),
            rollup=Ratio(numerator="SUM(score)", denominator="COUNT(*)"),
            grains=("month", "quarter"),
            dimensions=LEAD_DIMENSIONS,
        ),
        _judged(
            "brier",
            "Squared error of the chances (Brier)",
            "ratio",
            f"SUM({_squared('probability')})",
            "COUNT(*)",
        ),
        _judged(
            "calibration",
            "Gap between expected and real conversions",
            "share",
            "ABS(SUM(CAST(probability - outcome AS DECIMAL(18,6))))",
            "COUNT(*)",
        ),
        _judged(
            "skill",
            "Part of the error that the score takes away",
            "ratio",
            f"SUM({_squared('base')} - {_squared('probability')})",
            f"SUM({_squared('base')})",
        ),
    ),
    detail=Detail(
        table="lead_score",
        description="One row per inbound lead: what was known, the points for it, the chance.",
        key=("lead_id",),
        columns=(
            DetailColumn("lead_id", "VARCHAR", "Lead."),
            DetailColumn("raised_at", "TIMESTAMP", "When the hand was raised (UTC)."),
            DetailColumn("model_on", "DATE", "First day of the month whose model scored it."),
            *(
                DetailColumn(name, "VARCHAR", f"Its {words}.")
                for name, words in zip(
                    ATTRIBUTES,
                    (
                        "company's size",
                        "company's industry",
                        "region",
                        "channel",
                        "days with a touch of marketing before",
                        "days on which it turned to us or visited before",
                    ),
                    strict=True,
                )
            ),
            *(
                DetailColumn(f"{name}_points", "INTEGER", f"Points for {name}.")
                for name in ATTRIBUTES
            ),
            DetailColumn("fit_points", "INTEGER", "Points for who it is."),
            DetailColumn("engagement_points", "INTEGER", "Points for how it came."),
            DetailColumn("score", "INTEGER", "50 and all points."),
            DetailColumn(
                "lead_segment", "VARCHAR", "A from 60 (twice the odds), B from 50, C from 40, D."
            ),
            DetailColumn("probability", "DECIMAL(9,6)", "Chance of an opportunity in time."),
            DetailColumn("base_probability", "DECIMAL(9,6)", "Chance of the average lead."),
            DetailColumn("is_converted", "BOOLEAN", "It became one; null until its time is up."),
            DetailColumn("excluded", "VARCHAR", "Why it does not count; null where it does."),
        ),
        sql=SCORES,
        fragments=(COUNTED_LEADS, *SCORE_FRAGMENTS),
    ),
    example=Example(
        story=(
            "Of twenty small companies' leads in January four became an opportunity, of twenty "
            "middle ones' eight: 30 % in all. Drawn to the average by twenty leads more, the small "
            "have (4 + 6) of 40, 25 %, whose odds are 2^-0.36 those of all: 4 points less. The "
            "middle ones have 35 %, 2^0.33: 3 points more. In May Ada of a small company raises "
            "her hand, 46 points, and Bob of a middle one, 53: 49.5 on average."
        ),
        tables=worked_tables("2026-01", "2026-02", "2026-05", ""),
        results=(("lead_score", "2026-05-01", "49.5"),),
    ),
    identities=(
        Identity(
            "parts_make_the_score",
            "A score is 50 and its points, and fit and engagement are all of them.",
            """
            SELECT lead_id FROM metrics.lead_score
            WHERE score <> 50 + fit_points + engagement_points
              OR fit_points <> segment_points + industry_points + region_points
              OR engagement_points
                <> channel_points + earlier_touches_points + earlier_days_points
            """,
        ),
        Identity(
            "models_are_older_than_leads",
            "No lead is scored by a model from after its hand was raised.",
            """
            SELECT scores.lead_id FROM metrics.lead_score AS scores
            JOIN ops.reporting_days AS day ON day.utc_on = CAST(scores.raised_at AS DATE)
            WHERE scores.model_on > day.on_after
            """,
        ),
        Identity(
            "scored_or_excluded",
            "A lead has a score, a segment and a chance, or a reason why not.",
            """
            SELECT lead_id FROM metrics.lead_score
            WHERE excluded IS NULL
              AND (score IS NULL OR lead_segment IS NULL OR probability IS NULL)
            """,
        ),
    ),
)
