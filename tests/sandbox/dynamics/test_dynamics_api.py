"""The manners of the simulated Dataverse: tokens, queries, pages, changes, refusals."""

from __future__ import annotations

import doctest
import importlib
from datetime import datetime, timedelta
from typing import Any

import pytest
from dynamics_caller import EVERYTHING, Caller, Opener

from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.dynamics import ids
from revops_pipelines.sandbox.dynamics.tables import TABLES

FORMATTED = "@OData.Community.Display.V1.FormattedValue"
LOGICAL = "@Microsoft.Dynamics.CRM.lookuplogicalname"
TRACK = "odata.track-changes"


@pytest.mark.parametrize("name", ["ids", "story", "render", "queries", "audits"])
def test_worked_examples(name: str) -> None:
    module = importlib.import_module(f"revops_pipelines.sandbox.dynamics.{name}")
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    ("form", "status", "error", "code"),
    [
        ({"client_secret": "no"}, 401, "invalid_client", "AADSTS7000215"),
        ({"client_id": "no"}, 400, "unauthorized_client", "AADSTS700016"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", "AADSTS70003"),
        ({"scope": "user.read"}, 400, "invalid_scope", "AADSTS1002012"),
        ({"tenant": "another"}, 400, "invalid_request", "AADSTS90002"),
    ],
)
def test_bad_credentials_are_refused(
    dynamics: Caller, form: dict[str, str], status: int, error: str, code: str
) -> None:
    answer = dynamics.login(**form)
    body = answer.json()
    assert (answer.status_code, body["error"]) == (status, error)
    assert body["error_description"].startswith(code)


def test_a_token_lives_an_hour(open_dynamics: Opener) -> None:
    with open_dynamics() as dynamics:
        assert dynamics.login().json()["expires_in"] == 3_599
        dynamics.get("WhoAmI")
        dynamics.clock.advance(timedelta(minutes=59))
        dynamics.get("WhoAmI")
        dynamics.clock.advance(timedelta(minutes=2))
        answer = dynamics.call("WhoAmI")
        assert (answer.status_code, answer.content) == (401, b"")
        assert answer.headers["www-authenticate"].startswith("Bearer ")


def test_columns_are_chosen_and_the_key_comes_along(dynamics: Caller) -> None:
    body = dynamics.get("leads", **{"$select": "fullname,_ownerid_value", "$top": "3"})
    assert body["@odata.context"].endswith("$metadata#leads(fullname,_ownerid_value)")
    for row in body["value"]:
        assert set(row) == {"@odata.etag", "fullname", "_ownerid_value", "leadid"}
    assert "@odata.nextLink" not in body


def test_an_amount_brings_its_currency(dynamics: Caller) -> None:
    body = dynamics.get("opportunities", **{"$select": "estimatedvalue", "$top": "1"})
    assert set(body["value"][0]) == {
        "@odata.etag",
        "estimatedvalue",
        "_transactioncurrencyid_value",
        "opportunityid",
    }


def test_labels_come_when_they_are_asked_for(dynamics: Caller) -> None:
    asked = {"$select": "statuscode,_ownerid_value,createdon", "$top": "1"}
    bare = dynamics.get("leads", **asked)["value"][0]
    assert not any(FORMATTED in name or LOGICAL in name for name in bare)
    row = dynamics.get("leads", EVERYTHING, **asked)["value"][0]
    assert row[f"statuscode{FORMATTED}"] in ("New", "Qualified", "Disqualified", "Canceled")
    assert row[f"_ownerid_value{LOGICAL}"] in ("systemuser", "team")
    assert f"createdon{FORMATTED}" in row
    one = dynamics.get("leads", f'odata.include-annotations="{FORMATTED[1:]}"', **asked)["value"][0]
    assert any(name.endswith(FORMATTED) for name in one)
    assert not any(name.endswith(LOGICAL) for name in one)


