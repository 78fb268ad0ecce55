"""What Dynamics' rows mean to us: few rows in, exact rows out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from dynamics_warehouse import LABEL, NOON, TABLE, Row, Warehouse

ADA, QUEUE, ROBOT = "u-ada", "t-queue", "u-robot"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    warehouse = Warehouse(tmp_path_factory.mktemp("offers"))
    yield warehouse
    warehouse.connection.close()


@pytest.fixture
def house(whole: Warehouse) -> Warehouse:
    whole.clear()
    whole.put("systemusers", [user(ADA), user(ROBOT, applicationid="app", accessmode=4)])
    return whole


def row(key: str, identifier: str, **columns: Any) -> Row:
    """A row; `x__label` and `x__table` are the annotations of x."""
    told = {
        name.replace("__label", LABEL).replace("__table", TABLE): value
        for name, value in columns.items()
    }
    times = {"createdon": "2026-01-05T09:00:00Z", "modifiedon": "2026-06-01T09:00:00Z"}
    return {"@odata.etag": 'W/"1"', key: identifier, **times, **told}


def user(identifier: str, **columns: Any) -> Row:
    return row(
        "systemuserid",
        identifier,
        **{"fullname": identifier, "isdisabled": False, "accessmode": 0, **columns},
    )


def owned(by: str | None) -> Row:
    return {"_ownerid_value": by, "_ownerid_value__table": "team" if by == QUEUE else "systemuser"}


def lead(identifier: str, **columns: Any) -> Row:
    given = {"emailaddress1": f"{identifier}@co.example", "fullname": identifier, "statecode": 0}
    return row("leadid", identifier, **{**given, **owned(ADA), **columns})


def contact(identifier: str, **columns: Any) -> Row:
    given = {"emailaddress1": f"{identifier}@co.example", "fullname": identifier, "statecode": 0}
    return row("contactid", identifier, **{**given, **owned(ADA), **columns})


def audit(
    identifier: str,
    table: str,
    of: str,
    at: str,
    operation: int = 2,
    **changes: tuple[str | None, str | None],
) -> Row:
    """An audit; changes are (before, after) by column."""
    changed = [
        {"logicalName": name, "oldValue": before, "newValue": after}
        for name, (before, after) in changes.items()
    ]
    return {
        "auditid": identifier,
        "createdon": at,
        "operation": operation,
        "objecttypecode": table,
        "_objectid_value": of,
        "changedata": json.dumps({"changedAttributes": changed}) if changes else None,
    }


FORM = {"new_origin": 100000000, "new_origin__label": "Web form"}


def test_a_qualified_lead_is_one_person_from_lead_to_contact(house: Warehouse) -> None:
    house.put(
        "leads",
        [
            lead(
                "l1",
                createdon="2026-03-01T08:00:00Z",
                _parentcontactid_value="c1",
                statecode=1,
                leadsourcecode=2,
                leadsourcecode__label="Paid Search",
                **FORM,
            )
        ],
    )
    house.put(
        "contacts",
        [
            contact(
                "c1",
                createdon="2026-03-04T10:00:00Z",
                emailaddress1="New@Co.example",
                _originatingleadid_value="l1",
                address1_country="Deutschland",
            )
        ],
    )
    house.put(
        "audits",
        [
            audit("a1", "lead", "l1", "2026-03-01T08:00:00Z", 1, ownerid=(None, f"team,{QUEUE}")),
            audit(
                "a2",
                "lead",
                "l1",
                "2026-03-01T08:05:00Z",
                ownerid=(f"team,{QUEUE}", f"systemuser,{ADA}"),
            ),
        ],
    )
    person = house.only("leads")
    assert person["lead_id"] == "dynamics:l1"
    assert person["email"] == "new@co.example"
    assert person["raised_at"] == datetime(2026, 3, 1, 8)
    assert person["assigned_at"] == datetime(2026, 3, 1, 8, 5)
    assert person["qualified_at"] == datetime(2026, 3, 4, 10)
    assert person["created_at"] == datetime(2026, 3, 1, 8)
    assert (person["channel"], person["owner_id"]) == ("paid_search", f"dynamics:{ADA}")
    assert person["country"] is None
    assert person["url"].endswith("etn=lead&id=l1")
    assert house.offered("merges") == [
        {"entity": "leads", "record_id": "dynamics:c1", "canonical_id": "dynamics:l1"}
    ]


def test_several_leads_of_a_known_contact_are_that_contact(house: Warehouse) -> None:
    house.put("contacts", [contact("c1", createdon="2025-01-01T00:00:00Z")])
    house.put(
        "leads",
        [
            lead("l1", createdon="2026-02-01T08:00:00Z", _parentcontactid_value="c1", **FORM),
            lead("l2", createdon="2026-01-20T08:00:00Z", _parentcontactid_value="c1", **FORM),
        ],
    )
    person = house.only("leads")
    assert person["lead_id"] == "dynamics:c1"
    assert person["raised_at"] == datetime(2026, 1, 20, 8)
    assert {each["record_id"] for each in house.offered("merges")} == {"dynamics:l1", "dynamics:l2"}


def test_merged_leads_raise_the_hand_of_their_master(house: Warehouse) -> None:
    house.put(
        "leads",
        [
            lead("l1", createdon="2026-03-03T08:00:00Z", **FORM),
            lead("l2", merged=True, _masterid_value="l1", createdon="2026-02-01T00:00:00Z", **FORM),
            lead("l3", merged=True, _masterid_value="l2", createdon="2026-01-01T00:00:00Z", **FORM),
        ],
    )
    person = house.only("leads")
    assert (person["lead_id"], person["raised_at"]) == ("dynamics:l1", datetime(2026, 1, 1))
    merges = {each["record_id"]: each["canonical_id"] for each in house.offered("merges")}
    assert merges == {"dynamics:l2": "dynamics:l1", "dynamics:l3": "dynamics:l1"}


def test_a_person_lives_while_one_of_its_rows_does(house: Warehouse) -> None:
    house.put("leads", [lead("l1", _parentcontactid_value="c1")], [("l1", NOON, "deleted")])
    house.put("contacts", [contact("c1", createdon="2026-03-01T00:00:00Z")])
    person = house.only("leads")
    assert (person["lead_id"], person["_deleted_at"]) == ("dynamics:c1", None)
    house.put("contacts", [], [("c1", NOON, "deleted")])
    gone = house.offered("leads")
    assert {each["lead_id"] for each in gone} == {"dynamics:l1", "dynamics:c1"}
    assert {each["_deleted_at"] for each in gone} == {NOON.replace(tzinfo=None)}


def test_an_audit_dates_a_deletion(house: Warehouse) -> None:
    house.put("leads", [lead("l1")], [("l1", None, "deleted")])
    house.put("audits", [audit("a1", "lead", "l1", "2026-06-20T10:00:00Z", 3)])
    assert house.only("leads")["_deleted_at"] == datetime(2026, 6, 20, 10)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"emailaddress1": "Test12@x.example"}, "test"),
        ({"emailaddress1": "ada@Northbeam.example"}, "internal"),
        ({"statuscode": 100000000, "statuscode__label": "Spam"}, "spam"),
        ({"statuscode": 100000001, "statuscode__label": "Invalid e-mail"}, "invalid_email"),
        ({"importsequencenumber": 3}, "imported"),
        ({"importsequencenumber": 3, **FORM}, None),
        ({"statuscode": 1, "statuscode__label": "New"}, None),
    ],
)
def test_why_somebody_is_no_lead(house: Warehouse, columns: Row, reason: str | None) -> None:
    house.put("leads", [lead("l1", **columns)])
    assert house.only("leads")["excluded_reason"] == reason


def test_teams_and_machines_own_nothing(house: Warehouse) -> None:
    house.put("leads", [lead("l1", **owned(QUEUE)), lead("l2", **owned(ROBOT))])
    assert {each["owner_id"] for each in house.offered("leads")} == {None}


def test_users_are_people_and_belong_to_a_team_that_owns_records(house: Warehouse) -> None:
    house.put(
        "teams",
        [
            row("teamid", "t1", name="Everybody", isdefault=True, teamtype=0),
            row("teamid", "t2", name="Sales West", isdefault=False, teamtype=0),
            row("teamid", "t3", name="A readers' team", isdefault=False, teamtype=1),
        ],
    )
    house.put(
        "teammemberships",
        [
            {"teammembershipid": str(place), "teamid": team, "systemuserid": ADA}
            for place, team in enumerate(("t1", "t2", "t3"))
        ],
    )
    one = house.only("users")
    assert (one["user_id"], one["team"], one["is_active"]) == (
        f"dynamics:{ADA}",
        "Sales West",
        True,
    )


@pytest.mark.parametrize(
    ("site", "domain"),
    [
        ("https://www.Example.com/about?x=1", "example.com"),
        ("example.com", "example.com"),
        ("HTTP://shop.example.com:8080", "shop.example.com"),
        (" ", None),
    ],
)
def test_domains_of_companies(house: Warehouse, site: str, domain: str | None) -> None:
    house.put("accounts", [row("accountid", "a1", name="A", websiteurl=site)])
    assert house.only("accounts")["domain"] == domain


@pytest.mark.parametrize(
    ("typed", "code"),
    [("Germany", "DE"), (" usa ", "US"), ("gb", "GB"), ("Türkiye", "TR"), ("Atlantis", None)],
)
def test_countries_are_typed_in(house: Warehouse, typed: str, code: str | None) -> None:
    house.put("accounts", [row("accountid", "a1", name="A", address1_country=typed)])
    assert house.only("accounts")["country"] == code


def test_merged_and_deleted_companies(house: Warehouse) -> None:
    house.put(
        "accounts",
        [
            row("accountid", "a1", name="Kept", numberofemployees=1_500),
            row("accountid", "a2", name="Lost", merged=True, _masterid_value="a1"),
            row("accountid", "a3", name="Child", _parentaccountid_value="a2"),
            row("accountid", "a4", name="Orphan", _parentaccountid_value="a5"),
            row("accountid", "a5", name="Gone"),
        ],
        [("a5", NOON, "deleted")],
    )
    house.put("leads", [lead("l1", _parentaccountid_value="a2")])
    found = {each["name"]: each for each in house.offered("accounts")}
    assert set(found) == {"Kept", "Child", "Orphan", "Gone"}
    assert found["Kept"]["segment"] == "ENT"
    assert found["Child"]["parent_account_id"] == "dynamics:a1"
    assert found["Orphan"]["parent_account_id"] is None
    assert house.only("leads")["account_id"] == "dynamics:a1"


def test_the_companys_own_columns_are_kept(house: Warehouse) -> None:
    def column(name: str, key: str, type_: str, custom: bool) -> Row:
        return {"table": "account", "name": name, "key": key, "type": type_, "custom": custom}

    house.put(
        "columns",
        [
            column("new_tier", "new_tier", "Picklist", True),
            column("new_boss", "_new_boss_value", "Lookup", True),
            column("new_empty", "new_empty", "String", True),
            column("name", "name", "String", False),
        ],
    )
    house.put(
        "accounts",
        [
            row(
                "accountid",
                "a1",
                name="A",
                new_tier=100000002,
                new_tier__label="gold",
                _new_boss_value="u1",
                new_empty=None,
            )
        ],
    )
    assert json.loads(house.only("accounts")["custom"]) == {"new_tier": "gold", "new_boss": "u1"}


def deal(identifier: str = "o1", **columns: Any) -> Row:
    given = {
        "name": "Deal",
        "statecode": 0,
        "stepname": "1-Qualify",
        "estimatedvalue": 100.0,
        "new_pipeline": 1,
    }
    return row("opportunityid", identifier, **{**given, **owned(ADA), **columns})


def stays(house: Warehouse) -> list[tuple[Any, ...]]:
    rows = sorted(
        house.offered("opportunity_stage_history"), key=lambda each: (each["entered_at"],)
    )
    return [
        (each["stage"], each["entered_at"], each["left_at"], _money(each["amount"]))
        for each in rows
    ]


def _money(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)


def made(**columns: str) -> Mapping[str, tuple[None, str]]:
    return {name: (None, value) for name, value in columns.items()}


def test_stages_and_amounts_follow_the_audits(house: Warehouse) -> None:
    house.put("opportunities", [deal(statecode=1, stepname="3-Propose", actualvalue=90.0)])
    house.put(
        "audits",
        [
            audit(
                "a1",
                "opportunity",
                "o1",
                "2026-01-05T09:00:00Z",
                1,
                **made(stepname="1-Qualify", statecode="0", new_pipeline="1", estimatedvalue="50"),
            ),
            audit("a2", "opportunity", "o1", "2026-01-10T09:00:00Z", estimatedvalue=("50", "80")),
            audit(
                "a3",
                "opportunity",
                "o1",
                "2026-01-12T09:00:00Z",
                stepname=("1-Qualify", "3-Propose"),
            ),
            # Lost, and reopened in the same stage.
            audit("a4", "opportunity", "o1", "2026-01-20T09:00:00Z", statecode=("0", "2")),
            audit("a5", "opportunity", "o1", "2026-01-25T09:00:00Z", statecode=("2", "0")),
            # Another column within the second; an owner is no matter here.
            audit("a6", "opportunity", "o1", "2026-02-01T09:00:00Z", statecode=("0", "1")),
            audit("a7", "opportunity", "o1", "2026-02-01T09:00:00Z", estimatedvalue=("80", "90")),
            audit("a8", "opportunity", "o1", "2026-02-02T09:00:00Z", ownerid=("x", "y")),
        ],
    )
    assert stays(house) == [
        ("1-Qualify", datetime(2026, 1, 5, 9), datetime(2026, 1, 12, 9), Decimal(50)),
        ("3-Propose", datetime(2026, 1, 12, 9), datetime(2026, 1, 20, 9), Decimal(80)),
        ("lost", datetime(2026, 1, 20, 9), datetime(2026, 1, 25, 9), Decimal(80)),
        ("3-Propose", datetime(2026, 1, 25, 9), datetime(2026, 2, 1, 9), Decimal(80)),
        ("won", datetime(2026, 2, 1, 9), None, Decimal(90)),
    ]
    sold = house.only("opportunities")
    assert (sold["is_won"], sold["closed_at"]) == (True, datetime(2026, 2, 1, 9))
    assert (sold["stage"], _money(sold["amount"])) == ("won", Decimal(90))
    assert sold["qualified_at"] == datetime(2026, 1, 12, 9)


def test_what_was_before_the_first_audit_is_in_it(house: Warehouse) -> None:
    """Auditing was started when the deal was there already; nobody audits amounts."""
    house.put("opportunities", [deal(stepname="2-Develop")])
    house.put(
        "audits",
        [
            audit(
                "a1",
                "opportunity",
                "o1",
                "2026-03-01T09:00:00Z",
                stepname=("1-Qualify", "2-Develop"),
            )
        ],
    )
    assert stays(house) == [
        ("1-Qualify", datetime(2026, 1, 5, 9), datetime(2026, 3, 1, 9), Decimal(100)),
        ("2-Develop", datetime(2026, 3, 1, 9), None, Decimal(100)),
    ]


def test_without_audits_the_row_and_its_closing_tell(house: Warehouse) -> None:
    house.put(
        "opportunities",
        [
            deal(statecode=2, stepname="2-Develop", actualclosedate="2026-04-02"),
            deal("o2", stepname="1-Qualify"),
            deal("o3", statecode=1, actualclosedate="2026-04-03", stepname=None),
        ],
    )
    house.put(
        "opportunitycloses",
        [
            row(
                "activityid",
                "x1",
                _opportunityid_value="o1",
                actualend="2026-04-02T15:30:00Z",
                opportunitystatecode=2,
            )
        ],
    )
    rows = {
        (each["opportunity_id"][9:], each["stage"]): each
        for each in house.offered("opportunity_stage_history")
    }
    assert {key: each["entered_at"] for key, each in rows.items()} == {
        ("o1", "2-Develop"): datetime(2026, 1, 5, 9),
        ("o1", "lost"): datetime(2026, 4, 2, 15, 30),
        ("o2", "1-Qualify"): datetime(2026, 1, 5, 9),
        ("o3", "won"): datetime(2026, 1, 5, 9),
    }


def test_the_history_ends_with_the_row_as_it_stands(house: Warehouse) -> None:
    """An audit was purged, or is not there yet."""
    house.put("opportunities", [deal(stepname="4-Close", modifiedon="2026-05-05T10:00:00Z")])
    house.put(
        "audits",
        [
            audit(
                "a1",
                "opportunity",
                "o1",
                "2026-01-05T09:00:00Z",
                1,
                **made(stepname="1-Qualify", statecode="0", new_pipeline="1"),
            )
        ],
    )
    assert [each[:2] for each in stays(house)] == [
        ("1-Qualify", datetime(2026, 1, 5, 9)),
        ("4-Close", datetime(2026, 5, 5, 10)),
    ]


def test_a_deal_that_moves_to_another_pipeline_enters_a_stage_there(house: Warehouse) -> None:
    house.put("opportunities", [deal(new_pipeline=2, stepname="6-Upcoming")])
    house.put(
        "audits",
        [
            audit(
                "a1",
                "opportunity",
                "o1",
                "2026-02-05T09:00:00Z",
                new_pipeline=("1", "2"),
                stepname=("1-Qualify", "6-Upcoming"),
            )
        ],
    )
    found = {each["stage"]: each for each in house.offered("opportunity_stage_history")}
    assert {stage: each["pipeline"] for stage, each in found.items()} == {
        "1-Qualify": "1",
        "6-Upcoming": "2",
    }
    assert {each["stage_order"] for each in found.values()} == {0}
    assert house.only("opportunities")["pipeline"] == "2"


def plain(folder: Any, **settings: Any) -> Warehouse:
    """An environment without any of the company's own columns."""
    nothing = {"pipeline_column": "", "kind_column": "", "pipelines": {}, "inbound_when": {}}
    return Warehouse(folder, {**nothing, "qualified_columns": (), **settings})


