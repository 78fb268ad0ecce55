"""A served HubSpot around a company of some two hundred leads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
import requests
from hubspot_caller import Caller, Opener

from revops_pipelines.sandbox.clock import SandboxClock, opening
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.hubspot import build_app
from revops_pipelines.sandbox.server import serving
from revops_pipelines.sandbox.world.world import World, build_world

ANCHOR = date(2026, 6, 30)


@pytest.fixture(scope="session")
def company() -> World:
    return build_world(11, ANCHOR, 0.05)


@pytest.fixture(scope="session")
def open_hubspot(company: World) -> Opener:
    """Serves a HubSpot of one's own: `with open_hubspot(limits=True) as hubspot:`."""

    @contextmanager
    def opened(world: World = company, **options: Any) -> Iterator[Caller]:
        clock = SandboxClock(opening(ANCHOR))
        options.setdefault("limits", False)
        app = build_app(world, clock, Options(**options))
        with serving({"hubspot": app}) as urls, requests.Session() as session:
            yield Caller(urls["hubspot"], app, clock, world, session)

    return opened


@pytest.fixture(scope="session")
def hubspot(open_hubspot: Opener) -> Iterator[Caller]:
    """The session's HubSpot, to be read only."""
    with open_hubspot() as served:
        yield served
