"""What Salesforce's records mean to us: few records in, exact rows out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from salesforce_warehouse import Row, Warehouse, org_options, record

URL = "https://northbeam.my.salesforce.com/"
ADA, BOB = "005000000000001AAA", "005000000000002AAA"
ROBOT, QUEUE = "005000000000009AAA", "00G000000000001AAA"
LEAD, LEAD_2 = "00Q000000000001AAA", "00Q000000000002AAA"
CONTACT, CONTACT_2 = "003000000000001AAA", "003000000000002AAA"
ACCOUNT, ACCOUNT_2 = "001000000000001AAA", "001000000000002AAA"
DEAL = "006000000000001AAA"
NEW, RENEWAL = "012000000000001AAA", "012000000000002AAA"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    warehouse = Warehouse(tmp_path_factory.mktemp("salesforce"))
    yield warehouse
    warehouse.connection.close()


@pytest.fixture
def house(shared: Warehouse) -> Warehouse:
    """An empty warehouse but for its users; making the tables takes longer than most tests."""
    shared.clear()
    shared.put(
        "users",
        [
            record(ADA, Name="Ada Byron", Email="Ada@Firm.NET", UserType="Standard", IsActive=True),
            record(BOB, Name="Bob", Email="bob@firm.net", UserType="Standard", IsActive=False),
            record(ROBOT, Name="Integration", UserType="CloudIntegrationUser", IsActive=True),
        ],
    )
    return shared


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def utc(text: str) -> datetime:
    return at(text).replace(tzinfo=UTC)


def z(text: str) -> str:
    return f"{text}.000Z"


def lead(identifier: str = LEAD, **fields: Any) -> Row:
    told = {"Email": "Jo@Shop.net", "FirstName": "Jo", "LastName": "Day", "OwnerId": QUEUE}
    return record(identifier, **(told | {"Status": "New", "IsConverted": False} | fields))


def contact(identifier: str = CONTACT, **fields: Any) -> Row:
    told = {"Email": "jo@shop.net", "FirstName": "Jo", "LastName": "Day", "OwnerId": ADA}
    return record(identifier, **(told | fields))


# --- people


def test_a_lead_is_a_person_whom_a_queue_does_not_own(house: Warehouse) -> None:
    house.put(
        "leads",
        [
            lead(
                created=z("2026-03-01T08:00:00"),
                First_Inquiry_At__c=z("2026-03-01T08:00:00"),
                LeadSource="Paid Search",
                Country="Germany",
                CountryCode="de",
                Matched_Account__c=ACCOUNT,
                Region_Code__c="DE-1",
            )
        ],
    )
    house.put("accounts", [record(ACCOUNT, Name="Shop")])
    row = house.only("leads")
    assert row["lead_id"] == f"salesforce:{LEAD}"
    assert row["account_id"] == f"salesforce:{ACCOUNT}"
    assert row["owner_id"] is None
    assert row["assigned_at"] is None
    assert row["email"] == "jo@shop.net"
    assert row["full_name"] == "Jo Day"
    assert row["country"] == "DE"
    assert row["channel"] == "paid_search"
    assert row["lifecycle_stage"] == "New"
    assert row["is_inbound"] is True
    assert row["raised_at"] == at("2026-03-01T08:00:00")
    assert row["excluded_reason"] is None
    assert row["created_at"] == at("2026-03-01T08:00:00")
    assert row["url"] == URL + LEAD
    assert json.loads(row["custom"])["Region_Code__c"] == "DE-1"
    assert row["_deleted_at"] is None


def test_the_first_owner_who_is_a_person_counts(house: Warehouse) -> None:
    house.put("leads", [lead(created=z("2026-03-01T08:00:00"), OwnerId=BOB)])

    def step(number: int, when: str, old: str, new: str) -> Row:
        changed = {"LeadId": LEAD, "Field": "Owner", "OldValue": old, "NewValue": new}
        return {"Id": f"017{number}", "CreatedDate": z(when), "IsDeleted": False, **changed}

    house.put(
        "lead_history",
        [
            step(1, "2026-03-01T08:04:00", "Inbound", "Ada Byron"),
            step(2, "2026-03-01T08:04:00", QUEUE, ADA),
            step(3, "2026-03-05T08:00:00", ADA, BOB),
        ],
    )
    row = house.only("leads")
    assert row["owner_id"] == f"salesforce:{BOB}"
    assert row["assigned_at"] == at("2026-03-01T08:04:00")


def test_who_owned_the_lead_from_the_first_was_assigned_then(house: Warehouse) -> None:
    house.put("leads", [lead(created=z("2026-03-01T08:00:00"), OwnerId=ADA)])
    assert house.only("leads")["assigned_at"] == at("2026-03-01T08:00:00")


def test_a_converted_lead_stays_the_person_it_was(house: Warehouse) -> None:
    house.put(
        "leads",
        [
            lead(
                created=z("2026-03-01T08:00:00"),
                First_Inquiry_At__c=z("2026-03-01T08:00:00"),
                LeadSource="Referral",
                OwnerId=ADA,
                Status="Converted",
                IsConverted=True,
                ConvertedContactId=CONTACT,
            )
        ],
    )
    house.put(
        "contacts",
        [
            contact(
                created=z("2026-04-02T09:00:00"), OwnerId=BOB, AccountId=ACCOUNT, Email="J@x.net"
            )
        ],
    )
    house.put("accounts", [record(ACCOUNT, Name="Shop")])
    row = house.only("leads")
    assert row["lead_id"] == f"salesforce:{LEAD}"
    assert row["source_id"] == LEAD
    # What the contact says now.
    assert row["email"] == "j@x.net"
    assert row["owner_id"] == f"salesforce:{BOB}"
    assert row["account_id"] == f"salesforce:{ACCOUNT}"
    assert row["url"] == URL + CONTACT
    # What the lead said then.
    assert row["channel"] == "referral"
    assert row["created_at"] == row["raised_at"] == at("2026-03-01T08:00:00")
    assert row["assigned_at"] == at("2026-03-01T08:00:00")
    assert row["qualified_at"] is None
    without = org_options(qualified_field="")
    assert house.only("leads", without)["qualified_at"] == at("2026-04-02T09:00:00")
    merges = house.offered("merges")
    assert merges == [
        {
            "entity": "leads",
            "record_id": f"salesforce:{CONTACT}",
            "canonical_id": f"salesforce:{LEAD}",
        }
    ]


def test_a_lead_converted_into_an_older_contact_is_that_contact(house: Warehouse) -> None:
    house.put("contacts", [contact(created=z("2025-01-01T09:00:00"))])
    house.put(
        "leads",
        [
            lead(
                created=z("2026-03-01T08:00:00"),
                First_Inquiry_At__c=z("2026-03-01T08:00:00"),
                IsConverted=True,
                ConvertedContactId=CONTACT,
            )
        ],
    )
    row = house.only("leads")
    assert row["lead_id"] == f"salesforce:{CONTACT}"
    assert row["raised_at"] == at("2026-03-01T08:00:00")
    # The contact was there before: the conversion did not make it.
    assert house.only("leads", org_options(qualified_field=""))["qualified_at"] is None


def test_merged_records_are_one_person_with_the_earliest_inquiry(house: Warehouse) -> None:
    loser = lead(
        LEAD_2,
        created=z("2026-02-01T08:00:00"),
        First_Inquiry_At__c=z("2026-02-01T08:00:00"),
        IsDeleted=True,
        MasterRecordId=LEAD,
    )
    house.put(
        "leads",
        [lead(created=z("2026-03-01T08:00:00"), IsConverted=True, ConvertedContactId=CONTACT)],
    )
    house.put("leads", [loser], [(LEAD_2, utc("2026-06-02T00:00:00"), f"merged into {LEAD}")])
    house.put("contacts", [contact(created=z("2026-04-01T08:00:00"))])
    row = house.only("leads")
    assert row["lead_id"] == f"salesforce:{LEAD}"
    assert row["raised_at"] == at("2026-02-01T08:00:00")
    assert row["created_at"] == at("2026-03-01T08:00:00")
    assert row["_deleted_at"] is None
    told = {each["record_id"]: each["canonical_id"] for each in house.offered("merges")}
    assert told == dict.fromkeys(
        (f"salesforce:{LEAD_2}", f"salesforce:{CONTACT}"), f"salesforce:{LEAD}"
    )


def test_a_person_is_gone_with_the_record_that_stood_for_them(house: Warehouse) -> None:
    house.put("leads", [lead(IsConverted=True, ConvertedContactId=CONTACT)])
    gone = utc("2026-06-20T10:00:00")
    house.put("contacts", [contact()], [(CONTACT, gone, "deleted")])
    house.put("tasks", [call(WhoId=CONTACT)])
    assert house.only("leads")["_deleted_at"] == at("2026-06-20T10:00:00")
    assert house.only("activities")["lead_id"] is None


def test_merges_in_circles_end(house: Warehouse) -> None:
    house.put("leads", [lead(MasterRecordId=LEAD_2), lead(LEAD_2, MasterRecordId=LEAD)])
    assert len(house.offered("leads")) <= 2


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"Email": "test7@shop.net"}, "test"),
        ({"Email": "someone@northbeam.example"}, "internal"),
        ({"Status": "Spam"}, "spam"),
        ({"EmailBouncedDate": "2026-03-01T00:00:00.000Z"}, "invalid_email"),
        ({"LeadSource": "Event List"}, "imported"),
        ({"LeadSource": "Import", "First_Inquiry_At__c": "2026-03-01T00:00:00.000Z"}, None),
        ({}, None),
    ],
)
def test_who_is_no_lead(house: Warehouse, fields: dict[str, Any], reason: str | None) -> None:
    house.put("leads", [lead(**fields)])
    assert house.only("leads")["excluded_reason"] == reason


def test_without_a_field_for_it_an_inbound_source_raises_the_hand(house: Warehouse) -> None:
    options = org_options(raised_field="", inbound_sources=("Web",))
    house.put(
        "leads",
        [
            lead(created=z("2026-03-01T08:00:00"), LeadSource="web"),
            lead(LEAD_2, LeadSource="Purchased List"),
        ],
    )
    rows = {row["source_id"]: row for row in house.offered("leads", options)}
    assert rows[LEAD]["raised_at"] == at("2026-03-01T08:00:00")
    assert rows[LEAD_2]["is_inbound"] is False


def test_users_are_people(house: Warehouse) -> None:
    house.put("user_roles", [{"Id": "00E1", "Name": "West"}])
    house.put(
        "users",
        [
            record(
                ADA,
                updated=z("2026-06-02T00:00:00"),
                Name="Ada Byron",
                Email="Ada@Firm.NET",
                UserType="Standard",
                UserRoleId="00E1",
                TimeZoneSidKey="Europe/Berlin",
                Department="Inside",
                IsActive=True,
            )
        ],
    )
    rows = {row["source_id"]: row for row in house.offered("users")}
    assert set(rows) == {ADA, BOB}
    assert rows[ADA]["email"] == "ada@firm.net"
    assert (rows[ADA]["team"], rows[ADA]["time_zone"]) == ("West", "Europe/Berlin")
    assert (rows[ADA]["is_active"], rows[BOB]["is_active"]) == (True, False)
    by_department = house.offered("users", org_options(team_field="Department"))
    assert {row["team"] for row in by_department if row["source_id"] == ADA} == {"Inside"}


def test_companies_without_their_merged_doubles(house: Warehouse) -> None:
    house.put(
        "accounts",
        [
            record(
                ACCOUNT,
                created=z("2026-01-05T09:00:00"),
                Name="Shop",
                Website="https://www.Shop.net/about",
                NumberOfEmployees=250,
                BillingCountryCode="us",
                ParentId=ACCOUNT_2,
                OwnerId=ADA,
                Tier__c="gold",
            )
        ],
    )
    double = record(ACCOUNT_2, Name="Shop 2", IsDeleted=True, MasterRecordId="001000000000003AAA")
    house.put("accounts", [double], [(ACCOUNT_2, utc("2026-06-02T00:00:00"), "merged into 0013")])
    house.put("accounts", [record("001000000000003AAA", Name="Holding")])
    rows = {row["source_id"]: row for row in house.offered("accounts")}
    assert set(rows) == {ACCOUNT, "001000000000003AAA"}
    row = rows[ACCOUNT]
    assert (row["domain"], row["country"], row["segment"]) == ("shop.net", "US", "MID")
    assert row["parent_account_id"] == "salesforce:001000000000003AAA"
    assert json.loads(row["custom"]) == {"Tier__c": "gold"}


# --- activities


def call(identifier: str = "00T1", **fields: Any) -> Row:
    told = {
        "TaskSubtype": "Call",
        "CallType": "Outbound",
        "CallDisposition": "Left Voicemail",
        "IsClosed": True,
        "Status": "Completed",
        "CompletedDateTime": z("2026-06-01T10:00:00"),
        "OwnerId": ADA,
        "CreatedById": ADA,
        "WhoId": LEAD,
    }
    return record(identifier, **(told | fields))


def mail(**fields: Any) -> Row:
    told = {
        "ActivityId": "00T9",
        "MessageDate": z("2026-06-01T10:00:00"),
        "Incoming": False,
        "IsBounced": False,
        "Status": "3",
        "Subject": "Your request",
        "CreatedById": ADA,
    }
    return record("02s1", **(told | fields))


def meeting(**fields: Any) -> Row:
    told = {
        "StartDateTime": z("2026-06-03T10:00:00"),
        "Meeting_Outcome__c": "Completed",
        "OwnerId": ADA,
        "CreatedById": ADA,
        "WhoId": LEAD,
    }
    return record("00U1", **(told | fields))


NAMES = ("kind", "direction", "is_human", "is_two_way", "outcome")


@pytest.mark.parametrize(
    ("stream", "made", "wanted"),
    [
        ("tasks", call(), ("call", "outbound", True, False, "left_voicemail")),
        (
            "tasks",
            call(CallDisposition="Connected"),
            ("call", "outbound", True, True, "connected"),
        ),
        (
            "tasks",
            call(CallType="Inbound", CallDisposition="Connected"),
            ("call", "inbound", True, True, "connected"),
        ),
        (
            "tasks",
            call(IsClosed=False, CallDisposition=None, Status="Not Started"),
            ("call", "internal", True, False, "not_started"),
        ),
        (
            "tasks",
            call(TaskSubtype="Task", Type="WhatsApp", CallType=None, CallDisposition=None),
            ("message", "outbound", True, False, "sent"),
        ),
        (
            "tasks",
            call(TaskSubtype="Task", Type="Note", CallType=None, CallDisposition=None),
            ("note", "internal", True, False, None),
        ),
        (
            "tasks",
            call(TaskSubtype="Task", CallType=None, CallDisposition=None, CreatedById=ROBOT),
            ("task", "internal", False, False, "completed"),
        ),
        (
            "tasks",
            call(TaskSubtype="Email", CallType=None, CallDisposition=None, Subject="Hello"),
            ("email", "outbound", True, False, "sent"),
        ),
        (
            "tasks",
            call(
                TaskSubtype="Email", CallType=None, CallDisposition=None, Subject="[Cadence] Hello"
            ),
            ("email", "outbound", False, False, "sent"),
        ),
        (
            "tasks",
            call(
                TaskSubtype="Email", CallType=None, CallDisposition=None, Cadence_Name__c="Spring"
            ),
            ("email", "outbound", False, False, "sent"),
        ),
        (
            "tasks",
            call(TaskSubtype="ListEmail", CallType=None, CallDisposition=None),
            ("email", "outbound", False, False, "sent"),
        ),
        ("email_messages", mail(), ("email", "outbound", True, False, "sent")),
        ("email_messages", mail(IsBounced=True), ("email", "outbound", False, False, "bounced")),
        ("email_messages", mail(Status="5"), ("email", "internal", True, False, "sent")),
        ("email_messages", mail(CreatedById=ROBOT), ("email", "outbound", False, False, "sent")),
        (
            "email_messages",
            mail(Incoming=True, CreatedById=ROBOT),
            ("email", "inbound", False, True, "received"),
        ),
        (
            "email_messages",
            mail(Incoming=True, Subject="Automatic reply: away"),
            ("email", "inbound", False, False, "auto_reply"),
        ),
        (
            "email_messages",
            mail(Subject="Out of office"),
            ("email", "outbound", False, False, "auto_reply"),
        ),
        ("events", meeting(), ("meeting", "outbound", True, True, "completed")),
        (
            "events",
            meeting(Meeting_Outcome__c="No Show"),
            ("meeting", "internal", True, False, "no_show"),
        ),
        (
            "events",
            meeting(Meeting_Outcome__c="Scheduled"),
            ("meeting", "outbound", True, False, "scheduled"),
        ),
        (
            "events",
            meeting(Booked_Via__c="Scheduling Link"),
            ("meeting", "inbound", True, True, "completed"),
        ),
    ],
)
def test_what_an_activity_is(
    house: Warehouse, stream: str, made: Row, wanted: tuple[Any, ...]
) -> None:
    house.put(stream, [made])
    row = house.only("activities")
    assert tuple(row[name] for name in NAMES) == wanted


def test_a_mails_task_is_not_counted_again_and_tells_its_person(house: Warehouse) -> None:
    house.put("leads", [lead()])
    house.put("tasks", [call("00T9", TaskSubtype="Email", CallType=None, CallDisposition=None)])
    house.put("email_messages", [mail()])
    row = house.only("activities")
    assert row["activity_id"] == "salesforce:02s1"
    assert row["lead_id"] == f"salesforce:{LEAD}"
    assert row["occurred_at"] == at("2026-06-01T10:00:00")
    assert row["user_id"] == f"salesforce:{ADA}"


def test_one_row_for_each_person_of_a_mail(house: Warehouse) -> None:
    house.put("leads", [lead(IsConverted=True, ConvertedContactId=CONTACT), lead(LEAD_2)])
    house.put("contacts", [contact()])
    house.put("email_messages", [mail()])

    def end(number: int, person: str, kind: str) -> Row:
        told = {"EmailMessageId": "02s1", "RelationId": person, "RelationObjectType": kind}
        return record(f"0eR{number}", **told)

    house.put(
        "email_message_relations",
        [end(1, CONTACT, "Contact"), end(2, LEAD_2, "Lead"), end(3, ADA, "User")],
        [("0eR4", utc("2026-06-02T00:00:00"), "deleted")],
    )
    people = {row["lead_id"] for row in house.offered("activities")}
    assert people == {f"salesforce:{LEAD}", f"salesforce:{LEAD_2}"}


def test_further_people_of_tasks_and_meetings(house: Warehouse) -> None:
    house.put("leads", [lead(), lead(LEAD_2)])
    house.put("contacts", [contact()])
    house.put("tasks", [call()])
    house.put("task_relations", [record("0RT1", TaskId="00T1", RelationId=LEAD_2, IsWhat=False)])
    house.put("events", [meeting(), meeting() | {"Id": "00U2", "IsChild": True}])
    house.put("event_relations", [record("0RE1", EventId="00U1", RelationId=CONTACT)])
    touched = {(row["activity_id"], row["lead_id"]) for row in house.offered("activities")}
    assert touched == {
        ("salesforce:00T1", f"salesforce:{LEAD}"),
        ("salesforce:00T1", f"salesforce:{LEAD_2}"),
        ("salesforce:00U1", f"salesforce:{LEAD}"),
        ("salesforce:00U1", f"salesforce:{CONTACT}"),
    }


def test_an_activity_of_a_deal_belongs_to_its_company(house: Warehouse) -> None:
    house.put("accounts", [record(ACCOUNT), record(ACCOUNT_2)])
    house.put("opportunities", [deal(AccountId=ACCOUNT)])
    house.put("tasks", [call(WhatId=DEAL, AccountId=ACCOUNT_2), call("00T2", WhatId=ACCOUNT_2)])
    rows = {row["source_id"]: row for row in house.offered("activities")}
    assert rows["00T1"]["opportunity_id"] == f"salesforce:{DEAL}"
    assert rows["00T1"]["account_id"] == f"salesforce:{ACCOUNT}"
    assert rows["00T2"]["opportunity_id"] is None
    assert rows["00T2"]["account_id"] == f"salesforce:{ACCOUNT_2}"


# --- deals


def deal(**fields: Any) -> Row:
    told = {
        "Name": "Shop - New",
        "StageName": "Proposal",
        "Amount": 1200.5,
        "CloseDate": "2026-07-31",
        "Type": "New Business",
        "RecordTypeId": NEW,
        "OwnerId": ADA,
        "IsClosed": False,
        "IsWon": False,
        "ForecastCategoryName": "Best Case",
        "LeadSource": "Organic Search",
    }
    return record(DEAL, **(told | {"created": z("2026-01-05T09:00:00")} | fields))


STAGES = [
    {"Id": f"01J{number}", "ApiName": name, "MasterLabel": name, "SortOrder": number}
    | {"DefaultProbability": probability, "IsClosed": closed, "IsWon": won}
    for number, (name, probability, closed, won) in enumerate(
        [
            ("Discovery", 20, False, False),
            ("Proposal", 50, False, False),
            ("Upcoming", 30, False, False),
            ("Won", 100, True, True),
            ("Lost", 0, True, False),
        ],
        1,
    )
]


def entry(number: int, when: str, stage: str, amount: float | None = 1000) -> Row:
    return {
        "Id": f"008{number}",
        "OpportunityId": DEAL,
        "CreatedDate": z(when),
        "StageName": stage,
        "Amount": amount,
        "IsDeleted": False,
    }


def moved(number: int, when: str, old: str, new: str) -> Row:
    told = {"OpportunityId": DEAL, "Field": "RecordType", "OldValue": old, "NewValue": new}
    return {"Id": f"017{number}", "CreatedDate": z(when), "IsDeleted": False, **told}


def test_every_stay_in_every_stage(house: Warehouse) -> None:
    house.put("opportunity_stages", STAGES)
    house.put("opportunities", [deal(StageName="Won", IsClosed=True, IsWon=True)])
    house.put(
        "opportunity_history",
        [
            entry(1, "2026-01-05T09:00:00", "Upcoming"),
            entry(2, "2026-01-06T09:00:00", "Discovery"),
            entry(3, "2026-01-07T09:00:00", "Discovery", 1500),
            entry(4, "2026-01-08T09:00:00", "Proposal", 1500),
            entry(5, "2026-01-09T09:00:00", "Discovery", 1500),
            entry(6, "2026-01-10T09:00:00", "Won", 1200.5),
        ],
    )
    house.put(
        "opportunity_field_history",
        [
            moved(1, "2026-01-06T09:00:00", "Renewals", "New Business"),
            moved(2, "2026-01-06T09:00:00", RENEWAL, NEW),
        ],
    )
    rows = sorted(
        house.offered("opportunity_stage_history"), key=lambda row: str(row["entered_at"])
    )
    told = [
        (row["pipeline"], row["stage"], row["is_qualified"], row["is_won"], Decimal(row["amount"]))
        for row in rows
    ]
    assert told == [
        (RENEWAL, "Upcoming", False, False, Decimal(1000)),
        (NEW, "Discovery", False, False, Decimal(1000)),
        (NEW, "Proposal", True, False, Decimal(1500)),
        (NEW, "Discovery", False, False, Decimal(1500)),
        (NEW, "Won", True, True, Decimal("1200.5")),
    ]
    assert [row["left_at"] for row in rows] == [*(row["entered_at"] for row in rows[1:]), None]
    assert len({row["source_id"] for row in rows}) == len(rows)
    row = house.only("opportunities")
    assert row["closed_at"] == at("2026-01-10T09:00:00")
    assert row["qualified_at"] == at("2026-01-08T09:00:00")
    assert (row["is_closed"], row["is_won"]) == (True, True)


def test_without_history_the_deal_was_always_where_it_is(house: Warehouse) -> None:
    house.put("opportunity_stages", STAGES)
    house.put("opportunities", [deal()])
    row = house.only("opportunity_stage_history")
    assert (row["stage"], row["entered_at"]) == ("Proposal", at("2026-01-05T09:00:00"))
    assert (row["pipeline"], row["left_at"]) == (NEW, None)


def test_a_named_stage_is_where_qualified_begins(house: Warehouse) -> None:
    house.put("opportunity_stages", STAGES)
    house.put("opportunities", [deal(StageName="Upcoming")])
    options = org_options(qualified_stages=("Upcoming",))
    assert house.only("opportunity_stage_history", options)["is_qualified"] is True
    assert house.only("opportunity_stage_history")["is_qualified"] is False


def test_a_deal_as_it_stands(house: Warehouse) -> None:
    house.put("accounts", [record(ACCOUNT)])
    house.put("opportunities", [deal(AccountId=ACCOUNT, Loss_Reason__c="Price")])
    row = house.only("opportunities")
    assert row["opportunity_id"] == f"salesforce:{DEAL}"
    assert row["account_id"] == f"salesforce:{ACCOUNT}"
    assert row["owner_id"] == f"salesforce:{ADA}"
    assert (row["kind"], row["channel"]) == ("new", "organic_search")
    assert (row["pipeline"], row["stage"]) == (NEW, "Proposal")
    assert Decimal(row["amount"]) == Decimal("1200.5")
    # An org without multiple currencies names none.
    assert row["currency"] == "USD"
    assert row["close_on"] == date(2026, 7, 31)
    assert row["closed_at"] is None
    assert row["lost_reason"] == "Price"
    assert row["forecast_category"] == "best_case"
    assert row["url"] == URL + DEAL


@pytest.mark.parametrize(
    ("kind", "record_type", "wanted"),
    [
        ("New Business", NEW, "new"),
        ("Existing Business", NEW, "expansion"),
        ("Existing Business", RENEWAL, "renewal"),
        ("Renewal", NEW, "renewal"),
        ("Partnership", NEW, "other"),
        (None, NEW, "new"),
        (None, RENEWAL, "renewal"),
        ("New Business", None, "new"),
    ],
)
def test_kinds_of_business(
    house: Warehouse, kind: str | None, record_type: str | None, wanted: str
) -> None:
    house.put(
        "record_types",
        [
            {"Id": NEW, "SobjectType": "Opportunity", "Name": "New", "DeveloperName": "New"},
            {"Id": RENEWAL, "SobjectType": "Opportunity", "Name": "Renewals", "DeveloperName": "R"},
        ],
    )
    house.put("opportunities", [deal(Type=kind, RecordTypeId=record_type)])
    row = house.only("opportunities")
    assert row["kind"] == wanted
    assert row["pipeline"] == (record_type or "default")


def test_people_of_deals_follow_conversions(house: Warehouse) -> None:
    house.put("leads", [lead(IsConverted=True, ConvertedContactId=CONTACT)])
    house.put("contacts", [contact(), contact(CONTACT_2)])
    house.put("opportunities", [deal()])

    def role(number: int, person: str, **fields: Any) -> Row:
        return record(f"00K{number}", OpportunityId=DEAL, ContactId=person, **fields)

    house.put("opportunity_contact_roles", [role(1, CONTACT), role(2, CONTACT_2, IsPrimary=True)])
    rows = {row["lead_id"]: row["is_primary"] for row in house.offered("opportunity_contacts")}
    assert rows == {f"salesforce:{LEAD}": False, f"salesforce:{CONTACT_2}": True}
    assert house.only("opportunities")["lead_id"] == f"salesforce:{CONTACT_2}"


# --- money and marketing


def rate(number: int, currency: str, value: float, day: str = "2026-06-01") -> Row:
    return {"Id": f"04w{number}", "IsoCode": currency, "ConversionRate": value, "StartDate": day}


def test_rates_are_turned_round_as_they_were_typed(house: Warehouse) -> None:
    house.put(
        "currency_types",
        [
            {"Id": "01L1", "IsoCode": "USD", "ConversionRate": 1, "IsCorporate": True},
            {"Id": "01L2", "IsoCode": "CHF", "ConversionRate": 0.92, "IsCorporate": False},
            {"Id": "01L3", "IsoCode": "EUR", "ConversionRate": 0.9, "IsCorporate": False},
        ],
    )
    house.put(
        "dated_conversion_rates",
        [rate(1, "EUR", 0.924898), rate(2, "JPY", 149.253731), rate(3, "USD", 1)],
    )
    rows = {row["currency"]: row for row in house.offered("fx_rates")}
    assert set(rows) == {"EUR", "JPY", "CHF"}
    assert rows["EUR"]["rate"] == Decimal("1.0812")
    assert rows["JPY"]["rate"] == Decimal("0.0067")
    # Typed as it is; and without a date, from ever.
    assert rows["CHF"]["rate"] == Decimal("1.0869565217")
    assert (rows["CHF"]["valid_on"], rows["EUR"]["valid_on"]) == (
        date(1990, 1, 1),
        date(2026, 6, 1),
    )
    assert {row["base_currency"] for row in rows.values()} == {"USD"}


def test_quotas_of_a_period_or_of_a_month(house: Warehouse) -> None:
    house.put("periods", [{"Id": "026Q", "StartDate": "2026-04-01", "EndDate": "2026-06-30"}])
    house.put(
        "forecasting_quotas",
        [
            record("0J91", QuotaOwnerId=ADA, PeriodId="026Q", QuotaAmount=90000),
            record("0J92", QuotaOwnerId=BOB, StartDate="2026-05-01", QuotaAmount=30000),
            record("0J93", QuotaOwnerId=BOB, StartDate="2026-05-01", QuotaQuantity=3),
        ],
    )
    rows = {row["source_id"]: row for row in house.offered("quotas")}
    assert set(rows) == {"0J91", "0J92"}
    assert (rows["0J91"]["period_start_on"], rows["0J91"]["period_end_on"]) == (
        date(2026, 4, 1),
        date(2026, 7, 1),
    )
    assert (rows["0J92"]["period_start_on"], rows["0J92"]["period_end_on"]) == (
        date(2026, 5, 1),
        date(2026, 6, 1),
    )
    assert rows["0J91"]["user_id"] == f"salesforce:{ADA}"


def test_contracts_by_their_dates_and_orders(house: Warehouse) -> None:
    house.put("accounts", [record(ACCOUNT)])
    house.put(
        "contracts",
        [
            record(
                "8001",
                AccountId=ACCOUNT,
                Status="Activated",
                StartDate="2026-01-01",
                EndDate="2027-12-31",
                ContractTerm=24,
                OwnerExpirationNotice="30",
            ),
            record("8002", AccountId=ACCOUNT, Status="Draft", StartDate="2026-01-01"),
        ],
    )
    house.put(
        "orders",
        [
            record("8011", ContractId="8001", Status="Activated", TotalAmount=24000),
            record("8012", ContractId="8001", Status="Draft", TotalAmount=99),
        ],
    )
    row = house.only("contracts")
    assert (row["starts_on"], row["ends_on"]) == (date(2026, 1, 1), date(2028, 1, 1))
    assert (row["renewal_on"], row["notice_on"]) == (date(2028, 1, 1), date(2027, 12, 2))
    assert row["annual_amount"] == Decimal("12000.00")
    assert row["account_id"] == f"salesforce:{ACCOUNT}"


def test_members_of_campaigns_are_touchpoints(house: Warehouse) -> None:
    house.put("leads", [lead(IsConverted=True, ConvertedContactId=CONTACT)])
    house.put("contacts", [contact()])
    house.put(
        "campaigns",
        [record("7011", Name="Spring", Type="Webinar", Status="In Progress", BudgetedCost=500)],
    )

    def member(number: int, **fields: Any) -> Row:
        told = {"CampaignId": "7011", "LeadId": LEAD, "ContactId": CONTACT, "Status": "Sent"}
        return record(f"00v{number}", **(told | {"created": z("2026-05-01T10:00:00")} | fields))

    house.put(
        "campaign_members",
        [
            member(1),
            member(
                2, Status="Attended on-demand", HasResponded=True, FirstRespondedDate="2026-05-03"
            ),
            member(3, HasResponded=True, FirstRespondedDate="2026-05-01"),
        ],
    )
    rows = {row["source_id"]: row for row in house.offered("touchpoints")}
    assert {row["lead_id"] for row in rows.values()} == {f"salesforce:{LEAD}"}
    assert {row["channel"] for row in rows.values()} == {"webinar"}
    assert rows["00v2"]["kind"] == "attended_on_demand"
    assert rows["00v2"]["occurred_at"] == at("2026-05-03T00:00:00")
    assert rows["00v1"]["occurred_at"] == at("2026-05-01T10:00:00")
    assert rows["00v3"]["occurred_at"] == at("2026-05-01T10:00:00")
    campaign = house.only("campaigns")
    assert (campaign["name"], campaign["kind"]) == ("Spring", "Webinar")
