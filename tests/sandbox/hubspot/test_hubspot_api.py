"""The simulated HubSpot's manners: paging, ties, caps, limits, time, merges."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hubspot_caller import Caller, Opener

from revops_pipelines.sandbox.hubspot.story import epoch_ms

CONTACTS = "/crm/objects/2026-09/contacts"


def condition(name: str, operator: str, value: Any) -> dict[str, str]:
    return {"propertyName": name, "operator": operator, "value": str(value)}


def searched(hubspot: Caller, *filters: dict[str, str], **more: Any) -> Any:
    body = {"filterGroups": [{"filters": list(filters)}], "limit": 200, **more}
    return hubspot.post(f"{CONTACTS}/search", body)


def test_dated_and_older_paths_agree(hubspot: Caller) -> None:
    for dated, older in (
        ("/crm/objects/2026-09/deals", "/crm/v3/objects/deals"),
        ("/crm/objects/2026-03/deals", "/crm/v4/objects/deals"),
        ("/crm/objects/2026-09/0-3", "/crm/v3/objects/deal"),
        ("/crm/owners/2026-09", "/crm/v3/owners/"),
        ("/crm/pipelines/2026-09/deals", "/crm/v3/pipelines/deals"),
        ("/crm/properties/2026-09/emails", "/crm/v3/properties/emails"),
        ("/settings/currencies/2026-09/codes", "/settings/v3/currencies/codes"),
        ("/account-info/2026-09/details", "/account-info/v3/details"),
    ):
        one, other = hubspot.get(dated), hubspot.get(older)
        assert one.get("results", one) == other.get("results", other)


def test_only_what_was_asked_for_is_answered_and_as_text(hubspot: Caller) -> None:
    [record] = hubspot.get(
        "/crm/objects/2026-09/deals", limit=1, properties="amount,no_such_property,closedate"
    )["results"]
    assert set(record["properties"]) == {
        "amount",
        "closedate",
        "createdate",
        "hs_lastmodifieddate",
        "hs_object_id",
    }
    assert all(isinstance(value, str) for value in record["properties"].values())


def test_pages_are_bounded(hubspot: Caller) -> None:
    assert len(hubspot.get(CONTACTS)["results"]) == 10
    refused = hubspot.call("GET", CONTACTS, params={"limit": 101})
    assert (refused.status_code, refused.json()["category"]) == (400, "VALIDATION_ERROR")
    with_history = {"limit": 51, "propertiesWithHistory": "email"}
    assert hubspot.call("GET", CONTACTS, params=with_history).status_code == 400
    long = ",".join(f"property_number_{number}" for number in range(1_000))
    assert hubspot.call("GET", CONTACTS, params={"properties": long}).status_code == 414


def test_ties_are_paged_by_id(hubspot: Caller) -> None:
    """A third of the contacts changed in one millisecond: only ids tell pages apart."""
    edited = epoch_ms(hubspot.world.anchor_at - timedelta(days=100, hours=3))
    tied = (
        condition("lastmodifieddate", "GTE", edited),
        condition("lastmodifieddate", "LT", edited + 1),
    )
    total = searched(hubspot, *tied, limit=1)["total"]
    assert total > 40
    seen: list[str] = []
    last = "0"
    while True:
        page = searched(
            hubspot,
            *tied,
            condition("hs_object_id", "GT", last),
            limit=20,
            sorts=[{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        )["results"]
        if not page:
            break
        seen += [each["id"] for each in page]
        last = seen[-1]
    assert len(seen) == len(set(seen)) == total
    assert seen == sorted(seen, key=int)


def test_windows_of_search_tile_the_list(hubspot: Caller) -> None:
    starts = [epoch_ms(hubspot.world.start + timedelta(days=30 * month)) for month in range(28)]
    found: list[str] = []
    for since, before in pairwise(starts):
        window = (
            condition("lastmodifieddate", "GTE", since),
            condition("lastmodifieddate", "LT", before),
        )
        after = 0
        while True:
            page = searched(hubspot, *window, after=after, sorts=["lastmodifieddate"])
            found += [each["id"] for each in page["results"]]
            if "paging" not in page:
                break
            after = int(page["paging"]["next"]["after"])
    assert sorted(found) == sorted(each["id"] for each in hubspot.every(CONTACTS))


def test_any_property_can_be_searched(hubspot: Caller) -> None:
    spam = searched(hubspot, condition("hs_lead_status", "EQ", "SPAM"), properties=["email"])
    assert spam["total"] > 0
    assert all("cheap-links" in each["properties"]["email"] for each in spam["results"])
    either = hubspot.post(
        f"{CONTACTS}/search",
        {
            "filterGroups": [
                {"filters": [condition("hs_lead_status", "EQ", "SPAM")]},
                {"filters": [condition("hs_lead_status", "NEQ", "SPAM")]},
            ],
            "limit": 1,
        },
    )
    assert either["total"] == len(hubspot.every(CONTACTS))
    unknown = {"filterGroups": [{"filters": [condition("email", "LIKE", "x")]}]}
    assert hubspot.call("POST", f"{CONTACTS}/search", json=unknown).status_code == 400


@pytest.mark.parametrize(("after", "limit", "status"), [(9_800, 200, 200), (9_801, 200, 400)])
def test_search_ends_at_ten_thousand(hubspot: Caller, after: int, limit: int, status: int) -> None:
    body = {"limit": limit, "after": str(after)}
    assert hubspot.call("POST", f"{CONTACTS}/search", json=body).status_code == status


def test_search_has_its_own_limit(open_hubspot: Opener) -> None:
    with open_hubspot(limits=True) as hubspot:
        answers = [hubspot.call("POST", f"{CONTACTS}/search", json={"limit": 1}) for _ in range(30)]
        refused = [each for each in answers if each.status_code == 429]
        assert refused
        assert refused[0].json()["policyName"] == "SECONDLY"
        assert refused[0].json()["message"] == "You have reached your secondly limit."
        assert hubspot.call("GET", CONTACTS).status_code == 200


def test_the_search_index_may_lag(open_hubspot: Opener) -> None:
    with open_hubspot(switches=frozenset({"hubspot.search_lag"})) as hubspot:
        newest = max(contact.exists_from for contact in hubspot.world.contacts)
        hubspot.clock.advance(newest - hubspot.clock.now() + timedelta(seconds=1))
        listed = len(hubspot.every(CONTACTS))
        found = hubspot.post(f"{CONTACTS}/search", {"limit": 1})["total"]
        hubspot.clock.advance(timedelta(seconds=10))
        assert found < hubspot.post(f"{CONTACTS}/search", {"limit": 1})["total"] == listed


def test_time_moves_records(open_hubspot: Opener) -> None:
    deals = "/crm/objects/2026-09/deals"
    with open_hubspot() as hubspot:
        before = {each["id"]: each for each in hubspot.every(deals)}
        since = hubspot.clock.now()
        hubspot.clock.advance(timedelta(days=20))
        after = {each["id"]: each for each in hubspot.every(deals)}
    assert set(after) - set(before)
    changed = {id_ for id_ in before if id_ in after and after[id_] != before[id_]}
    assert changed
    for id_ in after:
        modified = after[id_]["properties"]["hs_lastmodifieddate"]
        is_newer = modified > since.isoformat()[:19]
        assert is_newer == (id_ in changed or id_ not in before)


def test_a_merged_contact_answers_as_its_survivor(hubspot: Caller) -> None:
    now = hubspot.clock.now()
    gone = [each for each in hubspot.world.contacts if each.merged_at and each.merged_at <= now]
    assert {each.kind for each in gone} >= {"former"}
    listed = {each["id"] for each in hubspot.every(CONTACTS)}
    for contact in gone:
        if hubspot.world.people[contact.person_index].deleted_at:
            continue
        record = hubspot.get(f"{CONTACTS}/{contact.hubspot_id}", properties="hs_merged_object_ids")
        assert record["id"] != contact.hubspot_id
        assert contact.hubspot_id in record["properties"]["hs_merged_object_ids"].split(";")
        assert contact.hubspot_id not in listed
        batch = hubspot.post(
            f"{CONTACTS}/batch/read", {"inputs": [{"id": contact.hubspot_id}], "properties": []}
        )
        assert [each["id"] for each in batch["results"]] == [record["id"]]


def test_archived_records_are_a_list_of_their_own(hubspot: Caller) -> None:
    live = {each["id"] for each in hubspot.every(CONTACTS)}
    archived = hubspot.every(CONTACTS, archived="true")
    assert archived
    for record in archived:
        assert record["archived"] is True
        assert record["archivedAt"] == record["updatedAt"]
        assert record["id"] not in live
        assert hubspot.call("GET", f"{CONTACTS}/{record['id']}").status_code == 404
    found = hubspot.post(f"{CONTACTS}/search", {"limit": 1})
    assert found["total"] == len(live)


def test_associations_in_all_shapes(hubspot: Caller) -> None:
    deals = hubspot.get("/crm/objects/2026-09/deals", associations="companies,contacts")["results"]
    deal = next(each for each in deals if "companies" in each.get("associations", {}))
    company, unlabeled = deal["associations"]["companies"]["results"]
    assert unlabeled == {"id": company["id"], "type": "deal_to_company_unlabeled"}
    inputs = {"inputs": [{"id": deal["id"]}, {"id": "17"}]}
    dated = hubspot.post("/crm/associations/2026-09/deals/companies/batch/read", inputs)
    older = hubspot.post("/crm/v4/associations/deals/companies/batch/read", inputs)
    oldest = hubspot.post("/crm/v3/associations/deals/companies/batch/read", inputs)
    types = [
        {"category": "HUBSPOT_DEFINED", "typeId": 5, "label": "Primary"},
        {"category": "HUBSPOT_DEFINED", "typeId": 341},
    ]
    assert dated["results"][0]["to"] == [{"toObjectId": company["id"], "associationTypes": types}]
    assert older["results"][0]["to"][0]["toObjectId"] == int(company["id"])
    assert oldest["results"][0]["to"] == [company]
    assert dated["numErrors"] == 1
    back = f"/crm/objects/2026-09/companies/{company['id']}/associations/deals"
    assert int(deal["id"]) in [each["toObjectId"] for each in hubspot.get(back)["results"]]


def test_engagements_reach_back_from_their_contacts(hubspot: Caller) -> None:
    emails = hubspot.every("/crm/objects/2026-09/emails", associations="contacts", limit=50)
    email = next(each for each in emails if len(_ends(each)) > 1)
    for contact in _ends(email):
        body = {"inputs": [{"id": contact}]}
        answer = hubspot.post("/crm/associations/2026-09/contacts/emails/batch/read", body)
        assert email["id"] in [end["toObjectId"] for end in answer["results"][0]["to"]]


def _ends(record: dict[str, Any]) -> list[str]:
    linked = record.get("associations", {}).get("contacts", {"results": []})
    return [end["id"] for end in linked["results"]]


def test_what_does_not_exist(hubspot: Caller) -> None:
    for path in (f"{CONTACTS}/12", "/crm/objects/2026-09/tickets", "/crm/v9/objects/contacts"):
        answer = hubspot.call("GET", path)
        assert (answer.status_code, answer.json()["category"]) == (404, "OBJECT_NOT_FOUND")
