"""How Dynamics' answers are read: errors by what to do about them, definitions, worked examples."""

from __future__ import annotations

import doctest
import importlib
import json
from typing import Any

import pytest

from revops_pipelines.engine.declarations import Connection
from revops_pipelines.engine.ingest.errors import Verdict
from revops_pipelines.engine.ingest.http import Response
from revops_pipelines.resources.sources.dynamics.client import (
    Attribute,
    Definition,
    connect,
    read_error,
    read_login_error,
)
from revops_pipelines.resources.sources.dynamics.countries import NAMES
from revops_pipelines.resources.sources.dynamics.options import DynamicsOptions

MODULES = ("audit_details", "client", "parties", "pull", "sql")


@pytest.mark.parametrize("name", MODULES)
def test_worked_examples(name: str) -> None:
    module = importlib.import_module(f"revops_pipelines.resources.sources.dynamics.{name}")
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def response(status: int, code: str = "", message: str = "no") -> Response:
    body = {"error": {"code": code, "message": message}}
    return Response(status, {}, json.dumps(body, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (429, "0x80072322", Verdict.THROTTLED),
        (429, "0x80072321", Verdict.THROTTLED),
        (429, "0x80072326", Verdict.THROTTLED),
        (429, "", Verdict.THROTTLED),
        (403, "0x80040220", Verdict.PERMISSION),
        (403, "0x80048306", Verdict.PERMISSION),
        (401, "0x80044500", Verdict.REFRESH),
        (400, "0x80044352", Verdict.CURSOR_EXPIRED),
        (410, "", Verdict.CURSOR_EXPIRED),
        (400, "0x80060888", Verdict.FATAL),
        (404, "0x80060888", Verdict.FATAL),
        (413, "", Verdict.FATAL),
        (501, "0x80060888", Verdict.FATAL),
        (500, "0x80040216", Verdict.RETRY),
        (503, "", Verdict.RETRY),
        (200, "0x80040216", Verdict.FATAL),
    ],
)
def test_errors_by_what_to_do(status: int, code: str, verdict: Verdict) -> None:
    error = read_error(response(status, code))
    assert error is not None
    assert error.verdict is verdict


def test_the_missing_privilege_is_named_and_nothing_else() -> None:
    message = (
        "Principal user (Id=1, type=8, roleCount=1), is missing prvReadOpportunity privilege "
        "(Id=2) on OTC=3 for entity 'opportunity'."
    )
    error = read_error(response(403, "0x80040220", message))
    assert error is not None
    assert error.message == "the application user lacks the privilege prvReadOpportunity"


def test_data_is_no_error() -> None:
    body = b'{"@odata.context":"x","value":[{"error":{"code":"0x80044352"}}]}'
    assert read_error(Response(200, {}, body)) is None
    assert read_error(Response(502, {}, b"<html>bad gateway</html>")) is None
    # A 401 comes without a body; the status speaks.
    assert read_error(Response(401, {}, b"")) is None


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (401, b'{"error":"invalid_client","error_description":"AADSTS1: x"}', Verdict.REFRESH),
        (400, b'{"error":"unauthorized_client"}', Verdict.REFRESH),
        (403, b"<html>", Verdict.REFRESH),
        (429, b"{}", None),
        (503, b"{}", None),
        (200, b'{"access_token":"x"}', None),
    ],
)
def test_logins(status: int, body: bytes, verdict: Verdict | None) -> None:
    error = read_login_error(Response(status, {}, body))
    assert (error.verdict if error else None) is verdict


def test_entras_trace_identifiers_are_left_out() -> None:
    text = "AADSTS7000215: Invalid client secret provided. Trace ID: abc Correlation ID: def"
    body = json.dumps({"error": "invalid_client", "error_description": text}).encode()
    error = read_login_error(Response(401, {}, body))
    assert error is not None
    assert error.message == "AADSTS7000215: Invalid client secret provided."


def definition() -> Definition:
    def told(name: str, type_: str = "String", **more: Any) -> Attribute:
        return Attribute(name, type_, **more)

    return Definition(
        "lead",
        "leads",
        "leadid",
        [
            told("leadid", "Uniqueidentifier"),
            told("ownerid", "Owner"),
            told("owneridname", attribute_of="ownerid"),
            told("fullname"),
            told("telephone9"),
            told("new_region", is_custom_attribute=True),
            told("new_boss", "Lookup", is_custom_attribute=True),
            told("new_picture", "Image", is_custom_attribute=True),
            told("new_regionname", "Virtual", is_custom_attribute=True),
            told("new_hidden", is_custom_attribute=True, is_valid_for_read=False),
        ],
    )


def test_what_is_needed_and_the_companys_own_is_asked_for() -> None:
    needed = ("leadid", "fullname", "_ownerid_value", "msdyn_not_installed")
    chosen = definition().select(needed, DynamicsOptions())
    assert chosen == "_new_boss_value,_ownerid_value,fullname,leadid,new_region"


def test_too_long_a_choice_or_none_is_everything() -> None:
    needed = ("leadid", *(f"x{n}" for n in range(400)))
    long = Definition("lead", "leads", "leadid", [Attribute(name) for name in needed])
    assert long.select(needed, DynamicsOptions(url_characters=2_000)) != ""
    wide = [f"{'x' * 20}{n}" for n in range(400)]
    long = Definition("lead", "leads", "leadid", [Attribute(name) for name in wide])
    assert long.select(wide, DynamicsOptions(url_characters=2_000)) == ""
    assert definition().select(("leadid",), DynamicsOptions(all_columns=True)) == ""


def test_the_environment_and_the_tenant_must_be_named() -> None:
    secrets = {"client_id": "a", "client_secret": "b"}
    options = DynamicsOptions(base_url="https://org.crm.dynamics.com")
    with pytest.raises(ValueError, match="tenant_id"):
        connect(Connection("dynamics", options, secrets, lambda: None))  # type: ignore[arg-type, return-value]


def test_every_country_has_one_code_and_no_name_two() -> None:
    names = [name for several in NAMES.values() for name in several.split("|")]
    assert len(names) == len(set(names))
    assert all(name == name.lower() for name in names)
