"""A served Salesforce around a company of some three hundred people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
import requests
from salesforce_caller import Caller, Drain, Opener, client_of
from simple_salesforce import Salesforce

from revops_pipelines.sandbox.clock import SandboxClock, opening
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.salesforce import KEYS, build_app
from revops_pipelines.sandbox.server import serving
from revops_pipelines.sandbox.truth import true_tables
from revops_pipelines.sandbox.world.world import World, build_world

ANCHOR = date(2026, 6, 30)


@pytest.fixture(scope="session")
def northbeam() -> World:
    return build_world(11, ANCHOR, 0.1)


@pytest.fixture(scope="session")
def open_salesforce(northbeam: World) -> Opener:
    """Serves a Salesforce of one's own: `with open_salesforce(limits=True) as salesforce:`."""

    @contextmanager
    def opened(world: World = northbeam, **options: Any) -> Iterator[Caller]:
        clock = SandboxClock(opening(ANCHOR))
        options.setdefault("limits", False)
        options.setdefault("bulk_seconds", 0.0)
        app = build_app(world, clock, Options(**options))
        with serving({"salesforce": app}) as urls, requests.Session() as session:
            caller = Caller(urls["salesforce"], app, clock, world, session)
            caller.sign_in()
            yield caller

    return opened


@pytest.fixture(scope="session")
def salesforce(open_salesforce: Opener) -> Iterator[Caller]:
    """The session's Salesforce, to be read only."""
    with open_salesforce() as served:
        yield served


@pytest.fixture(scope="session")
def keeping(open_salesforce: Opener) -> Iterator[Caller]:
    """The same, never emptying its recycle bin, to be read only."""
    with open_salesforce(switches=frozenset({"salesforce.keeps_deleted"})) as served:
        yield served


@pytest.fixture(scope="session")
def client(keeping: Caller) -> Salesforce:
    return client_of(
        keeping,
        consumer_key=KEYS["client_id"],
        consumer_secret=KEYS["client_secret"],
        domain="northbeam.my",
    )


@pytest.fixture(scope="session")
def truth(keeping: Caller) -> dict[str, list[Any]]:
    return dict(true_tables(keeping.world, keeping.clock.now()))


@pytest.fixture(scope="session")
def drain(client: Salesforce) -> Drain:
    return Drain(client)
