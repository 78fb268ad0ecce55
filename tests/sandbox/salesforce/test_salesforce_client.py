"""simple-salesforce drains the sandbox completely, and what it found is the truth.

First touches are worked out here once more from what the client saw, by the rules that
`sandbox/salesforce/objects.py` tells, with nothing shared with the simulation or our connector.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from salesforce_caller import Caller, Drain, Rows, client_of, moment, second
from simple_salesforce import Salesforce

from revops_pipelines.sandbox.salesforce import KEYS, ids
from revops_pipelines.sandbox.salesforce.access import USERNAME
from revops_pipelines.sandbox.salesforce.keypair import private_key


def test_the_ways_in(keeping: Caller) -> None:
    login = {"username": USERNAME, "consumer_key": KEYS["client_id"], "privatekey": private_key()}
    assert client_of(keeping, **login, domain="login").query("SELECT COUNT() FROM Lead")[
        "totalSize"
    ]


def test_what_changed_and_went_in_a_month(
    client: Salesforce, drain: Drain, keeping: Caller
) -> None:
    until = keeping.clock.now()
    since = until - timedelta(days=29)
    for name in ("Contact", "Task", "Event", "EmailMessage", "Opportunity"):
        source = getattr(client, name)
        late = {
            row["Id"]: row["IsDeleted"]
            for row in drain(name)
            if datetime.fromisoformat(row["SystemModstamp"]) >= since
        }
        went = {each["id"] for each in source.deleted(since, until)["deletedRecords"]}
        changed = set(source.updated(since, until)["ids"])
        assert went == {id_ for id_, is_deleted in late.items() if is_deleted}
        assert changed == {id_ for id_, is_deleted in late.items() if not is_deleted}
        assert changed


def test_bulk_and_rest_agree_on_every_object(client: Salesforce, drain: Drain) -> None:
    described = client.describe()
    assert described is not None
    compared = 0
    for name in (each["name"] for each in described["sobjects"]):
        if name == "TaskStatus":
            continue
        fields = [
            field["name"]
            for field in getattr(client, name).describe()["fields"]
            if field["type"] != "address"
        ]
        handler = getattr(client.bulk2, name)
        parts = handler.query_all(f"SELECT {','.join(fields)} FROM {name}", 700, wait=0)
        rows = [row for part in parts for row in csv.DictReader(io.StringIO(part))]
        assert rows == [{key: as_csv(row[key]) for key in fields} for row in drain(name)], name
        compared += len(rows)
    assert compared > 10_000


def as_csv(value: Any) -> str:
    """REST's value as Bulk 2.0 spells it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).replace(".000+0000", ".000Z")


def test_every_person_is_there_once(drain: Drain, truth: Any) -> None:
    leads, contacts = drain.by_id("Lead"), drain.by_id("Contact")
    for true in truth["leads"]:
        lead = leads.get(ids.lead_id(true["person_index"]))
        contact = contacts.get(ids.contact_id(true["person_index"]))
        assert lead or contact
        if lead and contact:
            assert lead["ConvertedContactId"] == contact["Id"]
            assert lead["ConvertedAccountId"] == contact["AccountId"] or not contact["AccountId"]
        assert bool(lead and contact) == bool(lead and lead["IsConverted"])
        main = contact or lead
        assert main["Email"] == true["email"]
        assert main["IsDeleted"] == (true["deleted_at"] is not None)
        # A merge that made HubSpot a third record is one of two records here.
        seconds = len(true["duplicates_hubspot_ids"]) + bool(true["merged_hubspot_ids"])
        first = 1 + bool(lead and contact)
        assert records_of(true, leads, contacts) == first + seconds
    everybody = sum(records_of(true, leads, contacts) for true in truth["leads"])
    assert everybody == len(leads) + len(contacts)


def records_of(true: Any, leads: Any, contacts: Any) -> int:
    """How many records a person has, of all the ids that could be theirs."""
    possible = [ids.lead_id(true["person_index"]), ids.contact_id(true["person_index"])]
    for each in (*true["merged_hubspot_ids"], *true["duplicates_hubspot_ids"]):
        possible += [ids.second_lead_id(each), ids.second_contact_id(each)]
    return sum(each in leads or each in contacts for each in possible)


def test_hands_raised_owners_and_qualification(drain: Drain, truth: Any) -> None:
    leads, contacts = drain.by_id("Lead"), drain.by_id("Contact")
    standard = {user["Id"] for user in drain("User") if user["UserType"] == "Standard"}
    seen = 0
    for true in truth["leads"]:
        records = person_records(true, leads, contacts)
        raised = [moment(each["First_Inquiry_At__c"]) for each in records]
        first = min((each for each in raised if each), default=None)
        assert first == second(true["raised_at"]), true
        main = records[0]
        owner = true["owner_hubspot_id"]
        shown = main["OwnerId"] if main["OwnerId"] in standard else None
        # A deleted record keeps what it had.
        if true["deleted_at"] is None:
            assert moment(main["Sales_Qualified_At__c"]) == second(true["qualified_at"]), true
            assert shown == (ids.user_id(owner) if owner else None), true
        assert reason(main) == true["excluded_reason"], true
        seen += first is not None
    assert seen > 100


