"""lead_to_opportunity_low: too few leads of a grown-up cohort became opportunities."""

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


class ConversionOptions(SeriesOptions):
    """`[rules.lead_to_opportunity_low]`."""

    target: Decimal = Field(
        default=Decimal("0.1"), gt=0, le=1, description="Share that becomes an opportunity."
    )
    recovers_at: Decimal | None = Field(
        default=None, description="Recovered at this share and above; the target if not set."
    )


_WORDINGS = {
    "lead_to_opportunity": Wording("Leads that became opportunities", "marketing-operations")
}


def detect(rows: Sequence[Row], options: ConversionOptions, now: datetime) -> list[Finding]:
    """A breach per series whose latest grown-up cohort is surely below its target."""
    return judge_series(rows, options, _WORDINGS, _limit)


def _limit(options: ConversionOptions, metric: str) -> Limit | None:
    return Limit("below", options.target, options.recovers_at)


RULE = Rule(
    name="lead_to_opportunity_low",
    title="Leads to opportunities: below target",
    owner="marketing-operations",
    severity="warning",
    meaning=(
        "Of the leads of the latest month that has had its `lead_to_opportunity_days`, fewer "
        "than the target became opportunities: the upper bound of the 95 % interval lies below "
        "it. Younger months are never judged, as their leads still have time."
    ),
    what_to_do=(
        "See where they were lost: `revops explain lead_to_opportunity --by channel`; compare "
        "with lead_contact_rate, which says whether they were called at all."
    ),
    options=ConversionOptions,
    inputs=INPUTS,
    never_empty=NEVER_EMPTY,
    sql=values_sql("lead_to_opportunity_low", _WORDINGS, "month"),
    detect=detect,
    metrics=tuple(_WORDINGS),
)
