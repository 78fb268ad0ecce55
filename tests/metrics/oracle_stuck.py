"""What stuck_deals should say, told deal by deal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from oracle_deals import STAGES, Deal, Values, deals_of
from oracle_rollup import Fact, Measured, Times, published, ratio

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
Place = tuple[str, str]


def expected(rows: Rows, times: Times) -> Values:
    """metric -> (grain, period, dimensions) -> value."""
    stays = _stays(rows, times)
    deals = deals_of(rows, times)
    passed = _passed(deals, stays, times)
    facts: list[Fact] = []
    for deal in deals:
        if not deal["is_decided"]:
            facts += _facts(deal, stays[deal["opportunity_id"]], passed, times)
    priced = [
        Fact(fact.day, fact.dimensions, fact.excluded or fact.weighs["why"], fact.weighs)
        for fact in facts
    ]

    def count(group: Sequence[Mapping[str, Any]]) -> Measured:
        stuck = sum(row["stuck"] for row in group)
        return Measured(stuck, None, stuck, len(group))

    def value(group: Sequence[Mapping[str, Any]]) -> Measured:
        amount = sum((row["worth"] for row in group if row["stuck"]), Decimal(0))
        return Measured(amount, None, amount, sum(row["stuck"] for row in group))

    def share(group: Sequence[Mapping[str, Any]]) -> Measured:
        return ratio(sum(row["stuck"] for row in group), len(group), len(group))

    grains = ("month", "quarter")
    return {
        "stuck_deals": published(facts, times, count, STAGES, grains=grains),
        "stuck_deals_value": published(priced, times, value, STAGES, grains=grains),
        "stuck_deals_share": published(facts, times, share, STAGES, grains=grains),
    }


def _stays(rows: Rows, times: Times) -> dict[str, list[Mapping[str, Any]]]:
    stays: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for stay in rows["opportunity_stage_history"]:
        if stay["entered_at"] <= times.now and stay.get("_deleted_at") is None:
            stays[stay["opportunity_id"]].append(stay)
    return stays


def _passed(
    deals: Sequence[Deal], stays: Mapping[str, Sequence[Mapping[str, Any]]], times: Times
) -> dict[Place, list[tuple[Any, timedelta]]]:
    """Stage -> (segment, time there) of the won deals that left it."""
    passed: dict[Place, list[tuple[Any, timedelta]]] = defaultdict(list)
    for deal in deals:
        if deal["is_won"] and not deal["why"]:
            for place, (days, is_there) in _days(stays[deal["opportunity_id"]], times).items():
                if not is_there:
                    passed[place].append((deal["dimensions"]["segment"], days))
    return passed


def _days(stays: Sequence[Mapping[str, Any]], times: Times) -> dict[Place, tuple[timedelta, bool]]:
    """Open stage -> time in it so far, and whether the deal is there."""
    found: dict[Place, tuple[timedelta, bool]] = {}
    for stay in stays:
        if stay["is_closed"]:
            continue
        left = stay["left_at"]
        is_there = left is None or left > times.now
        spent = (times.now if is_there else left) - stay["entered_at"]
        before, was_there = found.get((stay["pipeline"], stay["stage"]), (timedelta(0), False))
        found[stay["pipeline"], stay["stage"]] = before + spent, was_there or is_there
    return found


def _facts(
    deal: Deal, stays: Sequence[Mapping[str, Any]], passed: Mapping[Place, Any], times: Times
) -> Iterator[Fact]:
    here = {
        place: days
        for place, (days, is_there) in _days(stays, times).items()
        if is_there and place[0] == deal["pipeline"]
    }
    for place, days in (here or {(deal["pipeline"], None): timedelta(0)}).items():
        told = deal["dimensions"] | {"pipeline": deal["pipeline"], "stage": place[1]}
        limit = _limit(passed.get(place, []), deal["dimensions"]["segment"])
        why = deal["why"] or (None if here else "no_history")
        why = why or ("too_few_won" if limit is None else None)
        weighs = {
            "stuck": limit is not None and days > limit,
            "worth": deal["worth"],
            "why": deal["why_money"],
        }
        yield Fact(times.today, told, why, weighs)


def _limit(passed: Sequence[tuple[Any, timedelta]], segment: Any) -> timedelta | None:
    """The P90 of those of the segment, else of all; none where they are too few."""
    own = sorted(days for place, days in passed if segment and place == segment)
    for days in (own, sorted(days for _, days in passed)):
        if len(days) >= 10:
            return days[-(-9 * len(days) // 10) - 1]
    return None
