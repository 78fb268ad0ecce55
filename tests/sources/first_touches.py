"""The first answer of every person, counted slowly on what a source offers; an oracle for tests.

Belongs here: the definition, row by row. Does not: any test.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

Row = Mapping[str, Any]


class House(Protocol):
    """A warehouse that pulled a source."""

    def offered(self, entity: str) -> Iterable[Any]:
        """The rows that the source offers to an entity."""


def utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None


def first_touches(
    house: House, person_of: dict[str, int], now: datetime
) -> dict[int, tuple[datetime, str]]:
    """The definition, word for word and row by row, on what is offered."""
    raised: dict[int, datetime] = {}
    for lead in house.offered("leads"):
        at = utc(lead["raised_at"])
        person = person_of[lead["lead_id"]]
        if at is not None and (person not in raised or at < raised[person]):
            raised[person] = at
    first: dict[int, tuple[datetime, str]] = {}
    for row in house.offered("activities"):
        person = person_of.get(row["lead_id"] or "", -1)
        at = utc(row["occurred_at"])
        if at is None or not _answers(row) or at > now or at < raised.get(person, now):
            continue
        touch = (at, row["activity_id"])
        if person not in first or touch < first[person]:
            first[person] = touch
    return first


def _answers(row: Row) -> bool:
    return (
        row["is_human"]
        and row["direction"] == "outbound"
        and row["kind"] in ("call", "email", "meeting", "message")
        and row["outcome"] != "bounced"
        and row["_deleted_at"] is None
    )
