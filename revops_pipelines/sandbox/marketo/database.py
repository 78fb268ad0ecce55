"""What Marketo's lead database holds at an instant, found fast.

Belongs here: the simulated marketing with the indexes that answers need. Does not: paths, bodies.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.world.marketing_shapes import (
    PROGRESSION,
    Activity,
    Marketing,
    MarketoLead,
)


class Database:
    """Leads and activities that exist by the sandbox's clock."""

    def __init__(self, marketing: Marketing, clock: SandboxClock) -> None:
        self.programs = marketing.programs
        self._clock = clock
        self._activities = marketing.activities
        self._times = [activity.at for activity in marketing.activities]
        self._by_creation = sorted(marketing.leads, key=lambda lead: lead.created_at)
        self._created = [lead.created_at for lead in self._by_creation]
        self._leads = {lead.lead_id: lead for lead in marketing.leads}
        self._by_email: dict[str, list[MarketoLead]] = {}
        for lead in marketing.leads:
            self._by_email.setdefault(str(lead.values[1]).lower(), []).append(lead)

        self._progressions: dict[int, list[Activity]] = {}
        for activity in marketing.activities:
            if activity.type_id == PROGRESSION and activity.value_id is not None:
                self._progressions.setdefault(activity.value_id, []).append(activity)

    def now(self) -> int:
        """The sandbox's clock, in whole epoch seconds."""
        return int(self._clock.now().timestamp())

    def lead(self, lead_id: int) -> MarketoLead | None:
        """A lead that exists now."""
        lead = self._leads.get(lead_id)
        return lead if lead is not None and lead.is_there(self.now()) else None

    def leads_of_email(self, email: str) -> list[MarketoLead]:
        """Leads with an address, in whatever case: there may be two."""
        now = self.now()
        return [lead for lead in self._by_email.get(email.lower(), ()) if lead.is_there(now)]

    def leads_created(self, since: int, until: int) -> list[MarketoLead]:
        """Leads created in a closed range that exist now."""
        now = self.now()
        first, last = bisect_left(self._created, since), bisect_right(self._created, until)
        return [lead for lead in self._by_creation[first:last] if lead.is_there(now)]

    def leads_updated(self, since: int, until: int) -> list[MarketoLead]:
        """Leads whose last change of any field lies in a closed range."""
        now = self.now()
        return [
            lead
            for lead in self._by_creation
            if lead.is_there(now) and since <= _touched_at(lead, now) <= until
        ]

    def progressions(self, program_id: int) -> Iterator[Activity]:
        """Changes of people's status in a program, oldest first, as far as they are shown."""
        now = self.now()
        for activity in self._progressions.get(program_id, ()):
            if activity.at <= now and activity.seen_at <= now:
                yield activity

    def position(self, since: int) -> int:
        """Where the activities of a moment begin, for `from_position`."""
        return bisect_left(self._times, since)

    def from_position(self, position: int) -> Iterator[tuple[int, Activity]]:
        """Activities with their positions, through now; the ones not shown yet are passed over."""
        now = self.now()
        while position < len(self._activities):
            activity = self._activities[position]
            if activity.at > now:
                return
            if activity.seen_at <= now:
                yield position, activity
            position += 1

    def activities_between(self, since: int, until: int) -> Iterator[Activity]:
        """Activities of a closed range."""
        for _, activity in self.from_position(self.position(since)):
            if activity.at > until:
                return
            yield activity


def _touched_at(lead: MarketoLead, now: int) -> int:
    touched = lead.created_at
    for change in lead.changes:
        if change.at <= now:
            touched = change.at
    return touched
