"""net_retention_low: net revenue retention lies below its target."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from pydantic import Field

from revops_pipelines.engine.alerts.declaration import Finding, Row, Rule
from revops_pipelines.engine.alerts.series import (
    INPUTS,
    NEVER_EMPTY,
    SeriesOptions,
    judge_series,
    values_sql,
)
from revops_pipelines.engine.alerts.series_numbers import Limit
from revops_pipelines.engine.alerts.series_words import Wording


class RetentionOptions(SeriesOptions):
    """`[rules.net_retention_low]`."""

    target: Decimal = Field(
        default=Decimal("1.0"),
        gt=0,
        description="Revenue kept of a year ago, expansion included, at least.",
    )
    recovers_at: Decimal | None = Field(
        default=None, description="Recovered at this share and above; the target if not set."
    )
    periods: int = Field(
        default=2, ge=1, description="How many months in a row must lie below the target."
    )


_WORDINGS = {"net_revenue_retention": Wording("Net revenue retention", "customer-success")}


def detect(rows: Sequence[Row], options: RetentionOptions, now: datetime) -> list[Finding]:
    """A breach per series that lay below its target for so many closed months."""
    return judge_series(rows, options, _WORDINGS, _limit)


def _limit(options: RetentionOptions, metric: str) -> Limit | None:
    return Limit("below", options.target, options.recovers_at)


RULE = Rule(
    name="net_retention_low",
    title="Net revenue retention below target",
    owner="customer-success",
    severity="warning",
    meaning=(
        "Those who were customers a year ago pay less now than the target asks, what they "
        "bought more included, for two closed months in a row. Retention looks back a year, so "
        "it moves slowly: a month below alone is no news. Fewer than `min_n` customers of a year "
        "ago start no alert."
    ),
    what_to_do=(
        "See what was lost and what shrank: `revops explain net_revenue_retention --by segment`, "
        "and metrics.mrr_movements of the last twelve months by movement."
    ),
    options=RetentionOptions,
    inputs=INPUTS,
    never_empty=NEVER_EMPTY,
    sql=values_sql("net_retention_low", _WORDINGS, "month"),
    detect=detect,
    metrics=tuple(_WORDINGS),
)
