"""How Salesforce's answers are read: errors by what to do about them, logins, values, queries."""

from __future__ import annotations

import doctest
import importlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from revops_pipelines.engine.declarations import Connection
from revops_pipelines.engine.ingest.errors import (
    AddressRefusedError,
    CredentialsRefusedError,
    Verdict,
)
from revops_pipelines.engine.ingest.http import Response
from revops_pipelines.engine.ingest.windows import Window
from revops_pipelines.resources.sources.salesforce.client import connect, read_error
from revops_pipelines.resources.sources.salesforce.login import (
    Session,
    Sessions,
    token_request,
    trusted_instance,
)
from revops_pipelines.resources.sources.salesforce.options import SalesforceOptions
from revops_pipelines.resources.sources.salesforce.reading import Query
from revops_pipelines.resources.sources.salesforce.records import Shape
from revops_pipelines.resources.sources.salesforce.schema import (
    Described,
    Field,
    hidden_fields,
    readable_fields,
)

MODULES = ("client", "login", "objects", "reading", "records", "sql")
NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize("name", MODULES)
def test_worked_examples(name: str) -> None:
    module = importlib.import_module(f"revops_pipelines.resources.sources.salesforce.{name}")
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def refusal(status: int, code: str, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps([{"message": "no", "errorCode": code}], separators=(",", ":"))
    return Response(status, headers or {}, body.encode())


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (401, "INVALID_SESSION_ID", Verdict.REFRESH),
        (401, "SOMETHING_ELSE", Verdict.REFRESH),
        (403, "REQUEST_LIMIT_EXCEEDED", Verdict.QUOTA),
        (403, "API_DISABLED_FOR_ORG", Verdict.PERMISSION),
        (403, "INSUFFICIENT_ACCESS", Verdict.PERMISSION),
        (403, "SOMETHING_ELSE", Verdict.PERMISSION),
        (400, "INVALID_TYPE", Verdict.FATAL),
        (400, "MALFORMED_QUERY", Verdict.FATAL),
        (400, "INVALID_QUERY_LOCATOR", Verdict.CURSOR_EXPIRED),
        (404, "NOT_FOUND", Verdict.FATAL),
        (410, "UNSUPPORTED_API_VERSION", Verdict.FATAL),
        (410, "SOMETHING_ELSE", Verdict.FATAL),
        (500, "UNKNOWN_EXCEPTION", Verdict.RETRY),
        (503, "SERVER_UNAVAILABLE", Verdict.RETRY),
        (200, "MALFORMED_QUERY", Verdict.FATAL),
    ],
)
def test_errors_by_what_to_do(status: int, code: str, verdict: Verdict) -> None:
    error = read_error(refusal(status, code))
    assert error is not None
    assert (error.verdict, error.code) == (verdict, code)


def test_too_many_at_once_is_told_from_too_many_today() -> None:
    left = {"sforce-limit-info": "api-usage=400/15000"}
    none = {"sforce-limit-info": "api-usage=15000/15000"}
    at_once = read_error(refusal(403, "REQUEST_LIMIT_EXCEEDED", left))
    today = read_error(refusal(403, "REQUEST_LIMIT_EXCEEDED", none))
    assert at_once is not None
    assert today is not None
    assert (at_once.verdict, today.verdict) == (Verdict.THROTTLED, Verdict.QUOTA)


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ({"error": "invalid_client_id", "error_description": "client"}, Verdict.REFRESH),
        ({"error": "invalid_grant", "error_description": "user hasn't approved"}, Verdict.REFRESH),
        ({"error": "temporarily_unavailable"}, Verdict.RETRY),
    ],
)
def test_a_refused_login_is_an_object(body: dict[str, Any], verdict: Verdict) -> None:
    error = read_error(Response(400, {}, json.dumps(body).encode()))
    assert error is not None
    assert error.verdict is verdict


@pytest.mark.parametrize(
    "body",
    [
        b'{"records":[{"Subject":"[{\\"errorCode\\":1}]"}],"done":true,"totalSize":1}',
        b'"Id","errorCode"\n"1","x"\n',
        b"[]",
        b"",
    ],
)
def test_data_is_no_error(body: bytes) -> None:
    assert read_error(Response(200, {}, body)) is None


def test_a_proxys_page_speaks_by_its_status() -> None:
    assert read_error(Response(502, {}, b"<html>bad gateway</html>")) is None
    assert read_error(Response(500, {}, b"[not json")) is None


