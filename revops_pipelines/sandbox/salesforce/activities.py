"""Tasks and Events as Salesforce shows them.

Belongs here: which activity is which record, and its fields. Does not: mails as messages
(`mails.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from revops_pipelines.sandbox.salesforce import ids
from revops_pipelines.sandbox.salesforce.children import Brief, Child, Children
from revops_pipelines.sandbox.salesforce.people import People, Step
from revops_pipelines.sandbox.salesforce.staff import AUTOMATED, BASE, INTEGRATION, user_of
from revops_pipelines.sandbox.salesforce.story import Change, born_with, day_text, epoch_ms
from revops_pipelines.sandbox.world.activities import Activity

SUBJECTS = (
    "Your request",
    "Next steps",
    "Following up on our conversation",
    "Pricing you asked for",
    "Agenda for our call",
    "Quick question",
)
CADENCES = ("Inbound follow-up", "Demo no-show", "Outbound spring", "Webinar follow-up", "Trial")
TEXT = (
    "Thank you for your interest in what we do. You asked how other companies of your size report "
    "on their revenue; I have put together two examples that seem close to your case.\n"
    'Would a "short" call this week suit you? If somebody else looks after this on your side, I '
    "would be glad to be pointed to them."
)
MESSAGE_TYPES = ("LinkedIn", "SMS", "WhatsApp")
DISPOSITIONS = {
    "connected": "Connected",
    "voicemail": "Left Voicemail",
    "no_answer": "No Answer",
    "busy": "Busy",
    "wrong_number": "Wrong Number",
}
MEETING_OUTCOMES = {
    "scheduled": "Scheduled",
    "completed": "Completed",
    "no_show": "No Show",
    "canceled": "Canceled",
    "rescheduled": "Rescheduled",
}
CAPTURED_BY = ("human", "out_of_office", "prospect", "prospect_machine")


def is_message(activity: Activity) -> bool:
    """A mail that is kept as an EmailMessage; machines' mails are Tasks only."""
    return activity.kind == "email" and activity.by in CAPTURED_BY


def subject_of(activity: Activity, number: int) -> str:
    """A mail's subject."""
    subject = SUBJECTS[number % len(SUBJECTS)]
    if activity.by in ("out_of_office", "prospect_machine"):
        return f"Automatic reply: {subject}"
    return f"Re: {subject}" if activity.by == "prospect" else subject


class Links:
    """What activities point at, moment by moment."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.world = people.world

    def who(self, activity: Activity) -> Sequence[Step]:
        """The first person."""
        return self.people.steps(activity.contacts[0]) if activity.contacts else ()

    def deal(self, activity: Activity) -> Sequence[Step]:
        """The deal, until it is deleted."""
        if activity.deal_index is None:
            return ()
        deal = self.world.deals[activity.deal_index]
        steps: list[Step] = [(0, ids.opportunity_id(deal.hubspot_id))]
        if deal.deleted_at is not None:
            steps.append((epoch_ms(deal.deleted_at), None))
        return steps

    def company(self, activity: Activity) -> Sequence[Step]:
        """The deal's Account, or that of the person once a Contact."""
        if activity.deal_index is not None:
            return self._account(self.world.deals[activity.deal_index].account_index, 0)
        if not activity.contacts:
            return ()
        person = self.world.people[self.world.contacts[activity.contacts[0]].person_index]
        since = 0 if self.people.is_direct[person.index] else self.people.converted_at[person.index]
        if person.account_index is None or since is None:
            return ()
        return self._account(person.account_index, since)

    def _account(self, index: int, since: int) -> list[Step]:
        account = self.world.accounts[index]
        steps: list[Step] = [(0, None), (since, ids.account_id(account.hubspot_id))]
        if account.is_deleted_at is not None:
            gone = epoch_ms(account.is_deleted_at)
            steps = [*(step for step in steps if step[0] < gone), (gone, None)]
        return steps

    def follow(
        self, born: int, fields: Mapping[str, Sequence[Step]]
    ) -> tuple[dict[str, Any], list[Change]]:
        """What lookups say at first, and their silent changes."""
        values: dict[str, Any] = {}
        later: list[Change] = []
        for name, steps in fields.items():
            values[name] = None
            for at, id_ in steps:
                if at <= born:
                    values[name] = id_
                else:
                    later.append(Change(at, {name: id_}, INTEGRATION, is_silent=True))
        return values, later


