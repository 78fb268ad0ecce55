"""Calls, e-mails, meetings, tasks, notes and communications as HubSpot shows them.

Belongs here: an activity's properties by its kind. Does not: how they are served.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from revops_pipelines.sandbox.hubspot.contacts import TEAM_IDS
from revops_pipelines.sandbox.hubspot.properties import CALL_DISPOSITIONS
from revops_pipelines.sandbox.hubspot.story import Change, epoch_ms, moment_text
from revops_pipelines.sandbox.world.activities import Activity, activity_id
from revops_pipelines.sandbox.world.company import User
from revops_pipelines.sandbox.world.world import World

KINDS = {
    "call": "calls",
    "email": "emails",
    "meeting": "meetings",
    "task": "tasks",
    "note": "notes",
    "communication": "communications",
}
SOURCES = {
    "sequence": "SEQUENCES",
    "workflow": "AUTOMATION_PLATFORM",
    "out_of_office": "EMAIL_INTEGRATION",
    "prospect_machine": "EMAIL_INTEGRATION",
}
SUBJECTS = (
    "Your request",
    "Next steps",
    "Following up on our conversation",
    "Pricing you asked for",
    "Agenda for our call",
    "Quick question",
)
CHANNELS = ("LINKEDIN_MESSAGE", "SMS", "WHATS_APP")
TEXT = (
    "Thank you for your interest in what we do. You asked how other companies of your size report "
    "on their revenue; I have put together two examples that seem close to your case. Would a "
    "short call this week suit you? If somebody else looks after this on your side, I would be "
    "glad to be pointed to them."
)


class Engagements:
    """The engagements of one kind, in order of id."""

    modified = "hs_lastmodifieddate"
    created = "hs_createdate"

    def __init__(self, world: World, kind: str, positions: list[int]) -> None:
        """`positions` of the kind's activities in the world, ascending."""
        self._world = world
        self._kind = kind
        self.name = KINDS[kind]
        self.positions = positions

    def __len__(self) -> int:
        return len(self.positions)

    def activity(self, position: int) -> Activity:
        """The activity that a record shows."""
        return self._world.activities[self.positions[position]]

    def id(self, position: int) -> int:
        """The record's identifier."""
        return activity_id(self.positions[position])

    def gone(self, position: int) -> tuple[int | None, bool]:
        """When it was archived."""
        deleted = self.activity(position).deleted_at
        return (epoch_ms(deleted), True) if deleted else (None, False)

    def born(self, position: int) -> int:
        """When the record appeared, epoch milliseconds."""
        return epoch_ms(self.activity(position).recorded_at)

    made = born

    def moments(self, position: int) -> list[int]:
        """When the record appeared and changed."""
        activity = self.activity(position)
        born = epoch_ms(activity.recorded_at)
        if activity.settled_at is None:
            return [born]
        return [born, epoch_ms(activity.settled_at)]

    def story(self, position: int) -> list[Change]:
        """What it said at first, and how it was settled."""
        activity = self.activity(position)
        first = self._first(activity, self.id(position))
        source = str(first["hs_object_source"])
        story = [Change(epoch_ms(activity.recorded_at), first, source)]
        if activity.settled_at is not None and activity.settled is not None:
            settled = self._settled(activity.settled, activity.settled_at)
            story.append(Change(epoch_ms(activity.settled_at), settled, source))
        return story

    def _first(self, activity: Activity, id_: int) -> dict[str, str | None]:
        recorded = moment_text(activity.recorded_at)
        occurred = recorded if activity.at is activity.recorded_at else moment_text(activity.at)
        source = _source(activity)
        values: dict[str, str | None] = {
            "hs_object_id": str(id_),
            "hs_timestamp": occurred,
            "hs_createdate": recorded,
            "hs_object_source": source,
            "hs_object_source_label": source,
            "hs_engagement_source": source,
        }
        user = None
        if activity.user_index is not None:
            user = self._world.users[activity.user_index]
            values["hubspot_owner_id"] = user.hubspot_id
            values["hubspot_team_id"] = TEAM_IDS[user.team]
            values["hubspot_owner_assigneddate"] = recorded
        values.update(self._details(activity, id_, user))
        values.update(self._settled(activity.outcome, activity.recorded_at))
        return values

    def _details(self, activity: Activity, id_: int, user: User | None) -> dict[str, str | None]:
        if activity.kind == "email":
            return self._email(activity, id_, user)
        if activity.kind == "call":
            return _call(activity, id_)
        if activity.kind == "meeting":
            return _meeting(activity, id_)
        if activity.kind == "task":
            return {
                "hs_task_subject": "Answer the new lead",
                "hs_task_body": "Call or write within the agreed time.",
                "hs_task_type": ("CALL", "EMAIL", "TODO")[id_ % 3],
                "hs_task_priority": ("LOW", "MEDIUM", "HIGH")[id_ % 3],
            }
        if activity.kind == "note":
            return {"hs_note_body": f"{TEXT[60:230]}", "hs_body_preview": TEXT[60:160]}
        return {
            "hs_communication_channel_type": CHANNELS[id_ % 3],
            "hs_communication_logged_from": "CRM",
            "hs_communication_body": TEXT[:140],
        }

    def _email(self, activity: Activity, id_: int, user: User | None) -> dict[str, str | None]:
        ours = user.email if user else "hello@northbeam.example"
        contacts = self._world.contacts
        theirs = ";".join([contacts[index].email for index in activity.contacts])
        incoming = activity.by in ("prospect", "prospect_machine")
        subject = SUBJECTS[id_ % len(SUBJECTS)]
        if activity.by in ("out_of_office", "prospect_machine"):
            subject = f"Automatic reply: {subject}"
        elif incoming:
            subject = f"Re: {subject}"
        sender, receiver = (theirs, ours) if incoming else (ours, theirs)
        return {
            "hs_email_direction": "INCOMING_EMAIL" if incoming else "EMAIL",
            "hs_email_subject": subject,
            "hs_email_text": TEXT,
            "hs_body_preview": TEXT[:120],
            "hs_email_from_email": sender,
            "hs_email_sender_email": sender,
            "hs_email_to_email": receiver,
            "hs_email_headers": (
                f'{{"from":{{"email":"{sender}"}},"to":[{{"email":"{receiver}"}}]}}'
            ),
            "hs_email_message_id": f"<{id_}@mail.northbeam.example>",
            "hs_sequence_id": str(330_010 + id_ % 5) if activity.by == "sequence" else None,
        }

    def _settled(self, outcome: str, at: datetime) -> dict[str, str | None]:
        """The outcome in the words of the kind."""
        if self._kind == "email":
            return {"hs_email_status": "BOUNCED" if outcome == "bounced" else "SENT"}
        if self._kind == "call":
            status = {"no_answer": "NO_ANSWER", "busy": "BUSY"}.get(outcome, "COMPLETED")
            return {
                "hs_call_disposition": CALL_DISPOSITIONS[outcome],
                "hs_call_status": status,
            }
        if self._kind == "meeting":
            return {"hs_meeting_outcome": outcome.upper()}
        if self._kind == "task":
            done = outcome == "done"
            return {
                "hs_task_status": "COMPLETED" if done else "NOT_STARTED",
                "hs_task_completion_date": moment_text(at) if done else None,
            }
        return {}