# --- logging in


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem_of(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@pytest.mark.parametrize("line_end", ["\n", "\\n"])
def test_a_private_key_signs_an_assertion_of_three_minutes(
    key: rsa.RSAPrivateKey, line_end: str
) -> None:
    pem = pem_of(key).replace("\n", line_end)
    form = token_request("app", pem, "us@firm.net", "https://login.salesforce.com", NOW)
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert set(form) == {"grant_type", "assertion"}
    claims = jwt.decode(
        form["assertion"],
        key.public_key(),
        algorithms=["RS256"],
        audience="https://login.salesforce.com",
        options={"verify_exp": False},
    )
    assert (claims["iss"], claims["sub"]) == ("app", "us@firm.net")
    assert datetime.fromtimestamp(claims["exp"], UTC) == NOW + timedelta(minutes=3)


def test_a_broken_key_is_refused_without_showing_it() -> None:
    broken = "-----BEGIN PRIVATE KEY-----\ncanary-9a8b7c\n-----END PRIVATE KEY-----"
    with pytest.raises(CredentialsRefusedError) as refused:
        token_request("app", broken, "us@firm.net", "https://login.salesforce.com", NOW)
    assert "canary" not in str(refused.value)
    assert refused.value.__context__ is None


def test_a_secret_means_client_credentials() -> None:
    form = token_request("app", "s3cret", "", "https://login.salesforce.com", NOW)
    assert form == {
        "grant_type": "client_credentials",
        "client_id": "app",
        "client_secret": "s3cret",
    }


@pytest.mark.parametrize(
    "url",
    [
        "https://acme.my.salesforce.com.evil.example",
        "http://acme.my.salesforce.com",
        "https://evil.example",
        "https://user@acme.my.salesforce.com",
    ],
)
def test_a_token_is_sent_to_salesforce_only(url: str) -> None:
    with pytest.raises(AddressRefusedError):
        trusted_instance(url, "https://acme.my.salesforce.com")


def test_a_refused_login_is_asked_for_once() -> None:
    asked: list[int] = []

    def refuse() -> Session:
        asked.append(1)
        raise CredentialsRefusedError("no")

    sessions = Sessions(refuse)
    for _ in range(3):
        with pytest.raises(CredentialsRefusedError):
            sessions.headers()
    assert len(asked) == 1


def test_an_org_that_moves_ends_the_run() -> None:
    homes = iter(("https://a.my.salesforce.com", "https://b.my.salesforce.com"))
    sessions = Sessions(lambda: Session("token", next(homes)))
    assert sessions.headers() == {"Authorization": "Bearer token"}
    with pytest.raises(AddressRefusedError, match="next run"):
        sessions.renew()


def connection(secret: str, **options: Any) -> Connection:
    settled = SalesforceOptions(**options)
    return Connection("sf", settled, {"client_id": "a", "client_secret": secret}, lambda: NOW)


def test_settings_that_lack_something_say_so_by_the_sources_own_name(
    key: rsa.RSAPrivateKey,
) -> None:
    with pytest.raises(ValueError, match=r"base_url in \[sources.sf\]"):
        connect(connection("s3cret"))
    home = "https://acme.my.salesforce.com"
    with pytest.raises(ValueError, match=r"username in \[sources.sf\]"):
        connect(connection(pem_of(key), base_url=home))
    api = connect(connection(pem_of(key), base_url=home, username="us@firm.net"))
    assert "BEGIN" not in repr(api)
    api.close()


# --- fields, values, queries

FIELDS = (
    Field("Id", "id"),
    Field("Amount", "currency"),
    Field("IsDeleted", "boolean"),
    Field("SystemModstamp", "datetime"),
    Field("Note__c", "textarea", custom=True),
    Field("MasterRecordId", "reference"),
)


def test_both_ways_give_the_same_record() -> None:
    shape = Shape(FIELDS, "SystemModstamp")
    bulk = shape.of_cells(
        ["001", "1200.50", "true", "2026-01-02T03:04:05.000Z", "two\r\nlines", "002"]
    )
    rest = shape.of_answer(
        b'{"attributes":{"type":"Account","url":"/x"},"Id":"001","Amount":1200.5,"IsDeleted":true,'
        b'"SystemModstamp":"2026-01-02T03:04:05.000+0000","Note__c":"two\\r\\nlines",'
        b'"MasterRecordId":"002"}'
    )
    assert bulk == rest
    assert bulk.line == (
        b'{"Id":"001","Amount":1200.5,"IsDeleted":true,'
        b'"SystemModstamp":"2026-01-02T03:04:05.000Z","Note__c":"two\\nlines",'
        b'"MasterRecordId":"002"}'
    )
    assert (bulk.id, bulk.is_deleted, bulk.master_id) == ("001", True, "002")
    assert bulk.gone_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_nothing_is_null_both_ways() -> None:
    shape = Shape(FIELDS[1:2] + FIELDS[4:5], "SystemModstamp")
    assert shape.of_cells(["", ""]).line == b'{"Amount":null,"Note__c":null}'
    assert shape.of_answer(b'{"Amount":null,"Note__c":""}').line == shape.of_cells(["", ""]).line


def test_money_keeps_every_digit() -> None:
    shape = Shape(FIELDS[1:2], "SystemModstamp")
    assert shape.of_answer(b'{"Amount":1234567890123456.78}').line == (
        b'{"Amount":1234567890123456.78}'
    )
    assert shape.of_cells(["0.1"]).line == b'{"Amount":0.1}'


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Shape(FIELDS, "SystemModstamp").of_cells(["001"])


def test_compound_fields_files_and_skipped_ones_are_not_asked_for() -> None:
    described = Described(
        "Account",
        (
            Field("Id", "id"),
            Field("BillingAddress", "address"),
            Field("Place__c", "location", custom=True),
            Field("Picture__c", "base64", custom=True),
            Field("Description", "textarea"),
            Field("Own__c", "string", custom=True),
        ),
    )
    names = [each.name for each in readable_fields(described, ("Description",))]
    assert names == ["Id", "Own__c"]
    assert hidden_fields(described, ("Id", "Industry")) == ["Industry"]


def test_a_querys_text() -> None:
    window = Window(NOW - timedelta(hours=1), NOW)
    query = Query(
        "Task", FIELDS[:1], "SystemModstamp", window, ("2026-06-30T11:30:00.000Z", "00T1")
    )
    assert query.soql(ordered=True) == (
        "SELECT Id FROM Task WHERE SystemModstamp >= 2026-06-30T11:00:00.000Z "
        "AND SystemModstamp < 2026-06-30T12:00:00.000Z "
        "AND (SystemModstamp > 2026-06-30T11:30:00.000Z "
        "OR (SystemModstamp = 2026-06-30T11:30:00.000Z AND Id > '00T1')) "
        "ORDER BY SystemModstamp, Id"
    )
    assert Query("Period", FIELDS[:1], "").soql(ordered=True) == (
        "SELECT Id FROM Period ORDER BY Id"
    )
