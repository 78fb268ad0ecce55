"""A Marketo server of one's own, and a small caller for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
import requests

from revops_pipelines.sandbox.clock import SandboxClock, opening
from revops_pipelines.sandbox.frame import Framed, Options
from revops_pipelines.sandbox.marketo import KEYS, build_app
from revops_pipelines.sandbox.server import serving
from revops_pipelines.sandbox.world.world import World, build_world


@dataclass
class Caller:
    """Calls one served Marketo, as its own client would."""

    url: str
    app: Framed
    clock: SandboxClock
    world: World = field(repr=False)
    token: str = ""

    def sign_in(self) -> str:
        query = {"grant_type": "client_credentials", **KEYS}
        answer = requests.get(f"{self.url}/identity/oauth/token", params=query, timeout=5)
        self.token = answer.json()["access_token"]
        return self.token

    def raw(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return requests.request(method, f"{self.url}{path}", headers=headers, timeout=10, **options)

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        answer = self.raw("GET", path, params=query)
        assert answer.status_code == 200
        return answer.json()

    def post(self, path: str, body: Any = None) -> dict[str, Any]:
        answer = self.raw("POST", path, json=body)
        assert answer.status_code == 200
        return answer.json()

    def pages(self, path: str, since: str, **query: Any) -> Iterator[dict[str, Any]]:
        token = self.get("/rest/v1/activities/pagingtoken.json", sinceDatetime=since)
        token = token["nextPageToken"]
        while True:
            page = self.get(path, nextPageToken=token, **query)
            yield page
            if not page["moreResult"]:
                return
            token = page["nextPageToken"]

    def code_of(self, path: str, **query: Any) -> str:
        answer = self.get(path, **query)
        assert answer["success"] is False
        return answer["errors"][0]["code"]


@contextmanager
def _served(world: World, **options: Any) -> Iterator[Caller]:
    clock = SandboxClock(opening(date(2026, 6, 30)))
    app = build_app(world, clock, Options(**options))
    with serving({"marketo": app}) as urls:
        caller = Caller(urls["marketo"], app, clock, world)
        caller.sign_in()
        yield caller


@pytest.fixture(scope="session")
def marketing_world() -> World:
    """Large enough for a log of several stretches."""
    return build_world(7, date(2026, 6, 30), 0.1)


@pytest.fixture
def open_marketo(marketing_world: World) -> Callable[..., Any]:
    """Opens a Marketo with options of one's own."""
    return lambda **options: _served(marketing_world, **options)


@pytest.fixture(scope="session")
def marketo(marketing_world: World) -> Iterator[Caller]:
    """A shared Marketo without limits: to be read only."""
    with _served(marketing_world, limits=False) as caller:
        yield caller
