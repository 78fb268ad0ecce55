"""Shares a change out over groups of records.

Belongs here: sums of what records bring in, and each group's part in a change. Does not: reading
the records (`explain_rows`).

A share N / D that was r before moves by the sum over groups of (N_g - r D_g) / D. Taken for both
periods, with the same r, the two sums differ by exactly the change, because the earlier one is
zero; so every group has a part, and the parts add up to what happened, without a residual.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from revops_pipelines.engine.metrics.declaration import Ratio, Series

Number = Decimal | Fraction | float | int | None


@dataclass(frozen=True, slots=True)
class Cell:
    """One subject, its dimensions and reason, in one period."""

    is_now: bool
    subject: str
    excluded: str | None
    members: tuple[str, ...]
    numerator: Fraction
    denominator: Fraction
    n: int
    duration: float | None
    is_open: bool


@dataclass(frozen=True, slots=True)
class Group:
    """What one member of a dimension brings in, and its part of the change.

    `label` is what people call the member, where that is not its identifier.
    """

    member: str
    numerator: Fraction
    denominator: Fraction
    value: Number
    before: Number
    part: Fraction | None
    label: str = ""


class Shares:
    """Sums over cells, and the parts that groups of them have in a change."""

    def __init__(self, cells: Sequence[Cell], series: Series) -> None:
        self.cells = cells
        self.is_ratio = isinstance(series.rollup, Ratio)
        self.divides = isinstance(series.rollup, Ratio) and series.rollup.denominator is not None
        self.is_plain = isinstance(series.rollup, Ratio) and series.rollup.value is None
        self._totals = {
            now: summed(cell for cell in cells if cell.is_now == now) for now in (True, False)
        }

    def total(self, *, now: bool) -> tuple[Fraction, Fraction]:
        """Numerator and denominator of all."""
        return self._totals[now]

    def value(self, *, now: bool) -> Number:
        """The quotient, or the numerator where nothing divides; None where it cannot be told."""
        return self._value(self.total(now=now)) if self.is_plain else None

    def _value(self, parts: tuple[Fraction, Fraction]) -> Fraction | None:
        if not self.divides:
            return parts[0]
        return parts[0] / parts[1] if parts[1] else None

    def adds_up(self, published: Mapping[str, Any], *, now: bool) -> bool:
        """Whether the subjects' parts make a period's published numbers: not so for medians."""
        if not self.is_plain:
            return False
        total = self.total(now=now)
        wanted = (published["numerator"], published["denominator"] if self.divides else None)
        return all(
            told is None or abs(Fraction(told) - mine) <= Fraction(1, 10**6)
            for told, mine in zip(wanted, total, strict=True)
        )

    def part(
        self, now: tuple[Fraction, Fraction], before: tuple[Fraction, Fraction]
    ) -> Fraction | None:
        """What a group did to the change; None where there was no value before."""
        if not self.divides:
            return now[0] - before[0]
        rate = self._value(self.total(now=False))
        (_, all_now), (_, all_before) = self.total(now=True), self.total(now=False)
        if rate is None or not all_now:
            return None
        return (now[0] - rate * now[1]) / all_now - (before[0] - rate * before[1]) / all_before

    def groups(self, place: int, adds_up: bool) -> tuple[Group, ...]:
        """The members of a dimension, those that did most first."""
        found: dict[str, list[Cell]] = defaultdict(list)
        for cell in self.cells:
            found[cell.members[place]].append(cell)
        groups = [self._group(member, cells, adds_up) for member, cells in found.items()]
        return tuple(sorted(groups, key=lambda group: (-abs(group.part or 0), group.member)))

    def _group(self, member: str, cells: Sequence[Cell], adds_up: bool) -> Group:
        now = summed(cell for cell in cells if cell.is_now)
        before = summed(cell for cell in cells if not cell.is_now)
        return Group(
            member=member,
            numerator=now[0],
            denominator=now[1],
            value=self._value(now) if self.is_plain else None,
            before=self._value(before) if self.is_plain else None,
            part=self.part(now, before) if adds_up and self.is_plain else None,
        )


def summed(cells: Iterable[Cell]) -> tuple[Fraction, Fraction]:
    """Numerator and denominator of several cells."""
    numerator = denominator = Fraction(0)
    for cell in cells:
        numerator += cell.numerator
        denominator += cell.denominator
    return numerator, denominator
