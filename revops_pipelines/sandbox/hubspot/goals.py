"""Goals and forecasts as HubSpot shows them: what sellers are to reach, and what they expect.

Belongs here: the targets of users and teams by quarter, users' forecasts by month, and the
properties of both. Does not: any deal.

The simulated company has no targets of its own; these are derived from who works there. Every user
at work when a quarter begins has a revenue target for it (`quota`), every team the sum of them,
and a target for calls that is no quota. Targets are set two weeks ahead (the first when the company
begins); every ninth is raised by a tenth six weeks later; those of people who leave before the
quarter are archived.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from revops_pipelines.sandbox.hubspot.contacts import TEAM_IDS
from revops_pipelines.sandbox.hubspot.story import Change, epoch_ms, in_order, moment_text
from revops_pipelines.sandbox.world.company import TEAMS, User
from revops_pipelines.sandbox.world.world import World

GOAL_IDS_FROM, GOAL_ID_STEP = 44_027_000_000, 11
FORECAST_IDS_FROM, FORECAST_ID_STEP = 475_911_000_000, 13
SET_AHEAD = timedelta(days=14)
RAISED_EVERY, RAISED_AFTER = 9, timedelta(days=44)
USER_IDS_FROM = 9_000


@dataclass(frozen=True, slots=True)
class Target:
    """One goal of one period: of a user or of a team; `kind` as HubSpot names the goal's type."""

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
        """Last millisecond of the quarter, as HubSpot ends a target."""
        following = _following(self.quarter, 3)
        begins = datetime(following.year, following.month, 1, tzinfo=UTC)
        return begins - timedelta(milliseconds=1)

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


class GoalTargets:
    """The goal targets, in order of id."""

    name = "goal_targets"
    modified = "hs_lastmodifieddate"
    created = "hs_createdate"

    def __init__(self, world: World) -> None:
        self._targets = targets(world)

    def __len__(self) -> int:
        return len(self._targets)

    def id(self, position: int) -> int:
        """The record's identifier."""
        return GOAL_IDS_FROM + position * GOAL_ID_STEP

    def gone(self, position: int) -> tuple[int | None, bool]:
        """When it was archived."""
        target = self._targets[position]
        left = target.user.left_at if target.user else None
        return (epoch_ms(left), True) if left and left < target.begins_at else (None, False)

    def born(self, position: int) -> int:
        """When the record appeared, epoch milliseconds."""
        return epoch_ms(self._targets[position].set_at)

    made = born

    def moments(self, position: int) -> list[int]:
        """When the record appeared and changed."""
        return [change.at for change in self.story(position)]

    def story(self, position: int) -> list[Change]:
        """All its changes."""
        return in_order(self._changes(position, self._targets[position]))

    def _changes(self, position: int, target: Target) -> Iterator[Change]:
        user = target.user
        number = (target.quarter.month + 2) // 3
        values: dict[str, str | None] = {
            "hs_object_id": str(self.id(position)),
            "hs_createdate": moment_text(target.set_at),
            "hs_goal_name": f"{target.kind.replace('_', ' ')} {target.quarter.year} Q{number}",
            "hs_goal_type": target.kind,
            "hs_milestone": "quarterly",
            "hs_target_amount": str(target.amount),
            "hs_start_datetime": moment_text(target.begins_at),
            "hs_end_datetime": moment_text(target.ends_at),
            "hs_created_by_user_id": str(USER_IDS_FROM),
            "hubspot_owner_id": user.hubspot_id if user else None,
            "hs_assignee_user_id": str(USER_IDS_FROM + user.index) if user else None,
            "hs_assignee_team_id": None if user else TEAM_IDS[target.team],
            "hs_object_source": "CRM_UI",
            "hs_object_source_label": "CRM_UI",
        }
        yield Change(epoch_ms(target.set_at), values, "CRM_UI")
        if target.raised_to is not None:
            raised = {"hs_target_amount": str(target.raised_to)}
            yield Change(epoch_ms(target.set_at + RAISED_AFTER), raised, "CRM_UI")


class Forecasts:
    """Users' forecasts of each month, in order of id; handed in on its fifth day."""

    name = "forecasts"
    modified = "hs_lastmodifieddate"
    created = "hs_createdate"

    def __init__(self, world: World) -> None:
        self._said = [
            (month, user)
            for month in _months(world.start, world.end)
            for user in world.users
            if user.at_work(_handed_in(month))
        ]

    def __len__(self) -> int:
        return len(self._said)

    def id(self, position: int) -> int:
        """The record's identifier."""
        return FORECAST_IDS_FROM + position * FORECAST_ID_STEP

    def gone(self, position: int) -> tuple[int | None, bool]:
        """Never."""
        return None, False

    def born(self, position: int) -> int:
        """When the record appeared, epoch milliseconds."""
        return epoch_ms(_handed_in(self._said[position][0]))

    made = born

    def moments(self, position: int) -> list[int]:
        """When the record appeared."""
        return [self.born(position)]

    def story(self, position: int) -> list[Change]:
        """Its only change: it appeared."""
        month, user = self._said[position]
        quarter = date(month.year, month.month - (month.month - 1) % 3, 1)
        begins = datetime(month.year, month.month, 1, tzinfo=UTC)
        following = _following(month, 1)
        ends = datetime(following.year, following.month, 1, tzinfo=UTC) - timedelta(milliseconds=1)
        boldness = 7 + (user.index * 7 + month.month) % 7
        values: dict[str, str | None] = {
            "hs_object_id": str(self.id(position)),
            "hs_createdate": moment_text(_handed_in(month)),
            "hs_amount": str(quota(user.index, quarter) // 3 * boldness // 10),
            "hs_milestone": "monthly",
            "hs_year": str(month.year),
            "hs_fiscal_month": str(month.month),
            "hs_forecast_start_date": str(epoch_ms(begins)),
            "hs_forecast_end_date": str(epoch_ms(ends)),
            "hubspot_owner_id": user.hubspot_id,
            "hs_created_by_user_id": str(USER_IDS_FROM + user.index),
            "hs_team_id": TEAM_IDS[user.team],
            "hs_object_source": "CRM_UI",
            "hs_object_source_label": "CRM_UI",
        }
        return [Change(self.born(position), values, "CRM_UI")]


def _handed_in(month: date) -> datetime:
    return datetime(month.year, month.month, 5, 9, tzinfo=UTC)


def _following(month: date, months: int) -> date:
    """The first day of the month so many later.

    >>> _following(date(2026, 11, 1), 3)
    datetime.date(2027, 2, 1)
    """
    number = month.year * 12 + month.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def _months(start: datetime, end: datetime) -> Iterator[date]:
    month = date(start.year, start.month, 1)
    while month < end.date():
        yield month
        month = _following(month, 1)


def _quarters(start: datetime, end: datetime) -> Iterator[date]:
    quarter = date(start.year, start.month - (start.month - 1) % 3, 1)
    while quarter < end.date():
        yield quarter
        quarter = _following(quarter, 3)
