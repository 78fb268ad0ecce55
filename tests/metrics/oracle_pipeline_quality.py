"""What pipeline_quality should say, told deal by deal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any

from oracle_deals import DIMENSIONS, Values, deals_of
from oracle_history import (
    ONE,
    History,
    Period,
    Rows,
    dimensions,
    histories,
    owner_of,
    periods,
    worth,
)
from oracle_odds import Decision, decisions
from oracle_rollup import Fact, Measured, Times, published, ratio

BANDS = (30, 90, 180)
GROUPED = (("pipeline", "stage"), *DIMENSIONS, ("currency",))
Cell = tuple[Any, Any, int, str]


@dataclass(frozen=True)
class Lesson:
    """A decision, and the cells that its deal had been in before."""

    made: Decision
    cells: frozenset[Cell]


def expected(rows: Rows, times: Times) -> Values:
    """metric -> (grain, period, dimensions) -> value."""
    found = histories(rows, deals_of(rows, times), times)
    lessons = [Lesson(made, frozenset(_cells(made))) for made in decisions(found)]
    facts: list[Fact] = []
    for period in periods(found, times):
        since = period.last - timedelta(days=times.settings.forecasting.history_days)
        recent = [each for each in lessons if since < each.made.day <= period.last]
        for history in found:
            facts += _facts(rows, history, period, recent, times)

    def quality(group: Sequence[Mapping[str, Any]]) -> Measured:
        expects = sum((row["expects"] for row in group), Fraction(0))
        return ratio(expects, sum(Fraction(row["amount"]) for row in group), len(group))

    grains = ("month", "quarter")
    return {"pipeline_quality": published(facts, times, quality, GROUPED, grains=grains)}


def _band(age: int) -> int:
    return sum(age > last for last in BANDS)


def _source(history: History) -> str:
    return history.deal["dimensions"]["channel"] or ""


def _cells(made: Decision) -> Iterator[Cell]:
    """Every stage and age band in which the deal was open before the decision."""
    history = made.history
    rows = history.snapshots
    for row, following in zip(rows, (*rows[1:], None), strict=True):
        end = made.day if following is None else min(following["snapshot_on"], made.day)
        if row["is_closed"] or row["snapshot_on"] >= end:
            continue
        first = _band((row["snapshot_on"] - history.created_on).days)
        last = _band((end - ONE - history.created_on).days)
        for band in range(first, last + 1):
            yield row["pipeline"], row["stage"], band, _source(history)


def _facts(
    rows: Rows, history: History, period: Period, recent: Sequence[Lesson], times: Times
) -> Iterator[Fact]:
    state = history.at(period.last)
    if state is None or state.kind not in ("open", "unknown"):
        return
    row = state.row
    told = dimensions(rows, history, owner_of(history, state))
    told |= {name: row.get(name) for name in ("pipeline", "stage", "currency")}
    amount: Any = worth(rows, row, period.start)
    why = amount if isinstance(amount, str) else None
    if why is None and not recent:
        why = "no_win_rate"
    if row.get("amount") is None:
        why = "no_amount"
    if state.kind == "unknown":
        why = "no_history"
    if history.deal["kind"] == "renewal":
        why = "renewal"
    weighs = {"amount": amount, "expects": Fraction(0)}
    if why is None:
        age = _band((period.last - history.created_on).days)
        cell = (row["pipeline"], row["stage"], age, _source(history))
        weighs["expects"] = Fraction(amount) * _chance(cell, recent, times)
    yield Fact(None, told, why, weighs, period.place)


def _chance(cell: Cell, recent: Sequence[Lesson], times: Times) -> Fraction:
    alike = [each for each in recent if cell in each.cells]
    counted = alike if len(alike) >= times.settings.statistics.min_n else recent
    return Fraction(sum(each.made.is_won for each in counted), len(counted))
