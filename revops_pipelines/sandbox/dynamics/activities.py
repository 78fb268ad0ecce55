"""Phone calls, e-mails, appointments, tasks, social activities and notes, and who took part.

Belongs here: these rows. Does not: touches by marketing (`marketing.py`).

What tells people from machines: `isworkflowcreated` (a workflow's), `createdby` an application user
(a sequence's mail, a booking), a subject that begins with "Automatic reply:". A call's status
reason says how it ended; `leftvoicemail` a message left. A mail that came back is Failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from revops_pipelines.sandbox.dynamics.company import BOOKINGS, SEQUENCES, Company
from revops_pipelines.sandbox.dynamics.ids import ACTIVITY_TABLES, guid
from revops_pipelines.sandbox.dynamics.people import People
from revops_pipelines.sandbox.dynamics.shapes import OWN
from revops_pipelines.sandbox.dynamics.story import Change, Ref, epoch_ms, in_order
from revops_pipelines.sandbox.world.activities import Activity, activity_id

SUBJECTS = (
    "Your request",
    "Next steps",
    "Following up on our conversation",
    "Pricing you asked for",
    "Agenda for our call",
    "Quick question",
)
TEXT = (
    "Thank you for your interest in what we do. You asked how other companies of your size report "
    "on their revenue; I have put together two examples that seem close to your case."
)
# Outcome of a call -> its status reason.
CALL_REASONS = {
    "connected": OWN,
    "no_answer": OWN + 1,
    "busy": OWN + 2,
    "wrong_number": OWN + 3,
    "voicemail": 2,
}
MEETING_STATES = {
    "scheduled": (3, 5),
    "completed": (1, 3),
    "canceled": (2, 4),
    "no_show": (2, OWN),
    "rescheduled": (2, OWN + 1),
}
SENDER, RECIPIENT, ATTENDEE, REGARDING, OWNER = 1, 2, 5, 8, 9


class Told:
    """What the rows of activities have in common: their pointers and their makers."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.company: Company = people.company
        self.world = people.world

    def maker(self, activity: Activity) -> Ref:
        """Who or what wrote it down."""
        if activity.by == "sequence":
            return self.company.machine(SEQUENCES)
        if activity.kind == "meeting" and activity.by == "prospect":
            return self.company.machine(BOOKINGS)
        return self.owner(activity)

    def owner(self, activity: Activity) -> Ref:
        """Whose activity it is; nobody's belong to the queue."""
        if activity.user_index is None:
            return self.company.queue
        return self.company.user(activity.user_index)

    def regarding(self, activity: Activity, name: str) -> list[Change]:
        """What it is about: the deal, or else the person."""
        born = epoch_ms(activity.recorded_at)
        if activity.deal_index is None:
            if not activity.contacts:
                return []
            return self.people.pointer(activity.contacts[0], born, name)
        deal = self.world.deals[activity.deal_index]
        number = int(deal.hubspot_id)
        changes = [Change(born, {name: Ref("opportunity", guid("opportunity", number), deal.name)})]
        if deal.deleted_at is not None:
            changes.append(Change(max(born, epoch_ms(deal.deleted_at)), {name: None}))
        return in_order(changes)


