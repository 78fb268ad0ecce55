"""What forecast_accuracy and forecast_bias should say, told deal by deal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from oracle_deals import DIMENSIONS, Values, deals_of
from oracle_history import (
    ONE,
    History,
    Period,
    Rows,
    State,
    dimensions,
    histories,
    owner_of,
    periods,
    worth,
)
from oracle_odds import decisions, within
from oracle_rollup import Fact, Measured, Times, published, ratio

KINDS = ("commit", "most_likely", "best_case", "weighted")
RANKS = {"commit": 1, "committed": 1, "mostlikely": 2, "bestcase": 3}
Odds = Any


def expected(rows: Rows, times: Times) -> Values:
    """metric -> (grain, period, dimensions) -> value."""
    found = histories(rows, deals_of(rows, times), times)
    odds = _odds(found, times)
    facts: dict[str, list[Fact]] = defaultdict(list)
    for period, known_on in _horizons(found, times):
        for history in found:
            for kind, fact in _facts(rows, history, period, known_on, odds):
                facts[kind].append(fact)
    values: Values = {}
    for kind in KINDS:
        suffix = "" if kind == "commit" else f"_{kind}"
        for name, measure in (("accuracy", _accuracy), ("bias", _bias)):
            values[f"forecast_{name}{suffix}"] = published(
                facts[kind], times, measure, DIMENSIONS, grains=("month", "quarter")
            )
        values[f"forecast_accuracy_wape{suffix}"] = published(
            _of_owners(facts[kind]),
            times,
            _error,
            (("owner",), ("team",)),
            grains=("month", "quarter"),
        )
    return values


def _horizons(found: Sequence[History], times: Times) -> Iterator[tuple[Period, date]]:
    told = [
        row["snapshot_on"]
        for history in found
        for row in history.snapshots
        if history.deleted_on is None or row["snapshot_on"] < history.deleted_on
    ]
    for period in periods(found, times):
        days = times.settings.forecasting.horizon_days
        known_on = period.end - timedelta(days=days) - ONE
        if told and min(told) <= known_on <= times.today:
            yield period, known_on


def _odds(found: Sequence[History], times: Times) -> Odds:
    made = decisions(found)
    days, min_n = times.settings.forecasting.history_days, times.settings.statistics.min_n

    @cache
    def of(day: date, pipeline: str, stage: str) -> Fraction | None:
        recent = within(made, day, days)
        staged = [each for each in recent if each.was_in(pipeline, stage)]
        counted = staged if len(staged) >= min_n else recent
        if not counted:
            return None
        return Fraction(sum(each.is_won for each in counted), len(counted))

    return of


def _facts(
    rows: Rows, history: History, period: Period, known_on: date, odds: Odds
) -> Iterator[tuple[str, Fact]]:
    state = history.at(known_on)
    forecast = _forecast(rows, history, state, period)
    actual = _actual(rows, history, period)
    is_lost = _is_lost(state, period)
    if forecast is None and actual is None and not is_lost:
        return
    told = dimensions(rows, history, owner_of(history, state if forecast is not None else None))
    amounts = (forecast, actual)
    reasons = [each for each in amounts if isinstance(each, str)] + ["no_history"] * is_lost
    renewal = "renewal" if history.deal["kind"] == "renewal" else None
    why = renewal or max(reasons, default=None)
    amount = forecast if isinstance(forecast, Decimal) else Decimal(0)
    rank, chance = 0, None
    if state is not None and state.kind == "open" and forecast is not None:
        category = (state.row["forecast_category"] or "").lower().replace("_", "")
        rank = RANKS.get(category.replace(" ", ""), 4)
        chance = state.row.get("probability")
        if chance is None:
            chance = odds(known_on, state.row["pipeline"], state.row["stage"])
    for number, kind in enumerate(KINDS[:3], start=1):
        weighs = {"forecast": amount if rank <= number else Decimal(0), "actual": actual or 0}
        yield kind, Fact(None, told, why, weighs, period.place)
    unsure = "no_win_rate" if rank and amount and chance is None else None
    weighted = Fraction(amount) * Fraction(chance or 0) if rank else Fraction(amount)
    weighs = {"forecast": weighted, "actual": actual or 0}
    yield "weighted", Fact(None, told, why or unsure, weighs, period.place)


def _forecast(
    rows: Rows, history: History, state: State | None, period: Period
) -> Decimal | str | None:
    """What it was expected to bring, won already or due; none where neither."""
    if state is None:
        return None
    if state.kind == "won":
        day = min(state.since, history.closed_on or state.since)
        if not period.start <= day < period.end:
            return None
    elif not state.due_in(period.start, period.end):
        return None
    return worth(rows, state.row, period.start)


def _actual(rows: Rows, history: History, period: Period) -> Decimal | str | None:
    deal = history.deal
    if not deal["is_won"] or deal["is_deleted"] or history.closed_on is None:
        return None
    if not period.start <= history.closed_on < period.end:
        return None
    return "no_amount" if deal["amount"] is None else worth(rows, deal, period.start)


def _is_lost(state: State | None, period: Period) -> bool:
    """Nobody knows how it stood, and it may have been forecast."""
    if state is None:
        return False
    return state.kind == "unknown" or (state.kind == "unseen" and state.since >= period.start)


def _sums(group: Sequence[Mapping[str, Any]]) -> tuple[Fraction, Fraction]:
    return (
        sum((Fraction(row["forecast"]) for row in group), Fraction(0)),
        sum((Fraction(row["actual"]) for row in group), Fraction(0)),
    )


def _accuracy(group: Sequence[Mapping[str, Any]]) -> Measured:
    forecast, actual = _sums(group)
    return ratio(actual - abs(forecast - actual), actual, len(group))


def _bias(group: Sequence[Mapping[str, Any]]) -> Measured:
    forecast, actual = _sums(group)
    return ratio(forecast - actual, actual, len(group))


def _error(group: Sequence[Mapping[str, Any]]) -> Measured:
    errors = sum(abs(Fraction(row["forecast"]) - Fraction(row["actual"])) for row in group)
    return ratio(errors, _sums(group)[1], len(group))


def _of_owners(facts: Sequence[Fact]) -> list[Fact]:
    """One fact per period and owner."""
    groups: dict[Any, list[Fact]] = defaultdict(list)
    for fact in facts:
        if fact.excluded is None:
            groups[fact.placed, fact.dimensions["owner"]].append(fact)
    found = []
    for (placed, _), group in groups.items():
        forecast, actual = _sums([fact.weighs for fact in group])
        weighs = {"forecast": forecast, "actual": actual}
        found.append(Fact(None, group[0].dimensions, None, weighs, placed))
    return found
