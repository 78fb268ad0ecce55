"""Rolls facts up in plain Python: slow, obvious, and written without looking at the SQL.

Belongs here: periods, groups, quantiles, maturity. Does not: what a fact is (the other oracles).
Shares are exact fractions until the end.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from revops_pipelines.settings import Settings

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
GRAINS = ("week", "month", "quarter")
Key = tuple[str, date, str]


@dataclass(frozen=True)
class Fact:
    """One thing counted: the day that places it (or its periods), what it is, what it weighs."""

    day: date | None
    dimensions: Mapping[str, Any]
    excluded: str | None
    weighs: Mapping[str, Any] = field(default_factory=dict)
    placed: tuple[str, date] | None = None


@dataclass(frozen=True)
class Measured:
    """What a group of facts amounts to."""

    numerator: Any
    denominator: Any
    value: Any
    n: int
    is_settled: bool = True


@dataclass(frozen=True)
class Times:
    """Days and periods as the settings have them, and the instant of knowledge (aware)."""

    settings: Settings
    as_of: datetime

    @property
    def now(self) -> datetime:
        """The instant of knowledge, naive UTC."""
        return self.as_of.astimezone(UTC).replace(tzinfo=None)

    @property
    def today(self) -> date:
        """The reporting day of that instant."""
        return self.day(self.now)

    def day(self, instant: datetime) -> date:
        """The reporting day of a naive UTC instant."""
        zone = ZoneInfo(self.settings.company.time_zone)
        return instant.replace(tzinfo=UTC).astimezone(zone).date()

    def period(self, day: date, grain: str) -> tuple[date, date]:
        """First day of the period, and first day after."""
        if grain == "week":
            first = DAYS.index(self.settings.company.week_starts_on)
            start = day - timedelta(days=(day.weekday() - first) % 7)
            return start, start + timedelta(days=7)
        start = day.replace(day=1)
        if grain == "month":
            return start, next_month(start)
        while (start.month - self.settings.company.fiscal_year_starts_in) % 3:
            start = (start - timedelta(days=1)).replace(day=1)
        return start, next_month(next_month(next_month(start)))


def next_month(month: date) -> date:
    """The first day of the following month."""
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def published(
    facts: Iterable[Fact],
    times: Times,
    measure: Callable[[Sequence[Mapping[str, Any]]], Measured],
    dimensions: Sequence[tuple[str, ...]],
    *,
    grains: Sequence[str] = GRAINS,
    broken_down: Sequence[str] = ("month", "quarter"),
    mature_after: int = 0,
) -> dict[Key, dict[str, Any]]:
    """Every value that the facts amount to."""
    counted: dict[Key, list[Mapping[str, Any]]] = defaultdict(list)
    reasons: dict[Key, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for fact in facts:
        for key in _keys(fact, times, dimensions, grains, broken_down):
            if fact.excluded is None:
                counted[key].append(fact.weighs)
            else:
                reasons[key][fact.excluded] += 1
    found = {}
    for key, weights in counted.items():
        grain, start, _ = key
        if start > times.today:
            continue
        result = measure(weights)
        end = times.period(start, grain)[1]
        found[key] = {
            "numerator": result.numerator,
            "denominator": result.denominator,
            "value": result.value,
            "n": result.n,
            "excluded": dict(sorted(reasons[key].items())),
            "is_mature": end + timedelta(days=mature_after) <= times.today and result.is_settled,
        }
    return found


def _keys(
    fact: Fact,
    times: Times,
    dimensions: Sequence[tuple[str, ...]],
    grains: Sequence[str],
    broken_down: Sequence[str],
) -> Iterable[Key]:
    if fact.placed is not None:
        places = [fact.placed]
    else:
        assert fact.day is not None
        places = [(grain, times.period(fact.day, grain)[0]) for grain in grains]
    for grain, start in places:
        yield grain, start, "{}"
        if grain in broken_down:
            for dimension in dimensions:
                shown = {name: str(fact.dimensions[name] or "unknown") for name in dimension}
                yield grain, start, json.dumps(shown, separators=(",", ":"))


def exactly(span: timedelta, unit: timedelta) -> Fraction:
    """How many units a span is, to the microsecond."""
    tick = timedelta(microseconds=1)
    return Fraction(span // tick, unit // tick)


def ratio(numerator: Any, denominator: Any, n: int, *, is_settled: bool = True) -> Measured:
    """A quotient; none where nothing divides."""
    value = None if not denominator else Fraction(numerator) / Fraction(denominator)
    return Measured(numerator, denominator, value, n, is_settled)


def quantile(lives: Sequence[tuple[Fraction, bool]], share: Fraction) -> Fraction | None:
    """Kaplan-Meier quantile of (duration, is over), with exact fractions."""
    surviving, reached = Fraction(1), None
    for time in sorted({duration for duration, is_over in lives if is_over}):
        at_risk = sum(1 for duration, _ in lives if duration >= time)
        over = sum(1 for duration, is_over in lives if is_over and duration == time)
        surviving *= 1 - Fraction(over, at_risk)
        if reached is not None:
            return (reached + time) / 2
        if surviving < 1 - share:
            return time
        if surviving == 1 - share:
            reached = time
    return reached
