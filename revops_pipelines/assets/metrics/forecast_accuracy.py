"""forecast_accuracy: how near the forecast of a period came to what the period brought."""

from __future__ import annotations

from revops_pipelines.assets.metrics._deal_history import HISTORY_FRAGMENTS, HISTORY_INPUTS
from revops_pipelines.assets.metrics._deals import DEAL_DIMENSIONS
from revops_pipelines.assets.metrics._forecast_facts import (
    EXAMPLE_TABLES,
    EXCLUDES,
    FORECASTS_OF,
    by_owner,
    facts_of,
)
from revops_pipelines.assets.metrics._forecasts import FORECASTS, HORIZONS, STAGE_ODDS
from revops_pipelines.assets.metrics._odds import DECISIONS, STAGE_DECISIONS
from revops_pipelines.engine.metrics.declaration import (
    Detail,
    DetailColumn,
    Example,
    Identity,
    Metric,
    Ratio,
    Series,
    each,
)

ACCURACY = Ratio(
    numerator="SUM(actual) - ABS(SUM(forecast) - SUM(actual))", denominator="SUM(actual)"
)
ERROR = Ratio(numerator="SUM(ABS(forecast - actual))", denominator="SUM(actual)")


def _accuracy(suffix: str) -> Series:
    name, column, excluded = FORECASTS_OF[suffix]
    return Series(
        metric=f"forecast_accuracy{suffix}",
        title=f"Forecast accuracy, {name}",
        unit="share",
        facts=facts_of(column, excluded),
        subject="opportunity_id",
        rollup=ACCURACY,
        grains=("month", "quarter"),
        dimensions=DEAL_DIMENSIONS,
        is_placed=True,
    )


def _error(suffix: str) -> Series:
    name, column, excluded = FORECASTS_OF[suffix]
    return Series(
        metric=f"forecast_accuracy_wape{suffix}",
        title=f"Forecast error over owners (WAPE), {name}",
        unit="share",
        facts=by_owner(column, excluded),
        subject="user_id",
        rollup=ERROR,
        grains=("month", "quarter"),
        dimensions=each("owner", "team"),
        is_placed=True,
    )


