"""A served Dynamics around a company of some two hundred leads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
import requests
from dynamics_caller import Caller, Opener

from revops_pipelines.sandbox.clock import SandboxClock, opening
from revops_pipelines.sandbox.dynamics import build_app
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.server import serving
from revops_pipelines.sandbox.world.world import World, build_world

ANCHOR = date(2026, 6, 30)


@pytest.fixture(scope="session")
def dynamics_world() -> World:
    return build_world(11, ANCHOR, 0.05)


@pytest.fixture(scope="session")
def open_dynamics(dynamics_world: World) -> Opener:
    """Serves a Dynamics of one's own: `with open_dynamics(limits=True) as dynamics:`."""

    @contextmanager
    def opened(
        world: World = dynamics_world, clock: SandboxClock | None = None, **options: Any
    ) -> Iterator[Caller]:
        clock = clock or SandboxClock(opening(ANCHOR))
        options.setdefault("limits", False)
        app = build_app(world, clock, Options(**options))
        with serving({"dynamics": app}) as urls, requests.Session() as session:
            yield Caller(urls["dynamics"], app, clock, world, session)

    return opened


@pytest.fixture(scope="session")
def dynamics(open_dynamics: Opener) -> Iterator[Caller]:
    """The session's Dynamics, to be read only."""
    with open_dynamics() as served:
        yield served
