"""Fixtures of the suites that run over every source."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from filelock import FileLock
from vendor_night import Tables, Vendor, copy, served


@dataclass(frozen=True)
class Quiet:
    """What a source's raw tables are at two instants, a day apart, when nothing went wrong.

    `warehouse` is the database of the first.
    """

    first: Tables
    second: Tables
    warehouse: Path


@pytest.fixture(scope="session")
def quiet(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Quiet]:
    """The quiet runs by source, each made once, by whichever worker needs it first.

    Each instant is pulled twice, as it is where a fault ended the first night: the look-back of the
    second may tell of what came and went within it.
    """
    base = tmp_path_factory.getbasetemp()
    root = base.parent if hasattr(request.config, "workerinput") else base

    @cache
    def of(name: str) -> Quiet:
        kept, file = root / f"quiet-{name}.pickle", root / f"quiet-{name}.duckdb"
        with FileLock(root / f"quiet-{name}.lock"):
            if not kept.exists():
                with served(name, tmp_path_factory.mktemp(name)) as vendor:
                    kept.write_bytes(pickle.dumps(_both(vendor, file)))
        first, second = pickle.loads(kept.read_bytes())
        return Quiet(first, second, file)

    return of


def _both(vendor: Vendor, file: Path) -> tuple[Tables, Tables]:
    assert (vendor.night(), vendor.night()) == ({}, {})
    copy(vendor.warehouse, file, "memory", "quiet")
    first = vendor.tables()
    vendor.clock.advance(timedelta(days=1))
    assert (vendor.night(), vendor.night()) == ({}, {})
    return first, vendor.tables()