def _source(activity: Activity) -> str:
    if activity.kind == "meeting":
        return "MEETINGS" if activity.by == "prospect" else "CRM_UI"
    if activity.by in SOURCES:
        return SOURCES[activity.by]
    return "EMAIL_INTEGRATION" if activity.kind == "email" else "CRM_UI"


def _call(activity: Activity, id_: int) -> dict[str, str | None]:
    incoming = activity.by == "prospect"
    return {
        "hs_call_title": "Call with the contact",
        "hs_call_body": TEXT[60:160],
        "hs_call_direction": "INBOUND" if incoming else "OUTBOUND",
        "hs_call_duration": str(12_000 + id_ % 1_900_000),
        "hs_call_to_number": f"+1555{id_ % 10_000_000:07d}",
        "hs_call_from_number": "+15550100200",
    }


def _meeting(activity: Activity, id_: int) -> dict[str, str | None]:
    ends = activity.at + timedelta(minutes=30)
    return {
        "hs_meeting_title": "Introduction",
        "hs_meeting_body": TEXT[:110],
        "hs_meeting_location": f"https://meet.northbeam.example/{id_}",
        "hs_meeting_start_time": moment_text(activity.at),
        "hs_meeting_end_time": moment_text(ends),
        "hs_meeting_source": "MEETINGS_PUBLIC" if activity.by == "prospect" else "CRM_UI",
    }


def engagements(world: World) -> list[Engagements]:
    """One for each kind."""
    positions: dict[str, list[int]] = {kind: [] for kind in KINDS}
    for position, activity in enumerate(world.activities):
        positions[activity.kind].append(position)
    return [Engagements(world, kind, positions[kind]) for kind in KINDS]