class Activities:
    """The Tasks or the Events, in order of id."""

    def __init__(self, links: Links, sobject: str) -> None:
        self.sobject = sobject
        self._links = links
        self._world = links.world
        is_event = sobject == "Event"
        self.positions = [
            position
            for position, activity in enumerate(self._world.activities)
            if (activity.kind == "meeting") == is_event
        ]

    def __len__(self) -> int:
        return len(self.positions)

    def activity(self, position: int) -> Activity:
        """The activity that a record shows."""
        return self._world.activities[self.positions[position]]

    def number(self, position: int) -> int:
        """The number in its id."""
        return self.positions[position] + 1

    def gone(self, position: int) -> int | None:
        """When it was deleted."""
        deleted = self.activity(position).deleted_at
        return None if deleted is None else epoch_ms(deleted)

    def archived(self, position: int) -> int | None:
        """When it was over; an open Task is never archived."""
        activity = self.activity(position)
        if activity.kind == "task":
            is_done = activity.settled == "done" and activity.settled_at is not None
            return epoch_ms(activity.settled_at) if is_done and activity.settled_at else None
        return epoch_ms(activity.at)

    def moments(self, position: int) -> Sequence[int]:
        """When it appeared and changed."""
        activity = self.activity(position)
        born = epoch_ms(activity.recorded_at)
        settles = activity.kind in ("task", "meeting") and activity.settled_at is not None
        return [born, epoch_ms(activity.settled_at)] if settles and activity.settled_at else [born]

    def story(self, position: int) -> Sequence[Change]:
        """What it said at first, how it was settled, and what it pointed at."""
        activity, number = self.activity(position), self.number(position)
        born = epoch_ms(activity.recorded_at)
        details = _event if activity.kind == "meeting" else _task
        owner = user_of(self._world, activity.user_index)
        links = self._links
        lookups = {
            "WhoId": links.who(activity),
            "WhatId": links.deal(activity),
            "AccountId": links.company(activity),
        }
        values, later = links.follow(born, lookups)
        values |= {"OwnerId": owner, "CurrencyIsoCode": BASE, "IsReminderSet": False}
        values |= details(activity, number)
        if activity.settled_at is not None and activity.settled is not None:
            at = epoch_ms(activity.settled_at)
            settled = _settled(activity, activity.settled, at)
            if settled:
                later.append(Change(at, settled, owner))
        first = Change(born, values, _maker(activity, owner))
        return born_with(first, later) if later else [first]

    def relations(self) -> Children:
        """EventRelation: everybody who takes part, the first one as well."""
        return Children("EventRelation", len(self), self._relations, 0, self._in_brief)

    def _in_brief(self, position: int) -> list[Brief]:
        activity = self.activity(position)
        moments = (epoch_ms(activity.recorded_at),)
        return [(moments, self.gone(position))] * len(activity.contacts)

    def _relations(self, position: int) -> list[Child]:
        activity = self.activity(position)
        born = epoch_ms(activity.recorded_at)
        owner = user_of(self._world, activity.user_index)
        event = ids.record_id("Event", self.number(position))
        children: list[Child] = []
        for contact in activity.contacts:
            values = {
                "EventId": event,
                "IsWhat": False,
                "IsParent": True,
                "IsInvitee": True,
                "Status": "Accepted" if activity.by == "prospect" else "New",
            }
            steps = self._links.people.steps(contact)
            who, later = self._links.follow(born, {"RelationId": steps})
            story = born_with(Change(born, {**values, **who}, owner), later)
            children.append((story, self.gone(position)))
        return children


def _maker(activity: Activity, owner: str) -> str:
    if activity.by == "workflow":
        return AUTOMATED
    return INTEGRATION if activity.by in ("sequence", "prospect", "prospect_machine") else owner


