"""Goals and forecasts as HubSpot shows them: what sellers are to reach, and what they expect.

Belongs here: the goals of users and teams by quarter, users' forecasts by month, and the properties
of both. Does not: what the targets are, any deal.

Every target of the company is a goal (`world.quotas`); those of people who leave before the quarter
are archived.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from revops_pipelines.sandbox.hubspot.contacts import TEAM_IDS
from revops_pipelines.sandbox.hubspot.story import Change, epoch_ms, in_order, moment_text
from revops_pipelines.sandbox.world.quotas import RAISED_AFTER, Target, following, quota, targets
from revops_pipelines.sandbox.world.world import World

GOAL_IDS_FROM, GOAL_ID_STEP = 44_027_000_000, 11
FORECAST_IDS_FROM, FORECAST_ID_STEP = 475_911_000_000, 13
USER_IDS_FROM = 9_000


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
        gone = self._targets[position].withdrawn_at
        return (None, False) if gone is None else (epoch_ms(gone), True)

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
        later = following(month, 1)
        ends = datetime(later.year, later.month, 1, tzinfo=UTC) - timedelta(milliseconds=1)
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


def _months(start: datetime, end: datetime) -> Iterator[date]:
    month = date(start.year, start.month, 1)
    while month < end.date():
        yield month
        month = following(month, 1)
