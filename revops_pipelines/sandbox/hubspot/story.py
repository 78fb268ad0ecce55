"""A record as the sum of its changes, and moments as HubSpot writes them.

Belongs here: changes and the history of single properties. Does not:
what any type of record says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

Values = Mapping[str, str | None]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Change:
    """Properties set at one moment (epoch milliseconds), by a source as HubSpot names them."""

    at: int
    values: Values
    source: str


def epoch_ms(moment: datetime) -> int:
    """Epoch milliseconds; what HubSpot keeps of a moment.

    >>> epoch_ms(datetime(1970, 1, 1, 0, 1, tzinfo=UTC))
    60000
    """
    passed = moment - EPOCH
    return passed.days * 86_400_000 + passed.seconds * 1_000 + passed.microseconds // 1_000


def moment_text(moment: datetime) -> str:
    """ISO 8601 with milliseconds only where there are any, as property values come.

    >>> moment_text(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02T03:04:05Z'
    >>> moment_text(datetime(2026, 1, 2, 3, 4, 5, 60_000, tzinfo=UTC))
    '2026-01-02T03:04:05.060Z'
    """
    # Cutting the default spelling is three times as fast as asking for another.
    return moment.isoformat()[: 23 if moment.microsecond >= 1_000 else 19] + "Z"


def ms_text(at: int) -> str:
    """The same of epoch milliseconds, always with them, as in `createdAt` and `updatedAt`.

    >>> ms_text(60_000)
    '1970-01-01T00:01:00.000Z'
    """
    moment = datetime.fromtimestamp(at // 1_000, UTC)
    return f"{moment.isoformat()[:19]}.{at % 1_000:03d}Z"


def in_order(changes: Iterable[Change]) -> list[Change]:
    """Oldest first; changes of one moment become one, the later ones' values winning."""
    story: list[Change] = []
    for change in sorted(changes, key=lambda change: change.at):
        if story and story[-1].at == change.at:
            before = story.pop()
            change = Change(change.at, {**before.values, **change.values}, change.source)
        story.append(change)
    return story


def history(story: Sequence[Change], name: str, now: int) -> list[dict[str, str]]:
    """A property's values until a moment, newest first; setting it to what it was is no change."""
    entries: list[dict[str, str]] = []
    for change in story:
        if change.at > now:
            break
        if name not in change.values:
            continue
        value = change.values[name] or ""
        if entries and entries[-1]["value"] == value:
            continue
        entries.append(
            {"value": value, "timestamp": ms_text(change.at), "sourceType": change.source}
        )
    return entries[::-1]
