"""Every kind of answer validates against HubSpot's published documents.

The schemas are read strictly: a member that the document does not name fails, except in errors,
which HubSpot itself answers with more than it documents.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hubspot_caller import Caller, Opener

OBJECTS = {
    "contacts": "contacts",
    "companies": "companies",
    "deals": "deals",
    "calls": "calls",
    "emails": "emails",
    "meetings": "meetings",
    "tasks": "tasks",
    # HubSpot publishes one document for all activity types, differing in the examples only.
    "notes": "calls",
    "communications": "calls",
    "line_items": "lineItems",
    "goal_targets": "goalTargets",
}
FORMATS = jsonschema.FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@cache
def document(folder: Path, name: str) -> dict[str, Any]:
    spec = json.loads((folder / "hubspot" / f"{name}.json").read_text(encoding="utf-8"))
    for title, schema in spec["components"]["schemas"].items():
        if "properties" in schema and "Error" not in title:
            schema.setdefault("additionalProperties", False)
    return tidy(spec)


def tidy(node: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: `nullable` becomes a type, null examples go."""
    if isinstance(node, list):
        return [tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    tidied = {key: tidy(value) for key, value in node.items() if key != "example"}
    if tidied.pop("nullable", False) is True:
        tidied["type"] = [tidied["type"], "null"]
    return tidied


def check(folder: Path, name: str, path: str, method: str, answer: Any) -> None:
    spec = document(folder, name)
    responses = spec["paths"][path][method]["responses"]
    [body] = responses["200"]["content"].values()
    validate(spec, body["schema"], answer)


def validate(spec: dict[str, Any], schema: dict[str, Any], answer: Any) -> None:
    whole = {**schema, "components": spec["components"]}
    jsonschema.Draft202012Validator(whole, format_checker=FORMATS).validate(answer)


def all_names(hubspot: Caller, kind: str) -> str:
    results = hubspot.get(f"/crm/properties/2026-09/{kind}")["results"]
    return ",".join(each["name"] for each in results)


@pytest.mark.parametrize("kind", OBJECTS)
def test_objects(hubspot: Caller, specs: Path, kind: str) -> None:
    name, path = OBJECTS[kind], f"/crm/objects/2026-09/{kind}"
    generic = "/crm/objects/2026-09/{objectType}"
    properties = all_names(hubspot, kind)

    page = hubspot.get(path, limit=40, properties=properties, associations="contacts,companies")
    assert page["results"]
    check(specs, name, generic, "get", page)
    history = hubspot.get(path, limit=20, propertiesWithHistory="hubspot_owner_id,hs_object_id")
    assert any(each["propertiesWithHistory"]["hs_object_id"] for each in history["results"])
    check(specs, name, generic, "get", history)
    check(specs, name, generic, "get", hubspot.get(path, archived="true", properties=properties))

    ids = [each["id"] for each in page["results"]]
    one = hubspot.get(f"{path}/{ids[0]}", properties=properties, associations="deals")
    check(specs, name, generic + "/{objectId}", "get", one)
    asked = {"properties": properties.split(","), "propertiesWithHistory": ["hubspot_owner_id"]}
    batch = hubspot.post(f"{path}/batch/read", {**asked, "inputs": [{"id": id_} for id_ in ids]})
    assert len(batch["results"]) == len(ids)
    check(specs, name, generic + "/batch/read", "post", batch)
    some = hubspot.post(f"{path}/batch/read", {**asked, "inputs": [{"id": "1"}]})
    assert some["numErrors"] == 1
    check(specs, name, generic + "/batch/read", "post", some)
    found = hubspot.post(f"{path}/search", {"limit": 10, "properties": properties.split(",")})
    assert found["total"] >= len(found["results"]) > 0
    check(specs, name, generic + "/search", "post", found)


@pytest.mark.parametrize(
    ("kind", "to"),
    [
        ("deals", "contacts"),
        ("deals", "companies"),
        ("contacts", "companies"),
        ("emails", "deals"),
        ("line_items", "deals"),
        ("deals", "line_items"),
    ],
)
def test_associations(hubspot: Caller, specs: Path, kind: str, to: str) -> None:
    ids = [each["id"] for each in hubspot.every(f"/crm/objects/2026-09/{kind}")][:300]
    path = f"/crm/associations/2026-09/{kind}/{to}/batch/read"
    answer = hubspot.post(path, {"inputs": [{"id": id_} for id_ in ids]})
    assert answer["results"]
    generic = "/crm/associations/2026-09/{fromObjectType}/{toObjectType}/batch/read"
    check(specs, "associations", generic, "post", answer)


@pytest.mark.parametrize(
    ("name", "path", "generic"),
    [
        ("crmOwners", "/crm/owners/2026-09", None),
        ("crmOwners", "/crm/owners/2026-09?archived=true", "/crm/owners/2026-09"),
        ("crmOwners", "/crm/owners/2026-09/70100000", "/crm/owners/2026-09/{ownerId}"),
        ("pipelines", "/crm/pipelines/2026-09/deals", "/crm/pipelines/2026-09/{objectType}"),
        (
            "pipelines",
            "/crm/pipelines/2026-09/deals/default",
            "/crm/pipelines/2026-09/{objectType}/{pipelineId}",
        ),
        ("properties", "/crm/properties/2026-09/deals", "/crm/properties/2026-09/{objectType}"),
        (
            "properties",
            "/crm/properties/2026-09/deals/amount",
            "/crm/properties/2026-09/{objectType}/{propertyName}",
        ),
        ("multicurrency", "/settings/currencies/2026-09/exchange-rates", None),
        ("multicurrency", "/settings/currencies/2026-09/exchange-rates/current", None),
        ("multicurrency", "/settings/currencies/2026-09/company-currency", None),
        ("multicurrency", "/settings/currencies/2026-09/codes", None),
    ],
)
def test_settings(hubspot: Caller, specs: Path, name: str, path: str, generic: str | None) -> None:
    answer = hubspot.get(path)
    assert answer.get("results", [answer])
    check(specs, name, generic or path, "get", answer)


def test_forecasts_are_listed_and_read(hubspot: Caller, specs: Path) -> None:
    path, generic = "/crm/objects/2026-09/forecasts", "/crm/objects/2026-09/{objectType}"
    page = hubspot.get(path, limit=40, properties=all_names(hubspot, "forecasts"))
    assert page["results"]
    check(specs, "forecasts", generic, "get", page)
    one = hubspot.get(f"{path}/{page['results'][0]['id']}", properties="hs_amount")
    check(specs, "forecasts", generic + "/{objectId}", "get", one)


CAMPAIGNS = "/marketing/campaigns/2026-09"


def test_campaigns(hubspot: Caller, specs: Path) -> None:
    named = "hs_name,hs_utm,hs_start_date,hs_spend_items_sum_amount,channel,no_such_property"
    page = hubspot.get(CAMPAIGNS, limit=100, properties=named)
    assert (len(page["results"]), page["paging"]["next"]["after"]) == (100, "100")
    check(specs, "campaignsPublicApi", CAMPAIGNS, "get", page)
    check(specs, "campaignsPublicApi", CAMPAIGNS, "get", hubspot.get(CAMPAIGNS))
    ids = [each["id"] for each in page["results"][:50]]
    batch = hubspot.post(f"{CAMPAIGNS}/batch/read", {"inputs": [{"id": each} for each in ids]})
    assert {kind for each in batch["results"] for kind in each["assets"]} == {
        "FORM",
        "MARKETING_EMAIL",
        "OBJECT_LIST",
    }
    check(specs, "campaignsPublicApi", f"{CAMPAIGNS}/batch/read", "post", batch)
    some = hubspot.post(f"{CAMPAIGNS}/batch/read", {"inputs": [{"id": "nobody"}]})
    assert some["numErrors"] == 1
    check(specs, "campaignsPublicApi", f"{CAMPAIGNS}/batch/read", "post", some)
    one = "/{campaignGuid}"
    for path, generic in (
        ("", one),
        ("/assets/OBJECT_LIST", f"{one}/assets/{{assetType}}"),
        ("/assets/FORM", f"{one}/assets/{{assetType}}"),
        ("/budget/totals", f"{one}/budget/totals"),
    ):
        answer = hubspot.get(f"{CAMPAIGNS}/{ids[1]}{path}")
        check(specs, "campaignsPublicApi", CAMPAIGNS + generic, "get", answer)
    spent = hubspot.get(f"{CAMPAIGNS}/{ids[1]}/budget/totals")
    assert spent["spendItems"]
    assert spent["budgetItems"]


def test_marketing_emails(hubspot: Caller, specs: Path) -> None:
    emails = "/marketing/emails/2026-09"
    page = hubspot.get(emails, limit=5, includeStats="true")
    assert (len(page["results"]), page["total"] > 5) == (5, True)
    assert all(each["stats"]["counters"]["sent"] for each in page["results"])
    check(specs, "marketingEmails", emails, "get", page)
    check(specs, "marketingEmails", emails, "get", hubspot.get(emails, archived="true"))
    one = hubspot.get(f"{emails}/{page['results'][0]['id']}")
    assert "stats" not in one
    check(specs, "marketingEmails", f"{emails}/{{emailId}}", "get", one)


def test_refusals(open_hubspot: Opener, specs: Path) -> None:
    contacts = "/crm/objects/2026-09/contacts"
    with open_hubspot(
        limits=True,
        rates={"hubspot.all": 4},
        switches=frozenset({"hubspot.without:crm.objects.deals.read"}),
    ) as hubspot:
        refusals = {
            401: hubspot.call("GET", contacts, headers={"authorization": "Bearer wrong"}),
            403: hubspot.call("GET", "/crm/objects/2026-09/deals"),
            404: hubspot.call("GET", f"{contacts}/12"),
            400: hubspot.call("GET", contacts, params={"limit": 101}),
        }
        while (last := hubspot.call("GET", contacts)).status_code == 200:
            pass
        refusals[429] = last
    spec = document(specs, "contacts")
    for status, refusal in refusals.items():
        assert refusal.status_code == status, refusal.text
        validate(spec, spec["components"]["schemas"]["Error"], refusal.json())
    assert refusals[401].json()["category"] == "INVALID_AUTHENTICATION"
    [detail] = refusals[403].json()["errors"]
    assert detail["context"]["requiredGranularScopes"] == ["crm.objects.deals.read"]
    assert refusals[429].json()["policyName"] == "TEN_SECONDLY_ROLLING"
