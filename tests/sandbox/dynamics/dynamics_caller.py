"""A caller for a served Dynamics, shared by the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import requests

from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.dynamics import KEYS
from revops_pipelines.sandbox.dynamics.access import TENANT
from revops_pipelines.sandbox.frame import Framed
from revops_pipelines.sandbox.world.world import World

EVERYTHING = 'odata.include-annotations="*"'


@dataclass
class Caller:
    """Calls one served Dynamics with a token of its own."""

    url: str
    app: Framed
    clock: SandboxClock
    world: World = field(repr=False)
    session: requests.Session = field(default_factory=requests.Session, repr=False)
    token: str = ""

    def login(self, **form: str) -> requests.Response:
        """Ask for a token; keywords replace parts of the form."""
        whole = {"grant_type": "client_credentials", "scope": f"{self.url}/.default", **KEYS}
        tenant = form.pop("tenant", TENANT)
        return self.session.post(
            f"{self.url}/{tenant}/oauth2/v2.0/token", data={**whole, **form}, timeout=20
        )

    def call(self, path: str, prefer: str = "", **params: str) -> requests.Response:
        """GET below the version, or a whole link."""
        if not self.token:
            self.token = self.login().json()["access_token"]
        headers = {"authorization": f"Bearer {self.token}"}
        if prefer:
            headers["prefer"] = prefer
        link = path if "://" in path else f"{self.url}/api/data/v9.2/{path}"
        return self.session.get(link, params=params or None, headers=headers, timeout=20)

    def renewed(self, path: str, prefer: str = "", **params: str) -> requests.Response:
        """The same, with another token where the first is too old."""
        answer = self.call(path, prefer, **params)
        if answer.status_code == 401:
            self.token = ""
            answer = self.call(path, prefer, **params)
        return answer

    def get(self, path: str, prefer: str = "", **params: str) -> Any:
        """A good answer's body."""
        answer = self.renewed(path, prefer, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, path: str, prefer: str = "", **params: str) -> tuple[int, str, str]:
        """Status, code and message of a refusal."""
        answer = self.renewed(path, prefer, **params)
        error = answer.json()["error"]
        return answer.status_code, error["code"], error["message"]

    def every(self, path: str, prefer: str = "", **params: str) -> list[dict[str, Any]]:
        """All rows of a list, page by page."""
        body = self.get(path, prefer, **params)
        found = list(body["value"])
        while "@odata.nextLink" in body:
            body = self.get(body["@odata.nextLink"], prefer)
            found += body["value"]
        return found


Opener = Callable[..., AbstractContextManager[Caller]]
