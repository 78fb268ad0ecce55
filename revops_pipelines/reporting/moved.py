"""What moved the headlines: of each, the part of its change that was the largest.

Belongs here: choosing that part. Does not: taking a change apart (`engine.metrics.explain`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from revops_pipelines.engine.metrics.explain import Explanation
from revops_pipelines.engine.metrics.parts import Group
from revops_pipelines.reporting.numbers import NONE, shown
from revops_pipelines.reporting.scorecard import ScoreLine

# The report names companies and teams, never people.
_NOT_SHOWN = ("owner",)
MOVED_MOST = 3


@dataclass(frozen=True, slots=True)
class Moved:
    """A headline that moved, and the members that did most, ready to show."""

    line: ScoreLine
    parts: Sequence[str]


def moved(
    lines: Sequence[ScoreLine], explained: Mapping[str, Explanation], currency: str
) -> list[Moved]:
    """The headlines whose change could be taken apart, in their order."""
    found = []
    for line in lines:
        told = explained.get(line.metric.name)
        if told is None or not line.movement:
            continue
        parts = _largest(told, currency)
        if parts:
            found.append(Moved(line, parts))
    return found


def part_shown(part: Fraction | None, unit: str, currency: str) -> str:
    """A part of a change, with its sign.

    >>> part_shown(Fraction(-1, 80), "share", "USD"), part_shown(Fraction(5), "money", "USD")
    ('-1.25 pts', '+$5.00')
    """
    if part is None:
        return NONE
    if unit == "share":
        return f"{float(part) * 100:+.2f} pts"
    return ("+" if part >= 0 else "-") + shown(abs(float(part)), unit, currency)


def _largest(told: Explanation, currency: str) -> list[str]:
    parts: list[tuple[Fraction, str, Group]] = [
        (group.part, column, group)
        for column, groups in told.groups.items()
        if column not in _NOT_SHOWN
        for group in groups
        if group.part
    ]
    parts.sort(key=lambda each: (-abs(each[0]), each[1], each[2].member))
    return [
        f"{column.replace('_', ' ')} {group.label or group.member}: "
        f"{part_shown(part, told.series.unit, currency)}"
        for part, column, group in parts[:MOVED_MOST]
    ]
