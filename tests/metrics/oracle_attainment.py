"""What quota_attainment should say, told person by person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from oracle_deals import Values, deals_of
from oracle_history import Rows, histories, worth
from oracle_quotas import held_by_day, in_base, targets
from oracle_rollup import Fact, Measured, Times, published, quantile, ratio

GRAINS = ("month", "quarter")
Places = Mapping[tuple[str, date], Any]


def expected(rows: Rows, times: Times) -> Values:
    """metric -> (grain, period, dimensions) -> value."""
    held = held_by_day(rows, times)
    teams = {user["user_id"]: user.get("team") for user in rows["users"]}
    credits = list(_credits(rows, times, held))
    total = [
        Fact(None, {"owner": owner, "team": teams.get(owner)}, why, {}, place)
        for place, owner, why, _ in credits
        if why
    ]
    ramped: list[Fact] = []
    for place in _places(held, times):
        end = times.period(place[1], place[0])[1]
        people: dict[str, list[Any]] = defaultdict(list)
        for each, amount in targets(held, place[1], end).values():
            if each.level == "user":
                base = in_base(rows, each.quota["currency"], amount, place[1])
                people[each.quota["user_id"]].append(base)
            else:
                told = {"owner": None, "team": each.team}
                total.append(Fact(None, told, "no_person", {}, place))
        for user, parts in people.items():
            won = [
                amount
                for at, owner, why, amount in credits
                if (at, owner) == (place, user) and not why
            ]
            why = "missing_rate" if None in parts else None
            told = {"owner": user, "team": teams.get(user)}
            target = sum((part for part in parts if part is not None), Fraction(0))
            weighs = {"won": Fraction(sum(won, Decimal(0))), "target": target}
            total.append(Fact(None, told, why, weighs, place))
            if _months(held, user, place[1]) < times.settings.forecasting.ramp_months:
                why = why or "in_ramp"
            why = why or (None if target else "no_target")
            ramped.append(Fact(None, told, why, weighs, place))
    return _values(total, ramped, times)


def _values(total: Sequence[Fact], ramped: Sequence[Fact], times: Times) -> Values:
    def attained(group: Sequence[Mapping[str, Any]]) -> Measured:
        won = sum(row["won"] for row in group)
        return ratio(won, sum(row["target"] for row in group), len(group))

    def reached(group: Sequence[Mapping[str, Any]]) -> Measured:
        return ratio(sum(row["won"] >= row["target"] for row in group), len(group), len(group))

    dimensions = (("owner",), ("team",))
    values: Values = {
        "quota_attainment": published(total, times, attained, dimensions, grains=GRAINS),
        "quota_attainment_reached": published(ramped, times, reached, (("team",),), grains=GRAINS),
    }
    for name, tenths in (("p10", 1), ("median", 5), ("p90", 9)):

        def measure(group: Any, share: Fraction = Fraction(tenths, 10)) -> Measured:
            lives = [(row["won"] / row["target"], True) for row in group]
            return Measured(None, None, quantile(lives, share), len(group))

        values[f"quota_attainment_of_ramped_{name}"] = published(
            ramped, times, measure, (("team",),), grains=GRAINS, broken_down=("month",)
        )
    return values


def _places(held: Mapping[date, Any], times: Times) -> set[tuple[str, date]]:
    days = [day for day in held if day <= times.today] or []
    places = {(grain, times.period(day, grain)[0]) for day in days for grain in GRAINS}
    future = {(grain, times.period(times.today, grain)[0]) for grain in GRAINS}
    return places | future


def _months(held: Mapping[date, Any], user: str, start: date) -> int:
    first = min(
        day for day, quotas in held.items() if any(q.quota["user_id"] == user for q in quotas)
    )
    return (start.year - first.year) * 12 + start.month - first.month


def _credits(
    rows: Rows, times: Times, held: Mapping[date, Any]
) -> Iterator[tuple[tuple[str, date], str | None, str | None, Decimal]]:
    for history in histories(rows, deals_of(rows, times), times):
        deal = history.deal
        if not deal["is_won"] or history.closed_on is None:
            continue
        state = history.at(history.closed_on)
        owner = (state.row.get("owner_id") if state else None) or deal["owner_id"]
        has_quota = any(q.quota["user_id"] == owner for q in held.get(history.closed_on, []))
        for grain in GRAINS:
            start = times.period(history.closed_on, grain)[0]
            amount: Any = "no_amount" if deal["amount"] is None else worth(rows, deal, start)
            reason = amount if isinstance(amount, str) else None
            why = deal["why"] or reason or (None if has_quota and owner else "no_quota")
            yield (grain, start), owner, why, amount