def test_without_own_columns_there_is_one_pipeline_and_one_kind(tmp_path: Any) -> None:
    house = plain(tmp_path, qualified_stages=("Propose",))
    stages = ("1-Qualify", "2-Develop", "3-Propose")
    house.put("opportunities", [deal(f"o{n}", stepname=step) for n, step in enumerate(stages)])
    assert {(each["pipeline"], each["kind"]) for each in house.offered("opportunities")} == {
        ("default", "new")
    }
    rows = house.offered("opportunity_stage_history")
    assert {each["stage"]: (each["stage_order"], each["is_qualified"]) for each in rows} == {
        "1-Qualify": (0, False),
        "2-Develop": (1, False),
        "3-Propose": (2, True),
    }


def test_a_choice_as_the_stage_has_its_label(tmp_path: Any) -> None:
    house = plain(tmp_path, stage_column="salesstage", pipelines={"default": ("Qualify", "Close")})
    house.put(
        "opportunities",
        [
            deal("o1", salesstage=0, salesstage__label="Qualify"),
            deal("o2", salesstage=3, salesstage__label="Close"),
        ],
    )
    rows = house.offered("opportunity_stage_history")
    assert {(each["stage"], each["stage_label"], each["stage_order"]) for each in rows} == {
        ("0", "Qualify", 0),
        ("3", "Close", 1),
    }


