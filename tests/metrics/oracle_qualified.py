"""What qualified_pipeline_created should say, told deal by deal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from oracle_deals import MONEY, Values, deals_of
from oracle_history import ONE, History, Rows, State, dimensions, histories, worth
from oracle_rollup import Fact, Measured, Times, published

KNOWN = ("open", "won", "lost")


def expected(rows: Rows, times: Times) -> Values:
    """metric -> (grain, period, dimensions) -> value."""
    facts: dict[str, list[Fact]] = defaultdict(list)
    for history in histories(rows, deals_of(rows, times), times):
        qualified_at = history.deal["qualified_at"]
        if qualified_at is not None and qualified_at <= times.now:
            for suffix, fact in _facts(rows, history, times):
                facts[suffix].append(fact)

    def total(group: Sequence[Mapping[str, Any]]) -> Measured:
        amount = sum((row["amount"] for row in group), Decimal(0))
        return Measured(amount, None, amount, len(group))

    suffixes = [f"{kind}{now}" for kind in ("", "_expansion", "_renewal") for now in ("", "_now")]
    return {
        f"qualified_pipeline_created{suffix}": published(facts[suffix], times, total, MONEY)
        for suffix in suffixes
    }


def _facts(rows: Rows, history: History, times: Times) -> Iterator[tuple[str, Fact]]:
    deal = history.deal
    day = times.day(deal["qualified_at"])
    state = _at_entry(history, day)
    is_known = state is not None and state.kind in KNOWN
    row: Mapping[str, Any] = state.row if is_known and state is not None else deal
    told = dimensions(rows, history, row["owner_id"]) | {"currency": row["currency"]}
    kind = f"_{deal['kind']}" if deal["kind"] in ("expansion", "renewal") else ""
    for now, source in (("", row), ("_now", deal)):
        amount: Any = worth(rows, source, day.replace(day=1))
        if source["amount"] is None:
            amount = "no_amount"
        why = amount if isinstance(amount, str) else None
        if not now and not is_known:
            why = "no_history"
        if deal["is_deleted"]:
            why = "deleted"
        yield kind + now, Fact(day, told, why, {"amount": amount})


def _at_entry(history: History, day: Any) -> State | None:
    """At the end of the day; or of the next, where history begins there."""
    state = history.at(day)
    if state is not None:
        return state
    return history.at(day + ONE)
