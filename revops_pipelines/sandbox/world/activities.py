"""What our people and the prospects did: the record, its order and its identifiers.

Belongs here: the shape of an activity and which of them is a touch. Does not: who did what when
(`journeys.py` for leads, `deal_work.py` for deals and customers).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

KINDS = ("email", "call", "meeting", "task", "note", "communication")
ACTIVITY_IDS_FROM, ACTIVITY_ID_STEP = 79_000_000_000, 7


@dataclass(frozen=True, slots=True)
class Activity:
    """One activity, as it happened and as it was written down.

    `at` is when it happened or will (a meeting's start, a task's due time); `recorded_at` when its
    record was made; `contacts` are positions in `World.contacts`. `by` says who did it: human (one
    of us), sequence, workflow or out_of_office (our machines), prospect or prospect_machine.
    `outcome` is how it stands at first, and from `settled_at` on it is `settled`: a mail found to
    have bounced, a meeting held, a task done.
    """

    kind: str
    at: datetime
    recorded_at: datetime
    contacts: tuple[int, ...]
    deal_index: int | None
    user_index: int | None
    by: str
    outcome: str
    settled_at: datetime | None = None
    settled: str | None = None
    deleted_at: datetime | None = None

    def outcome_at(self, now: datetime) -> str:
        """How it stands then."""
        if self.settled is not None and self.settled_at is not None and self.settled_at <= now:
            return self.settled
        return self.outcome

    def touches(self, now: datetime) -> bool:
        """A person of ours reached out, and as far as is known then it was not returned.

        A task or a note reaches nobody; a bounced mail or a meeting that was called off neither;
        a call that nobody took is a touch. A deleted record proves nothing any more.
        """
        return (
            self.by == "human"
            and self.kind in ("email", "call", "meeting", "communication")
            and self.at <= now
            and self.recorded_at <= now
            and (self.deleted_at is None or self.deleted_at > now)
            and self.outcome_at(now) not in ("bounced", "canceled", "rescheduled", "no_show")
        )

    def both_spoke(self, now: datetime) -> bool:
        """Both sides took part: a call that was taken, a meeting held, a mail written back."""
        if self.at > now or (self.deleted_at is not None and self.deleted_at <= now):
            return False
        outcome = self.outcome_at(now)
        if self.kind == "email":
            return self.by == "prospect"
        return (self.kind, outcome) in (("call", "connected"), ("meeting", "completed"))


def in_order(activities: Iterable[Activity]) -> tuple[Activity, ...]:
    """Sorted by when they were recorded; an activity's identifier follows from its position."""
    return tuple(sorted(activities, key=lambda activity: activity.recorded_at))


def to_the_milli(moment: datetime) -> datetime:
    """Cut to the millisecond, which is what a CRM keeps."""
    return moment.replace(microsecond=moment.microsecond // 1_000 * 1_000)


def activity_id(position: int) -> int:
    """HubSpot's identifier of the activity at a position; unique across kinds."""
    return ACTIVITY_IDS_FROM + position * ACTIVITY_ID_STEP