@pytest.mark.parametrize(
    ("label", "kind"),
    [("New business", "new"), ("RENEWAL", "renewal"), ("Odd", "other"), (None, "new")],
)
def test_kinds_of_business(house: Warehouse, label: str | None, kind: str) -> None:
    house.put("opportunities", [deal(new_dealtype=label and 1, new_dealtype__label=label)])
    assert house.only("opportunities")["kind"] == kind


def test_people_of_a_deal_by_connections_of_one_direction(house: Warehouse) -> None:
    house.put("opportunities", [deal(_parentcontactid_value="c1")])
    house.put("contacts", [contact("c1"), contact("c2"), contact("c3")])

    def tie(identifier: str, one: tuple[str, str], two: tuple[str, str], **more: Any) -> Row:
        return row(
            "connectionid",
            identifier,
            _record1id_value=one[1],
            _record1id_value__table=one[0],
            _record2id_value=two[1],
            _record2id_value__table=two[0],
            **more,
        )

    o1, c1, c2, c3 = ("opportunity", "o1"), ("contact", "c1"), ("contact", "c2"), ("contact", "c3")
    house.put(
        "connections",
        [
            tie("x1", o1, c1),
            tie("x2", c1, o1),
            tie("x3", o1, c2),
            tie("x4", o1, c3, statecode=1),
        ],
    )
    found = {
        (each["lead_id"], each["is_primary"]) for each in house.offered("opportunity_contacts")
    }
    assert found == {("dynamics:c1", True), ("dynamics:c2", False)}


