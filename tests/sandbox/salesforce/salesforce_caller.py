"""Callers for a served Salesforce, shared by the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce

from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.frame import Framed
from revops_pipelines.sandbox.salesforce import KEYS
from revops_pipelines.sandbox.world.world import World

API = "/services/data/v68.0"
Rows = list[dict[str, Any]]


class PlainAdapter(HTTPAdapter):
    """Carries what a client sends to `https` addresses to the served sandbox instead."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> Any:
        request.url = self._url + request.path_url
        return super().send(request, *args, **options)


@dataclass
class Caller:
    """Calls one served Salesforce with a token of its own."""

    url: str
    app: Framed
    clock: SandboxClock
    world: World = field(repr=False)
    session: requests.Session = field(default_factory=requests.Session, repr=False)
    token: str = ""

    def sign_in(self) -> str:
        form = {"grant_type": "client_credentials", **KEYS}
        answer = self.session.post(f"{self.url}/services/oauth2/token", data=form, timeout=20)
        self.token = answer.json()["access_token"]
        return self.token

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return self.session.request(
            method, f"{self.url}{path}", headers=headers, timeout=20, **options
        )

    def get(self, path: str, **params: Any) -> Any:
        answer = self.call("GET", API + path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def query(self, text: str, path: str = "/query") -> list[dict[str, Any]]:
        """All records of a query, page by page."""
        page = self.get(path, q=text)
        found: list[dict[str, Any]] = page["records"]
        while not page["done"]:
            page = self.call("GET", page["nextRecordsUrl"]).json()
            found += page["records"]
        assert len(found) == page["totalSize"]
        return found

    def refused(self, path: str, **params: Any) -> tuple[int, str]:
        """Status and code of an error."""
        answer = self.call("GET", API + path, params=params)
        (error,) = answer.json()
        assert error["message"]
        return answer.status_code, error["errorCode"]


Opener = Callable[..., AbstractContextManager[Caller]]


def client_of(caller: Caller, **login: Any) -> Salesforce:
    """The client, signed in by itself; only its transport is ours."""
    session = requests.Session()
    session.mount("https://", PlainAdapter(caller.url))
    return Salesforce(session=session, version="68.0", **login)


class Drain:
    """Everything of every object, through `query_all`, drained once."""

    def __init__(self, client: Salesforce) -> None:
        self._client = client
        self._kept: dict[str, Rows] = {}

    def __call__(self, name: str) -> Rows:
        if name not in self._kept:
            described = getattr(self._client, name).describe()
            fields = ",".join(field["name"] for field in described["fields"])
            found = self._client.query_all(f"SELECT {fields} FROM {name}", include_deleted=True)
            assert len(found["records"]) == found["totalSize"]
            self._kept[name] = found["records"]
        return self._kept[name]

    def by_id(self, name: str) -> dict[str, dict[str, Any]]:
        return {row["Id"]: row for row in self(name)}


def moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def second(at: datetime | None) -> datetime | None:
    """Salesforce keeps no parts of seconds."""
    return at.replace(microsecond=0) if at else None
