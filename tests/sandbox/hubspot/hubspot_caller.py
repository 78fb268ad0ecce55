"""A caller for a served HubSpot, shared by the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import requests

from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.frame import Framed
from revops_pipelines.sandbox.hubspot import KEYS
from revops_pipelines.sandbox.world.world import World


@dataclass
class Caller:
    """Calls one served HubSpot with its key."""

    url: str
    app: Framed
    clock: SandboxClock
    world: World = field(repr=False)
    session: requests.Session = field(default_factory=requests.Session, repr=False)
    key: str = KEYS["access_token"]

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        return self.session.request(
            method, f"{self.url}{path}", headers=headers, timeout=20, **options
        )

    def get(self, path: str, **params: Any) -> Any:
        answer = self.call("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any) -> Any:
        answer = self.call("POST", path, json=body)
        assert answer.status_code in (200, 207), answer.text
        return answer.json()

    def every(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """All records of a list, page by page."""
        found: list[dict[str, Any]] = []
        params.setdefault("limit", 100)
        while True:
            page = self.get(path, **params)
            found += page["results"]
            if "paging" not in page:
                return found
            params["after"] = page["paging"]["next"]["after"]


Opener = Callable[..., AbstractContextManager[Caller]]