class Activities:
    """The activities of one kind, in order of number."""

    def __init__(self, told: Told, kind: str, positions: Sequence[int]) -> None:
        """`positions` of the kind's activities in the world, ascending."""
        self.name = ACTIVITY_TABLES[kind]
        self._told = told
        self._kind = kind
        self.positions = positions

    def __len__(self) -> int:
        return len(self.positions)

    def _activity(self, position: int) -> Activity:
        return self._told.world.activities[self.positions[position]]

    def number(self, position: int) -> int:
        """The number in its identifier."""
        return activity_id(self.positions[position])

    def gone(self, position: int) -> int | None:
        """When it was deleted."""
        deleted = self._activity(position).deleted_at
        return None if deleted is None else epoch_ms(deleted)

    def moments(self, position: int) -> list[int]:
        """When it was made and changed."""
        activity = self._activity(position)
        moments = {epoch_ms(activity.recorded_at)}
        if activity.settled_at is not None:
            moments.add(epoch_ms(activity.settled_at))
        moments.update(change.at for change in self._told.regarding(activity, ""))
        return sorted(moments)

    def story(self, position: int) -> list[Change]:
        """What it said at first, and how it was settled."""
        activity = self._activity(position)
        born = epoch_ms(activity.recorded_at)
        about = "objectid" if self._kind == "note" else "regardingobjectid"
        values = {
            **self._first(activity, self.number(position)),
            **self._settled(activity, activity.outcome),
            "ownerid": self._told.owner(activity),
            "createdby": self._told.maker(activity),
        }
        story = [Change(born, values), *self._told.regarding(activity, about)]
        if activity.settled_at is not None and activity.settled is not None:
            settled = self._settled(activity, activity.settled)
            if self._kind == "task" and activity.settled == "done":
                settled["actualend"] = activity.settled_at
            story.append(Change(epoch_ms(activity.settled_at), settled))
        return in_order(story)

    def _first(self, activity: Activity, number: int) -> dict[str, object]:
        if self._kind == "note":
            return {"subject": "Note", "notetext": TEXT}
        values: dict[str, object] = {
            "activitytypecode": self.name,
            "isregularactivity": True,
            "isworkflowcreated": activity.by == "workflow",
            "description": TEXT,
        }
        more = {
            "call": self._call,
            "email": self._email,
            "meeting": self._meeting,
            "task": self._task,
            "communication": self._message,
        }[self._kind]
        return values | more(activity, number)

    def _call(self, activity: Activity, number: int) -> dict[str, object]:
        return {
            "subject": "Call with the contact",
            "directioncode": activity.by != "prospect",
            "phonenumber": f"+1555{number % 10_000_000:07d}",
            "actualend": activity.at,
            "actualdurationminutes": 1 + number % 30 if activity.outcome == "connected" else 0,
        }

    def _email(self, activity: Activity, number: int) -> dict[str, object]:
        incoming = activity.by in ("prospect", "prospect_machine")
        subject = SUBJECTS[number % len(SUBJECTS)]
        if activity.by in ("out_of_office", "prospect_machine"):
            subject = f"Automatic reply: {subject}"
        elif incoming:
            subject = f"Re: {subject}"
        theirs = ";".join(self._told.world.contacts[each].email for each in activity.contacts)
        ours = "hello@northbeam.example"
        if activity.user_index is not None:
            ours = self._told.world.users[activity.user_index].email
        return {
            "subject": subject,
            "directioncode": not incoming,
            "sender": theirs if incoming else ours,
            "torecipients": ours if incoming else theirs,
            "messageid": f"<{number}@mail.northbeam.example>",
            "senton": activity.at,
            "actualend": activity.at,
        }

    def _meeting(self, activity: Activity, number: int) -> dict[str, object]:
        return {
            "subject": "Introduction",
            "location": f"https://meet.northbeam.example/{number}",
            "scheduledstart": activity.at,
            "scheduledend": activity.at + timedelta(minutes=30),
        }

    def _task(self, activity: Activity, number: int) -> dict[str, object]:
        return {"subject": "Answer the new lead", "scheduledend": activity.at}

    def _message(self, activity: Activity, number: int) -> dict[str, object]:
        return {
            "subject": "Message",
            "directioncode": True,
            "community": OWN + number % 3,
            "postedon": activity.at,
        }

    def _settled(self, activity: Activity, outcome: str) -> dict[str, object]:
        """The outcome in the words of the kind."""
        incoming = activity.by in ("prospect", "prospect_machine")
        if self._kind == "call":
            state = (1, 4 if incoming else CALL_REASONS[outcome])
            return {**_state(state), "leftvoicemail": outcome == "voicemail"}
        if self._kind == "email":
            return _state((0, 8) if outcome == "bounced" else (1, 4 if incoming else 3))
        if self._kind == "meeting":
            return _state(MEETING_STATES[outcome])
        if self._kind == "task":
            return _state((1, 5) if outcome == "done" else (0, 2))
        return _state((1, 3)) if self._kind == "communication" else {}


def _state(state: tuple[int, int]) -> dict[str, object]:
    return {"statecode": state[0], "statuscode": state[1]}


class Parties:
    """Who took part in activities, in order of number: seven numbers belong to each activity."""

    name = "activityparty"

    def __init__(self, told: Told) -> None:
        self._told = told
        self._places: list[tuple[int, int]] = []
        self._first: dict[int, int] = {}
        for position, activity in enumerate(told.world.activities):
            if activity.kind != "note":
                self._first[position] = len(self._places)
                self._places.extend(
                    (position, place) for place in range(1 + len(activity.contacts))
                )

    def __len__(self) -> int:
        return len(self._places)

    def of_activity(self, number: int) -> Iterator[int]:
        """Positions of the parties of the activity with that number."""
        position = (number - activity_id(0)) // (activity_id(1) - activity_id(0))
        first = self._first.get(position)
        if first is not None:
            yield from range(first, first + 1 + len(self._told.world.activities[position].contacts))

    def number(self, position: int) -> int:
        """The number in its identifier."""
        activity, place = self._places[position]
        return activity_id(activity) + place

    def gone(self, position: int) -> int | None:
        """It goes with its activity."""
        deleted = self._told.world.activities[self._places[position][0]].deleted_at
        return None if deleted is None else epoch_ms(deleted)

    def moments(self, position: int) -> list[int]:
        """When it was made and changed."""
        return [change.at for change in self.story(position)]

    def story(self, position: int) -> list[Change]:
        """Its changes: a party's person may be merged or deleted."""
        index, place = self._places[position]
        activity = self._told.world.activities[index]
        number = activity_id(index)
        born = epoch_ms(activity.recorded_at)
        incoming = activity.by in ("prospect", "prospect_machine")
        is_ours = place == 0
        values: dict[str, object] = {
            "activityid": Ref("activitypointer", guid(ACTIVITY_TABLES[activity.kind], number), ""),
            "participationtypemask": SENDER if is_ours != incoming else RECIPIENT,
        }
        if activity.kind == "meeting":
            values["participationtypemask"] = OWNER if is_ours else ATTENDEE
        if is_ours:
            return [Change(born, values | {"partyid": self._told.owner(activity)})]
        contact = activity.contacts[place - 1]
        values["addressused"] = self._told.world.contacts[contact].email
        return in_order(
            [Change(born, values), *self._told.people.pointer(contact, born, "partyid")]
        )


def activities(told: Told) -> list[Activities]:
    """One for each kind."""
    positions: dict[str, list[int]] = {kind: [] for kind in ACTIVITY_TABLES}
    for position, activity in enumerate(told.world.activities):
        positions[activity.kind].append(position)
    return [Activities(told, kind, positions[kind]) for kind in ACTIVITY_TABLES]
