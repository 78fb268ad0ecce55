"""The warehouse that rule tests share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from rule_house import RuleHouse, template


@pytest.fixture(scope="session")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty warehouse with default settings; calendars take a while to write."""
    path = tmp_path_factory.mktemp("rules") / "empty.duckdb"
    template(path)
    return path


@pytest.fixture
def house(laid_out: Path, tmp_path: Path) -> Iterator[RuleHouse]:
    """A copy of it, as of 30 June 2026, noon UTC."""
    path = tmp_path / "warehouse.duckdb"
    shutil.copyfile(laid_out, path)
    built = RuleHouse(path=path)
    yield built
    built.close()
