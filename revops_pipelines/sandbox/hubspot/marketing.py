"""What marketing did, arranged as HubSpot shows it.

Belongs here: the world's programs, mails, forms and members, found fast at any moment. Does not:
how they are written (`marketing_records.py`) or asked for (`campaigns_api.py` and its neighbours).

The same programs, costs and activities as Marketo's, with these differences. A campaign has no
costs by month: its spend items have names and the moment they were entered, and the people of the
simulated company begin the name with the month. Forms are shared by all campaigns: a submission
names its campaign in the page's address (`utm_campaign`), the campaign the same in `hs_utm`. Every
program has a static list of its members, who are in it once. A person is a contact: what Marketo
knows of two leads of one person is one contact's here, and a lead that only marketing removed there
is still a contact here.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from revops_pipelines.sandbox.hubspot.marketing_ids import list_id
from revops_pipelines.sandbox.world import marketing_shapes as shapes
from revops_pipelines.sandbox.world.marketing import RAISING_FORMS, READING_FORMS
from revops_pipelines.sandbox.world.marketing_shapes import Activity, Program, Scalar
from revops_pipelines.sandbox.world.world import World

FORMS = (*RAISING_FORMS, *READING_FORMS)
EVENT_TYPES: Mapping[int, str] = {
    shapes.SEND: "SENT",
    shapes.DELIVERED: "DELIVERED",
    shapes.BOUNCED: "BOUNCE",
    shapes.SOFT_BOUNCED: "BOUNCE",
    shapes.OPEN: "OPEN",
    shapes.CLICK: "CLICK",
    shapes.UNSUBSCRIBED: "STATUSCHANGE",
}
# Which of an entry's details names the run of the campaign that sent the mail.
_RUN_AT = {
    shapes.SEND: 0,
    shapes.DELIVERED: 0,
    shapes.BOUNCED: 3,
    shapes.SOFT_BOUNCED: 3,
    shapes.OPEN: 2,
    shapes.CLICK: 2,
}


class Mailing(NamedTuple):
    """A marketing e-mail: its number and name, its program, and when it was first sent."""

    mailing_id: int
    name: str
    program_id: int
    first_sent_at: int


class Submission(NamedTuple):
    """A form filled in."""

    activity: Activity
    email: str
    first_name: str
    last_name: str
    program: Program


class Event(NamedTuple):
    """Something that a mail or its reader did; `sent` is the sending it goes back to."""

    activity: Activity
    type: str
    email: str
    sent: Activity | None


class MarketingShelf:
    """Marketing's things of one world.

    `submissions` by form and `events` are in order of time; `members` is by list, then by the
    contact's position, the second since when it is a member.
    """

    def __init__(self, world: World) -> None:
        self.programs: Sequence[Program] = world.marketing.programs
        self._program_of_name = {program.name: program for program in self.programs}
        self._people = {
            lead.lead_id: world.people[lead.person_index] for lead in world.marketing.leads
        }
        self._contact_of: dict[int, int] = {}
        for position, contact in enumerate(world.contacts):
            # Until a merge made a third record, the person was the former one.
            if contact.kind == "former" or (
                contact.kind == "primary" and contact.person_index not in self._contact_of
            ):
                self._contact_of[contact.person_index] = position
        self._sent: dict[tuple[int, int | None, Scalar], Activity] = {}
        self.mailings: dict[int, Mailing] = {}
        self.submissions: dict[str, list[Submission]] = {name: [] for name in FORMS}
        self.events: list[Event] = []
        self.members: dict[str, dict[int, int]] = {}
        for activity in world.marketing.activities:
            self._shelve(activity)
        self._events_at = [event.activity.at for event in self.events]
        self._submitted_at = {
            name: [each.activity.at for each in every] for name, every in self.submissions.items()
        }

    def program_called(self, name: str) -> Program | None:
        """The program of a name."""
        return self._program_of_name.get(name)

    def programs_at(self, now: int) -> list[Program]:
        """Programs that exist at a second."""
        return [program for program in self.programs if program.created_at <= now]

    def mailings_at(self, now: int) -> list[Mailing]:
        """Mails that were sent by a second, in order of their number."""
        return [
            mailing for _, mailing in sorted(self.mailings.items()) if mailing.first_sent_at <= now
        ]

    def submitted(self, form: str, before: int, now: int) -> Iterator[tuple[int, Submission]]:
        """Submissions of a form below a position, the newest first, with their positions."""
        every = self.submissions[form]
        position = min(before, bisect_right(self._submitted_at[form], now))
        while position:
            position -= 1
            if every[position].activity.seen_at <= now:
                yield position, every[position]

    def events_between(
        self, since: int, until: int, before: int, now: int
    ) -> Iterator[tuple[int, Event]]:
        """Events of a closed range of seconds below a position, the newest first."""
        first = bisect_left(self._events_at, since)
        position = min(before, bisect_right(self._events_at, min(until, now)))
        while position > first:
            position -= 1
            if self.events[position].activity.seen_at <= now:
                yield position, self.events[position]

    def _shelve(self, activity: Activity) -> None:
        person = self._people[activity.lead_id]
        email = person.email.lower()
        if activity.type_id == shapes.FORM:
            program, form = str(activity.value).rsplit(".", 1)
            self.submissions[form].append(
                Submission(
                    activity,
                    email,
                    person.first_name,
                    person.last_name,
                    self._program_of_name[program],
                )
            )
        elif activity.type_id in EVENT_TYPES:
            kind = EVENT_TYPES[activity.type_id]
            self.events.append(Event(activity, kind, email, self._sending(activity)))
            self._note_mailing(activity)
        elif activity.type_id == shapes.PROGRESSION and activity.value_id is not None:
            members = self.members.setdefault(list_id(activity.value_id), {})
            members.setdefault(self._contact_of[person.index], activity.at)

    def _sending(self, activity: Activity) -> Activity | None:
        """The sending of a mail that an entry goes back to; sendings are remembered by run."""
        place = _RUN_AT.get(activity.type_id)
        if place is None:
            return None
        key = (activity.lead_id, activity.value_id, activity.details[place])
        if activity.type_id == shapes.SEND:
            self._sent[key] = activity
            return None
        return self._sent.get(key)

    def _note_mailing(self, activity: Activity) -> None:
        number, name = int(activity.value_id or 0), str(activity.value)
        if number not in self.mailings:
            program = self._program_of_name[name.rsplit(".", 1)[0]]
            self.mailings[number] = Mailing(number, name, program.program_id, activity.at)
