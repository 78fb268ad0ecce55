"""A Stripe server of one's own, and a small caller for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import requests

from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.frame import Framed, Options
from revops_pipelines.sandbox.server import serving
from revops_pipelines.sandbox.stripe import KEYS, build_app
from revops_pipelines.sandbox.world.billing import Billing, simulate_billing
from revops_pipelines.sandbox.world.company import simulate_accounts
from revops_pipelines.sandbox.world.fx import Fx

START = datetime(2024, 6, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
END = NOW + timedelta(days=60)


@dataclass
class Caller:
    """Calls one served Stripe, as its own client would."""

    url: str
    app: Framed
    clock: SandboxClock
    billing: Billing = field(repr=False)
    session: requests.Session = field(default_factory=requests.Session, repr=False)

    def raw(self, path: str, **query: Any) -> requests.Response:
        headers = {"authorization": f"Bearer {KEYS['api_key']}"}
        return self.session.get(f"{self.url}{path}", params=query, headers=headers, timeout=10)

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        answer = self.raw(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pages(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        query = {"limit": 100, **query}
        while True:
            page = self.get(path, **query)
            yield page
            if not page["has_more"]:
                return
            query["starting_after"] = page["data"][-1]["id"]

    def all(self, path: str, **query: Any) -> list[dict[str, Any]]:
        return [each for page in self.pages(path, **query) for each in page["data"]]


def simulated(seed: int, scale: float) -> Billing:
    accounts = simulate_accounts(seed, scale, START, NOW, END)
    return simulate_billing(seed, accounts, START, END, Fx(seed))


@contextmanager
def served(billing: Billing, now: datetime, **options: Any) -> Iterator[Caller]:
    clock = SandboxClock(now)
    app = build_app(SimpleNamespace(billing=billing), clock, Options(**options))
    with serving({"stripe": app}) as urls:
        yield Caller(urls["stripe"], app, clock, billing)