def activity(identifier: str, **columns: Any) -> Row:
    given = {"statecode": 1, "actualend": "2026-06-03T10:00:00Z", "_createdby_value": ADA}
    parties = [
        {"id": ADA, "table": "systemuser", "role": 1, "address": None},
        {"id": "l1", "table": "lead", "role": 2, "address": None},
    ]
    return {
        **row("activityid", identifier, **{**given, **owned(ADA), **columns}),
        "parties": parties,
    }


def told(house: Warehouse) -> tuple[Any, ...]:
    one = house.only("activities")
    names = ("kind", "direction", "is_human", "is_two_way", "outcome")
    return tuple(one[name] for name in names)


MADE, RECEIVED = {"statuscode": 2, "statuscode__label": "Made"}, {"statuscode__label": "Received"}
CALLS: Sequence[tuple[Row, tuple[Any, ...]]] = (
    (MADE, ("call", "outbound", True, False, "made")),
    ({**MADE, "leftvoicemail": True}, ("call", "outbound", True, False, "voicemail")),
    ({"statuscode__label": "Connected"}, ("call", "outbound", True, True, "connected")),
    ({"statecode": 0, "statuscode__label": "Open"}, ("call", "internal", True, False, "open")),
    ({"statecode": 2}, ("call", "internal", True, False, "canceled")),
    ({**RECEIVED, "directioncode": False}, ("call", "inbound", True, True, "connected")),
    ({**MADE, "isworkflowcreated": True}, ("call", "outbound", False, False, "made")),
    ({**MADE, "_createdby_value": ROBOT}, ("call", "outbound", False, False, "made")),
)


