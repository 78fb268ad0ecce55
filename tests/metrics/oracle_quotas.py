"""Whose target falls into a period, told day by day; shared by oracles.

Belongs here: quotas by holder and day. Does not: any metric.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from oracle_deals import rate_of
from oracle_history import Rows
from oracle_rollup import Times

ONE = timedelta(days=1)


@dataclass(frozen=True)
class Held:
    """A quota that holds on a day."""

    quota: Mapping[str, Any]
    level: str
    team: str | None
    is_counted: bool

    @property
    def of_a_day(self) -> Fraction:
        """What it expects of one day, in its currency."""
        days = (self.quota["period_end_on"] - self.quota["period_start_on"]).days
        return Fraction(self.quota["amount"]) / days


def held_by_day(rows: Rows, times: Times) -> dict[date, list[Held]]:
    """Day -> the quotas that hold on it."""
    teams = {user["user_id"]: user.get("team") for user in rows["users"]}
    by_day: dict[date, list[Mapping[str, Any]]] = defaultdict(list)
    for quota in rows["quotas"]:
        if quota["_deleted_at"] is None or quota["_deleted_at"] > times.now:
            for day in _days(quota["period_start_on"], quota["period_end_on"]):
                by_day[day].append(quota)
    return {day: list(_holding(quotas, teams)) for day, quotas in by_day.items()}


def _days(start: date, end: date) -> Iterator[date]:
    while start < end:
        yield start
        start += ONE


def _length(quota: Mapping[str, Any]) -> timedelta:
    span: timedelta = quota["period_end_on"] - quota["period_start_on"]
    return span


def _holding(quotas: list[Mapping[str, Any]], teams: Mapping[str, str | None]) -> Iterator[Held]:
    holders: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for quota in quotas:
        holders[quota["user_id"], None if quota["user_id"] else quota["team"]].append(quota)
    staffed = {teams.get(user) for user, _ in holders if user}
    somebody = any(user or team for user, team in holders)
    for (user, team), group in holders.items():
        level = "user" if user else "team" if team else "company"
        counted = {"user": True, "team": team not in staffed, "company": not somebody}[level]
        shortest = min(map(_length, group))
        for quota in group:
            if _length(quota) == shortest:
                home = (teams.get(user) or quota["team"]) if user else team
                yield Held(quota, level, home, counted)


def targets(
    held: Mapping[date, list[Held]], start: date, end: date
) -> dict[str, tuple[Held, Fraction]]:
    """Quota (and whether it counts) -> how it is held, and its part within the period."""
    found: dict[Any, tuple[Held, Fraction]] = {}
    for day in _days(start, end):
        for each in held.get(day, []):
            key = each.quota["quota_id"], each.is_counted
            before = found[key][1] if key in found else Fraction(0)
            found[key] = each, before + each.of_a_day
    return found


def in_base(rows: Rows, currency: str, amount: Fraction, month: date) -> Fraction | None:
    """In the base currency, to eight decimals as it is kept; none without a rate."""
    rate = rate_of(rows, currency, month)
    return None if rate is None else round(amount * Fraction(rate), 8)
