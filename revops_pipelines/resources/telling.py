"""Whom alerts are told to and when again, as revops.toml says it.

Belongs here: joining `[people]`, `[teams]`, `[calendars]`, `[escalation]` and the rules' options
into the relay's policy. Does not: what the relay does with it (`engine.alerts.follow_up`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from revops_pipelines.engine.alerts.declaration import RuleOptions
from revops_pipelines.engine.alerts.follow_up import Policy
from revops_pipelines.engine.alerts.links import Links, link_key
from revops_pipelines.engine.alerts.people import Directory, Person
from revops_pipelines.engine.metrics.business_time import WorkingHours
from revops_pipelines.settings import Settings
from revops_pipelines.settings_calendars import BusinessCalendar


def policy_of(settings: Settings, options: Mapping[str, RuleOptions]) -> Policy:
    """The policy in force; `options` are those of all rules, by name.

    Reads no file but the key of links, when the first link is made.
    """
    escalation = settings.escalation
    return Policy(
        directory=directory_of(settings),
        repeat={
            severity: timedelta(hours=hours) for severity, hours in escalation.repeat_hours.items()
        },
        pass_on={severity: _minutes(steps) for severity, steps in escalation.after_minutes.items()},
        rule_repeat={
            rule: timedelta(hours=own.repeat_hours) if own.repeat_hours else None
            for rule, own in options.items()
            if own.repeat_hours is not None
        },
        rule_pass_on={
            rule: _minutes(own.escalate_after_minutes)
            for rule, own in options.items()
            if own.escalate_after_minutes is not None
        },
        most_repeats=escalation.most_repeats,
        links=Links(escalation.page_url, lambda: link_key(settings.link_key_path)),
    )


def directory_of(settings: Settings) -> Directory:
    """Everybody whom revops.toml names, with their working hours and absences."""
    hours = {name: hours_of(calendar) for name, calendar in settings.calendars.items()}
    return Directory(
        people={
            address.lower(): Person(
                email=address.lower(),
                name=person.name,
                team=person.team,
                absences=person.absences,
                hours=_own_hours(hours, person.calendar, person.team, person.absences),
                quiet=person.quiet_hours,
            )
            for address, person in settings.people.items()
        },
        leads={name: team.lead for name, team in settings.teams.items() if team.lead},
        fallback=settings.escalation.fallback,
        hours=hours,
    )


def hours_of(calendar: BusinessCalendar) -> WorkingHours:
    """A calendar of the settings as working hours."""
    return WorkingHours(
        calendar.time_zone, calendar.days, calendar.opens, calendar.closes, calendar.holidays
    )


def _own_hours(
    hours: Mapping[str, WorkingHours],
    calendar: BusinessCalendar | None,
    team: str,
    absences: Any,
) -> WorkingHours | None:
    """A person's own hours, else the team's, without the days away."""
    own = hours_of(calendar) if calendar else hours.get(team) or hours.get("default")
    return replace(own, absences=absences) if own else None


def _minutes(steps: tuple[int, ...]) -> tuple[timedelta, ...]:
    return tuple(timedelta(minutes=minutes) for minutes in steps)
