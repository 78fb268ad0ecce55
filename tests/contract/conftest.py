"""Fixtures of the suites that run over every source."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from filelock import FileLock
from vendor_night import STEP, UNTYPED, Quiet, Start, Tables, Vendor, copy, served


@pytest.fixture(scope="session")
def quiet(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Quiet]:
    """The quiet runs by source, each made once, by whichever worker needs it first."""
    base = tmp_path_factory.getbasetemp()
    root = base.parent if hasattr(request.config, "workerinput") else base

    @cache
    def of(name: str) -> Quiet:
        kept, file = root / f"quiet-{name}.pickle", root / f"quiet-{name}.duckdb"
        with FileLock(root / f"quiet-{name}.lock"):
            if not kept.exists():
                with served(name, tmp_path_factory.mktemp(name)) as vendor:
                    kept.write_bytes(pickle.dumps(_both(vendor, file)))
        first, second, columns, url = pickle.loads(kept.read_bytes())
        return Quiet(first, second, columns, Start(file, url))

    return of


def _both(vendor: Vendor, file: Path) -> tuple[Tables, Tables, Tables, str]:
    assert vendor.night() == {}
    copy(vendor.warehouse, file, "memory", "quiet")
    first = vendor.tables()
    vendor.clock.advance(STEP)
    assert vendor.night() == {}
    return first, vendor.tables(), vendor.tables(UNTYPED), vendor.url
