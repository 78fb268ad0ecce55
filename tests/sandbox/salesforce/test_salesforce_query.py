"""SOQL against plain Python on the drained rows, and queries in pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from salesforce_caller import API, Caller, Opener

Row = dict[str, Any]
FIELDS = "Id,Name,LeadSource,Status,IsConverted,SystemModstamp,CreatedDate,ConvertedDate,MQL_At__c"
MIDDLE = "2025-11-30T12:00:00.000+0000"

CONDITIONS: list[tuple[str, Callable[[Row], bool]]] = [
    ("IsConverted = true", lambda row: row["IsConverted"]),
    ("Status != 'new'", lambda row: row["Status"] != "New"),
    ("Status IN ('New', 'SPAM')", lambda row: row["Status"] in ("New", "Spam")),
    ("Status NOT IN ('New')", lambda row: row["Status"] != "New"),
    ("Name LIKE 'a%'", lambda row: row["Name"].startswith("A")),
    ("MQL_At__c = null", lambda row: row["MQL_At__c"] is None),
    (
        "MQL_At__c != NULL AND IsConverted = false",
        lambda r: r["MQL_At__c"] and not r["IsConverted"],
    ),
    ("CreatedDate < 2025-11-30T12:00:00Z", lambda row: row["CreatedDate"] < MIDDLE),
    ("SystemModstamp >= 2025-11-30T13:00:00.000+01:00", lambda r: r["SystemModstamp"] >= MIDDLE),
    ("NOT (SystemModstamp >= 2025-11-30T12:00:00Z)", lambda row: row["SystemModstamp"] < MIDDLE),
    ("ConvertedDate > 2025-11-30", lambda row: (row["ConvertedDate"] or "") > "2025-11-30"),
    (
        "(LeadSource = 'Direct' OR LeadSource = 'Referral') AND SystemModstamp < "
        "2025-11-30T12:00:00Z AND CreatedDate >= 2024-12-01T00:00:00Z",
        lambda row: (
            row["LeadSource"] in ("Direct", "Referral")
            and row["SystemModstamp"] < MIDDLE
            and row["CreatedDate"] >= "2024-12"
        ),
    ),
    ("Owner.Name LIKE '% %' AND IsConverted = true", lambda row: row["IsConverted"]),
]


@pytest.fixture(scope="module")
def leads(salesforce: Caller) -> list[Row]:
    return salesforce.query(f"SELECT {FIELDS} FROM Lead")


@pytest.mark.parametrize(("condition", "holds"), CONDITIONS)
def test_conditions(
    salesforce: Caller, leads: list[Row], condition: str, holds: Callable[[Row], bool]
) -> None:
    found = salesforce.query(f"SELECT {FIELDS} FROM Lead WHERE {condition}")
    assert found == [row for row in leads if holds(row)]
    assert 0 < len(found) < len(leads)
    counted = salesforce.get("/query", q=f"SELECT COUNT() FROM Lead WHERE {condition}")
    assert (counted["totalSize"], counted["records"]) == (len(found), [])


def test_order(salesforce: Caller, leads: list[Row]) -> None:
    by_change = salesforce.query(f"SELECT {FIELDS} FROM Lead ORDER BY SystemModstamp, Id")
    assert by_change == sorted(leads, key=lambda row: (row["SystemModstamp"], row["Id"]))
    latest = salesforce.query(f"SELECT {FIELDS} FROM Lead ORDER BY CreatedDate DESC LIMIT 7")
    by_age = sorted(leads, key=lambda row: row["CreatedDate"], reverse=True)
    assert [row["CreatedDate"] for row in latest] == [row["CreatedDate"] for row in by_age[:7]]
    nulls = salesforce.query(f"SELECT {FIELDS} FROM Lead ORDER BY MQL_At__c")
    assert nulls[0]["MQL_At__c"] is None
    last = salesforce.query(f"SELECT {FIELDS} FROM Lead ORDER BY MQL_At__c DESC NULLS LAST")
    assert last[-1]["MQL_At__c"] is None
    assert last[0]["MQL_At__c"] == max(row["MQL_At__c"] for row in leads if row["MQL_At__c"])


def test_a_walk_by_change_and_id_meets_every_record_once(
    salesforce: Caller, leads: list[Row]
) -> None:
    """Many records were changed in one second, by an edit in bulk."""
    seen: list[Row] = []
    after = "SystemModstamp > 2000-01-01T00:00:00Z"
    while True:
        page = salesforce.query(
            f"SELECT {FIELDS} FROM Lead WHERE {after} ORDER BY SystemModstamp, Id LIMIT 9"
        )
        if not page:
            break
        seen += page
        at, id_ = page[-1]["SystemModstamp"][:-5] + "Z", page[-1]["Id"]
        after = f"(SystemModstamp > {at} OR (SystemModstamp = {at} AND Id > '{id_}'))"
    stamps = [row["SystemModstamp"] for row in leads]
    assert max(stamps.count(each) for each in stamps) > 9
    assert sorted(seen, key=lambda row: row["Id"]) == leads


def test_parents(salesforce: Caller) -> None:
    deals = salesforce.query(
        "SELECT Id, RecordType.Name, Account.Owner.Email, StageName FROM Opportunity "
        "WHERE RecordType.DeveloperName = 'Renewals_and_Expansion' LIMIT 5"
    )
    assert {deal["RecordType"]["Name"] for deal in deals} == {"Renewals and Expansion"}
    assert deals[0]["RecordType"]["attributes"]["type"] == "RecordType"
    assert all("@" in deal["Account"]["Owner"]["Email"] for deal in deals if deal["Account"])


def test_aggregates(salesforce: Caller, leads: list[Row]) -> None:
    (row,) = salesforce.query("SELECT COUNT(Id), COUNT(MQL_At__c), MAX(CreatedDate) FROM Lead")
    assert row["expr0"] == len(leads)
    assert row["expr1"] == sum(each["MQL_At__c"] is not None for each in leads)
    assert row["expr2"] == max(each["CreatedDate"] for each in leads)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT FIELDS(ALL) FROM Lead", "MALFORMED_QUERY"),
        ("SELECT FIELDS(CUSTOM) FROM Lead LIMIT 201", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE Name = 'a' AND Name = 'b' OR Name = 'c'", "MALFORMED_QUERY"),
        ("SELECT Id, FROM Lead", "MALFORMED_QUERY"),
        ("SELECT * FROM Lead", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE SystemModstamp > 2026-01-01T00:00:00", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead OFFSET 2001", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead; DROP", "MALFORMED_QUERY"),
        ("SELECT Nothing FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Nothing = 1", "INVALID_FIELD"),
        ("SELECT Id, Id FROM Lead", "INVALID_FIELD"),
        ("SELECT Nobody.Name FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE SystemModstamp > '2026-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE CreatedDate > 2026-01-01", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE IsConverted = 'true'", "INVALID_FIELD"),
        ("SELECT Id FROM Task WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Nothing", "INVALID_TYPE"),
    ],
)
def test_refusals(salesforce: Caller, query: str, code: str) -> None:
    assert salesforce.refused("/query", q=query) == (400, code)


def test_all_fields_where_few_records_are_asked_for(salesforce: Caller) -> None:
    described = {field["name"] for field in salesforce.get("/sobjects/Lead/describe")["fields"]}
    (everything,) = salesforce.query("SELECT FIELDS(ALL) FROM Lead LIMIT 1")
    assert set(everything) == {"attributes", *described}
    (custom,) = salesforce.query("SELECT FIELDS(CUSTOM) FROM Lead LIMIT 1")
    assert {name for name in custom if not name.endswith("__c")} == {"attributes"}
    assert len(salesforce.query("SELECT FIELDS(STANDARD) FROM Lead")) > 200


def test_pages(salesforce: Caller) -> None:
    page = salesforce.get("/queryAll", q="SELECT Id FROM Task")
    assert (len(page["records"]), page["done"]) == (2_000, False)
    assert page["nextRecordsUrl"].startswith(f"{API}/query/0r8")
    asked = {"Sforce-Query-Options": "batchSize=300"}
    answer = salesforce.call(
        "GET", f"{API}/query", params={"q": "SELECT Id FROM Lead"}, headers=asked
    )
    assert len(answer.json()["records"]) == 300
    assert salesforce.refused("/query/0r8Qy0000000999999-2000") == (400, "INVALID_QUERY_LOCATOR")


def test_pages_show_what_was_there_when_it_was_asked(open_salesforce: Opener) -> None:
    with open_salesforce() as served:
        query = "SELECT Id, SystemModstamp FROM Task ORDER BY SystemModstamp, Id"
        before = served.query(query, "/queryAll")
        page = served.get("/queryAll", q=query)
        served.clock.advance(timedelta(days=1))
        served.sign_in()
        later = served.call("GET", page["nextRecordsUrl"]).json()
        assert later["records"] == before[2_000:4_000]
        assert served.query(query, "/queryAll") != before
        served.clock.advance(timedelta(days=2))
        served.sign_in()
        gone = served.call("GET", page["nextRecordsUrl"])
        assert (gone.status_code, gone.json()[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")
