"""What Salesforce's API does beside queries: ways in, limits, versions, describe, errors."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import jwt
import pytest
from salesforce_caller import API, Caller, Opener

from revops_pipelines.sandbox.salesforce import KEYS
from revops_pipelines.sandbox.salesforce.access import AUDIENCES, USERNAME
from revops_pipelines.sandbox.salesforce.keypair import private_key

TOKEN = "/services/oauth2/token"


def asked(caller: Caller, **form: str) -> tuple[int, dict[str, Any]]:
    answer = caller.session.post(caller.url + TOKEN, data=form, timeout=20)
    return answer.status_code, answer.json()


def test_a_token_names_the_instance(salesforce: Caller) -> None:
    status, body = asked(salesforce, grant_type="client_credentials", **KEYS)
    assert status == 200
    assert body["instance_url"] == salesforce.url
    assert body["token_type"] == "Bearer"
    assert "expires_in" not in body


def test_the_secret_may_come_in_the_header(salesforce: Caller) -> None:
    answer = salesforce.session.post(
        salesforce.url + TOKEN,
        data={"grant_type": "client_credentials"},
        auth=(KEYS["client_id"], KEYS["client_secret"]),
        timeout=20,
    )
    assert answer.json()["access_token"]


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password", **KEYS}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "client_id": "other"}, "invalid_client_id"),
        (
            {"grant_type": "client_credentials", **KEYS, "client_secret": "wrong"},
            "invalid_client",
        ),
    ],
)
def test_wrong_ways_in(salesforce: Caller, form: dict[str, str], error: str) -> None:
    status, body = asked(salesforce, **form)
    assert (status, body["error"]) == (400, error)


def assertion(caller: Caller, key: str | None = None, **changed: Any) -> dict[str, str]:
    claims = {
        "iss": KEYS["client_id"],
        "sub": USERNAME,
        "aud": AUDIENCES[0],
        "exp": caller.clock.now() + timedelta(minutes=3),
        **changed,
    }
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    signed = jwt.encode(claims, key or private_key(), algorithm="RS256")
    return {"grant_type": grant, "assertion": signed}


def test_an_assertion_is_a_way_in(salesforce: Caller) -> None:
    for audience in (*AUDIENCES, salesforce.url):
        status, body = asked(salesforce, **assertion(salesforce, aud=audience))
        assert status == 200
        headers = {"authorization": f"Bearer {body['access_token']}"}
        assert salesforce.call("GET", f"{API}/limits", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"aud": "https://elsewhere.example"}, "invalid_grant"),
        ({"sub": "somebody@northbeam.example"}, "invalid_grant"),
        ({"iss": "other"}, "invalid_client_id"),
        ({"exp": 1_000_000_000}, "invalid_grant"),
    ],
)
def test_assertions_that_say_the_wrong_thing(
    salesforce: Caller, changed: dict[str, Any], error: str
) -> None:
    status, body = asked(salesforce, **assertion(salesforce, **changed))
    assert (status, body["error"]) == (400, error)


def test_an_assertion_of_another_key(salesforce: Caller) -> None:
    from cryptography.hazmat.primitives import serialization as serial
    from cryptography.hazmat.primitives.asymmetric import rsa

    other = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    pem = other.private_bytes(
        serial.Encoding.PEM, serial.PrivateFormat.PKCS8, serial.NoEncryption()
    )
    status, body = asked(salesforce, **assertion(salesforce, pem.decode()))
    assert (status, body["error"]) == (400, "invalid_grant")


def test_a_session_ends_after_two_hours(open_salesforce: Opener) -> None:
    with open_salesforce() as served:
        served.clock.advance(timedelta(hours=1, minutes=59))
        assert served.get("/limits")
        served.clock.advance(timedelta(minutes=2))
        assert served.refused("/limits") == (401, "INVALID_SESSION_ID")
        served.sign_in()
        assert served.get("/limits")
        served.token = "never given"
        assert served.refused("/limits") == (401, "INVALID_SESSION_ID")


def test_the_days_calls(open_salesforce: Opener) -> None:
    with open_salesforce(limits=True, rates={"salesforce.daily": 3}) as served:
        answer = served.call("GET", f"{API}/query", params={"q": "SELECT COUNT() FROM Lead"})
        assert answer.headers["Sforce-Limit-Info"] == "api-usage=1/3"
        assert served.get("/limits")["DailyApiRequests"] == {"Max": 3, "Remaining": 1}
        served.get("/sobjects")
        assert served.refused("/sobjects") == (403, "REQUEST_LIMIT_EXCEEDED")
        served.clock.advance(timedelta(hours=24))
        served.sign_in()
        assert served.get("/sobjects")


def test_versions(salesforce: Caller) -> None:
    answer = salesforce.session.get(f"{salesforce.url}/services/data", timeout=20)
    versions = {each["version"] for each in answer.json()}
    assert {"31.0", "68.0"} <= versions
    for version, status in (("30.0", 410), ("31.0", 200), ("68.0", 200), ("69.0", 404)):
        called = salesforce.call("GET", f"/services/data/v{version}/limits")
        assert called.status_code == status
        assert isinstance(called.json(), dict if status == 200 else list)


def test_long_addresses(salesforce: Caller) -> None:
    assert salesforce.call("GET", f"{API}/query", params={"q": "x" * 17_000}).status_code == 414
    within = "SELECT Id FROM Lead WHERE Name != '{}'".format("x" * 14_000)
    assert salesforce.call("GET", f"{API}/query", params={"q": within}).status_code == 200


def test_paths_that_are_not_there(salesforce: Caller) -> None:
    assert salesforce.refused("/nothing") == (404, "NOT_FOUND")
    assert salesforce.refused("/sobjects/Nothing/describe") == (404, "NOT_FOUND")
    answer = salesforce.call("DELETE", f"{API}/sobjects")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (405, "METHOD_NOT_ALLOWED")


def test_describe(salesforce: Caller) -> None:
    names = {each["name"] for each in salesforce.get("/sobjects")["sobjects"]}
    assert {"Lead", "Opportunity", "ForecastingQuota", "DatedConversionRate"} <= names
    lead = salesforce.get("/sobjects/Lead/describe")
    fields = {field["name"]: field for field in lead["fields"]}
    assert (lead["keyPrefix"], lead["replicateable"]) == ("00Q", True)
    assert fields["OwnerId"]["referenceTo"] == ["Group", "User"]
    assert fields["OwnerId"]["relationshipName"] == "Owner"
    assert fields["Matched_Account__c"]["relationshipName"] == "Matched_Account__r"
    assert fields["First_Inquiry_At__c"]["custom"]
    assert fields["Country"]["compoundFieldName"] == "Address"
    assert fields["FirstName"]["compoundFieldName"] == "Name"
    kinds = salesforce.get("/sobjects/Opportunity/describe")["recordTypeInfos"]
    assert [kind["name"] for kind in kinds] == ["New Business", "Renewals and Expansion"]


def test_every_field_of_a_record_is_described(salesforce: Caller) -> None:
    (lead,) = salesforce.query("SELECT Id FROM Lead LIMIT 1")
    record = salesforce.get(f"/sobjects/Lead/{lead['Id']}")
    described = salesforce.get("/sobjects/Lead/describe")["fields"]
    assert set(record) == {"attributes", *(field["name"] for field in described)}
    named = salesforce.get(f"/sobjects/Lead/{lead['Id']}", fields="Name,Email")
    assert set(named) == {"attributes", "Name", "Email"}
    assert salesforce.refused("/sobjects/Lead/00QQy00000zzzzzMAA") == (404, "NOT_FOUND")


def test_what_a_user_may_not_see(open_salesforce: Opener) -> None:
    taken = frozenset(
        {
            "salesforce.without:OpportunityHistory",
            "salesforce.without:Lead.First_Inquiry_At__c",
            "salesforce.single_currency",
        }
    )
    with open_salesforce(switches=taken) as served:
        names = {each["name"] for each in served.get("/sobjects")["sobjects"]}
        assert not names & {"OpportunityHistory", "CurrencyType", "DatedConversionRate"}
        query = "SELECT Id FROM OpportunityHistory"
        assert served.refused("/query", q=query) == (400, "INVALID_TYPE")
        for field in ("First_Inquiry_At__c", "CurrencyIsoCode"):
            query = f"SELECT {field} FROM Lead"
            assert served.refused("/query", q=query) == (400, "INVALID_FIELD")
        described = served.get("/sobjects/Lead/describe")["fields"]
        assert "First_Inquiry_At__c" not in {field["name"] for field in described}


def test_counts_of_records(salesforce: Caller) -> None:
    counted = salesforce.get("/limits/recordCount", sObjects="Lead,Account")["sObjects"]
    for each in counted:
        total = salesforce.get("/query", q=f"SELECT COUNT() FROM {each['name']}")["totalSize"]
        assert each["count"] == total