def _task(activity: Activity, number: int) -> dict[str, Any]:
    if activity.kind == "task":
        return {
            "Subject": "Answer the new lead",
            "Description": "Call or write within the agreed time.",
            "Type": "Other",
            "TaskSubtype": "Task",
            "Status": "Not Started",
            "Priority": ("Low", "Normal", "High")[number % 3],
            "IsHighPriority": number % 3 == 2,
            "IsClosed": False,
            "ActivityDate": day_text(epoch_ms(activity.at)),
            "IsReminderSet": True,
            "ReminderDateTime": epoch_ms(activity.at),
        }
    at = epoch_ms(activity.at)
    values = {
        "Status": "Completed",
        "Priority": "Normal",
        "IsClosed": True,
        "IsHighPriority": False,
        "TaskSubtype": "Task",
        "ActivityDate": day_text(at),
        "CompletedDateTime": at,
    }
    maker = {"call": _call, "email": _mail_task, "note": _note}.get(activity.kind, _message)
    return {**values, **maker(activity, number)}


def _call(activity: Activity, number: int) -> dict[str, Any]:
    return {
        "Subject": "Call",
        "Type": "Call",
        "TaskSubtype": "Call",
        "Description": TEXT[60:160],
        "CallType": "Inbound" if activity.by == "prospect" else "Outbound",
        "CallDisposition": DISPOSITIONS[activity.outcome],
        "CallDurationInSeconds": 12 + number % 1_900,
        "CallObject": f"CA{number:012d}",
    }


def _mail_task(activity: Activity, number: int) -> dict[str, Any]:
    """The Task beside an EmailMessage, or the only trace of a machine's mail."""
    subject = subject_of(activity, number)
    if activity.by == "workflow":
        return {
            "Subject": "List Email: Thank you for your request",
            "Type": "Email",
            "TaskSubtype": "ListEmail",
            "Description": TEXT[:90],
        }
    if activity.by == "sequence":
        return {
            "Subject": f"[Cadence] {subject}",
            "Type": "Email",
            "TaskSubtype": "Email",
            "Description": TEXT,
            "Cadence_Name__c": CADENCES[number % len(CADENCES)],
        }
    return {
        "Subject": f"Email: {subject}",
        "Type": "Email",
        "TaskSubtype": "Email",
        "Description": TEXT,
    }


def _note(_activity: Activity, _number: int) -> dict[str, Any]:
    return {"Subject": "Note", "Type": "Note", "Description": TEXT[60:230]}


def _message(_activity: Activity, number: int) -> dict[str, Any]:
    kind = MESSAGE_TYPES[number % 3]
    return {"Subject": f"{kind} message", "Type": kind, "Description": TEXT[:140]}


def _event(activity: Activity, number: int) -> dict[str, Any]:
    starts = epoch_ms(activity.at)
    booked = activity.by == "prospect"
    return {
        "Subject": "Introduction (booked online)" if booked else "Introduction",
        "Type": "Meeting",
        "EventSubtype": "Event",
        "Description": TEXT[:110],
        "Location": f"https://meet.northbeam.example/{number}",
        "IsAllDayEvent": False,
        "ActivityDate": day_text(starts),
        "ActivityDateTime": starts,
        "StartDateTime": starts,
        "EndDateTime": epoch_ms(activity.at + timedelta(minutes=30)),
        "DurationInMinutes": 30,
        "ShowAs": "Busy",
        "Meeting_Outcome__c": MEETING_OUTCOMES[activity.outcome],
        "Booked_Via__c": "Scheduling Link" if booked else None,
    }


def _settled(activity: Activity, outcome: str, at: int) -> dict[str, Any]:
    if activity.kind == "meeting":
        return {"Meeting_Outcome__c": MEETING_OUTCOMES[outcome]}
    if activity.kind == "task" and outcome == "done":
        return {"Status": "Completed", "IsClosed": True, "CompletedDateTime": at}
    return {}
