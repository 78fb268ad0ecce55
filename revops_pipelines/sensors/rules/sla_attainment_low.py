"""sla_attainment_low: too few inbound leads were answered in their time."""

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


class AttainmentOptions(SeriesOptions):
    """`[rules.sla_attainment_low]`."""

    target: Decimal = Field(
        default=Decimal("0.8"), gt=0, le=1, description="Share to be answered in time, at least."
    )
    recovers_at: Decimal | None = Field(
        default=None, description="Recovered at this share and above; the target if not set."
    )


_WORDINGS = {"sla_attainment": Wording("Leads answered in time", "marketing-operations")}


def detect(rows: Sequence[Row], options: AttainmentOptions, now: datetime) -> list[Finding]:
    """A breach per series of the latest closed month that is surely below its target."""
    return judge_series(rows, options, _WORDINGS, _limit)


def _limit(options: AttainmentOptions, metric: str) -> Limit | None:
    return Limit("below", options.target, options.recovers_at)


RULE = Rule(
    name="sla_attainment_low",
    title="Leads answered in time: below target",
    owner="marketing-operations",
    severity="warning",
    meaning=(
        "Of the inbound leads raised in the latest closed month, fewer than the target were "
        "answered in their time, and not by chance: even the upper bound of the 95 % interval "
        "lies below it. By team, channel or segment where `by` says so."
    ),
    what_to_do=(
        "See whose leads waited and when: `revops explain sla_attainment --by owner`; compare "
        "the hours at which leads come with those that somebody works, and the routing."
    ),
    options=AttainmentOptions,
    inputs=INPUTS,
    never_empty=NEVER_EMPTY,
    sql=values_sql("sla_attainment_low", _WORDINGS, "month"),
    detect=detect,
    metrics=tuple(_WORDINGS),
)