def person_records(true: Any, leads: Any, contacts: Any) -> Rows:
    """The record that stands first, then the others of the same person."""
    wanted = [ids.contact_id(true["person_index"]), ids.lead_id(true["person_index"])]
    for each in (*true["merged_hubspot_ids"], *true["duplicates_hubspot_ids"]):
        wanted += [ids.second_lead_id(each), ids.second_contact_id(each)]
    every = {**leads, **contacts}
    return [every[each] for each in wanted if each in every]


def reason(record: dict[str, Any]) -> str | None:
    mailbox, domain = record["Email"].split("@")
    listed = record["LeadSource"] in ("Import", "Event List")
    checks = {
        "internal": domain == "northbeam.example",
        "test": mailbox.startswith("test"),
        "spam": record.get("Status") == "Spam",
        "invalid_email": record["EmailBouncedDate"] is not None,
        "imported": listed and record["First_Inquiry_At__c"] is None,
    }
    return next((name for name, holds in checks.items() if holds), None)


def test_owners_changed_as_the_history_tells(drain: Drain, truth: Any) -> None:
    first: dict[str, str] = {}
    rows = [("LeadId", row) for row in drain("LeadHistory")]
    rows += [("ContactId", row) for row in drain("ContactHistory")]
    standard = {user["Id"] for user in drain("User") if user["UserType"] == "Standard"}
    for link, row in rows:
        is_owner = row["Field"] == "Owner" and row["DataType"] == "EntityId"
        if is_owner and row["NewValue"] in standard and row["OldValue"] not in standard:
            first.setdefault(row[link], row["CreatedDate"])
    compared = 0
    for true in truth["leads"]:
        raised, assigned = true["raised_at"], true["assigned_at"]
        if raised is None or assigned is None or raised >= assigned:
            continue
        own = (ids.lead_id(true["person_index"]), ids.contact_id(true["person_index"]))
        at = [moment(first[each]) for each in own if each in first]
        assert second(assigned) in at, true
        compared += 1
    assert compared > 50


def test_first_touches(drain: Drain, keeping: Caller, truth: Any) -> None:
    person_of = people_of(truth)
    touches: dict[int, list[tuple[datetime, str]]] = {}
    for at, activity, whos in outbound(drain, keeping.clock.now()):
        for who in whos:
            if who in person_of:
                touches.setdefault(person_of[who], []).append((at, activity))
    answered = 0
    for true in truth["leads"]:
        if true["raised_at"] is None or true["deleted_at"] is not None:
            continue
        raised = second(true["raised_at"])
        later = [each for each in touches.get(true["person_index"], []) if each[0] >= raised]
        assert min(later, default=(None,))[0] == second(true["first_touch_at"]), true
        if true["first_touch_hubspot_id"]:
            kind, _, number = true["first_touch_hubspot_id"].partition(":")
            earliest = [id_ for at, id_ in later if at == second(true["first_touch_at"])]
            assert ids.activity_record_id(kind, number) in earliest
            answered += 1
    assert answered > 100


def people_of(truth: Any) -> dict[str, int]:
    found = {}
    for true in truth["leads"]:
        found[ids.lead_id(true["person_index"])] = true["person_index"]
        found[ids.contact_id(true["person_index"])] = true["person_index"]
        for each in true["duplicates_hubspot_ids"]:
            found[ids.second_lead_id(each)] = true["person_index"]
            found[ids.second_contact_id(each)] = true["person_index"]
    return found


def outbound(drain: Drain, now: datetime) -> list[tuple[datetime, str, list[str]]]:
    """When, which record, and whom: what a person of ours did that reached somebody."""
    found = [
        *((row["MessageDate"], row["Id"], whos) for row, whos in mails(drain)),
        *((row["StartDateTime"], row["Id"], whos) for row, whos in meetings(drain)),
        *((row["CompletedDateTime"], row["Id"], [row["WhoId"]]) for row in calls(drain)),
    ]
    parsed = ((datetime.fromisoformat(at), id_, whos) for at, id_, whos in found)
    return [each for each in parsed if each[0] <= now]


