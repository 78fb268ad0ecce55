"""Signs in to one served property and asks it, as its own client would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import jwt
import requests

from revops_pipelines.sandbox.clock import SandboxClock, opening
from revops_pipelines.sandbox.frame import Framed, Options
from revops_pipelines.sandbox.ga4 import KEYS, build_app
from revops_pipelines.sandbox.ga4.app import PROPERTY
from revops_pipelines.sandbox.server import serving
from revops_pipelines.sandbox.world.world import World

ANCHOR = date(2026, 6, 30)
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
REPORT: dict[str, Any] = {
    "dateRanges": [{"startDate": "2026-06-01", "endDate": "2026-06-20"}],
    "dimensions": [{"name": "date"}, {"name": "sessionSource"}, {"name": "landingPage"}],
    "metrics": [{"name": "sessions"}, {"name": "keyEvents"}],
}


@dataclass
class Ga4Caller:
    url: str
    app: Framed
    clock: SandboxClock
    token: str = ""

    def claims(self, **changed: Any) -> dict[str, Any]:
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": KEYS["client_email"],
            "scope": "https://www.googleapis.com/auth/analytics.readonly",
            "aud": f"{self.url}/token",
            "iat": now,
            "exp": now + 3_600,
        }
        return claims | changed

    def exchange(self, claims: dict[str, Any], key: str = KEYS["private_key"]) -> Any:
        form = {"grant_type": GRANT, "assertion": jwt.encode(claims, key, algorithm="RS256")}
        return requests.post(f"{self.url}/token", data=form, timeout=5)

    def sign_in(self) -> None:
        self.token = self.exchange(self.claims()).json()["access_token"]

    def ask(self, body: Any, number: str = PROPERTY) -> requests.Response:
        return requests.post(
            f"{self.url}/v1beta/properties/{number}:runReport",
            json=body,
            headers={"authorization": f"Bearer {self.token}"},
            timeout=10,
        )

    def report(self, **changed: Any) -> dict[str, Any]:
        answer = self.ask(REPORT | changed)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refusal(self, body: Any, number: str = PROPERTY) -> tuple[int, str]:
        answer = self.ask(body, number)
        error = answer.json()["error"]
        assert error["code"] == answer.status_code
        return answer.status_code, error["status"]


@contextmanager
def ga4_served(world: World, *, days_ago: int = 0, **options: Any) -> Iterator[Ga4Caller]:
    clock = SandboxClock(opening(ANCHOR) - timedelta(days=days_ago))
    app = build_app(world, clock, Options(**options))
    with serving({"ga4": app}) as urls:
        caller = Ga4Caller(urls["ga4"], app, clock)
        caller.sign_in()
        yield caller
