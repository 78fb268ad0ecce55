"""`warehouse`: an empty one in memory, as of 30 June 2026, noon UTC, with default settings."""

from __future__ import annotations

import pytest
from metric_warehouse import Warehouse


@pytest.fixture
def warehouse() -> Warehouse:
    """An empty warehouse of the test's own."""
    return Warehouse()
