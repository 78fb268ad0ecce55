"""A row as the sum of its changes, and moments as Dataverse tells them.

Belongs here: changes, pointers to other rows, whole seconds. Does not: what any row says.

The simulation knows milliseconds; Dataverse shows whole seconds. What has happened is judged by
the milliseconds, what is shown is cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Values = Mapping[str, Any]


class Ref(NamedTuple):
    """A lookup's value: the table and identifier of a row, and its name."""

    table: str
    id: str
    name: str


class Change(NamedTuple):
    """Columns set at one moment (epoch milliseconds)."""

    at: int
    values: Values


def epoch_ms(moment: datetime) -> int:
    """Epoch milliseconds.

    >>> epoch_ms(datetime(1970, 1, 1, 0, 1, tzinfo=UTC))
    60000
    """
    passed = moment - EPOCH
    return passed.days * 86_400_000 + passed.seconds * 1_000 + passed.microseconds // 1_000


def moment_of(at: int) -> datetime:
    """The moment, cut to the second.

    >>> moment_of(60_999).isoformat()
    '1970-01-01T00:01:00+00:00'
    """
    return datetime.fromtimestamp(at // 1_000, UTC)


def shown(moment: datetime) -> str:
    """As Dataverse writes it: whole seconds, UTC.

    >>> shown(datetime(2026, 1, 2, 3, 4, 5, 999_000, tzinfo=UTC))
    '2026-01-02T03:04:05Z'
    """
    return moment.isoformat()[:19] + "Z"


def in_order(changes: Iterable[Change]) -> list[Change]:
    """Oldest first; changes of one moment become one, the later ones' values winning."""
    story: list[Change] = []
    for change in sorted(changes, key=lambda change: change.at):
        if story and story[-1].at == change.at:
            before = story.pop()
            change = Change(change.at, {**before.values, **change.values})
        story.append(change)
    return story
