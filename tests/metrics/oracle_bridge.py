"""What pipeline_bridge should say, told deal by deal and day by day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
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
from oracle_rollup import Fact, Measured, Times, published

NAMES = (
    "start created pulled_in reopened amount_up amount_down pushed_out won lost deleted end"
).split()
OUT = ("amount_down", "pushed_out", "won", "lost", "deleted")
Step = tuple[str, Decimal | str]


def expected(rows: Rows, times: Times) -> Values:
    """metric -> (grain, period, dimensions) -> value."""
    found = histories(rows, deals_of(rows, times), times)
    listed = periods(found, times)
    facts: list[Fact] = []
    for history in found:
        for period in listed:
            fact = _fact(rows, history, period)
            if fact is not None:
                facts.append(fact)

    def amount_of(movement: str) -> Any:
        def measure(group: Sequence[Mapping[str, Any]]) -> Measured:
            total = sum((row["moved"].get(movement, Decimal(0)) for row in group), Decimal(0))
            total = -total if movement in OUT else total
            return Measured(total, None, total, sum(movement in row["moved"] for row in group))

        return measure

    grains = ("month", "quarter")
    return {
        "pipeline_bridge" + ("" if name == "end" else f"_{name}"): published(
            facts, times, amount_of(name), DIMENSIONS, grains=grains
        )
        for name in NAMES
    }


def _fact(rows: Rows, history: History, period: Period) -> Fact | None:
    closing = history.at(period.last)
    if closing is None:
        return None
    told = dimensions(rows, history, owner_of(history, closing))
    renewal = "renewal" if history.deal["kind"] == "renewal" else None
    if _is_unclear(history, period):
        return Fact(None, told, renewal or "no_history", {}, period.place)
    steps = list(_steps(rows, history, period))
    if not steps:
        return None
    reasons = [amount for _, amount in steps if isinstance(amount, str)]
    moved: dict[str, Decimal] = defaultdict(Decimal)
    for movement, amount in steps:
        if not isinstance(amount, str):
            moved[_named(movement, amount)] += amount
    why = renewal or max(reasons, default=None)
    return Fact(None, told, why, {"moved": dict(moved)}, period.place)


def _named(movement: str, amount: Decimal) -> str:
    if movement != "amount":
        return movement
    return "amount_up" if amount >= 0 else "amount_down"


def _is_unclear(history: History, period: Period) -> bool:
    days = [period.start - ONE, max(history.created_on, period.start)]
    states = [history.at(day) for day in days if day <= period.last]
    return any(state is not None and state.kind == "unknown" for state in states)


def _steps(rows: Rows, history: History, period: Period) -> Iterator[Step]:
    def priced(state: State, sign: int = 1) -> Decimal | str:
        amount = worth(rows, state.row, period.start)
        return amount if isinstance(amount, str) else sign * amount

    def is_due(state: State | None) -> bool:
        return state is not None and state.due_in(period.start, period.end)

    opening, closing = history.at(period.start - ONE), history.at(period.last)
    if opening is not None and is_due(opening):
        yield "start", priced(opening)
    for _, before, after in history.changes(period.start, period.last):
        wins = _wins(before, after, period)
        comes, was = is_due(after) or wins, before is not None and is_due(before)
        if comes and not was:
            yield _door(before), priced(after)
        if comes and was and before is not None:
            yield from _repriced(before, after, priced)
        if wins:
            yield "won", priced(after, -1)
        elif was and not comes and before is not None:
            name = "pushed_out" if after.kind == "open" else after.kind
            yield name, priced(before, -1)
    if closing is not None and is_due(closing):
        yield "end", priced(closing)


def _repriced(before: State, after: State, priced: Any) -> Iterator[Step]:
    old, new = priced(before), priced(after)
    same = (before.row["amount"] or 0) == (after.row["amount"] or 0)
    if same and before.row["currency"] == after.row["currency"]:
        return
    if isinstance(new, str) or isinstance(old, str):
        yield "amount", new if isinstance(new, str) else old
    else:
        yield "amount", new - old


def _wins(before: State | None, after: State, period: Period) -> bool:
    if after.kind != "won":
        return False
    if before is not None:
        return before.kind != "won"
    close_on = after.row["close_on"]
    return close_on is not None and period.start <= close_on < period.end


def _door(before: State | None) -> str:
    if before is None or before.kind == "unknown":
        return "created"
    return "pulled_in" if before.kind == "open" else "reopened"