@pytest.mark.parametrize(("columns", "expected"), CALLS)
def test_calls(house: Warehouse, columns: Row, expected: tuple[Any, ...]) -> None:
    house.put("leads", [lead("l1")])
    house.put("phonecalls", [activity("p1", **{"directioncode": True, **columns})])
    assert told(house) == expected


SENT = {"statuscode": 3, "statuscode__label": "Sent"}
MAILS: Sequence[tuple[Row, tuple[Any, ...]]] = (
    (SENT, ("email", "outbound", True, False, "sent")),
    ({**SENT, "isworkflowcreated": True}, ("email", "outbound", False, False, "sent")),
    ({**SENT, "_createdby_value": ROBOT}, ("email", "outbound", False, False, "sent")),
    (
        {**SENT, "subject": "Automatic reply: Away"},
        ("email", "outbound", False, False, "auto_reply"),
    ),
    (
        {"statuscode": 8, "statuscode__label": "Failed"},
        ("email", "outbound", False, False, "bounced"),
    ),
    (
        {"statuscode": 1, "statuscode__label": "Draft"},
        ("email", "internal", True, False, "draft"),
    ),
    ({"statuscode": 4, "directioncode": False}, ("email", "inbound", False, True, "received")),
    (
        {"statuscode": 4, "directioncode": False, "subject": "Out of office"},
        ("email", "inbound", False, False, "auto_reply"),
    ),
)


