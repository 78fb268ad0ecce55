"""What the company's people and teams are to reach, quarter by quarter.

Belongs here: the targets. Does not: how a CRM keeps them (its own folder), or whether they are
reached.

They are derived from who works there. Every user at work when a quarter begins has a revenue target
for it (`quota`), every team the sum of them, and a target for calls that is no quota. Targets are
set two weeks ahead (the first when the company begins); every ninth is raised by a tenth six weeks
later; those of people who leave before the quarter are withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from revops_pipelines.sandbox.world.company import TEAMS, User
from revops_pipelines.sandbox.world.world import World

SET_AHEAD = timedelta(days=14)
RAISED_EVERY, RAISED_AFTER = 9, timedelta(days=44)


@dataclass(frozen=True, slots=True)
class Target:
    """One target of one quarter: of a user or of a team; `kind` is sales_quota or calls_made."""

    kind: str
    quarter: date
    set_at: datetime
    user: User | None
    team: str
    amount: int
    raised_to: int | None

    @property
    def begins_at(self) -> datetime:
        """First instant of the quarter."""
        return datetime(self.quarter.year, self.quarter.month, 1, tzinfo=UTC)

    @property
    def ends_at(self) -> datetime:
        """Last millisecond of the quarter, as CRMs end a target."""
        later = following(self.quarter, 3)
        begins = datetime(later.year, later.month, 1, tzinfo=UTC)
        return begins - timedelta(milliseconds=1)

    @property
    def withdrawn_at(self) -> datetime | None:
        """When its user left, if that was before the quarter."""
        left = self.user.left_at if self.user else None
        return left if left is not None and left < self.begins_at else None

    def amount_at(self, now: datetime) -> int:
        """The target as it stands then."""
        raised = self.raised_to is not None and self.set_at + RAISED_AFTER <= now
        return self.raised_to if raised and self.raised_to is not None else self.amount


def quota(user_index: int, quarter: date) -> int:
    """A seller's target of a quarter in dollars: 60,000 and more, 2,000 more each quarter.

    >>> quota(0, date(2026, 1, 1)), quota(3, date(2026, 4, 1))
    (60000, 77000)
    """
    quarters = (quarter.year - 2026) * 4 + (quarter.month - 1) // 3
    return 60_000 + 5_000 * (user_index % 7) + 2_000 * quarters


def targets(world: World) -> list[Target]:
    """All targets from the world's first quarter to its last, in the order they were set."""
    found: list[Target] = []
    for quarter in _quarters(world.start, world.end):
        begins = datetime(quarter.year, quarter.month, 1, tzinfo=UTC)
        at = max(begins - SET_AHEAD, world.start)
        known = [user for user in world.users if user.at_work(at)]
        for user in known:
            amount = quota(user.index, quarter)
            raised = amount * 11 // 10 if (len(found) + 1) % RAISED_EVERY == 0 else None
            found.append(Target("sales_quota", quarter, at, user, user.team, amount, raised))
        for team in TEAMS:
            members = [user for user in known if user.team == team.name]
            total = sum(quota(user.index, quarter) for user in members)
            if members:
                found.append(Target("sales_quota", quarter, at, None, team.name, total, None))
                calls = 400 * len(members)
                found.append(Target("calls_made", quarter, at, None, team.name, calls, None))
    return found


def following(month: date, months: int) -> date:
    """The first day of the month so many later.

    >>> following(date(2026, 11, 1), 3)
    datetime.date(2027, 2, 1)
    """
    number = month.year * 12 + month.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def _quarters(start: datetime, end: datetime) -> Iterator[date]:
    quarter = date(start.year, start.month - (start.month - 1) % 3, 1)
    while quarter < end.date():
        yield quarter
        quarter = following(quarter, 3)


def quotas(world: World) -> list[tuple[User, Target]]:
    """The revenue targets of users alone, in the order they were set."""
    return [
        (target.user, target)
        for target in targets(world)
        if target.kind == "sales_quota" and target.user is not None
    ]
