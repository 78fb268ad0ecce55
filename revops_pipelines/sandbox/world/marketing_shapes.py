"""What marketing consists of: programs, their costs, leads in Marketo and what happened to them.

Belongs here: the records, the lead's fields and the activity types. Does not: the making of them
(`marketing.py`, `marketing_programs.py`) or how Marketo shows them (`sandbox/marketo`).

Moments are whole epoch seconds: there are a great many of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

Scalar = str | int | bool | None


class Cost(NamedTuple):
    """Money spent on a program in a month, in whole units of the company's base currency.

    `seen_at` is when it was entered, at times long after the month.
    """

    month: date
    amount: int
    note: str
    seen_at: int


class Program(NamedTuple):
    """A marketing program; `family` says which acquisition channel it feeds."""

    program_id: int
    name: str
    family: str
    kind: str
    channel: str
    created_at: int
    starts_at: int
    ends_at: int
    costs: tuple[Cost, ...]


class Field(NamedTuple):
    """A field of a lead: its names, its Marketo data type, and whether it is one of the company's.

    Changes of custom fields do not move a lead's visible `updatedAt`.
    """

    name: str
    label: str
    kind: str
    is_custom: bool = False
    is_read_only: bool = False


LEAD_FIELDS = (
    Field("id", "Id", "integer", is_read_only=True),
    Field("email", "Email Address", "email"),
    Field("firstName", "First Name", "string"),
    Field("lastName", "Last Name", "string"),
    Field("company", "Company Name", "string"),
    Field("title", "Job Title", "string"),
    Field("country", "Country", "string"),
    Field("phone", "Phone Number", "phone"),
    Field("industry", "Industry", "string"),
    Field("leadSource", "Person Source", "string"),
    Field("leadStatus", "Person Status", "string"),
    Field("leadScore", "Person Score", "score"),
    Field("unsubscribed", "Unsubscribed", "boolean"),
    Field("emailInvalid", "Email Invalid", "boolean"),
    Field("emailInvalidCause", "Email Invalid Cause", "string"),
    Field("acquisitionProgramId", "Acquisition Program", "integer"),
    Field("originalSourceType", "Original Source Type", "string", is_read_only=True),
    Field("createdAt", "Created At", "datetime", is_read_only=True),
    Field("updatedAt", "Updated At", "datetime", is_read_only=True),
    Field("newsletterOptIn", "Newsletter opt-in", "boolean", is_custom=True),
    Field("favouriteTopic", "Favourite topic", "string", is_custom=True),
    Field("expectedSpend", "Expected spend", "currency", is_custom=True),
)
POSITION = {field.name: index for index, field in enumerate(LEAD_FIELDS)}


class Change(NamedTuple):
    """A field of a lead took a new value."""

    at: int
    field: int
    new: Scalar


@dataclass(frozen=True, slots=True)
class MarketoLead:
    """A person as Marketo knows them, from `created_at` until deleted or merged into another lead.

    `values` are as created, in the order of `LEAD_FIELDS`; `changes` are in order of time.
    """

    lead_id: int
    person_index: int
    created_at: int
    values: tuple[Scalar, ...]
    changes: tuple[Change, ...]
    deleted_at: int | None
    merged_at: int | None
    merged_into: int | None

    def is_there(self, moment: int) -> bool:
        """Marketo answers for it at that second."""
        gone_at = self.deleted_at or self.merged_at
        return self.created_at <= moment and (gone_at is None or moment < gone_at)

    def at(self, moment: int) -> list[Scalar]:
        """Its values at a second; `updatedAt` follows changes of standard fields only."""
        values = list(self.values)
        updated_at = self.created_at
        for change in self.changes:
            if change.at > moment:
                break
            values[change.field] = change.new
            if not LEAD_FIELDS[change.field].is_custom:
                updated_at = change.at
        values[POSITION["updatedAt"]] = updated_at
        return values


class Activity(NamedTuple):
    """One entry of a lead's activity log.

    `seen_at` is when the API first shows it: most at once, some minutes later. `details` follow the
    attributes of its type; null ones are left out of an answer. `guid` rises with `at`.
    """

    at: int
    guid: int
    seen_at: int
    lead_id: int
    type_id: int
    campaign_id: int | None
    value_id: int | None
    value: str | None
    details: tuple[Scalar, ...]


class ActivityType(NamedTuple):
    """A kind of activity with its primary and secondary attributes (name, data type)."""

    type_id: int
    name: str
    description: str
    primary: tuple[str, str]
    attributes: tuple[tuple[str, str], ...]


VISIT, FORM, SEND, DELIVERED, BOUNCED, UNSUBSCRIBED, OPEN, CLICK = 1, 2, 6, 7, 8, 9, 10, 11
NEW_LEAD, DATA_CHANGE, SCORE_CHANGE, SOFT_BOUNCED, MERGE, DELETE = 12, 13, 22, 27, 32, 37
INTERESTING, PROGRESSION = 46, 104

_MAILING = ("Mailing ID", "integer")
_RUN = ("Campaign Run ID", "integer")
_VISIT = (
    ("Client IP Address", "string"),
    ("Query Parameters", "string"),
    ("Referrer URL", "string"),
    ("User Agent", "string"),
)
_BOUNCE = (("Category", "string"), ("Details", "string"), ("Email", "string"), _RUN)
_ENGAGEMENT = (
    ("Bot Activity", "boolean"),
    ("Bot Activity Pattern", "string"),
    _RUN,
    ("Is Mobile Device", "boolean"),
    ("Platform", "string"),
)
ACTIVITY_TYPES = (
    ActivityType(
        VISIT,
        "Visit Webpage",
        "User visits a web page",
        ("Webpage ID", "integer"),
        (*_VISIT, ("Webpage URL", "string")),
    ),
    ActivityType(
        FORM,
        "Fill Out Form",
        "User fills out and submits a form on a web page",
        ("Webform ID", "integer"),
        (*_VISIT, ("Form Fields", "text"), ("Webpage ID", "integer")),
    ),
    ActivityType(SEND, "Send Email", "Send Marketo Email to a person", _MAILING, (_RUN,)),
    ActivityType(DELIVERED, "Email Delivered", "Email is delivered", _MAILING, (_RUN,)),
    ActivityType(BOUNCED, "Email Bounced", "Email bounced (hard)", _MAILING, _BOUNCE),
    ActivityType(
        UNSUBSCRIBED, "Unsubscribe Email", "Person unsubscribes from email", _MAILING, (_RUN,)
    ),
    ActivityType(OPEN, "Open Email", "User opens Marketo Email", _MAILING, _ENGAGEMENT),
    ActivityType(
        CLICK,
        "Click Email",
        "User clicks on a link in a Marketo Email",
        _MAILING,
        (*_ENGAGEMENT, ("Link", "string")),
    ),
    ActivityType(
        NEW_LEAD,
        "New Lead",
        "New person is added to the database",
        ("Lead ID", "integer"),
        (("Source Type", "string"), ("Form Name", "string"), ("List Name", "string")),
    ),
    ActivityType(
        DATA_CHANGE,
        "Change Data Value",
        "Changed attribute value for a person record",
        ("Attribute Name", "integer"),
        (("New Value", "text"), ("Old Value", "text"), ("Reason", "string"), ("Source", "string")),
    ),
    ActivityType(
        SCORE_CHANGE,
        "Change Score",
        "Modify the value of a score field",
        ("Score Name", "integer"),
        (("Change Value", "string"), ("New Value", "integer"), ("Old Value", "integer")),
    ),
    ActivityType(SOFT_BOUNCED, "Email Bounced Soft", "Email bounced (soft)", _MAILING, _BOUNCE),
    ActivityType(
        MERGE,
        "Merge Leads",
        "Merge two or more people into a single record",
        ("Lead ID", "integer"),
        (("Master Updated", "boolean"), ("Merge IDs", "text"), ("Merge Source", "string")),
    ),
    ActivityType(
        DELETE,
        "Delete Lead",
        "Delete person from the database",
        ("Lead ID", "integer"),
        (("Reason", "string"),),
    ),
    ActivityType(
        INTERESTING,
        "Interesting Moment",
        "Interesting moment to be shown in the sales tool",
        ("Type", "integer"),
        (("Description", "text"), ("Source", "string")),
    ),
    ActivityType(
        PROGRESSION,
        "Change Status in Progression",
        "Change the status of a person in a program",
        ("Program ID", "integer"),
        (
            ("Acquired By", "boolean"),
            ("New Status", "string"),
            ("Old Status", "string"),
            ("Reason", "string"),
            ("Success", "boolean"),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Marketing:
    """All of it: programs by id, leads by id, activities by time, and which of these are bots."""

    programs: tuple[Program, ...]
    leads: tuple[MarketoLead, ...]
    activities: tuple[Activity, ...]
    bot_guids: frozenset[int]
