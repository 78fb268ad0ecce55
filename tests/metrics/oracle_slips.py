"""What slip_rate should say, told period by period and deal by deal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from oracle_deals import MONEY, Values, deals_of
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
from oracle_rollup import Fact, Measured, Times, published, ratio


def expected(rows: Rows, times: Times) -> Values:
    """metric -> (grain, period, dimensions) -> value."""
    found = histories(rows, deals_of(rows, times), times)
    facts: dict[str, list[Fact]] = defaultdict(list)
    listed = periods(found, times)
    for history in found:
        slips: dict[str, int] = defaultdict(int)
        for period in listed:
            for suffix, fact in _facts(rows, history, period, slips):
                facts[suffix].append(fact)

    def share(name: str) -> Any:
        def measure(group: Sequence[Mapping[str, Any]]) -> Measured:
            return ratio(sum(1 for row in group if row[name]), len(group), len(group))

        return measure

    def by_value(group: Sequence[Mapping[str, Any]]) -> Measured:
        slipped = sum((row["worth"] for row in group if row["slipped"]), Decimal(0))
        return ratio(slipped, sum(row["worth"] for row in group), len(group))

    measures = {
        "": share("slipped"),
        "_value": by_value,
        "_repeat": share("again"),
        "_overdue": share("overdue"),
    }
    grains = ("month", "quarter")
    return {
        f"slip_rate{suffix}": published(facts[suffix], times, measure, MONEY, grains=grains)
        for suffix, measure in measures.items()
    }


def _facts(
    rows: Rows, history: History, period: Period, slips: dict[str, int]
) -> Iterator[tuple[str, Fact]]:
    opening = history.at(period.start - ONE)
    if opening is None:
        return
    renewal = "renewal" if history.deal["kind"] == "renewal" else None
    told = dimensions(rows, history, owner_of(history, opening))
    if opening.kind == "unknown":
        for suffix in ("", "_value", "_repeat", "_overdue"):
            why = renewal or "no_history"
            yield suffix, Fact(None, told | {"currency": None}, why, {}, period.place)
        return
    if not opening.due_in(period.start, period.end):
        return
    closing = history.at(period.last)
    assert closing is not None
    outcome = _outcome(closing, period)
    slips[period.grain] += outcome == "slipped"
    why = renewal or ("deleted" if outcome == "deleted" else None)
    amount = opening.row["amount"]
    why = why or ("zero_amount" if amount == 0 else None)
    value = "no_amount" if amount is None else worth(rows, opening.row, period.start)
    why_money = value if isinstance(value, str) else None
    weighs = {
        "slipped": outcome == "slipped",
        "overdue": outcome == "overdue",
        "again": outcome == "slipped" and slips[period.grain] > 1,
        "worth": value,
    }
    told = told | {"currency": opening.row["currency"]}
    for suffix in ("", "_repeat", "_overdue"):
        yield suffix, Fact(None, told, why, weighs, period.place)
    yield "_value", Fact(None, told, why or why_money, weighs, period.place)


def _outcome(closing: State, period: Period) -> str:
    if closing.kind != "open":
        return closing.kind
    close_on = closing.row["close_on"]
    if close_on is None or close_on >= period.end:
        return "slipped"
    return "overdue" if close_on <= period.last else "due"