def related(rows: Rows, link: str) -> dict[str, list[str]]:
    """People by the activity that relates to them."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row["RelationId"] and row.get("RelationObjectType") != "User":
            found.setdefault(row[link], []).append(row["RelationId"])
    return found


def mails(drain: Drain) -> Iterator[tuple[dict[str, Any], list[str]]]:
    to = related(drain("EmailMessageRelation"), "EmailMessageId")
    for row in drain("EmailMessage"):
        notice = row["Subject"].startswith("Automatic reply:")
        if not (row["Incoming"] or row["IsBounced"] or row["IsDeleted"] or notice):
            yield row, to.get(row["Id"], [])


def meetings(drain: Drain) -> Iterator[tuple[dict[str, Any], list[str]]]:
    with_whom = related(drain("EventRelation"), "EventId")
    for row in drain("Event"):
        off = row["Meeting_Outcome__c"] in ("No Show", "Canceled", "Rescheduled")
        if not (off or row["Booked_Via__c"] or row["IsDeleted"]):
            yield row, with_whom.get(row["Id"], [])


def calls(drain: Drain) -> Iterator[dict[str, Any]]:
    """Calls and messages."""
    for row in drain("Task"):
        called = row["TaskSubtype"] == "Call" and row["CallType"] == "Outbound"
        written = row["Type"] in ("LinkedIn", "SMS", "WhatsApp")
        if (called or written) and not row["IsDeleted"] and row["WhoId"]:
            yield row


def test_every_activity_is_there(drain: Drain, keeping: Caller) -> None:
    now = keeping.clock.now()
    messages, events, tasks = (drain.by_id(name) for name in ("EmailMessage", "Event", "Task"))
    expected = 0
    for position, activity in enumerate(keeping.world.activities):
        if activity.recorded_at > now:
            continue
        expected += 1
        number = position + 1
        if activity.kind == "meeting":
            record = events[ids.record_id("Event", number)]
        else:
            record = tasks[ids.record_id("Task", number)]
        gone = activity.deleted_at is not None and activity.deleted_at <= now
        assert record["IsDeleted"] == gone
        mail = messages.get(ids.record_id("EmailMessage", number))
        by_us = activity.kind == "email" and activity.by not in ("sequence", "workflow")
        assert (mail is not None) == by_us
        assert mail is None or mail["ActivityId"] == record["Id"]
    assert len(events) + len(tasks) == expected


def test_nothing_points_at_a_record_that_is_not_there(salesforce: Caller) -> None:
    """Here with the recycle bin as it is: what was purged is pointed at no more."""
    standing = {
        name: {row["Id"] for row in salesforce.query(f"SELECT Id FROM {name}", "/queryAll")}
        for name in ("Lead", "Contact", "Opportunity", "User", "Account", "Task")
    }
    every = set().union(*standing.values())
    lookups = {
        "Task": ("WhoId", "WhatId", "AccountId", "OwnerId"),
        "Event": ("WhoId", "WhatId", "AccountId", "OwnerId"),
        "EmailMessage": ("RelatedToId",),
        "EmailMessageRelation": ("RelationId",),
        "EventRelation": ("RelationId",),
        "OpportunityContactRole": ("ContactId", "OpportunityId"),
        "OpportunityHistory": ("OpportunityId",),
        "LeadHistory": ("LeadId",),
        "Opportunity": ("AccountId", "OwnerId", "ContactId"),
        "Contact": ("AccountId", "OwnerId"),
        "CampaignMember": ("ContactId", "LeadOrContactId"),
    }
    checked = 0
    for name, fields in lookups.items():
        for row in salesforce.query(f"SELECT {','.join(fields)} FROM {name}", "/queryAll"):
            for field in fields:
                assert row[field] in every or row[field] is None, (name, field, row)
                checked += 1
    assert checked > 10_000


def test_teams_and_those_who_left(drain: Drain, keeping: Caller) -> None:
    now = keeping.clock.now()
    users, roles = drain.by_id("User"), drain.by_id("UserRole")
    for user in keeping.world.users:
        row = users[ids.user_id(user.hubspot_id)]
        assert row["IsActive"] == user.at_work(now)
        assert (row["Email"], row["TimeZoneSidKey"]) == (user.email, user.time_zone)
        assert roles[row["UserRoleId"]]["Name"] == user.team
    standard = [row for row in users.values() if row["UserType"] == "Standard"]
    assert len(standard) == len(keeping.world.users)


def test_companies(drain: Drain, keeping: Caller) -> None:
    now = keeping.clock.now()
    accounts = drain.by_id("Account")
    there = [each for each in keeping.world.accounts if each.created_at <= now]
    assert len(there) == len(accounts)
    for account in there:
        row = accounts[ids.account_id(account.hubspot_id)]
        assert row["Website"] == f"https://www.{account.domain}"
        won = account.wins_at is not None and account.wins_at <= now
        assert row["Type"] == ("Customer" if won else "Prospect")
        gone = account.is_deleted_at is not None and account.is_deleted_at <= now
        assert row["IsDeleted"] == gone
