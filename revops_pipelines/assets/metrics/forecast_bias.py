"""forecast_bias: whether forecasts are too high or too low."""

from __future__ import annotations

from revops_pipelines.assets.metrics._deals import DEAL_DIMENSIONS
from revops_pipelines.assets.metrics._forecast_facts import (
    EXAMPLE_TABLES,
    EXCLUDES,
    FORECASTS_OF,
    facts_of,
)
from revops_pipelines.engine.metrics.declaration import Example, Metric, Ratio, Series

BIAS = Ratio(numerator="SUM(forecast) - SUM(actual)", denominator="SUM(actual)")


def _series(suffix: str) -> Series:
    name, column, excluded = FORECASTS_OF[suffix]
    return Series(
        metric=f"forecast_bias{suffix}",
        title=f"Forecast bias, {name}",
        unit="share",
        facts=facts_of(column, excluded),
        subject="opportunity_id",
        rollup=BIAS,
        grains=("month", "quarter"),
        dimensions=DEAL_DIMENSIONS,
        is_placed=True,
    )


METRIC = Metric(
    name="forecast_bias",
    title="Forecast bias",
    stage="execute",
    owner="sales-operations",
    format="percent",
    better="nearer zero",
    meaning=(
        "By what share of what was won the forecast of a period was too high (above 0) or too low "
        "(below 0). Forecasts and what was won are those of forecast_accuracy, deal by deal in "
        "metrics.forecast_accuracy; best is 0. Without a value where nothing was won."
    ),
    formula="(forecast - won) / won",
    differs=(
        "Accuracy tells how far off, bias in which direction: a forecast that is as often too high "
        "as too low has no bias and may still be useless "
        "(cal76.calculator.city, Sales Forecast Accuracy Calculation).",
    ),
    excludes=EXCLUDES,
    inputs=("metrics.forecast_accuracy", "ops.parameters", "ops.periods"),
    series=tuple(map(_series, FORECASTS_OF)),
    example=Example(
        story=(
            "With the deals of forecast_accuracy: 500 were won in May, 400 were in Commit (20 % "
            "too low), 700 with Best Case (40 % too high)."
        ),
        tables=EXAMPLE_TABLES,
        results=(
            ("forecast_bias", "2026-05-01", "-0.2"),
            ("forecast_bias_best_case", "2026-05-01", "0.4"),
        ),
    ),
)
