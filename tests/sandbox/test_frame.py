"""The frame: order of authentication, limits and faults, over real HTTP."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from urllib.parse import urlsplit

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from revops_pipelines.sandbox import faults
from revops_pipelines.sandbox.calls import Call, Reply
from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.frame import Framed, Limit, Manners, Options, framed
from revops_pipelines.sandbox.limits import TokenBucket
from revops_pipelines.sandbox.server import serving

START = datetime(2026, 6, 30, 12, tzinfo=UTC)
AUTH = {"authorization": "Bearer good"}


async def _things(request: Request) -> JSONResponse:
    return JSONResponse({"page": request.query_params.get("page", "1"), "filler": "x" * 2000})


def _too_many(_call: Call, wait: float) -> Reply:
    return Reply.json(429, {"wait": wait}, (("retry-after", "1"),))


def _app(**options: object) -> Framed:
    manners = Manners(
        authenticate=lambda call: (
            None if call.header("authorization") == "Bearer good" else Reply.json(401, {"no": 1})
        ),
        limits=(
            Limit("all", 100, 1000.0, _too_many),
            Limit("search", 2, 1000.0, _too_many, path="/search"),
        ),
        open_paths="^/open$",
    )
    routes = [Route(path, _things) for path in ("/things", "/search", "/open")]
    clock = SandboxClock(START)
    return framed(
        "acme", Starlette(routes=routes), clock=clock, options=Options(**options), manners=manners
    )


@pytest.fixture
def app() -> Framed:
    return _app()


@pytest.fixture
def url(app: Framed) -> Iterator[str]:
    with serving({"acme": app}) as urls:
        yield urls["acme"]


def test_authentication_comes_before_the_app_except_on_open_paths(url: str) -> None:
    assert requests.get(f"{url}/things", timeout=5).status_code == 401
    assert requests.get(f"{url}/open", timeout=5).status_code == 200
    assert requests.get(f"{url}/things", headers=AUTH, timeout=5).json()["page"] == "1"


def test_each_limit_refuses_with_the_vendors_body(url: str) -> None:
    statuses = [
        requests.get(f"{url}/search", headers=AUTH, timeout=5).status_code for _ in range(3)
    ]
    assert statuses == [200, 200, 429]
    assert requests.get(f"{url}/things", headers=AUTH, timeout=5).status_code == 200
    refused = requests.get(f"{url}/search", headers=AUTH, timeout=5)
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["wait"] > 0


@pytest.mark.parametrize("options", [{"limits": False}, {"rates": {"acme.search": 9}}])
def test_limits_can_be_lifted_or_set(options: dict[str, object]) -> None:
    with serving({"acme": _app(**options)}) as urls:
        statuses = {
            requests.get(f"{urls['acme']}/search", headers=AUTH, timeout=5).status_code
            for _ in range(6)
        }
    assert statuses == {200}


def test_a_bucket_allows_a_burst_and_refills_evenly() -> None:
    time = 0.0
    bucket = TokenBucket(10, 5.0, monotonic=lambda: time)
    assert [bucket.take() for _ in range(11)] == [0.0] * 10 + [0.5]
    time = 1.0
    assert [bucket.take() for _ in range(3)] == [0.0, 0.0, 0.5]


def test_date_header_and_admin_follow_the_sandbox_clock(url: str, app: Framed) -> None:
    assert requests.get(f"{url}/open", timeout=5).headers["date"] == "Tue, 30 Jun 2026 12:00:00 GMT"
    moved = requests.post(f"{url}/_sandbox/clock", json={"advance_seconds": 90}, timeout=5).json()
    assert moved == {"now": "2026-06-30T12:01:30+00:00", "speed": 0.0}
    assert app.clock.now() == START + timedelta(seconds=90)
    assert requests.get(f"{url}/_sandbox/requests", timeout=5).json() == {
        "total": 1,
        "by_path": {"/open": 1},
    }


def test_the_clock_runs_at_its_speed_and_never_back() -> None:
    time = 100.0
    clock = SandboxClock(START, speed=60.0, monotonic=lambda: time)
    time = 101.0
    assert clock.now() == START + timedelta(minutes=1)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(timedelta(seconds=-1))


def test_a_fault_plays_as_often_as_planned_then_all_is_well(url: str, app: Framed) -> None:
    app.faults.next(faults.answer(429, b"{}", retry_after="7"), path="/things", times=2, after=1)
    answers = [requests.get(f"{url}/things", headers=AUTH, timeout=5) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 429, 429, 200]
    assert answers[1].headers["retry-after"] == "7"
    assert app.faults.played == 2


def test_html_in_place_of_json(url: str, app: Framed) -> None:
    app.faults.next(faults.html(200))
    answer = requests.get(f"{url}/things", headers=AUTH, timeout=5)
    assert (answer.status_code, answer.text[:6]) == (200, "<html>")


def test_a_truncated_answer_breaks_its_promised_length(url: str, app: Framed) -> None:
    app.faults.next(faults.truncated(0.5))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(f"{url}/things", headers=AUTH, timeout=5)
    app.faults.next(faults.truncated(0.5, honest_length=True))
    with pytest.raises(requests.exceptions.JSONDecodeError):
        requests.get(f"{url}/things", headers=AUTH, timeout=5).json()


def test_a_reset_is_a_tcp_reset(url: str, app: Framed) -> None:
    app.faults.next(faults.reset())
    parts = urlsplit(url)
    with socket.create_connection((str(parts.hostname), parts.port or 0), timeout=5) as wire:
        wire.sendall(b"GET /open HTTP/1.1\r\nHost: x\r\n\r\n")
        got = b""
        with pytest.raises(ConnectionResetError):
            while piece := wire.recv(65536):
                got += piece
    assert got.startswith(b"HTTP/1.1 200")


def test_a_hanging_call_sends_nothing(url: str, app: Framed) -> None:
    app.faults.next(faults.hang())
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(f"{url}/things", headers=AUTH, timeout=(1, 0.2))


def test_a_dripping_answer_trickles(url: str, app: Framed) -> None:
    app.faults.next(faults.drip(50))
    with requests.get(f"{url}/things", headers=AUTH, timeout=5, stream=True) as answer:
        assert answer.raw.read(1) == b"{"
        assert answer.raw.read(1) == b'"'


def test_a_repeated_page_and_a_changed_one(url: str, app: Framed) -> None:
    app.faults.next(faults.remembered())
    app.faults.next(faults.repeated())
    app.faults.next(faults.changed(lambda body: body.replace(b'"3"', b'"changed"')))
    pages = [
        requests.get(f"{url}/things?page={page}", headers=AUTH, timeout=5).json()["page"]
        for page in (1, 2, 3)
    ]
    assert pages == ["1", "1", "changed"]


def test_a_storm_strikes_some_calls_and_spares_others(url: str, app: Framed) -> None:
    storm = faults.sometimes(faults.answer(429, b"{}"), 0.5, Random(1))
    app.faults.next(storm, times=None)
    statuses = {requests.get(f"{url}/open", timeout=5).status_code for _ in range(20)}
    assert statuses == {200, 429}
    app.faults.clear()
    assert requests.get(f"{url}/open", timeout=5).status_code == 200


def test_meanwhile_acts_between_two_pages(url: str, app: Framed) -> None:
    app.faults.next(faults.meanwhile(lambda: app.clock.advance(timedelta(days=1))))
    assert requests.get(f"{url}/things", headers=AUTH, timeout=5).status_code == 200
    assert app.clock.now() == START + timedelta(days=1)
