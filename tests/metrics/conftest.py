"""`warehouse`: an empty one in memory, as of 30 June 2026, noon UTC, with default settings."""

from __future__ import annotations

import pytest
from metric_warehouse import Warehouse


@pytest.fixture(scope="session")
def shared_warehouse() -> Warehouse:
    """One for all tests of a worker, because writing calendars takes longer than most tests."""
    return Warehouse()


@pytest.fixture
def warehouse(shared_warehouse: Warehouse) -> Warehouse:
    """An empty warehouse of the test's own."""
    return shared_warehouse.emptied()