METRIC = Metric(
    name="forecast_accuracy",
    title="Forecast accuracy",
    stage="execute",
    owner="sales-operations",
    format="percent",
    better="higher",
    meaning=(
        "One less the share by which the forecast of a period missed what was won in it. The "
        "forecast is read from the snapshots as they stood `horizon_days` before the period's "
        "end: what was won in the period by then, and the open deals expected to close in it that "
        "were in the category Commit. Beside it the same cumulatively with Most Likely and with "
        "Best Case, and weighted: each open deal times the chance that its system told then, or, "
        "where it told none, times the share of decided deals of the last `history_days` before "
        "that day that had been in its stage and were won (of all decided deals where the stage "
        "has fewer than `min_n`). What was won is what the records say now. "
        "The errors of owners, added up without regard to their sign, are in "
        "forecast_accuracy_wape: in the plain figure one owner's excess hides another's "
        "shortfall. Both sides are told at the rate of the period's first month. Where nothing "
        "was won the denominator is 0 and there is no value; a forecast more than twice what was "
        "won is below 0. What was won in the period by the day of the forecast is right by nature: "
        "compare periods of the same length and horizon only."
    ),
    formula="1 - |forecast - won| / won; WAPE: sum over owners of |forecast - won| / won",
    differs=(
        "Salesforce's cumulative roll-ups hold closed, commit and best case together as here, as "
        "of the moment one looks (help.salesforce.com, Rollup Methods for Pipeline Forecasts); "
        "without snapshots the past forecast is gone.",
        "Others divide the miss by the larger of forecast and actual, which is never below 0 "
        "(microlinkinc.com, sales forecast accuracy formula); here by what was won.",
        "CRMs weigh deals by the probability of today; here by the one of the horizon's day. "
        "pipeline_quality weighs by what deals came to, whatever a system says.",
    ),
    excludes=EXCLUDES,
    inputs=(*HISTORY_INPUTS, "metrics.forecast_accuracy"),
    series=(*map(_accuracy, FORECASTS_OF), *map(_error, FORECASTS_OF)),
    detail=Detail(
        table="forecast_accuracy",
        description="One row per period and deal that was forecast for it or won in it.",
        key=("grain", "period_start_on", "opportunity_id"),
        columns=(
            DetailColumn("grain", "VARCHAR", "Month or quarter."),
            DetailColumn("period_start_on", "DATE", "First day of the period."),
            DetailColumn("opportunity_id", "VARCHAR", "Deal."),
            DetailColumn("excluded", "VARCHAR", "Why it counts nowhere."),
            DetailColumn("excluded_weighted", "VARCHAR", "Why it has no chance of winning."),
            DetailColumn("segment", "VARCHAR", "Segment."),
            DetailColumn("industry", "VARCHAR", "Industry."),
            DetailColumn("region", "VARCHAR", "Region."),
            DetailColumn("owner", "VARCHAR", "Who forecast it, else who owns it now."),
            DetailColumn("team", "VARCHAR", "Team of the owner."),
            DetailColumn("channel", "VARCHAR", "Channel."),
            DetailColumn("kind", "VARCHAR", "Kind of business."),
            DetailColumn("state", "VARCHAR", "open or won at the horizon; null if not forecast."),
            DetailColumn("stage", "VARCHAR", "Stage at the horizon."),
            DetailColumn("forecast_category", "VARCHAR", "Category at the horizon."),
            DetailColumn("commit_amount", "DECIMAL(18,2)", "Won by then, and commit."),
            DetailColumn("most_likely_amount", "DECIMAL(18,2)", "And most likely."),
            DetailColumn("best_case_amount", "DECIMAL(18,2)", "And best case."),
            DetailColumn("weighted_amount", "DECIMAL(28,8)", "Amount x chance of winning."),
            DetailColumn("actual_amount", "DECIMAL(18,2)", "Won in the period, as known now."),
        ),
        sql="SELECT * FROM forecasts",
        fragments=(
            *HISTORY_FRAGMENTS,
            DECISIONS,
            STAGE_DECISIONS,
            HORIZONS,
            STAGE_ODDS,
            FORECASTS,
        ),
    ),
    identities=(
        Identity(
            name="categories_are_cumulative",
            holds="Commit is at most most likely, that at most best case, deal by deal.",
            broken="""
                SELECT * FROM metrics.forecast_accuracy
                WHERE ABS(commit_amount) > ABS(most_likely_amount)
                  OR ABS(most_likely_amount) > ABS(best_case_amount)""",
        ),
        Identity(
            name="errors_do_not_net",
            holds="The error over owners is at least that of the total.",
            broken="""
                SELECT accuracy.grain, accuracy.period_start_on
                FROM metrics.metric_values AS accuracy
                JOIN metrics.metric_values AS wape
                  ON wape.grain = accuracy.grain
                  AND wape.period_start_on = accuracy.period_start_on
                  AND CAST(wape.dimensions AS VARCHAR) = '{}'
                WHERE accuracy.metric = 'forecast_accuracy'
                  AND wape.metric = 'forecast_accuracy_wape'
                  AND CAST(accuracy.dimensions AS VARCHAR) = '{}'
                  AND wape.numerator < accuracy.denominator - accuracy.numerator""",
        ),
    ),
    example=Example(
        story=(
            "30 days before the end of May, after 1 May, a deal of 400 is in Commit and due on 20 "
            "May, one of 300 in Best Case. By the end the first was won, the second lost, and one "
            "of 100 that nobody had forecast was created and won: Commit missed 100 of 500 "
            "(80 %), Best Case was 200 too high (60 %). The owner of the first was right, the "
            "owner of the third missed all of 100: 20 % over owners."
        ),
        tables=EXAMPLE_TABLES,
        results=(
            ("forecast_accuracy", "2026-05-01", "0.8"),
            ("forecast_accuracy_best_case", "2026-05-01", "0.6"),
            ("forecast_accuracy_wape", "2026-05-01", "0.2"),
        ),
    ),
)
