"""What the organisation's objects are and which fields they have: the schema behind `describe`.

Belongs here: how a line of `fields_*.py` is read, and the habits of the company that its records
follow, told once for everybody who reads them. Does not: the records (`people.py` and its
neighbours).

A line is a field's name and kind: `Name string:80`, `OwnerId ref:User,Group`, `Amount currency`.

**Times.** Salesforce keeps whole seconds: instants of the world are cut to the second. `date`
fields have no time at all (`CloseDate`, `ConvertedDate`, `ActivityDate`).

**People.** A person known through an import of customers (`import`), typed in by a salesperson
(`manual`), or met when the company paid already is a Contact from the first. Everybody else is a
Lead, and is converted when the first deal with them opens, or when the company starts to pay:
`Lead.IsConverted`, `ConvertedDate` (a date), `ConvertedContactId`, `ConvertedAccountId`,
`ConvertedOpportunityId` (if a deal was the reason); the Contact's `CreatedDate` is that instant,
the person's own is the Lead's. The converted Lead stays.
- `First_Inquiry_At__c` (Lead, Contact): when the person first raised a hand, null if never; a lead
  by form, chat or meeting link has it equal to `CreatedDate`. `Last_Inquiry_At__c` the last time.
  `Inquiry_Type__c` is Form, Chat or Meeting link. `LeadSource` is the channel (`LEAD_SOURCES` in
  `people.py`): seven inbound ones, Event List, Import and Prospecting.
- `MQL_At__c`, `Sales_Qualified_At__c`: when marketing and when sales took the person on. `Status`
  of a Lead: New, Marketing Qualified, Sales Qualified, Converted, Spam.
- Excluded: mail domain of our own (internal), mailbox `test...` (test), `Status` Spam, an
  `EmailBouncedDate` (invalid_email: set by what the first automatic mail found), `LeadSource`
  Import or Event List without an inquiry (imported; an Event List never inquires).
- `Matched_Account__c` on a Lead: the Account its company was matched to.
- `OwnerId` of a Lead that was never assigned is the queue (Group, `00G`), of a Contact the
  Platform Integration User (`User.UserType` is not Standard): neither is an owner. Owner changes
  after the creation are in LeadHistory and ContactHistory (`Field` Owner): two rows each, one with
  names (`DataType` Text), one with ids (`DataType` EntityId).
- Second records of a person are merged by Salesforce's merge (`IsDeleted`, `MasterRecordId`), or,
  where the first one is a Contact already and the second a Lead, by converting the Lead into the
  same Contact. A second one is made as what the first one is at that moment. Unmerged ones stay.
- A deleted person's Lead and Contact are both deleted.

**Deletion.** Deleted and merged rows are seen by `queryAll` for 15 days (the recycle bin), then
they are gone; `getDeleted` reaches as far. Switch `salesforce.keeps_deleted` keeps them for good.
Lookups to a deleted record become null without a change of `SystemModstamp`; so do `WhoId`,
`RelationId`, `LeadId`/`ContactId` when a Lead is converted or merged: they point at the survivor.

**Companies.** Every company is an Account from its creation; `Type` Prospect, then Customer.

**Activities.**
- A call is a Task with `TaskSubtype` Call, `CallType` Outbound, `CallDisposition`, its instant in
  `CompletedDateTime`. A message is a Task with `Type` LinkedIn, SMS or WhatsApp, likewise. A note
  is a completed Task of `Type` Note. Other Tasks are to-dos (`TaskSubtype` Task, `Type` Other);
  those by a workflow are created by the Automated Process user; due at `ReminderDateTime`.
- A mail by a person of ours or a prospect is an EmailMessage (`MessageDate`, `Incoming`,
  `IsBounced`, people through EmailMessageRelation, deal in `RelatedToId`, our user in
  `CreatedById`) **and** a Task of `TaskSubtype` Email at `EmailMessage.ActivityId`: one mail, two
  records. Absence notices are EmailMessages with the subject `Automatic reply: ...`, both ways.
- A sequence's mail is a Task only: `TaskSubtype` Email, subject `[Cadence] ...`,
  `Cadence_Name__c`. A workflow's is a Task of `TaskSubtype` ListEmail, by the Automated Process.
- A meeting is an Event (`StartDateTime`), people through EventRelation (also in `WhoId`, the
  first). `Meeting_Outcome__c` is Scheduled, Completed, No Show, Canceled or Rescheduled;
  `Booked_Via__c` is Scheduling Link where the prospect took the slot, else null.
- Tasks and Events of more than a year ago are archived: only `queryAll` sees them (`IsArchived`).

**Deals.** Pipelines are record types (`RecordTypeId`); stage names are unique over both.
OpportunityHistory has a row for the creation and for each change of stage, amount or close date;
OpportunityFieldHistory tracks StageName, Amount, CloseDate, Owner and RecordType, with a `created`
row first. `Type`: New Business, Expansion, Renewal. `Loss_Reason__c`, `Contract_Term_Months__c`.
Amounts are in `CurrencyIsoCode`. A priced deal has one line item of its whole amount.

**Rates.** DatedConversionRate says how much of a currency one US dollar is worth (six decimals),
month by month: the inverse, at six significant digits, is what others publish.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

AUDIT = """
Id id
IsDeleted boolean
CreatedDate datetime
CreatedById ref:User
LastModifiedDate datetime
LastModifiedById ref:User
SystemModstamp datetime
"""
# Of records that are never in the recycle bin.
SETUP_AUDIT = AUDIT.replace("IsDeleted boolean\n", "")
# Of rows that are written once.
HISTORY_AUDIT = """
Id id
IsDeleted boolean
CreatedById ref:User
CreatedDate datetime
"""
LENGTHS = {"id": 18, "ref": 18, "string": 255, "picklist": 255, "textarea": 32_000, "email": 80}


@dataclass(frozen=True, slots=True)
class Field:
    """One field; `kind` as `describe` names it, `to` the objects that a reference points at."""

    name: str
    kind: str
    length: int = 0
    to: tuple[str, ...] = ()

    @property
    def is_custom(self) -> bool:
        """Made by the organisation's administrator."""
        return self.name.endswith("__c")

    @property
    def relationship(self) -> str | None:
        """How a query names the record that a reference points at.

        >>> Field("Matched_Account__c", "reference", 18, ("Account",)).relationship
        'Matched_Account__r'
        """
        if not self.to:
            return None
        return f"{self.name[:-3]}__r" if self.is_custom else self.name.removesuffix("Id")


