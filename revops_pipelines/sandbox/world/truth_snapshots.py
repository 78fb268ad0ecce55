"""What is true of deals day by day: how each stood at the end of every day.

Belongs here: states of days from the simulation's own intentions. Does not: how a vendor's history
tells of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar

from revops_pipelines.sandbox.world.deals import Deal
from revops_pipelines.sandbox.world.forecasts import category_of, chance_of
from revops_pipelines.sandbox.world.truth_sales import last_shown
from revops_pipelines.sandbox.world.world import World

T = TypeVar("T")


def deal_day_rows(world: World, now: datetime) -> list[dict[str, Any]]:
    """Rows of `deal_days.csv`: a deal's state at the end of each UTC day on which it changed.

    The first row is of the day of creation, the last not after `now` or the deal's deletion; days
    whose end differs in nothing from the day before have none. `now` is the end of the day that
    has not ended.
    """
    rows: list[dict[str, Any]] = []
    for deal in world.deals:
        if deal.created_at > now:
            continue
        shown = last_shown(deal, now)
        before: dict[str, Any] = {}
        for day in _days_of(deal, shown):
            state = _state(world, deal, min(_end_of(day), shown))
            if state != before:
                ended = deal.deleted_at if shown is not now else None
                rows.append(
                    {"deal_id": deal.hubspot_id, "snapshot_on": day, **state, "deleted_at": ended}
                )
            before = state
    return rows


def _days_of(deal: Deal, shown: datetime) -> list[date]:
    """Days on which anything happened to the deal."""
    return sorted({at.date() for at in _moments(deal) if at <= shown})


def _moments(deal: Deal) -> Iterator[datetime]:
    yield deal.created_at
    yield from (change.at for change in deal.stages)
    for changes in (deal.amounts, deal.close_dates, deal.owners):
        yield from (at for at, _ in changes)


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(days=1, microseconds=-1)


def _state(world: World, deal: Deal, at: datetime) -> dict[str, Any]:
    last = deal.stages_at(at)[-1]
    return {
        "pipeline": last.pipeline.id,
        "stage": last.stage.id,
        "amount": deal.amount_at(at),
        "currency": deal.currency,
        "close_on": _value_at(deal.close_dates, at),
        "forecast_category": category_of(last.stage),
        "probability": chance_of(last.stage),
        "owner_hubspot_id": world.users[_value_at(deal.owners, at)].hubspot_id,
        "is_closed": last.stage.is_closed,
        "is_won": last.stage.is_won,
    }


def _value_at(changes: Sequence[tuple[datetime, T]], at: datetime) -> T:
    return [value for since, value in changes if since <= at][-1]


TABLES = {"deal_days": deal_day_rows}
