"""A Chargebee site of one's own, a small caller for it, and the vendor's own client.

Belongs here: what several of these tests need. Does not: any expectation.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import chargebee
import requests

from revops_pipelines.sandbox.chargebee import KEYS, build_app
from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.frame import Framed, Options
from revops_pipelines.sandbox.server import serving
from revops_pipelines.sandbox.world.billing import Billing, simulate_billing
from revops_pipelines.sandbox.world.company import simulate_accounts
from revops_pipelines.sandbox.world.fx import Fx

START = datetime(2024, 6, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
END = NOW + timedelta(days=60)


@dataclass
class Site:
    """Calls one served site."""

    url: str
    app: Framed
    clock: SandboxClock
    billing: Billing = field(repr=False)
    session: requests.Session = field(default_factory=requests.Session, repr=False)

    def raw(self, path: str, key: str = KEYS["api_key"], **query: Any) -> requests.Response:
        credentials = b64encode(f"{key}:".encode()).decode()
        return self.session.get(
            f"{self.url}/api/v2/{path}",
            params=query,
            headers={"authorization": f"Basic {credentials}"},
            timeout=10,
        )

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        answer = self.raw(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, path: str, **query: Any) -> tuple[int, str]:
        """Status and code of an answer that is an error, told the same in header and body."""
        answer = self.raw(path, **query)
        body = answer.json()
        assert body["message"]
        assert body["http_status_code"] == answer.status_code
        return answer.status_code, body["api_error_code"]

    def all(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Every row of a list."""
        rows, query = [], {"limit": 100, **query}
        while True:
            page = self.get(path, **query)
            rows += page["list"]
            if "next_offset" not in page:
                return rows
            query["offset"] = page["next_offset"]

    def client(self, key: str = KEYS["api_key"]) -> chargebee.Chargebee:
        """The vendor's client, led here by its own settings of site, domain and protocol.

        It asks `http://SITE.DOMAIN/api/v2`; 127.0.0.1 is the site "127" of the domain "0.0.1".
        """
        chargebee.Chargebee.verify_ca_certs = False
        site, _, domain = urlsplit(self.url).netloc.partition(".")
        return chargebee.Chargebee(key, site, chargebee_domain=domain, protocol="http")


def simulated(seed: int, scale: float) -> Billing:
    accounts = simulate_accounts(seed, scale, START, NOW, END)
    return simulate_billing(seed, accounts, START, END, Fx(seed))


@contextmanager
def served(billing: Billing, now: datetime = NOW, **options: Any) -> Iterator[Site]:
    clock = SandboxClock(now)
    settled = Options(**{"limits": False} | options)
    app = build_app(SimpleNamespace(billing=billing), clock, settled)
    with serving({"chargebee": app}) as urls:
        yield Site(urls["chargebee"], app, clock, billing)