@pytest.mark.parametrize("size", [7, 50, 5_000])
def test_pages_hold_each_row_once(dynamics: Caller, size: int) -> None:
    first = dynamics.get("contacts", f"odata.maxpagesize={size}", **{"$select": "fullname"})
    assert len(first["value"]) <= size
    rows = dynamics.every("contacts", f"odata.maxpagesize={size}", **{"$select": "fullname"})
    found = [row["contactid"] for row in rows]
    assert len(found) == len(set(found)) > 50


def test_the_next_link_is_absolute_and_keeps_the_query(dynamics: Caller) -> None:
    body = dynamics.get(
        "leads", "odata.maxpagesize=5", **{"$select": "fullname", "$filter": "statecode eq 0"}
    )
    link = body["@odata.nextLink"]
    assert link.startswith(f"{dynamics.url}/api/data/v9.2/leads?")
    assert "$skiptoken=" in link
    following = dynamics.get(link, "odata.maxpagesize=5")["value"]
    assert all(set(row) == {"@odata.etag", "fullname", "leadid"} for row in following)


def test_filters_do_what_they_say(dynamics: Caller) -> None:
    rows = dynamics.every("leads")
    when = sorted(row["modifiedon"] for row in rows)[len(rows) // 2]
    name = rows[0]["lastname"]
    tests: dict[str, Any] = {
        f"modifiedon ge {when}": lambda row: row["modifiedon"] >= when,
        f"modifiedon lt {when}": lambda row: row["modifiedon"] < when,
        f"createdon ge {when} and statecode eq 0": lambda row: (
            row["createdon"] >= when and row["statecode"] == 0
        ),
        "statecode ne 0": lambda row: row["statecode"] != 0,
        "not (statecode eq 0 or merged eq true)": lambda row: (
            row["statecode"] != 0 and not row["merged"]
        ),
        "_parentcontactid_value eq null": lambda row: row["_parentcontactid_value"] is None,
        f"contains(fullname,'{name.upper()}')": lambda row: name.lower() in row["fullname"].lower(),
        f"lastname eq '{name.lower()}'": lambda row: row["lastname"] == name,
        f"leadid eq {rows[3]['leadid']}": lambda row: row is rows[3],
    }
    for text, test in tests.items():
        found = {row["leadid"] for row in dynamics.every("leads", **{"$filter": text})}
        assert found == {row["leadid"] for row in rows if test(row)}, text
        assert found, text


def test_members_of_a_set(dynamics: Caller) -> None:
    emails = [row["activityid"] for row in dynamics.get("emails", **{"$top": "4"})["value"]]
    values = ",".join(f"'{each}'" for each in emails)
    text = f"Microsoft.Dynamics.CRM.In(PropertyName='activityid',PropertyValues=[{values}])"
    parties = dynamics.every("activityparties", **{"$filter": text})
    assert {row["_activityid_value"] for row in parties} == set(emails)
    every = dynamics.every("activityparties")
    assert len(parties) == sum(row["_activityid_value"] in emails for row in every)


def test_rows_in_an_order(dynamics: Caller) -> None:
    rows = dynamics.every(
        "accounts", "odata.maxpagesize=20", **{"$orderby": "createdon desc,name asc"}
    )
    keys = [(row["createdon"], row["name"]) for row in rows]
    assert len(keys) > 40
    assert [key[0] for key in keys] == sorted((key[0] for key in keys), reverse=True)


def test_counts(dynamics: Caller) -> None:
    body = dynamics.get("leads", EVERYTHING, **{"$count": "true", "$top": "2"})
    every = len(dynamics.every("leads"))
    assert body["@odata.count"] == every
    assert body["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"] is False
    assert dynamics.call("leads/$count").content == f"\ufeff{every}".encode()


@pytest.mark.parametrize(
    ("path", "prefer", "params", "status", "part"),
    [
        ("leads", "", {"$skip": "5"}, 501, "Skip Clause"),
        ("leads", "", {"$select": "nosuch"}, 400, "property named 'nosuch'"),
        ("leads", "", {"$filter": "nosuch eq 1"}, 400, "property named 'nosuch'"),
        ("leads", "", {"$filter": "statecode is 1"}, 400, "not supported"),
        ("nosuchtables", "", {}, 404, "segment 'nosuchtables'"),
        ("leads(00000000-0000-0000-0000-000000000001)", "", {}, 404, "Does Not Exist"),
        ("leads", TRACK, {"$filter": "statecode eq 0"}, 400, "Change Tracking is enabled"),
        ("leads", TRACK, {"$top": "1"}, 400, "Change Tracking is enabled"),
        ("audits", TRACK, {}, 400, "not enabled"),
        ("leads", "", {"$deltatoken": "junk"}, 400, "not valid"),
        ("leads", "", {"$skiptoken": "junk"}, 400, "cookie"),
    ],
)
def test_refusals(
    dynamics: Caller, path: str, prefer: str, params: dict[str, str], status: int, part: str
) -> None:
    answered, code, message = dynamics.refused(path, prefer, **params)
    assert answered == status
    assert code.startswith("0x8")
    assert part in message


def test_a_single_row(dynamics: Caller) -> None:
    row = dynamics.get("opportunities", **{"$top": "1"})["value"][0]
    one = dynamics.get(f"opportunities({row['opportunityid']})", **{"$select": "name"})
    assert one["@odata.context"].endswith("#opportunities(name)/$entity")
    assert (one["name"], one["opportunityid"]) == (row["name"], row["opportunityid"])
    # Another table's identifier is none of this one's.
    lead = dynamics.get("leads", **{"$top": "1"})["value"][0]["leadid"]
    assert dynamics.refused(f"opportunities({lead})")[0] == 404


def merging(world: Any) -> datetime:
    """When a lead was merged, not long ago."""
    return sorted(each.merged_at for each in world.contacts if each.merged_at)[-3]


def test_changes_since_a_token(open_dynamics: Opener, dynamics_world: Any) -> None:
    start = merging(dynamics_world) - timedelta(days=1)
    with open_dynamics(clock=SandboxClock(start)) as dynamics:
        prefer = f"{TRACK},odata.maxpagesize=40"
        body = dynamics.get("leads", prefer, **{"$select": "fullname,merged,_masterid_value"})
        known = {row["leadid"]: row for row in body["value"]}
        while "@odata.nextLink" in body:
            assert "@odata.deltaLink" not in body
            body = dynamics.get(body["@odata.nextLink"], prefer)
            known |= {row["leadid"]: row for row in body["value"]}
        delta = body["@odata.deltaLink"]
        assert dynamics.get(delta)["value"] == []
        seen_merged = False
        for _ in range(40):
            dynamics.clock.advance(timedelta(days=1))
            body = dynamics.get(delta, "odata.maxpagesize=3")
            changes = list(body["value"])
            while "@odata.nextLink" in body:
                body = dynamics.get(body["@odata.nextLink"], "odata.maxpagesize=3")
                changes += body["value"]
            delta = body["@odata.deltaLink"]
            for row in changes:
                if row.get("@odata.context", "").endswith("leads/$deletedEntity"):
                    assert row["reason"] == "deleted"
                    known.pop(row["id"], None)
                else:
                    known[row["leadid"]] = row
                    seen_merged |= bool(row["merged"])
        fresh = dynamics.every("leads", **{"$select": "fullname,merged,_masterid_value"})
        assert known == {row["leadid"]: row for row in fresh}
        assert seen_merged


def test_a_token_is_good_for_seven_days(open_dynamics: Opener) -> None:
    with open_dynamics() as dynamics:
        link = dynamics.get("leads", TRACK)["@odata.deltaLink"]
        dynamics.clock.advance(timedelta(days=6, hours=23))
        dynamics.get(link)
        dynamics.clock.advance(timedelta(hours=2))
        status, code, message = dynamics.refused(link)
        assert (status, code) == (400, "0x80044352")
        assert "full sync" in message


def test_too_many_requests_wait_longer_and_longer(open_dynamics: Opener) -> None:
    with open_dynamics(limits=True, rates={"dynamics.calls": 2}) as dynamics:
        answers = [dynamics.call("WhoAmI") for _ in range(6)]
        refused = [each for each in answers if each.status_code == 429]
        assert len(refused) == 4
        waits = [int(each.headers["retry-after"]) for each in refused]
        assert waits == sorted(waits)
        assert waits[-1] > waits[0] > 0
        assert refused[0].json()["error"]["code"] == "0x80072322"


def test_a_missing_privilege_is_named(open_dynamics: Opener) -> None:
    with open_dynamics(switches=frozenset({"dynamics.without:prvReadLead"})) as dynamics:
        status, code, message = dynamics.refused("leads")
        assert (status, code) == (403, "0x80040220")
        assert "missing prvReadLead privilege" in message
        dynamics.get("contacts", **{"$top": "1"})


def test_definitions_tell_tables_columns_and_switches(open_dynamics: Opener) -> None:
    switches = frozenset({"dynamics.untracked:lead", "dynamics.unaudited"})
    with open_dynamics(switches=switches) as dynamics:
        lead = dynamics.get(
            "EntityDefinitions(LogicalName='lead')",
            **{
                "$select": "EntitySetName,ChangeTrackingEnabled,IsAuditEnabled",
                "$expand": "Attributes($select=LogicalName,AttributeType,IsCustomAttribute)",
            },
        )
        assert (lead["EntitySetName"], lead["ChangeTrackingEnabled"]) == ("leads", False)
        assert lead["IsAuditEnabled"]["Value"] is False
        own = {each["LogicalName"] for each in lead["Attributes"] if each["IsCustomAttribute"]}
        assert own == {"new_origin", "new_regioncode"}
        found = dynamics.get(
            "EntityDefinitions",
            **{"$select": "LogicalName", "$filter": "ChangeTrackingEnabled eq true"},
        )["value"]
        assert {each["LogicalName"] for each in found} == {
            name for name, table in TABLES.items() if table.tracked and name != "lead"
        }
        assert dynamics.every("audits") == []
        assert dynamics.get("organizations")["value"][0]["isauditenabled"] is False
        by_id = dynamics.get(f"EntityDefinitions({lead['MetadataId']})/Attributes")["value"]
        assert {each["LogicalName"] for each in by_id} == set(TABLES["lead"].columns)


def test_every_row_points_at_rows_that_are_there(dynamics: Caller) -> None:
    there: dict[str, set[str]] = {}
    rows = {
        table.name: dynamics.every(table.entity_set, EVERYTHING)
        for table in TABLES.values()
        if table.name != "audit"
    }
    for name, found in rows.items():
        there[name] = {row[TABLES[name].id_column] for row in found}
    for name, found in rows.items():
        for row in found:
            for key, value in row.items():
                if key.endswith("_value") and value is not None:
                    target = row[f"{key}{LOGICAL}"]
                    assert target == "activitypointer" or value in there[target], (name, key)


def test_who_a_record_is_follows_from_the_worlds_own_identifiers(dynamics: Caller) -> None:
    leads = {row["leadid"]: row for row in dynamics.every("leads")}
    contacts = {row["contactid"]: row for row in dynamics.every("contacts")}
    now = dynamics.clock.now()
    for contact_id, person_id in ids.person_ids(dynamics.world.contacts).items():
        contact = next(each for each in dynamics.world.contacts if each.hubspot_id == contact_id)
        person = dynamics.world.people[contact.person_index]
        if contact.exists_from <= now and person.deleted_at is None:
            row = leads.get(person_id) or contacts[person_id]
            assert row["lastname"] == person.last_name
