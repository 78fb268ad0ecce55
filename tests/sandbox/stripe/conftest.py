"""Servers for the tests of the sandbox's Stripe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from stripe_server import NOW, Caller, served, simulated

from revops_pipelines.sandbox.world.billing import Billing


@pytest.fixture(scope="session")
def billing() -> Billing:
    """Every plot at least once."""
    return simulated(7, 0.1)


@pytest.fixture
def open_stripe(billing: Billing) -> Callable[..., Any]:
    """Opens a Stripe with a clock and options of one's own."""
    return lambda now=NOW, **options: served(billing, now, **{"limits": False} | options)


@pytest.fixture(scope="session")
def stripe_api(billing: Billing) -> Iterator[Caller]:
    """A shared Stripe without limits: to be read only."""
    with served(billing, NOW, limits=False) as caller:
        yield caller