@pytest.mark.parametrize(("columns", "expected"), MAILS)
def test_mails(house: Warehouse, columns: Row, expected: tuple[Any, ...]) -> None:
    house.put("leads", [lead("l1")])
    house.put("emails", [activity("m1", **{"directioncode": True, **columns})])
    assert told(house) == expected


MEETINGS: Sequence[tuple[Row, tuple[Any, ...]]] = (
    ({"statecode": 3}, ("meeting", "outbound", True, False, "scheduled")),
    ({"statecode": 1}, ("meeting", "outbound", True, True, "completed")),
    (
        {"statecode": 2, "statuscode__label": "Canceled"},
        ("meeting", "internal", True, False, "canceled"),
    ),
    (
        {"statecode": 2, "statuscode__label": "No show"},
        ("meeting", "internal", True, False, "no_show"),
    ),
    (
        {"statecode": 3, "_createdby_value": ROBOT},
        ("meeting", "inbound", False, False, "scheduled"),
    ),
    (
        {"statecode": 1, "_createdby_value": ROBOT},
        ("meeting", "inbound", True, True, "completed"),
    ),
)


@pytest.mark.parametrize(("columns", "expected"), MEETINGS)
def test_meetings(house: Warehouse, columns: Row, expected: tuple[Any, ...]) -> None:
    house.put("leads", [lead("l1")])
    start = {"scheduledstart": "2026-06-09T10:00:00Z"}
    house.put("appointments", [activity("m1", **{**start, **columns})])
    assert told(house) == expected
    assert house.only("activities")["occurred_at"] == datetime(2026, 6, 9, 10)


