"""Rows H17-H19: expired and refused credentials, errors inside of status 200."""

from __future__ import annotations

from pathlib import Path

import pytest
from faulty_server import Action, Answer, FaultyServer, Request
from quiet_run import Quiet
from shop import SECRET, Shop, night, tables

from revops_pipelines.engine.ingest.errors import (
    CredentialsRefusedError,
    IngestError,
    PermissionMissingError,
    QuotaExhaustedError,
    RequestRefusedError,
    ThrottledError,
)


def asked(server: FaultyServer, path: str) -> int:
    return len([request for request in server.requests if request.path == path])


def test_h17_token_expires_in_the_middle(
    tmp_path: Path, server: FaultyServer, shop: Shop, quiet: Quiet
) -> None:
    def expiring(request: Request, answer: Answer) -> Action:
        if request.path == "/items" and request.nth == 4:
            shop.tokens.discard(SECRET)
            return server.respond(request)
        return answer

    server.fault = expiring
    assert not night(tmp_path, server.url).failed
    assert asked(server, "/token") == 1
    # The page that was refused is asked for once more, none of those before it.
    assert asked(server, "/items") == 9 + 1
    assert tables(tmp_path) == quiet.first


def test_h18_refresh_that_does_not_help_stops(tmp_path: Path, server: FaultyServer) -> None:
    server.fault = lambda request, answer: (
        Answer.of({"error": "token"}, 401) if request.path != "/token" else answer
    )
    result = night(tmp_path, server.url)
    assert {type(error) for error in result.failed.values()} == {CredentialsRefusedError}
    assert asked(server, "/token") == 1
    assert asked(server, "/items") + asked(server, "/people") <= 4


def test_h18_refresh_that_fails_stops(tmp_path: Path, server: FaultyServer) -> None:
    server.fault = lambda request, answer: Answer.of({"error": "token"}, 401)
    result = night(tmp_path, server.url)
    assert {type(error) for error in result.failed.values()} == {CredentialsRefusedError}
    assert asked(server, "/token") == 1
    assert asked(server, "/items") <= 1


def test_h18_missing_permission_is_asked_for_once(tmp_path: Path, server: FaultyServer) -> None:
    server.fault = lambda request, answer: (
        Answer.of({"error": "scope"}, 403) if request.path == "/items" else answer
    )
    result = night(tmp_path, server.url)
    assert isinstance(result.failed["items"], PermissionMissingError)
    assert set(result.loaded) == {"people"}
    assert (asked(server, "/items"), asked(server, "/token")) == (1, 0)
    assert result.slept == []


@pytest.mark.parametrize("code", ["602", "604", "606"])
def test_h19_passing_error_inside_200(
    tmp_path: Path, server: FaultyServer, quiet: Quiet, code: str
) -> None:
    def failing(request: Request, answer: Answer) -> Action:
        hit = request.path == "/items" and request.nth == 2
        return Answer.of({"ok": False, "code": code, "items": []}) if hit else answer

    server.fault = failing
    result = night(tmp_path, server.url)
    assert not result.failed
    assert asked(server, "/token") == (1 if code == "602" else 0)
    assert len(result.slept) == (0 if code == "602" else 1)
    assert tables(tmp_path) == quiet.first


@pytest.mark.parametrize(
    ("code", "error", "requests"),
    [
        ("606", ThrottledError, 4),
        ("607", QuotaExhaustedError, 1),
        ("610", RequestRefusedError, 1),
    ],
)
def test_h19_lasting_error_inside_200_fails_the_stream(
    tmp_path: Path, server: FaultyServer, code: str, error: type[IngestError], requests: int
) -> None:
    body = {"ok": False, "code": code, "message": "said the vendor", "items": []}
    server.fault = lambda request, answer: Answer.of(body) if request.path == "/items" else answer
    result = night(tmp_path, server.url)
    assert isinstance(result.failed["items"], error)
    assert code in str(result.failed["items"])
    assert "said the vendor" in str(result.failed["items"])
    assert asked(server, "/items") == requests
    assert tables(tmp_path)["shop__items"] == []
