"""Servers for the tests of the sandbox's Chargebee."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import chargebee
import pytest
from chargebee_server import Site, served, simulated

from revops_pipelines.sandbox.world.billing import Billing


@pytest.fixture(scope="session")
def billed() -> Billing:
    """Every plot at least once."""
    return simulated(7, 0.1)


@pytest.fixture
def open_site(billed: Billing) -> Callable[..., Any]:
    """Opens a site with a clock and options of one's own."""
    return lambda *now, **options: served(billed, *now, **options)


@pytest.fixture(scope="session")
def site(billed: Billing) -> Iterator[Site]:
    """A shared site without limits: to be read only."""
    with served(billed) as served_site:
        yield served_site


@pytest.fixture(autouse=True)
def _own_certificates() -> Iterator[None]:
    """The client's switch for TLS is one for all of its instances; it is put back."""
    before = chargebee.Chargebee.verify_ca_certs
    yield
    chargebee.Chargebee.verify_ca_certs = before
