"""Since when a subscription looks how, and what event each look is.

Belongs here: a subscription's instants in Chargebee's words. Does not: how it looks
(`shapes_subscription.py`).

The world's bills of paused periods do not exist at Chargebee, and neither do its renewals: a
subscription is paused from the end of a term to the day on which it is resumed. Some changes are
scheduled ahead; nothing but a flag says so until they happen.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from zlib import crc32

from revops_pipelines.sandbox.chargebee import ids
from revops_pipelines.sandbox.world.billing_calendar import DAY
from revops_pipelines.sandbox.world.billing_records import SubscriptionLook, SubscriptionRecord
from revops_pipelines.sandbox.world.billing_story import Pause

# Of so many changes one is scheduled, so long before it happens.
SCHEDULED_EVERY = 3
SCHEDULED_SECONDS = 2 * DAY

CREATED = "subscription_created"
ACTIVATED = "subscription_activated"
RENEWED = "subscription_renewed"
CHANGED = "subscription_changed"
SCHEDULED = "subscription_changes_scheduled"
CANCEL_SCHEDULED = "subscription_cancellation_scheduled"
CANCELLED = "subscription_cancelled"
PAUSE_SCHEDULED = "subscription_pause_scheduled"
PAUSED = "subscription_paused"
RESUME_SCHEDULED = "subscription_resumption_scheduled"
RESUMED = "subscription_resumed"
DUE = ""


@dataclass(frozen=True)
class Life:
    """A subscription's instants, each with the event that it is (empty: none of its own)."""

    record: SubscriptionRecord
    marks: tuple[tuple[int, str], ...]
    looks: tuple[int, ...]

    @property
    def id(self) -> str:
        """The subscription's identifier."""
        return ids.subscription_id(self.record.id)

    def look(self, at: int) -> SubscriptionLook:
        """The world's look at an instant; while paused, the last one before."""
        pause = self.pause(at)
        until = at if pause is None else pause.start - 1
        return self.record.looks[max(0, bisect_right(self.record.changed_at, until) - 1)]

    def pause(self, at: int) -> Pause | None:
        """The pause that an instant falls in."""
        ended = self.record.story.ended_at
        if ended is not None and at >= ended:
            return None
        for pause in self.record.story.pauses:
            if pause.start <= at and (pause.end is None or at < pause.end):
                return pause
        return None

    def scheduled_for(self, at: int) -> int | None:
        """When the change that is scheduled as of an instant will happen."""
        for change_at, known_at in scheduled(self.record).items():
            if known_at <= at < change_at:
                return change_at
        return None


def life_of(record: SubscriptionRecord) -> Life:
    """The instants of a subscription. What is told first of one instant gives its event."""
    story = record.story
    found: dict[int, str] = {story.created: CREATED}
    if story.ending is not None:
        found.setdefault(story.ending.at, CANCELLED)
        if story.ending.kind == "at_period_end":
            found.setdefault(story.ending.requested_at, CANCEL_SCHEDULED)
    for pause in story.pauses:
        found.setdefault(pause.set_at, PAUSE_SCHEDULED)
        found.setdefault(pause.start, PAUSED)
        if pause.end is not None and pause.unset_at is not None:
            found.setdefault(pause.unset_at, RESUME_SCHEDULED)
            found.setdefault(pause.end, RESUMED)
    for change in story.changes[1:]:
        found.setdefault(change.at, CHANGED)
    for known_at in scheduled(record).values():
        found.setdefault(known_at, SCHEDULED)
    if story.trial_end is not None:
        found.setdefault(story.trial_end, ACTIVATED)
    _add_the_rest(record, found)
    last = record.looks[-1].ended_at
    marks = sorted((at, kind) for at, kind in found.items() if last is None or at <= last)
    return Life(record, tuple(marks), tuple(at for at, _ in marks))


def _add_the_rest(record: SubscriptionRecord, found: dict[int, str]) -> None:
    """Renewals outside of pauses, and when unpaid bills were due or paid."""
    before = record.looks[0]
    for look in record.looks[1:]:
        is_paused = any(
            pause.start <= look.at and (pause.end is None or look.at < pause.end)
            for pause in record.story.pauses
        )
        renews = look.period_start != before.period_start
        if not is_paused:
            found.setdefault(look.at, RENEWED if renews else DUE)
        before = look


def scheduled(record: SubscriptionRecord) -> dict[int, int]:
    """Changes that were scheduled: when each happens, and since when that is known."""
    found = {}
    earlier = record.created
    for change in record.story.changes[1:]:
        chosen = crc32(f"{record.id}:{change.at}".encode()) % SCHEDULED_EVERY == 0
        known_at = change.at - SCHEDULED_SECONDS
        if chosen and known_at > earlier and not change.resets:
            found[change.at] = known_at
        earlier = change.at
    return found
