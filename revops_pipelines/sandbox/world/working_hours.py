"""When our people work: each team's days, hours and holidays.

Belongs here: arithmetic in working time for the simulation. Does not: the product's own business
clock, which is written and tested apart, so that the two can disagree.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

import holidays

from revops_pipelines.sandbox.world.company import TEAMS, Team

OPENS, CLOSES = time(9), time(17)


class WorkingHours:
    """One team's working days between two instants; 09:00 to 17:00 where the team is."""

    def __init__(self, team: Team, start: datetime, end: datetime) -> None:
        zone = ZoneInfo(team.time_zone)
        first, last = start.date() - timedelta(days=7), end.date() + timedelta(days=60)
        free = holidays.country_holidays(team.holidays, years=range(first.year, last.year + 1))
        self._opens: list[datetime] = []
        self._before: list[float] = []
        worked = 0.0
        day: date = first
        while day <= last:
            if day.weekday() < 5 and day not in free:
                opens = datetime.combine(day, OPENS, zone).astimezone(UTC)
                self._opens.append(opens)
                self._before.append(worked)
                closes = datetime.combine(day, CLOSES, zone).astimezone(UTC)
                worked += (closes - opens).total_seconds()
            day += timedelta(days=1)
        self._day_seconds = worked / len(self._opens)

    def worked(self, moment: datetime) -> float:
        """Working seconds from the beginning until the moment."""
        position = bisect_right(self._opens, moment) - 1
        if position < 0:
            return 0.0
        inside = (moment - self._opens[position]).total_seconds()
        return self._before[position] + min(inside, self._day_seconds)

    def at(self, worked: float) -> datetime:
        """The moment by which so many seconds were worked; inside working hours."""
        position = bisect_right(self._before, worked) - 1
        position = min(max(position, 0), len(self._opens) - 1)
        return self._opens[position] + timedelta(seconds=worked - self._before[position])

    def later(self, moment: datetime, seconds: float) -> datetime:
        """The moment after so many working seconds; off hours wait for the next opening."""
        return self.at(self.worked(moment) + seconds)

    def between(self, random: Random, start: datetime, end: datetime) -> datetime:
        """Some moment in working hours, or simply between where nobody works in between."""
        low, high = self.worked(start), self.worked(end)
        if high - low < 60:
            return start + (end - start) * random.random()
        return self.at(random.uniform(low, high))


def working_hours(start: datetime, end: datetime) -> dict[str, WorkingHours]:
    """Every team's, by its name."""
    return {team.name: WorkingHours(team, start, end) for team in TEAMS}