def test_an_activity_touches_each_person_once(house: Warehouse) -> None:
    house.put("accounts", [row("accountid", "a1", name="A")])
    house.put(
        "leads",
        [lead("l1", _parentcontactid_value="c1"), lead("l2", _parentaccountid_value="a1")],
    )
    house.put("contacts", [contact("c1", _originatingleadid_value="l1")])
    mail = activity(
        "m1",
        directioncode=True,
        _regardingobjectid_value="c1",
        _regardingobjectid_value__table="contact",
        **SENT,
    )
    mail["parties"] += [
        {"id": "c1", "table": "contact", "role": 3, "address": None},
        {"id": "l2", "table": "lead", "role": 2, "address": None},
        {"id": None, "table": None, "role": 2, "address": "somebody@else.example"},
    ]
    house.put("emails", [mail])
    rows = house.offered("activities")
    assert {(each["lead_id"], each["account_id"]) for each in rows} == {
        ("dynamics:l1", None),
        ("dynamics:l2", "dynamics:a1"),
    }
    assert {each["activity_id"] for each in rows} == {"dynamics:email:m1"}
    assert len({each["source_id"] for each in rows}) == 2


def test_an_activity_of_a_deal_without_people(house: Warehouse) -> None:
    house.put("opportunities", [deal()])
    task = activity(
        "t1",
        _regardingobjectid_value="o1",
        _regardingobjectid_value__table="opportunity",
        statuscode__label="Not Started",
        statecode=0,
    )
    task["parties"] = []
    house.put("tasks", [task])
    one = house.only("activities")
    assert (one["opportunity_id"], one["lead_id"]) == ("dynamics:o1", None)
    assert (one["kind"], one["direction"], one["outcome"]) == ("task", "internal", "not_started")


