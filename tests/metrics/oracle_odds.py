"""Chances of winning as anybody could have counted them on a day; shared by oracles.

Belongs here: decisions, and what deals had been through before. Does not: any metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from oracle_history import History

FIRST, LAST = date(1990, 1, 1), date(2100, 1, 1)


@dataclass(frozen=True)
class Decision:
    """A deal that left the open state for won or lost."""

    history: History
    day: date
    is_won: bool

    def was_in(self, pipeline: str, stage: str) -> bool:
        """Open in that stage on an earlier day."""
        return any(
            row["snapshot_on"] < self.day
            and not row["is_closed"]
            and (row["pipeline"], row["stage"]) == (pipeline, stage)
            for row in self.history.snapshots
        )


def decisions(found: Sequence[History]) -> list[Decision]:
    """All of them, of business that is no renewal."""
    return [
        Decision(history, day, after.kind == "won")
        for history in found
        if history.deal["kind"] != "renewal"
        for day, before, after in history.changes(FIRST, LAST)
        if before is not None and before.kind == "open" and after.kind in ("won", "lost")
    ]


def within(made: Sequence[Decision], day: date, days: int) -> list[Decision]:
    """Those of the window that ends with the day."""
    return [each for each in made if day - timedelta(days=days) < each.day <= day]
