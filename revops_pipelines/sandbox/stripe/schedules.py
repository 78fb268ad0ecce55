"""Changes of subscriptions that were planned ahead.

Belongs here: which subscriptions have a schedule, and its phases. Does not: how one looks
(`shapes_schedule.py`).

Chosen by the subscription's identifier, so that the company's story stays as it is: of those whose
items change, one in three had the change in a schedule from the start; of the others one in fifteen
has a schedule of one phase, its term. With its last phase a schedule lets go of its subscription;
one that ends before cancels its schedule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

from revops_pipelines.sandbox.world.billing_calendar import DAY
from revops_pipelines.sandbox.world.billing_records import SubscriptionRecord
from revops_pipelines.sandbox.world.billing_story import Item, period_at

ONE_IN, TERMS_ONE_IN = 3, 15
# What was agreed on holds for the better part of a year after the last change.
LAST_PHASE_DAYS = 240


@dataclass(frozen=True, slots=True)
class Phase:
    """From `start` to `end` the subscription has these items."""

    start: int
    end: int
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule; it ends by `released_at` or `canceled_at`, whichever is not null."""

    subscription: SubscriptionRecord
    phases: tuple[Phase, ...]
    released_at: int | None
    canceled_at: int | None

    @property
    def id(self) -> str:
        """The schedule's identifier."""
        return f"sub_sched_{self.subscription.id.partition('_')[2]}"

    @property
    def created(self) -> int:
        """When it was made, with its subscription."""
        return self.subscription.created

    @property
    def ends_at(self) -> int:
        """When it lets go of its subscription."""
        ends = self.released_at if self.canceled_at is None else self.canceled_at
        return self.created if ends is None else ends

    @property
    def changed_at(self) -> tuple[int, ...]:
        """Creation, each phase, the end."""
        starts = (phase.start for phase in self.phases)
        return tuple(sorted({self.created, self.ends_at, *(s for s in starts if s < self.ends_at)}))

    def holds(self, at: int) -> bool:
        """Does it still lead its subscription?"""
        return at < self.ends_at


def schedules(subscriptions: Sequence[SubscriptionRecord]) -> dict[str, Schedule]:
    """Every schedule, by its subscription's identifier."""
    found = {}
    for record in subscriptions:
        one_in = ONE_IN if len(record.story.changes) > 1 else TERMS_ONE_IN
        if not record.story.never_started and crc32(record.id.encode()) % one_in == 0:
            found[record.id] = _schedule(record)
    return found


def _schedule(record: SubscriptionRecord) -> Schedule:
    story = record.story
    starts = [change.at for change in story.changes]
    last = period_at(story, starts[-1]).end + LAST_PHASE_DAYS * DAY
    phases = tuple(
        Phase(change.at, end, change.items)
        for change, end in zip(story.changes, [*starts[1:], last], strict=True)
    )
    ended = story.ended_at
    is_canceled = ended is not None and ended < last
    return Schedule(record, phases, None if is_canceled else last, ended if is_canceled else None)
