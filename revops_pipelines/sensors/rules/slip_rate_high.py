"""slip_rate_high: too many of the deals due in a period were put off."""

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


class SlipOptions(SeriesOptions):
    """`[rules.slip_rate_high]`."""

    limits: dict[str, Decimal] = Field(
        default={"slip_rate": Decimal("0.4"), "slip_rate_overdue": Decimal("0.2")},
        description="Highest share of the deals due in a month: put off (slip_rate), put off once "
        "more (slip_rate_repeat), left open past their date (slip_rate_overdue).",
    )
    min_n: int = Field(default=10, ge=0, description="Months with fewer deals due start no alert.")
    clear_share: Decimal = Field(
        default=Decimal("0.9"),
        gt=0,
        le=1,
        description="Recovered below this part of the limit.",
    )


_WORDINGS = {
    "slip_rate": Wording("Deals due that slipped", "sales-operations"),
    "slip_rate_repeat": Wording("Deals due that slipped again", "sales-operations"),
    "slip_rate_overdue": Wording("Deals due that are overdue", "sales-operations"),
}


def detect(rows: Sequence[Row], options: SlipOptions, now: datetime) -> list[Finding]:
    """A breach per limited rate of the latest closed month that is surely above its limit."""
    return judge_series(rows, options, _WORDINGS, _limit)


def _limit(options: SlipOptions, metric: str) -> Limit | None:
    limit = options.limits.get(metric)
    return None if limit is None else Limit("above", limit, limit * options.clear_share)


RULE = Rule(
    name="slip_rate_high",
    title="Deals slip",
    owner="sales-operations",
    severity="warning",
    meaning=(
        "Of the deals that were due in the latest closed month as it began, more than the limit "
        "were put off or left overdue, and not by chance: the lower bound of the 95 % interval "
        "lies above it."
    ),
    what_to_do=(
        "Go through the deals in metrics.slip_rate with their owners: is the new date agreed with "
        "the buyer? `revops explain slip_rate --by owner` says whose they are."
    ),
    options=SlipOptions,
    inputs=INPUTS,
    never_empty=NEVER_EMPTY,
    sql=values_sql("slip_rate_high", _WORDINGS, "month"),
    detect=detect,
    metrics=tuple(_WORDINGS),
)
