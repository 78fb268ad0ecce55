"""What pipeline_coverage should say, told look by look."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from oracle_deals import Values, deals_of
from oracle_history import (
    History,
    Period,
    Rows,
    State,
    histories,
    owner_of,
    periods,
    worth,
)
from oracle_quotas import held_by_day, in_base, targets
from oracle_rollup import Fact, Measured, Times, published

FOUR = timedelta(days=4)
DIMENSIONS = (("owner",), ("team",))
SERIES = {
    "": ("day_5", 0),
    "_next": ("day_5", 1),
    "_next_but_one": ("day_5", 2),
    "_now": ("now", 0),
    "_now_next": ("now", 1),
}


def expected(rows: Rows, times: Times) -> Values:
    """metric -> (grain, period, dimensions) -> value."""
    found = histories(rows, deals_of(rows, times), times)
    held = held_by_day(rows, times)
    teams = {user["user_id"]: user.get("team") for user in rows["users"]}
    facts: dict[tuple[str, int], list[Fact]] = defaultdict(list)
    for period, view, known_on in _views(found, times):
        start, end = period.start, period.end
        for ahead in range(3):
            place = facts[view, ahead]
            due = (start, end, period, known_on)
            for history in found:
                place += _of_deal(rows, history, due, ahead, teams)
            for each, amount in targets(held, start, end).values():
                if each.is_counted:
                    told = {"owner": each.quota["user_id"], "team": each.team}
                    base = in_base(rows, each.quota["currency"], amount, period.start)
                    why = "missing_rate" if base is None else None
                    place.append(Fact(None, told, why, {"target": base}, period.place))
            start, end = times.period(end, period.grain)
    values = {
        f"pipeline_coverage{suffix}": _published(facts[look], times, _covers)
        for suffix, look in SERIES.items()
    }
    for suffix, look in (("_remaining", ("day_5", 0)), ("_now_remaining", ("now", 0))):
        settled = [fact for fact in facts[look] if "open" not in fact.weighs]
        values[f"pipeline_coverage{suffix}"] = _published(settled, times, _remains)
    return values


def _published(facts: Sequence[Fact], times: Times, measure: Any) -> Any:
    return published(facts, times, measure, DIMENSIONS, grains=("month", "quarter"))


def _views(found: Sequence[History], times: Times) -> Iterator[tuple[Period, str, date]]:
    told = [
        row["snapshot_on"]
        for history in found
        for row in history.snapshots
        if history.deleted_on is None or row["snapshot_on"] < history.deleted_on
    ]
    for period in periods(found, times):
        views = [("day_5", min(period.start + FOUR, times.today))]
        if period.end > times.today:
            views.append(("now", times.today))
        for view, known_on in views:
            if told and known_on >= min(told):
                yield period, view, known_on


def _of_deal(
    rows: Rows,
    history: History,
    due: tuple[date, date, Period, date],
    ahead: int,
    teams: Mapping[str, Any],
) -> Iterator[Fact]:
    start, end, period, known_on = due
    state = history.at(known_on)
    if state is None or not _counts(history, state, start, end, ahead):
        return
    owner = owner_of(history, state)
    told = {"owner": owner, "team": teams.get(owner)}
    amount: Any = worth(rows, state.row, period.start)
    why = amount if isinstance(amount, str) else None
    if state.kind == "unknown":
        why = "no_history"
    elif state.kind == "open" and state.row["close_on"] < known_on:
        why = "overdue"
    if history.deal["kind"] == "renewal":
        why = "renewal"
    name = "won" if state.kind == "won" else "open"
    yield Fact(None, told, why, {name: amount}, period.place)


def _counts(history: History, state: State, start: date, end: date, ahead: int) -> bool:
    """Whether the deal is one that the look has to do with."""
    if state.kind == "unknown":
        return True
    if state.kind == "won":
        day = min(state.since, history.closed_on or state.since)
        return ahead == 0 and start <= day < end
    if state.due_in(start, end):
        return True
    return ahead == 0 and state.due_in(date(1990, 1, 1), start)


def _sum(group: Sequence[Mapping[str, Any]], name: str) -> Fraction:
    return sum((Fraction(row.get(name) or Decimal(0)) for row in group), Fraction(0))


def _covers(group: Sequence[Mapping[str, Any]]) -> Measured:
    left = _sum(group, "target") - _sum(group, "won")
    is_open = sum("open" in row for row in group)
    value = _sum(group, "open") / left if left > 0 else None
    return Measured(_sum(group, "open"), left if left > 0 else None, value, is_open)


def _remains(group: Sequence[Mapping[str, Any]]) -> Measured:
    left = _sum(group, "target") - _sum(group, "won")
    return Measured(left, None, left, len(group))
