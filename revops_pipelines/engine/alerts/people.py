"""Whom an alert is for: its owner, or who stands in while the owner is away.

Belongs here: the people and teams that revops.toml names, and the chain of receivers made of them.
Does not: when the next of the chain is told (`follow_up`), or how (`planning`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from revops_pipelines.engine.metrics.business_time import WorkingHours

NOBODY = "nobody owns it"


@dataclass(frozen=True, slots=True)
class Receiver:
    """The one of our own people whom an event is for; `email` is empty where it is not known.

    `role` is `owner`, `lead` (of the owner's team) or `fallback`. `why` says, for its reader, why
    it is not the owner; empty where it is.
    """

    name: str
    email: str = ""
    role: str = "owner"
    why: str = ""

    @property
    def key(self) -> str:
        """What tells one receiver from another."""
        return self.email or self.name

    def as_text(self) -> dict[str, str]:
        """As it stands in a notice."""
        return asdict(self)


def receiver_of(notice: Mapping[str, Any]) -> Receiver | None:
    """Whom an event is for, by its notice as told; None when nobody is known."""
    found = notice.get("receiver")
    return Receiver(**found) if found else None


@dataclass(frozen=True, slots=True)
class Person:
    """One of our own: `absences` are first and last day away, `hours` theirs or their team's."""

    email: str
    name: str = ""
    team: str = ""
    absences: tuple[tuple[date, date], ...] = ()
    hours: WorkingHours | None = None
    quiet: Any = None

    def away_until(self, at: datetime) -> date | None:
        """The last day of the absence that holds at that instant, where the person is."""
        zone = ZoneInfo(self.hours.time_zone) if self.hours else UTC
        today = at.astimezone(zone).date()
        ends = [last for first, last in self.absences if first <= today <= last]
        return max(ends, default=None)


@dataclass(frozen=True, slots=True)
class Directory:
    """Everybody who can be told: people by address, each team's lead, and who answers at the last.

    `hours` are the working hours by team, `default` for the others.
    """

    people: Mapping[str, Person] = field(default_factory=dict)
    leads: Mapping[str, str] = field(default_factory=dict)
    fallback: str = ""
    hours: Mapping[str, WorkingHours] = field(default_factory=dict)

    def person(self, email: str | None, name: str | None = None) -> Person | None:
        """By address; else by a name that only one of them bears."""
        if email and (known := self.people.get(email.lower())):
            return known
        if email or not name:
            return None
        same = [each for each in self.people.values() if each.name.lower() == name.lower()]
        return same[0] if len(same) == 1 else None

    def chain(self, notice: Mapping[str, Any], at: datetime) -> tuple[Receiver, ...]:
        """Who is told, in this order: owner, lead of the team, fallback.

        Who is away, has left or is not there is passed over, and the next one's `why` says so.
        Nobody is in it twice; it is empty where nobody is known at all.
        """
        found: dict[str, Receiver] = {}
        passed_over: list[str] = []
        for role, person, is_gone in self._candidates(notice):
            if person is None:
                passed_over += [NOBODY] if role == "owner" else []
                continue
            name = person.name or person.email
            if reason := _unreachable(person, name, is_gone, at):
                passed_over.append(reason)
            elif (person.email or name) not in found:
                why = "" if role == "owner" else "; ".join(passed_over)
                found[person.email or name] = Receiver(name, person.email, role, why)
        return tuple(found.values())

    def hours_of(self, receiver: Receiver | None, team: str | None) -> WorkingHours | None:
        """When that receiver works; else the team; else everybody."""
        person = self.people.get(receiver.email) if receiver else None
        if person and person.hours:
            return person.hours
        return self.hours.get(team or "") or self.hours.get("default")

    def _candidates(self, notice: Mapping[str, Any]) -> Iterator[tuple[str, Person | None, bool]]:
        owner, team = self._owner(notice), notice.get("team")
        yield "owner", owner, bool(notice.get("is_owner_gone"))
        team = team or (owner.team if owner else "")
        for role, email in (("lead", self.leads.get(team or "")), ("fallback", self.fallback)):
            if email:
                yield role, self.people.get(email.lower()) or Person(email.lower()), False

    def _owner(self, notice: Mapping[str, Any]) -> Person | None:
        text, email = notice.get("owner"), notice.get("owner_email")
        name = _name_in(text)
        if not email:
            # What a whole team owns is for its lead.
            email = self.leads.get(str(text or ""))
        known = self.person(email, name)
        if known is not None:
            return known
        if not (name or email):
            return None
        return Person(str(email or "").lower(), name, str(notice.get("team") or ""))


def _name_in(owner: str | None) -> str:
    """The name that an owner's text begins with: `Ana Diaz (has left), SDR` is `Ana Diaz`."""
    return (owner or "").partition("(")[0].partition(",")[0].strip()


def _unreachable(person: Person, name: str, is_gone: bool, at: datetime) -> str:
    if is_gone:
        return f"{name} has left"
    until = person.away_until(at)
    return f"{name} is away until {until:%Y-%m-%d}" if until else ""
