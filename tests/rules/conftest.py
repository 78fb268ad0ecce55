"""The warehouse that rule tests share."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest
from rule_house import RuleHouse, template

from revops_pipelines.engine.alerts.declaration import Rule


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


@pytest.fixture(scope="session")
def rows_of(laid_out: Path) -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """A function that makes rows as a rule's SQL selects them, what is not said being null.

    The columns are those of the SQL itself: a row with another one is an error.
    """
    with duckdb.connect(str(laid_out), read_only=True) as connection:

        @cache
        def columns(sql: str) -> tuple[str, ...]:
            described = connection.execute(f"DESCRIBE {sql}").fetchall()
            return tuple(row[0] for row in described)

        def rows(rule: Rule, *said: dict[str, Any]) -> list[dict[str, Any]]:
            names = columns(rule.sql)
            for row in said:
                assert set(row) <= set(names), sorted(set(row) - set(names))
            return [dict.fromkeys(names) | row for row in said]

        yield rows
