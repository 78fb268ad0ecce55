"""What HubSpot's records mean to us: few records in, exact rows out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hubspot_warehouse import Warehouse, record
from pydantic import ValidationError

from revops_pipelines.resources.sources.hubspot.options import HubSpotOptions

ACCOUNT = {"portalId": 4711, "uiDomain": "app-eu1.hubspot.com", "companyCurrency": "USD"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    warehouse = Warehouse(tmp_path_factory.mktemp("hubspot"))
    yield warehouse
    warehouse.connection.close()


@pytest.fixture
def house(shared: Warehouse) -> Warehouse:
    """An empty warehouse; making its tables takes longer than most tests."""
    shared.clear()
    return shared


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def utc(text: str) -> datetime:
    return at(text).replace(tzinfo=UTC)


# --- people


def test_a_form_is_a_raised_hand_and_the_first_owner_counts(house: Warehouse) -> None:
    house.put("account", [ACCOUNT])
    contact = record(
        "11",
        {
            "email": " Ada@Firm.NET ",
            "firstname": "Ada",
            "lastname": "Byron",
            "createdate": "2026-03-01T08:00:00Z",
            "first_conversion_date": "2026-03-02T10:15:30.250Z",
            "hubspot_owner_id": "72",
            "lifecyclestage": "opportunity",
            "hs_analytics_source": "SOCIAL_MEDIA",
            "hs_country_region_code": "de",
            "associatedcompanyid": "5",
        },
        history={
            "hubspot_owner_id": [
                ("72", "2026-04-01T00:00:00.000Z"),
                ("", "2026-03-09T00:00:00.000Z"),
                ("71", "2026-03-02T10:20:00.000Z"),
            ],
            "lifecyclestage": [
                ("opportunity", "2026-03-20T00:00:00.000Z"),
                ("salesqualifiedlead", "2026-03-10T00:00:00.000Z"),
                ("lead", "2026-03-01T08:00:00.000Z"),
            ],
        },
    )
    house.put("contacts", [contact])
    row = house.only("leads")
    assert row["lead_id"] == "hubspot:11"
    assert row["email"] == "ada@firm.net"
    assert row["full_name"] == "Ada Byron"
    assert row["raised_at"] == at("2026-03-02T10:15:30.250")
    assert row["is_inbound"] is True
    assert row["assigned_at"] == at("2026-03-02T10:20:00")
    assert row["owner_id"] == "hubspot:72"
    assert row["qualified_at"] == at("2026-03-10T00:00:00")
    assert row["channel"] == "organic_social"
    assert row["country"] == "DE"
    assert row["account_id"] == "hubspot:5"
    assert row["excluded_reason"] is None
    assert row["url"] == "https://app-eu1.hubspot.com/contacts/4711/record/0-1/11"


@pytest.mark.parametrize(
    ("properties", "raised"),
    [
        ({"hs_object_source": "CONVERSATIONS"}, "2026-01-05T09:00:00"),
        ({"hs_object_source": "MEETINGS"}, "2026-01-05T09:00:00"),
        ({"hs_object_source": "CRM_UI"}, None),
        ({"hs_object_source": "IMPORT"}, None),
        (
            {"hs_object_source": "IMPORT", "first_conversion_date": "2026-02-01T00:00:00Z"},
            "2026-02-01T00:00:00",
        ),
        (
            {"hs_object_source": "FORM", "first_conversion_date": "2026-01-04T23:59:59Z"},
            "2026-01-04T23:59:59",
        ),
    ],
)
def test_how_a_hand_is_raised(
    house: Warehouse, properties: dict[str, str], raised: str | None
) -> None:
    house.put("contacts", [record("1", {"createdate": "2026-01-05T09:00:00Z", **properties})])
    row = house.only("leads")
    assert row["raised_at"] == (at(raised) if raised else None)
    assert row["is_inbound"] is (raised is not None)


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"email": "test@firm.net"}, "test"),
        ({"email": "Test7@firm.net"}, "test"),
        ({"email": "jane+test@firm.net"}, "test"),
        ({"email": "jane@example.com"}, "test"),
        ({"email": "contest@firm.net"}, None),
        ({"email": "testa.rossa@firm.net"}, None),
        ({"email": "jane@ours.net"}, "internal"),
        ({"email": "jane@firm.net", "hs_lead_status": "SPAM"}, "spam"),
        ({"email": "jane@firm.net", "hs_email_quarantined": "true"}, "spam"),
        ({"email": "jane@firm.net", "hs_email_bad_address": "true"}, "invalid_email"),
        (
            {"email": "jane@firm.net", "hs_email_hard_bounce_reason_enum": "UNKNOWN_USER"},
            "invalid_email",
        ),
        ({"email": "jane@firm.net", "hs_email_hard_bounce_reason_enum": "MAILBOX_FULL"}, None),
        ({"email": "jane@firm.net", "hs_object_source": "IMPORT"}, "imported"),
        (
            {
                "email": "jane@firm.net",
                "hs_object_source": "IMPORT",
                "first_conversion_date": "2026-02-01T00:00:00Z",
            },
            None,
        ),
        ({"email": None}, None),
    ],
)
def test_who_is_no_lead(
    tmp_path: Path, properties: dict[str, str | None], reason: str | None
) -> None:
    house = Warehouse(tmp_path, HubSpotOptions(internal_domains=("ours.net",)))
    house.put("contacts", [record("1", properties)])
    assert house.only("leads")["excluded_reason"] == reason


def test_an_option_adds_a_reason_with_quotes_in_it(tmp_path: Path) -> None:
    options = HubSpotOptions(excluded_when={"partner's": {"kind_of_contact": ("it's us",)}})
    house = Warehouse(tmp_path, options)
    house.put("contacts", [record("1", {"kind_of_contact": "It's us"})])
    assert house.only("leads")["excluded_reason"] == "partner's"


def test_names_that_are_no_properties_never_reach_sql() -> None:
    with pytest.raises(ValidationError, match="pattern"):
        HubSpotOptions(excluded_when={"spam": {"x') OR true --": ("1",)}})
    with pytest.raises(ValidationError, match="pattern"):
        HubSpotOptions(region_property="x'")


def test_merged_contacts_are_one_lead_with_the_earliest_raise(house: Warehouse) -> None:
    """Two merges in a row: 1 into 2, 2 and 3 into 1000, which HubSpot makes anew."""
    first = record("1", {"first_conversion_date": "2026-01-01T00:00:00Z"})
    second = record(
        "2",
        {
            "first_conversion_date": "2026-02-01T00:00:00Z",
            "hs_calculated_merged_vids": "1:1769904000000",
        },
    )
    third = record("3", {"first_conversion_date": "2026-03-01T00:00:00Z"})
    kept = record(
        "1000",
        {"first_conversion_date": "2026-02-01T00:00:00Z", "hs_merged_object_ids": "2;3"},
    )
    house.put("contacts", [first, second, third, kept])
    row = house.only("leads")
    assert row["lead_id"] == "hubspot:1000"
    assert row["raised_at"] == at("2026-01-01T00:00:00")
    merges = {
        (row["record_id"], row["canonical_id"])
        for row in house.offered("merges")
        if row["entity"] == "leads"
    }
    assert merges == {(f"hubspot:{loser}", "hubspot:1000") for loser in "123"}


def test_a_contact_of_a_merged_company_belongs_to_the_one_kept(house: Warehouse) -> None:
    house.put("companies", [record("5"), record("6", {"hs_merged_object_ids": "5"})])
    house.put("contacts", [record("1", {"associatedcompanyid": "5"})])
    assert house.only("leads")["account_id"] == "hubspot:6"
    assert house.only("accounts")["account_id"] == "hubspot:6"


def test_archived_records_stay_as_tombstones_and_nobody_points_at_them(house: Warehouse) -> None:
    gone = utc("2026-06-10T00:00:00")
    house.put("companies", [record("5")], [("5", gone, "archived")])
    house.put("contacts", [record("1", {"associatedcompanyid": "5"})], [("1", gone, "archived")])
    house.put("notes", [record("8", linked={"contacts": [("1", "note_to_contact")]})])
    lead = house.only("leads")
    assert lead["account_id"] is None
    assert lead["_deleted_at"] == at("2026-06-10T00:00:00")
    assert house.only("accounts")["_deleted_at"] == at("2026-06-10T00:00:00")
    assert house.only("activities")["lead_id"] is None


def test_custom_fields_are_kept_by_name(house: Warehouse) -> None:
    own = {"objectType": "contacts", "name": "shoe_size", "hubspotDefined": False}
    other = {"objectType": "contacts", "name": "hat", "hubspotDefined": False}
    theirs = {"objectType": "contacts", "name": "phone", "hubspotDefined": True}
    house.put("properties", [own, other, theirs])
    house.put("contacts", [record("1", {"shoe_size": '4"2', "phone": "1"}), record("2", {})])
    found = {row["lead_id"]: row["custom"] for row in house.offered("leads")}
    assert json.loads(found["hubspot:1"]) == {"shoe_size": '4"2'}
    assert found["hubspot:2"] is None


def test_companies_have_bands_and_plain_domains(house: Warehouse) -> None:
    sizes = {"1": "99", "2": "100", "3": "999", "4": "1000", "5": None}
    house.put(
        "companies",
        [
            record(key, {"numberofemployees": size, "domain": "WWW.Firm.net"})
            for key, size in sizes.items()
        ],
    )
    rows = house.offered("accounts")
    assert {row["source_id"]: row["segment"] for row in rows} == {
        "1": "SMB",
        "2": "MID",
        "3": "MID",
        "4": "ENT",
        "5": None,
    }
    assert {row["domain"] for row in rows} == {"firm.net"}


def test_owners_have_their_primary_team(house: Warehouse) -> None:
    teams = [
        {"id": "1", "name": "Helpers", "primary": False},
        {"id": "2", "name": "West", "primary": True},
    ]
    moment = "2026-01-01T00:00:00Z"
    owner = {"id": "7", "email": "A@b.net", "firstName": "A", "lastName": None, "teams": teams}
    left = {"id": "8", "archived": True, "createdAt": moment, "updatedAt": moment}
    house.put("owners", [owner | {"archived": False, "updatedAt": moment}, left])
    rows = {row["user_id"]: row for row in house.offered("users")}
    assert rows["hubspot:7"]["team"] == "West"
    assert rows["hubspot:7"]["name"] == "A"
    assert rows["hubspot:7"]["is_active"] is True
    assert rows["hubspot:8"]["team"] is None
    assert rows["hubspot:8"]["is_active"] is False


# --- activities

PERSON = {"contacts": [("1", "to_contact")]}


def touch(house: Warehouse, stream: str, **properties: str) -> dict[str, Any]:
    values = {f"hs_{name}": value for name, value in properties.items()}
    values["hs_timestamp"] = "2026-05-01T10:00:00Z"
    house.put(stream, [record("5", values, linked=PERSON)])
    return house.only("activities")


@pytest.mark.parametrize(
    ("properties", "direction", "is_human", "is_two_way", "outcome"),
    [
        ({"email_direction": "EMAIL", "email_status": "SENT"}, "outbound", True, False, "sent"),
        ({"email_direction": "EMAIL"}, "outbound", True, False, "sent"),
        (
            {"email_direction": "EMAIL", "email_status": "BOUNCED"},
            "outbound",
            False,
            False,
            "bounced",
        ),
        (
            {"email_direction": "EMAIL", "email_bounce_error_detail_status_code": "550"},
            "outbound",
            False,
            False,
            "bounced",
        ),
        (
            {"email_direction": "EMAIL", "email_status": "SCHEDULED"},
            "internal",
            True,
            False,
            "scheduled",
        ),
        ({"email_direction": "EMAIL", "sequence_id": "33"}, "outbound", False, False, "sent"),
        (
            {"email_direction": "EMAIL", "object_source": "AUTOMATION_PLATFORM"},
            "outbound",
            False,
            False,
            "sent",
        ),
        (
            {"email_direction": "EMAIL", "email_subject": "Automatic reply: Re: Offer"},
            "outbound",
            False,
            False,
            "auto_reply",
        ),
        ({"email_direction": "INCOMING_EMAIL"}, "inbound", False, True, "received"),
        (
            {
                "email_direction": "INCOMING_EMAIL",
                "incoming_email_is_out_of_office": "true",
            },
            "inbound",
            False,
            False,
            "auto_reply",
        ),
    ],
)
def test_mails(
    house: Warehouse,
    properties: dict[str, str],
    direction: str,
    is_human: bool,
    is_two_way: bool,
    outcome: str,
) -> None:
    row = touch(house, "emails", **properties)
    assert row["kind"] == "email"
    assert (row["direction"], row["is_human"], row["is_two_way"], row["outcome"]) == (
        direction,
        is_human,
        is_two_way,
        outcome,
    )


CONNECTED = "f240bbac-87c9-4f6e-bf70-924b57d47db7"
VOICEMAIL = "b2cf5968-551e-4856-9783-52b3da59a7d0"


@pytest.mark.parametrize(
    ("properties", "direction", "is_human", "is_two_way", "outcome"),
    [
        (
            {"call_direction": "OUTBOUND", "call_disposition": CONNECTED},
            "outbound",
            True,
            True,
            "connected",
        ),
        (
            {"call_direction": "OUTBOUND", "call_disposition": VOICEMAIL},
            "outbound",
            True,
            False,
            "voicemail",
        ),
        ({"call_status": "NO_ANSWER"}, "outbound", True, False, "no_answer"),
        (
            {"call_direction": "OUTBOUND", "call_status": "FAILED"},
            "internal",
            True,
            False,
            "failed",
        ),
        (
            {"call_direction": "INBOUND", "call_disposition": CONNECTED},
            "inbound",
            True,
            True,
            "connected",
        ),
        (
            {"call_direction": "INBOUND", "call_status": "MISSED"},
            "inbound",
            False,
            False,
            "missed",
        ),
    ],
)
def test_calls(
    house: Warehouse,
    properties: dict[str, str],
    direction: str,
    is_human: bool,
    is_two_way: bool,
    outcome: str,
) -> None:
    row = touch(house, "calls", **properties)
    assert (row["direction"], row["is_human"], row["is_two_way"], row["outcome"]) == (
        direction,
        is_human,
        is_two_way,
        outcome,
    )


@pytest.mark.parametrize(
    ("properties", "direction", "is_human", "is_two_way", "outcome"),
    [
        ({}, "outbound", True, False, "scheduled"),
        ({"meeting_outcome": "COMPLETED"}, "outbound", True, True, "completed"),
        ({"meeting_outcome": "NO_SHOW"}, "internal", True, False, "no_show"),
        ({"meeting_outcome": "CANCELED"}, "internal", True, False, "canceled"),
        ({"meeting_source": "MEETINGS_PUBLIC"}, "inbound", False, False, "scheduled"),
        (
            {"meeting_source": "MEETINGS_PUBLIC", "meeting_outcome": "COMPLETED"},
            "inbound",
            True,
            True,
            "completed",
        ),
    ],
)
def test_meetings(
    house: Warehouse,
    properties: dict[str, str],
    direction: str,
    is_human: bool,
    is_two_way: bool,
    outcome: str,
) -> None:
    row = touch(house, "meetings", **properties)
    assert (row["direction"], row["is_human"], row["is_two_way"], row["outcome"]) == (
        direction,
        is_human,
        is_two_way,
        outcome,
    )


def test_tasks_and_notes_reach_nobody_and_messages_do(house: Warehouse) -> None:
    for stream in ("tasks", "notes", "communications"):
        house.put(stream, [record("5", {}, linked=PERSON)])
    rows = {row["activity_id"]: row for row in house.offered("activities")}
    assert rows["hubspot:task:5"]["direction"] == "internal"
    assert rows["hubspot:note:5"]["direction"] == "internal"
    assert rows["hubspot:communication:5"]["kind"] == "message"
    assert rows["hubspot:communication:5"]["direction"] == "outbound"
    assert rows["hubspot:communication:5"]["is_human"] is True


def test_one_row_per_person_and_none_twice(house: Warehouse) -> None:
    """Labels repeat an association, a merge folds two people into one."""
    house.put("account", [ACCOUNT])
    house.put("contacts", [record("1"), record("3", {"hs_merged_object_ids": "2"})])
    links = {
        "contacts": [
            ("1", "email_to_contact"),
            ("1", "decision_maker"),
            ("2", "email_to_contact"),
            ("3", "email_to_contact"),
        ],
        "companies": [("7", "email_to_company")],
        "deals": [("9", "email_to_deal")],
    }
    values = {"hs_timestamp": "2026-05-01T10:00:00.5Z", "hubspot_owner_id": "70"}
    house.put("emails", [record("5", values, linked=links)])
    rows = house.offered("activities")
    assert sorted(row["lead_id"] for row in rows) == ["hubspot:1", "hubspot:3"]
    assert {row["source_id"] for row in rows} == {"email:5:1", "email:5:3"}
    assert {row["account_id"] for row in rows} == {"hubspot:7"}
    assert {row["opportunity_id"] for row in rows} == {"hubspot:9"}
    assert {row["user_id"] for row in rows} == {"hubspot:70"}
    assert {row["occurred_at"] for row in rows} == {at("2026-05-01T10:00:00.500")}
    assert rows[0]["url"].endswith("?engagement=5")


# --- deals


def stage(key: str, order: int, probability: str, closed: bool = False) -> dict[str, Any]:
    metadata = {"isClosed": str(closed).lower(), "probability": probability}
    return {"id": key, "label": key.title(), "displayOrder": order, "metadata": metadata}


SALES = {
    "id": "default",
    "label": "Sales",
    "displayOrder": 0,
    "stages": [
        stage("first", 0, "0.2"),
        stage("ready", 1, "0.4"),
        stage("offer", 2, "0.8"),
        stage("won", 3, "1.0", True),
        stage("lost", 4, "0.0", True),
    ],
}
RENEWALS = {
    "id": "77",
    "label": "Renewals",
    "displayOrder": 1,
    "stages": [stage("901", 0, "0.9"), stage("902", 1, "1.0", True)],
}


def day(number: int, clock: str = "10:00:00.000") -> str:
    return f"2026-05-{number:02d}T{clock}Z"


def deal(
    stages: list[tuple[str, str]],
    pipelines: list[tuple[str, str]] | None = None,
    amounts: list[tuple[str, str]] | None = None,
    **properties: str,
) -> dict[str, Any]:
    """Histories are written oldest first here, as they happened."""
    moves = pipelines or [("default", stages[0][1])]
    history = {"dealstage": stages[::-1], "pipeline": moves[::-1], "amount": (amounts or [])[::-1]}
    values = {"dealstage": stages[-1][0], "pipeline": moves[-1][0], "createdate": stages[0][1]}
    return record("31", {**values, **properties}, history=history)


def stays(house: Warehouse) -> list[tuple[Any, ...]]:
    rows = sorted(house.offered("opportunity_stage_history"), key=lambda row: row["entered_at"])
    return [
        (row["stage"], row["entered_at"].day, row["left_at"] and row["left_at"].day) for row in rows
    ]


def test_stages_skipped_gone_back_to_and_entered_again(house: Warehouse) -> None:
    house.put("pipelines", [SALES])
    moves = [("first", 1), ("offer", 2), ("ready", 3), ("offer", 4), ("lost", 5), ("offer", 6)]
    moves += [("won", 9)]
    house.put("deals", [deal([(name, day(number)) for name, number in moves])])
    assert stays(house) == [
        ("first", 1, 2),
        ("offer", 2, 3),
        ("ready", 3, 4),
        ("offer", 4, 5),
        ("lost", 5, 6),
        ("offer", 6, 9),
        ("won", 9, None),
    ]
    row = house.only("opportunities")
    assert row["qualified_at"] == at("2026-05-02T10:00:00")
    assert row["closed_at"] == at("2026-05-09T10:00:00")
    assert (row["is_closed"], row["is_won"]) == (True, True)
    history = house.offered("opportunity_stage_history")
    judged = {
        r["stage"]: (r["stage_order"], r["is_qualified"], r["is_closed"], r["is_won"])
        for r in history
    }
    assert judged == {
        "first": (0, False, False, False),
        "ready": (1, True, False, False),
        "offer": (2, True, False, False),
        "won": (3, True, True, True),
        "lost": (4, False, True, False),
    }
    assert len({r["source_id"] for r in history}) == 7


def test_a_stage_set_again_to_itself_is_one_stay(house: Warehouse) -> None:
    house.put("pipelines", [SALES])
    house.put("deals", [deal([("first", day(1)), ("first", day(2)), ("offer", day(3))])])
    assert stays(house) == [("first", 1, 3), ("offer", 3, None)]


def test_changes_of_one_instant_keep_the_order_of_the_history(house: Warehouse) -> None:
    house.put("pipelines", [SALES])
    moves = [("first", day(1)), ("ready", day(2)), ("offer", day(2)), ("won", day(2))]
    house.put("deals", [deal(moves)])
    rows = house.offered("opportunity_stage_history")
    lasted = {row["stage"]: (row["entered_at"], row["left_at"]) for row in rows}
    instant = at("2026-05-02T10:00:00")
    assert lasted["ready"] == lasted["offer"] == (instant, instant)
    assert lasted["won"] == (instant, None)


def test_a_move_to_another_pipeline(house: Warehouse) -> None:
    """The pipeline's own entry may come a moment after the stage's."""
    house.put("pipelines", [SALES, RENEWALS])
    moves = [("901", day(1)), ("ready", day(2))]
    pipelines = [("77", day(1)), ("default", day(2, "10:00:00.031"))]
    house.put("deals", [deal(moves, pipelines)])
    rows = sorted(house.offered("opportunity_stage_history"), key=lambda row: row["entered_at"])
    assert [(row["pipeline"], row["stage"]) for row in rows] == [
        ("77", "901"),
        ("default", "ready"),
    ]


def test_the_same_stage_id_in_two_pipelines_is_told_by_the_pipeline(house: Warehouse) -> None:
    twin = RENEWALS | {"stages": [stage("first", 0, "0.9"), stage("offer", 1, "0.95")]}
    house.put("pipelines", [SALES, twin])
    moves = [("first", day(1)), ("first", day(5))]
    house.put("deals", [deal(moves, [("77", day(1)), ("default", day(5))])])
    rows = sorted(house.offered("opportunity_stage_history"), key=lambda row: row["entered_at"])
    assert [(r["pipeline"], r["is_qualified"]) for r in rows] == [("77", True), ("default", False)]


def test_a_stage_that_was_removed_keeps_its_name(house: Warehouse) -> None:
    house.put("pipelines", [SALES], at=utc("2026-05-01T00:00:00"))
    fewer = SALES | {"stages": [each for each in SALES["stages"] if each["id"] != "ready"]}
    house.put("pipelines", [fewer], at=utc("2026-06-01T00:00:00"))
    house.put("deals", [deal([("ready", day(1)), ("won", day(3))])])
    labels = {r["stage"]: r["stage_label"] for r in house.offered("opportunity_stage_history")}
    assert labels == {"ready": "Ready", "won": "Won"}


def test_the_amount_as_of_each_entry(house: Warehouse) -> None:
    house.put("pipelines", [SALES])
    moves = [("first", day(1)), ("ready", day(2)), ("offer", day(4))]
    amounts = [("1000", day(2)), ("2500.50", day(3)), ("", day(4))]
    house.put("deals", [deal(moves, amounts=amounts)])
    rows = house.offered("opportunity_stage_history")
    assert {row["stage"]: row["amount"] for row in rows} == {
        "first": None,
        "ready": "1000",
        "offer": None,
    }


def test_the_qualified_stage_can_be_named(tmp_path: Path) -> None:
    house = Warehouse(tmp_path, HubSpotOptions(qualified_stages=("Offer",)))
    house.put("pipelines", [SALES, RENEWALS])
    house.put("deals", [deal([("first", day(1)), ("ready", day(2)), ("offer", day(4))])])
    assert house.only("opportunities")["qualified_at"] == at("2026-05-04T10:00:00")


@pytest.mark.parametrize(
    ("pipeline", "deal_type", "kind"),
    [
        ("default", "newbusiness", "new"),
        ("default", "existingbusiness", "expansion"),
        ("default", None, "new"),
        ("default", "partnership", "other"),
        ("77", "existingbusiness", "renewal"),
        ("77", None, "renewal"),
        ("77", "newbusiness", "new"),
    ],
)
def test_kinds_of_deals(house: Warehouse, pipeline: str, deal_type: str | None, kind: str) -> None:
    house.put("pipelines", [SALES, RENEWALS])
    first = "first" if pipeline == "default" else "901"
    made = deal([(first, day(1))], [(pipeline, day(1))])
    made["properties"]["dealtype"] = deal_type
    house.put("deals", [made])
    assert house.only("opportunities")["kind"] == kind


def test_a_deal_and_who_belongs_to_it(house: Warehouse) -> None:
    house.put("account", [ACCOUNT])
    house.put("pipelines", [SALES])
    house.put("contacts", [record("12"), record("14", {"hs_merged_object_ids": "13"})])
    made = deal(
        [("first", day(1))],
        amount="1200",
        deal_currency_code="eur",
        closedate="2026-07-31T23:30:00Z",
        dealname="Big one",
        hs_manual_forecast_category="COMMIT",
    )
    made["associations"] = {
        "contacts": {
            "results": [
                {"id": "13", "type": "deal_to_contact"},
                {"id": "12", "type": "deal_to_contact"},
            ]
        },
        "companies": {
            "results": [
                {"id": "3", "type": "deal_to_company_unlabeled"},
                {"id": "4", "type": "deal_to_company_unlabeled"},
                {"id": "4", "type": "deal_to_company"},
            ]
        },
    }
    house.put("deals", [made])
    row = house.only("opportunities")
    assert row["account_id"] == "hubspot:4"
    assert row["lead_id"] == "hubspot:12"
    assert (row["amount"], row["currency"]) == ("1200", "EUR")
    assert row["close_on"] == date(2026, 7, 31)
    assert row["closed_at"] is None
    assert row["forecast_category"] == "commit"
    assert row["qualified_at"] is None
    people = {r["lead_id"]: r["is_primary"] for r in house.offered("opportunity_contacts")}
    assert people == {"hubspot:12": True, "hubspot:14": False}


def test_a_deal_without_history_or_pipeline_is_where_it_is(house: Warehouse) -> None:
    made = record("31", {"dealstage": "odd", "pipeline": "gone", "createdate": day(1)})
    house.put("deals", [made | {"createdAt": day(1)}])
    row = house.only("opportunities")
    assert (row["stage"], row["is_closed"], row["closed_at"]) == ("odd", False, None)
    stay = house.only("opportunity_stage_history")
    assert (stay["stage"], stay["pipeline"], stay["entered_at"]) == (
        "odd",
        "gone",
        at("2026-05-01T10:00:00"),
    )


# --- rates


def test_of_a_days_rates_the_last_one_holds(house: Warehouse) -> None:
    def rate(key: str, value: float, moment: str) -> dict[str, Any]:
        pair = {"fromCurrencyCode": "EUR", "toCurrencyCode": "USD", "conversionRate": value}
        return {"id": key, **pair, "effectiveAt": moment, "updatedAt": moment}

    house.put(
        "exchange_rates",
        [
            rate("1", 1.07, "2026-05-01T00:00:00Z"),
            rate("2", 1.0812, "2026-05-01T08:00:00Z"),
            rate("3", 1.1, "2026-06-01T00:00:00Z"),
        ],
    )
    found = {(r["valid_on"], r["rate"]) for r in house.offered("fx_rates")}
    assert found == {(date(2026, 5, 1), "1.0812"), (date(2026, 6, 1), "1.1")}
    assert {r["currency"] for r in house.offered("fx_rates")} == {"EUR"}
