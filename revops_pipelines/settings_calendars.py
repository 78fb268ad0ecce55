"""What tables of revops.toml are made of, and working hours, which several of them hold.

Belongs here: the shape of a table, zones, `[calendars]`. Does not: any other table
(`settings_tables`, `settings_people`), or reading the file (`settings`).
"""

from __future__ import annotations

from typing import Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator

from revops_pipelines.engine.plugin_tables import nearest


def known_zone(zone: str) -> str:
    """The zone itself if the time-zone database has it; raises ValueError with the nearest."""
    if zone not in available_timezones():
        raise ValueError(f"no such IANA time zone; {nearest(zone, available_timezones())}")
    return zone


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Table(BaseModel):
    """A table of revops.toml: unknown keys are errors, values never change after reading."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BusinessCalendar(Table):
    """When a team works."""

    time_zone: str = Field("UTC", description="IANA zone of the team.")
    days: tuple[Day, ...] = Field(
        ("mon", "tue", "wed", "thu", "fri"), description="Working days of the week."
    )
    opens: str = Field("09:00", pattern=r"^\d\d:\d\d$", description="Local time work begins.")
    closes: str = Field("17:00", pattern=r"^\d\d:\d\d$", description="Local time work ends.")
    holidays: str | None = Field(
        None, description="Country (US) or country and subdivision (DE-BY) whose holidays are off."
    )

    _known_zone = field_validator("time_zone")(known_zone)
