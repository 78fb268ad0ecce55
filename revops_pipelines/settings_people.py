"""The tables of revops.toml about our own people: who they are, when they are away, who is told.

Belongs here: `[people]`, `[teams]` and `[escalation]`. Does not: working hours of a team
(`[calendars]`, in `settings_tables`), or where messages go (`[channels]`).
"""

from __future__ import annotations

import re
from datetime import date

from pydantic import Field, field_validator, model_validator

from revops_pipelines.engine.alerts.channel import QuietHours
from revops_pipelines.engine.alerts.declaration import Severity
from revops_pipelines.settings_calendars import BusinessCalendar, Table

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


def known_address(address: str) -> str:
    """A mail address, lower case. Raises ValueError."""
    if address and not _ADDRESS.fullmatch(address):
        raise ValueError("write a mail address, such as ana@example.com")
    return address.lower()


def days_of(span: str) -> tuple[date, date]:
    """First and last day of `2026-07-01/2026-07-14`, or of one day. Raises ValueError."""
    first, _, last = span.partition("/")
    days = date.fromisoformat(first.strip()), date.fromisoformat((last or first).strip())
    if days[0] > days[1]:
        raise ValueError(f"{span}: the first day comes after the last")
    return days


class Person(Table):
    """One of our own people, under their mail address: `[people."ana@example.com"]`."""

    name: str = Field("", description="Name, as the CRM spells it.")
    team: str = Field("", description="Team, where the CRM does not say it.")
    absent: tuple[str, ...] = Field(
        (), description='Days away, "2026-07-01/2026-07-14" or one day; both ends included.'
    )
    calendar: BusinessCalendar | None = Field(
        None, description="Own working hours; else those of the team."
    )
    quiet_hours: QuietHours | None = Field(
        None, description="When messages to this person alone are held; critical ones are not."
    )

    @field_validator("absent")
    @classmethod
    def _are_days(cls, spans: tuple[str, ...]) -> tuple[str, ...]:
        for span in spans:
            days_of(span)
        return spans

    @property
    def absences(self) -> tuple[tuple[date, date], ...]:
        """First and last day of each absence."""
        return tuple(days_of(span) for span in self.absent)


class Team(Table):
    """A team, under the name that the CRM gives it."""

    lead: str = Field("", description="Mail address of who is told when an owner does not answer.")

    _address = field_validator("lead")(known_address)


def _after_minutes() -> dict[Severity, tuple[int, ...]]:
    return {"critical": (30, 60), "warning": (240, 480)}


def _repeat_hours() -> dict[Severity, float]:
    return {"critical": 4.0, "warning": 24.0}


class Escalation(Table):
    """Who is told when nobody acknowledges an alert, and when it is told again."""

    fallback: str = Field("", description="Mail address of who is told at the last.")
    after_minutes: dict[Severity, tuple[int, ...]] = Field(
        default_factory=_after_minutes,
        description="Minutes that the owner has, then the lead: working ones, unless critical.",
    )
    repeat_hours: dict[Severity, float] = Field(
        default_factory=_repeat_hours,
        description="Hours after which what nobody acknowledged is told again; none: never.",
    )
    most_repeats: int = Field(
        10, ge=0, description="How often one alert is told again at the most."
    )
    page_url: str = Field(
        "",
        pattern=r"^(https?://[^\s?#]+)?$",
        description="Where people reach the inbox page, for links in messages; empty: no links.",
    )
    page_port: int = Field(
        3070, ge=0, le=65535, description="Port of the inbox page on 127.0.0.1; 0: a free one."
    )

    _address = field_validator("fallback")(known_address)

    @model_validator(mode="after")
    def _are_spans(self) -> Escalation:
        if any(minutes <= 0 for steps in self.after_minutes.values() for minutes in steps):
            raise ValueError("after_minutes are more than 0")
        if any(hours <= 0 for hours in self.repeat_hours.values()):
            raise ValueError("repeat_hours are more than 0; leave a severity out for never")
        return self