@dataclass(frozen=True, slots=True)
class SObject:
    """One object: its fields by name, and whether Bulk 2.0 and replication know it."""

    name: str
    fields: Mapping[str, Field]
    in_bulk: bool = True

    @property
    def is_replicated(self) -> bool:
        """getDeleted and getUpdated answer for it."""
        return "SystemModstamp" in self.fields and "IsDeleted" in self.fields


def field_of(line: str) -> Field:
    """Read one line.

    >>> field_of("OwnerId ref:User,Group")
    Field(name='OwnerId', kind='reference', length=18, to=('User', 'Group'))
    """
    name, _, kind = line.partition(" ")
    kind, _, rest = kind.partition(":")
    if kind == "ref":
        return Field(name, "reference", LENGTHS["ref"], tuple(rest.split(",")))
    return Field(name, kind, int(rest) if rest else LENGTHS.get(kind, 0))


def object_of(name: str, lines: str, *, in_bulk: bool = True) -> SObject:
    """Read an object's lines."""
    fields = [field_of(line.strip()) for line in lines.splitlines() if line.strip()]
    return SObject(name, {field.name: field for field in fields}, in_bulk)


@cache
def schema() -> Mapping[str, SObject]:
    """Every object of the organisation, by name."""
    from revops_pipelines.sandbox.salesforce import fields_activity, fields_people, fields_sales

    lines = {**fields_people.LINES, **fields_activity.LINES, **fields_sales.LINES}
    return {
        name: object_of(name, text, in_bulk=name not in NOT_IN_BULK)
        for name, text in sorted(lines.items())
    }


# "Bulk API 2.0 query: unsupported objects"; a status list may stand for them here.
NOT_IN_BULK = ("TaskStatus",)
