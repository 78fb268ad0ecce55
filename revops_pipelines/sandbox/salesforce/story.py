"""A record as the sum of its changes, and moments as Salesforce writes them.

Belongs here: changes, and instants and days as text. Does not: what any object says.

Instants are epoch milliseconds inside, so that a record appears exactly when it happened; what is
shown and compared is cut to the second, as Salesforce keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

Values = Mapping[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Change:
    """Fields set at one moment (epoch milliseconds) by a user (an id).

    A silent one moves neither `SystemModstamp` nor `LastModifiedDate`: lookups that follow a merge.
    """

    at: int
    values: Values
    by: str
    is_silent: bool = False


def epoch_ms(moment: datetime) -> int:
    """Epoch milliseconds.

    >>> epoch_ms(datetime(1970, 1, 1, 0, 1, tzinfo=UTC))
    60000
    """
    passed = moment - EPOCH
    return passed.days * DAY_MS + passed.seconds * 1_000 + passed.microseconds // 1_000


def moment_of(at: int) -> datetime:
    """The instant of epoch milliseconds."""
    return EPOCH + timedelta(milliseconds=at)


def rest_text(at: int) -> str:
    """An instant as the REST API writes it.

    >>> rest_text(60_999)
    '1970-01-01T00:01:00.000+0000'
    """
    return _second_text(at // 1_000) + ".000+0000"


def bulk_text(at: int) -> str:
    """An instant as Bulk 2.0 writes it.

    >>> bulk_text(60_999)
    '1970-01-01T00:01:00.000Z'
    """
    return _second_text(at // 1_000) + ".000Z"


def day_text(at: int) -> str:
    """The UTC day of an instant.

    >>> day_text(60_999)
    '1970-01-01'
    """
    return _second_text(at // 1_000)[:10]


@lru_cache(65_536)
def _second_text(second: int) -> str:
    """A record names the same moment several times over."""
    return datetime.fromtimestamp(second, UTC).isoformat()[:19]


def in_order(changes: Iterable[Change]) -> list[Change]:
    """Oldest first; changes of one moment become one, the later ones' values winning.

    Whoever began it counts as having made it all.
    """
    story: list[Change] = []
    for change in sorted(changes, key=lambda change: change.at):
        if story and story[-1].at == change.at:
            before = story.pop()
            silent = before.is_silent and change.is_silent
            change = Change(before.at, {**before.values, **change.values}, before.by, silent)
        story.append(change)
    return story


def moments_of(story: Sequence[Change]) -> list[int]:
    """When a record appeared and changed for everybody to see."""
    return [change.at for change in story if not change.is_silent]


def born_with(first: Change, later: Iterable[Change]) -> list[Change]:
    """A story whose later changes may lie before its beginning: those are there from the first."""
    changes = in_order(later)
    values = dict(first.values)
    for change in changes:
        if change.at <= first.at:
            values.update(change.values)
    after = [change for change in changes if change.at > first.at]
    return [Change(first.at, values, first.by), *after]
