"""How mature billing and revenue operations are, judged by what the pipelines themselves see.

Belongs here: what a criterion is, its level from its number, an area's score. Does not: which
criteria there are (`maturity_billing`, `maturity_operations`).

Each criterion is one share of published rows. Its level is how many of four steps the share has
reached: 0 not seen, 1 begun, 2 in part, 3 reliable, 4 managed. An area's score is the plain mean of
its criteria's levels; a criterion that the snapshot cannot tell (an older one, without the table)
counts neither way. A level is a reason to look, not a certificate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb

from revops_pipelines.reporting.worklists import read_if_there

LEVELS = ("not seen", "begun", "in part", "reliable", "managed")
TOP = len(LEVELS) - 1
# An area that reaches this is a stage passed.
PASSED = Decimal("2.5")

USUAL = (Decimal("0.01"), Decimal("0.5"), Decimal("0.8"), Decimal("0.95"))
STRICT = (Decimal("0.5"), Decimal("0.9"), Decimal("0.97"), Decimal("0.995"))
LOOSE = (Decimal("0.01"), Decimal("0.3"), Decimal("0.6"), Decimal("0.8"))


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing looked at.

    `sql` selects one row: a part and the whole it is taken of, both of one kind (records, money).
    It may be empty where the installation's settings tell, under the criterion's name. `evidence`
    names the two; `raise_by` is what would lift the level. `steps` are the shares at which levels
    1 to 4 begin.
    """

    name: str
    title: str
    evidence: str
    raise_by: str
    sql: str = ""
    steps: Sequence[Decimal] = USUAL


@dataclass(frozen=True, slots=True)
class Area:
    """A group of criteria: one stage of billing, or one side of revenue operations."""

    name: str
    title: str
    criteria: Sequence[Criterion]


@dataclass(frozen=True, slots=True)
class Finding:
    """A criterion with its number. `level` is None where the snapshot cannot tell."""

    criterion: Criterion
    part: Decimal
    whole: Decimal
    level: int | None

    @property
    def is_top(self) -> bool:
        """Nothing would raise it."""
        return self.level == TOP

    @property
    def evidence(self) -> str:
        """The number, in words."""
        if self.level is None:
            return "this snapshot cannot tell"
        if not self.whole:
            return f"0 of 0 {self.criterion.evidence}"
        share = self.part / self.whole * 100
        return f"{share:.1f}%: {self.part:,.0f} of {self.whole:,.0f} {self.criterion.evidence}"


@dataclass(frozen=True, slots=True)
class Judged:
    """An area with its findings; `score` is None where none of them could be told."""

    area: Area
    findings: Sequence[Finding]
    score: Decimal | None

    @property
    def is_passed(self) -> bool:
        """Its score is high enough to build on."""
        return self.score is not None and self.score >= PASSED


def judge(
    connection: duckdb.DuckDBPyConnection,
    areas: Iterable[Area],
    given: Mapping[str, tuple[int, int]],
) -> list[Judged]:
    """Each area judged by the snapshot; `given` are the (part, whole) that settings tell."""
    found = []
    for area in areas:
        findings = [
            finding(criterion, _measured(connection, criterion, given))
            for criterion in area.criteria
        ]
        found.append(Judged(area, findings, score(each.level for each in findings)))
    return found


def finding(criterion: Criterion, measured: tuple[Any, Any] | None) -> Finding:
    """A criterion with its part and whole; None stands for what the snapshot cannot tell."""
    if measured is None:
        return Finding(criterion, Decimal(0), Decimal(0), None)
    part, whole = (Decimal(str(value or 0)) for value in measured)
    return Finding(criterion, part, whole, level_of(part, whole, criterion.steps))


def level_of(part: Decimal, whole: Decimal, steps: Sequence[Decimal]) -> int:
    """How many steps the share reaches; none where there is nothing to take a share of.

    >>> level_of(Decimal(8), Decimal(10), USUAL), level_of(Decimal(0), Decimal(0), USUAL)
    (3, 0)
    """
    if whole <= 0:
        return 0
    share = part / whole
    return sum(1 for step in steps if share >= step)


def score(levels: Iterable[int | None]) -> Decimal | None:
    """The mean of the levels that could be told, to a tenth.

    >>> score([4, 1, None])
    Decimal('2.5')
    """
    told = [level for level in levels if level is not None]
    if not told:
        return None
    return (Decimal(sum(told)) / len(told)).quantize(Decimal("0.1"))


def reached(stages: Sequence[Judged]) -> Judged | None:
    """The last of the stages passed without a gap; None if the first is not passed."""
    last = None
    for stage in stages:
        if not stage.is_passed:
            return last
        last = stage
    return last


def _measured(
    connection: duckdb.DuckDBPyConnection,
    criterion: Criterion,
    given: Mapping[str, tuple[int, int]],
) -> tuple[Any, Any] | None:
    if not criterion.sql:
        return given.get(criterion.name)
    rows = read_if_there(connection, criterion.sql)
    if rows is None:
        return None
    return rows[0] if rows else (0, 0)