def test_rates_are_the_inverse_and_remembered(house: Warehouse) -> None:
    def currency(identifier: str, code: str, rate: float, changed: str) -> Row:
        return row(
            "transactioncurrencyid",
            identifier,
            isocurrencycode=code,
            exchangerate=rate,
            modifiedon=changed,
        )

    house.put("organizations", [row("organizationid", "org", _basecurrencyid_value="usd")])
    house.put(
        "transactioncurrencies",
        [
            currency("usd", "USD", 1.0, "2026-01-01T00:00:00Z"),
            currency("eur", "EUR", 0.9154994049, "2026-01-01T00:00:00Z"),
        ],
    )
    house.put(
        "transactioncurrencies", [currency("eur", "EUR", 0.8888888889, "2026-02-01T00:00:00Z")]
    )
    house.put(
        "audits",
        [
            audit(
                "a1",
                "transactioncurrency",
                "eur",
                "2025-12-01T00:00:00Z",
                exchangerate=(None, "0.9"),
            )
        ],
    )
    rates = {each["valid_on"]: each["rate"] for each in house.offered("fx_rates")}
    assert rates == {
        date(2025, 12, 1): Decimal("1.11111111"),
        date(2026, 1, 1): Decimal("1.0923"),
        date(2026, 2, 1): Decimal("1.125"),
    }


def test_quotas_end_after_their_last_day(house: Warehouse) -> None:
    def goal(identifier: str, **columns: Any) -> Row:
        given = {
            "targetmoney": 250000.0,
            "goalstartdate": "2026-04-01T00:00:00Z",
            "goalenddate": "2026-06-30T00:00:00Z",
            "_goalownerid_value": ADA,
            "_goalownerid_value__table": "systemuser",
            "_transactioncurrencyid_value": "usd",
            "statuscode": 0,
        }
        return row("goalid", identifier, **{**given, **columns})

    house.put("transactioncurrencies", [row("transactioncurrencyid", "usd", isocurrencycode="USD")])
    house.put(
        "goals",
        [
            goal("g1"),
            goal("g2", statuscode=2),
            goal("g3", targetmoney=None),
            goal(
                "g4",
                _goalownerid_value="t1",
                _goalownerid_value__table="team",
                _goalownerid_value__label="West",
            ),
        ],
    )
    rows = {each["source_id"]: each for each in house.offered("quotas")}
    assert set(rows) == {"g1", "g4"}
    one = rows["g1"]
    assert (one["period_start_on"], one["period_end_on"]) == (date(2026, 4, 1), date(2026, 7, 1))
    assert (one["user_id"], one["team"], one["currency"]) == (f"dynamics:{ADA}", None, "USD")
    assert (rows["g4"]["user_id"], rows["g4"]["team"]) == (None, "West")


def test_answers_to_campaigns_find_their_person(house: Warehouse) -> None:
    house.put("leads", [lead("l1", emailaddress1="Ada@Co.example")])
    house.put("campaigns", [row("campaignid", "k1", name="Fair", typecode__label="Trade Show")])
    house.put(
        "campaignresponses",
        [
            row(
                "activityid",
                "r1",
                emailaddress="ada@co.example",
                _regardingobjectid_value="k1",
                receivedon="2026-02-03T04:05:06Z",
                channeltypecode__label="Web form",
            )
        ],
    )
    one = house.only("touchpoints")
    assert (one["lead_id"], one["campaign_id"]) == ("dynamics:l1", "dynamics:k1")
    assert (one["channel"], one["kind"]) == ("trade_show", "web_form")
    assert one["occurred_at"] == datetime(2026, 2, 3, 4, 5, 6)
