"""What happens to each lead after it came: answered, chased, lost sight of.

Belongs here: the first answer and its delay, machines' mails around it, the chase and the replies.
Does not: work on deals and customers (`deal_work.py`).

The delay of the first human answer is log-normal in the team's working time (median about 40
minutes, a long tail); one in twelve answers comes off hours, by the clock on the wall.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import log
from random import Random

from revops_pipelines.sandbox.world.activities import Activity, to_the_milli
from revops_pipelines.sandbox.world.company import Person, User
from revops_pipelines.sandbox.world.people import Span
from revops_pipelines.sandbox.world.working_hours import WorkingHours

ANSWERED_SHARE = 0.87
OFF_HOURS_SHARE = 0.08
WORKING_MEDIAN_MINUTES, WORKING_SPREAD = 38.0, 1.35
OFF_HOURS_MEDIAN_MINUTES, OFF_HOURS_SPREAD = 25.0, 1.0
FIRST_KINDS = {"call": 0.42, "email": 0.50, "communication": 0.08}
WORKFLOW_MAIL_SHARE, SEQUENCE_SHARE, OUT_OF_OFFICE_SHARE = 0.65, 0.30, 0.03
BOUNCED_SHARE, DELETED_SHARE, SHARED_SHARE = 0.03, 0.004, 0.04
EARLIER_SHARE = 0.5
MEETING_OUTCOMES = {"completed": 0.72, "no_show": 0.12, "canceled": 0.10, "rescheduled": 0.06}
CALL_OUTCOMES = {
    "connected": 0.38,
    "voicemail": 0.26,
    "no_answer": 0.28,
    "busy": 0.05,
    "wrong_number": 0.03,
}


class Journeys:
    """The activities of leads; one random stream for all, in the people's order."""

    def __init__(
        self,
        seed: int,
        span: Span,
        users: Sequence[User],
        hours: Mapping[str, WorkingHours],
        records: Mapping[int, Sequence[tuple[int, datetime]]],
    ) -> None:
        """`records`: per person, positions of its contacts and when they were made."""
        self.random = Random(f"{seed}:journeys")
        self.span = span
        self.users = users
        self.hours = hours
        self.records = records

    def of(self, person: Person, companion: Person | None) -> Iterator[Activity]:
        """All activities of one lead; `companion` is a colleague who is sometimes written to."""
        if person.raised_at is None:
            if person.owner_index is not None and person.excluded_reason is None:
                yield from self._prospecting(person)
            return
        yield from self._earlier(person, person.raised_at)
        yield from self._machines(person, person.raised_at)
        if person.excluded_reason in ("test", "internal", "spam"):
            # Nobody answers these, but for an unlucky one in ten.
            if self.random.random() > 0.1:
                return
        elif self.random.random() > ANSWERED_SHARE:
            yield from self._forgotten(person, person.raised_at)
            return
        yield from self._answered(person, person.raised_at, companion)

    def _answered(
        self, person: Person, raised: datetime, companion: Person | None
    ) -> Iterator[Activity]:
        random = self.random
        at = self._answer_time(person, raised)
        owner = self._owner(person, at)
        if owner is None:
            return
        yield from self._task(person, raised, at, owner)
        kind = self._one_of(FIRST_KINDS)
        if person.excluded_reason == "invalid_email":
            yield self._mail(person, at, owner, bounces=True)
            return
        if kind == "email" and random.random() < BOUNCED_SHARE:
            yield self._mail(person, at, owner, bounces=True)
            at, kind = at + timedelta(minutes=random.uniform(5, 90)), "call"
            if not self.users[owner].at_work(at):
                return
        if kind == "email" and companion is not None and random.random() < SHARED_SHARE:
            yield self._mail(person, at, owner, also=companion)
        else:
            yield self._outbound(kind, person, at, owner)
        yield from self._chase(person, at, owner)

    def _answer_time(self, person: Person, raised: datetime) -> datetime:
        random = self.random
        if random.random() < OFF_HOURS_SHARE:
            minutes = random.lognormvariate(log(OFF_HOURS_MEDIAN_MINUTES), OFF_HOURS_SPREAD)
            return raised + timedelta(minutes=min(minutes, 1_440))
        minutes = random.lognormvariate(log(WORKING_MEDIAN_MINUTES), WORKING_SPREAD)
        return self.hours[person.team].later(raised, min(minutes, 7_200) * 60)

    def _chase(self, person: Person, first: datetime, owner: int) -> Iterator[Activity]:
        """Attempts over the next days until somebody gives up; replies, a meeting, notes."""
        random, hours = self.random, self.hours[person.team]
        at = first
        for _ in range(min(9, int(random.expovariate(1 / 3.4)))):
            at = hours.later(at, 3_600 * random.uniform(3, 22))
            chaser = self._owner(person, at)
            if chaser is None:
                return
            owner = chaser
            kind = random.choices(("call", "email", "communication"), (0.42, 0.5, 0.08))[0]
            yield self._outbound(kind, person, at, owner)
            chance = random.random()
            if chance < 0.16:
                yield self._reply(person, at + timedelta(minutes=random.uniform(20, 1_500)))
            elif chance < 0.19:
                yield self._reply(person, at + timedelta(seconds=40), machine=True)
            elif chance < 0.30:
                yield self._note(person, at + timedelta(minutes=random.uniform(1, 30)), owner)
        if random.random() < 0.30:
            yield self._meeting(person, hours.later(at, 3_600 * random.uniform(6, 40)), at, owner)

    def _earlier(self, person: Person, raised: datetime) -> Iterator[Activity]:
        """Touches before the hand was raised; they answer nothing."""
        begins = person.created_at
        if raised - begins < timedelta(days=2) or person.owner_index is None:
            return
        owner = person.owner_index
        if self.random.random() < EARLIER_SHARE:
            at = self.hours[person.team].between(self.random, begins, raised)
            in_time = begins <= at < raised - timedelta(hours=1)
            if in_time and self.users[owner].at_work(at):
                yield self._outbound("email", person, at, owner)

    def _machines(self, person: Person, raised: datetime) -> Iterator[Activity]:
        """What was sent without a person: a thank-you, a sequence, an absence notice."""
        random = self.random
        owner = person.owner_index
        if person.origin == "meeting_link" and owner is not None:
            starts = self.hours[person.team].later(raised, 3_600 * random.uniform(8, 30))
            yield self._booking(person, raised, starts, owner)
        if random.random() < WORKFLOW_MAIL_SHARE:
            yield self._machine_mail(person, raised + timedelta(seconds=70), owner, "workflow")
        if owner is None or person.assigned_at is None:
            return
        if random.random() < SEQUENCE_SHARE:
            for days in (0.007, 2, 5)[: random.randrange(1, 4)]:
                at = person.assigned_at + timedelta(days=days)
                yield self._machine_mail(person, at, owner, "sequence")
        if random.random() < OUT_OF_OFFICE_SHARE:
            at = person.assigned_at + timedelta(minutes=random.uniform(2, 50))
            yield self._machine_mail(person, at, owner, "out_of_office")

    def _prospecting(self, person: Person) -> Iterator[Activity]:
        """Cold work on somebody who never raised a hand."""
        at, hours = person.created_at, self.hours[person.team]
        for _ in range(1 + min(5, int(self.random.expovariate(0.6)))):
            at = hours.later(at, 3_600 * self.random.uniform(1, 20))
            owner = self._owner(person, at)
            if owner is not None:
                kind = self.random.choices(("call", "email", "communication"), (3, 6, 1))[0]
                yield self._outbound(kind, person, at, owner)

    def _forgotten(self, person: Person, raised: datetime) -> Iterator[Activity]:
        """A task that nobody did."""
        if person.assigned_at is not None and person.owner_index is not None:
            due = self.hours[person.team].later(raised, 3_600 * 8)
            yield self._activity(
                "task", due, person, person.owner_index, "workflow", "open", made=person.assigned_at
            )

    def _task(
        self, person: Person, raised: datetime, done: datetime, owner: int
    ) -> Iterator[Activity]:
        if person.assigned_at is not None and self.random.random() < 0.35:
            yield self._activity(
                "task",
                raised + timedelta(days=1),
                person,
                owner,
                "workflow",
                "open",
                made=person.assigned_at,
                settled=(max(done, person.assigned_at) + timedelta(minutes=4), "done"),
            )

    def _outbound(self, kind: str, person: Person, at: datetime, owner: int) -> Activity:
        if kind == "call":
            outcome = self._one_of(CALL_OUTCOMES)
            return self._activity(kind, at, person, owner, "human", outcome)
        if kind == "communication":
            return self._activity(kind, at, person, owner, "human", "sent")
        return self._mail(person, at, owner)

    def _mail(
        self,
        person: Person,
        at: datetime,
        owner: int,
        *,
        bounces: bool = False,
        also: Person | None = None,
    ) -> Activity:
        returned = (at + timedelta(seconds=self.random.randrange(20, 120)), "bounced")
        return self._activity(
            "email",
            at,
            person,
            owner,
            "human",
            "sent",
            settled=returned if bounces else None,
            also=also,
        )

    def _machine_mail(self, person: Person, at: datetime, owner: int | None, by: str) -> Activity:
        returned = (at + timedelta(seconds=30), "bounced")
        bounces = person.excluded_reason == "invalid_email"
        return self._activity(
            "email", at, person, owner, by, "sent", settled=returned if bounces else None
        )

    def _reply(self, person: Person, at: datetime, *, machine: bool = False) -> Activity:
        by = "prospect_machine" if machine else "prospect"
        kind = "email" if machine or self.random.random() < 0.8 else "call"
        outcome = "received" if kind == "email" else "connected"
        return self._activity(kind, at, person, person.owner_at(at), by, outcome)

    def _note(self, person: Person, at: datetime, owner: int) -> Activity:
        return self._activity("note", at, person, owner, "human", "written")

    def _meeting(self, person: Person, starts: datetime, booked: datetime, owner: int) -> Activity:
        settled = self._one_of(MEETING_OUTCOMES)
        ends = (starts + timedelta(minutes=34), settled)
        return self._activity(
            "meeting", starts, person, owner, "human", "scheduled", made=booked, settled=ends
        )

    def _booking(self, person: Person, booked: datetime, starts: datetime, owner: int) -> Activity:
        """The prospect took a slot from the owner's calendar: inbound, not a touch of ours."""
        settled = "completed" if self.random.random() < 0.8 else "no_show"
        ends = (starts + timedelta(minutes=31), settled)
        return self._activity(
            "meeting", starts, person, owner, "prospect", "scheduled", made=booked, settled=ends
        )

    def _activity(
        self,
        kind: str,
        at: datetime,
        person: Person,
        owner: int | None,
        by: str,
        outcome: str,
        *,
        made: datetime | None = None,
        settled: tuple[datetime, str] | None = None,
        also: Person | None = None,
    ) -> Activity:
        random = self.random
        at = at.replace(microsecond=random.randrange(1_000) * 1_000)
        recorded = at if made is None else to_the_milli(made)
        contacts = [self._record(person, recorded)]
        if also is not None:
            contacts.append(self.records[also.index][0][0])
        deleted = None
        if random.random() < DELETED_SHARE:
            deleted = recorded + timedelta(hours=random.randrange(1, 900))
        return Activity(
            kind,
            at,
            recorded,
            tuple(contacts),
            None,
            owner,
            by,
            outcome,
            to_the_milli(settled[0]) if settled else None,
            settled[1] if settled else None,
            deleted,
        )

    def _one_of(self, weights: Mapping[str, float]) -> str:
        return self.random.choices(list(weights), list(weights.values()))[0]

    def _record(self, person: Person, at: datetime) -> int:
        """One of the person's contacts that existed then; any of them may have been used."""
        known = [position for position, made in self.records[person.index] if made <= at]
        if len(known) > 1:
            return self.random.choice(known)
        return known[0] if known else self.records[person.index][0][0]

    def _owner(self, person: Person, at: datetime) -> int | None:
        """Who answers then: the owner, if there is one and still with us."""
        owner = person.owner_at(at)
        if owner is None or not self.users[owner].at_work(at):
            return None
        return owner
