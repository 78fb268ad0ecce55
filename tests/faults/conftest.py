"""Fixtures of the pulling faults.

`shop`: a stocked shop of the test's own; `server`: the shop behind a server whose `fault` may be
set; `quiet`: the tables after one and after two nights without any fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from faulty_server import FaultyServer, serving
from quiet_run import Quiet
from shop import NIGHT, Shop, next_day, night, stocked, tables


@pytest.fixture
def shop() -> Shop:
    return stocked()


@pytest.fixture
def server(shop: Shop) -> Iterator[FaultyServer]:
    with serving(shop.respond) as running:
        yield running


@pytest.fixture(scope="session")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Quiet:
    home: Path = tmp_path_factory.mktemp("quiet")
    shop = stocked()
    with serving(shop.respond) as running:
        assert not night(home, running.url).failed
        first = tables(home)
        next_day(shop)
        assert not night(home, running.url, NIGHT + timedelta(days=1)).failed
        return Quiet(first, tables(home))
