"""The writer's lock between threads; between processes see tests/faults/test_p_process.py."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from revops_pipelines.engine.warehouse.lock import LockHeldError, writer_lock


def test_the_lock_is_exclusive_and_says_who_holds_it(tmp_path: Path) -> None:
    warehouse = tmp_path / "state" / "warehouse.duckdb"
    with (
        writer_lock(warehouse, holder="run 1"),
        pytest.raises(LockHeldError, match=r"warehouse.duckdb is being written by run 1 \(process"),
        writer_lock(warehouse, holder="run 2", timeout_seconds=0),
    ):
        pytest.fail("the lock was given twice")
    with writer_lock(warehouse, holder="run 3", timeout_seconds=0):
        pass


def test_an_error_frees_the_lock(tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    with pytest.raises(KeyError), writer_lock(warehouse):
        raise KeyError
    with writer_lock(warehouse, timeout_seconds=0):
        pass


def test_a_note_that_cannot_be_read_names_another_process(tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    with writer_lock(warehouse):
        (tmp_path / "warehouse.duckdb.holder").write_text("{half")
        with (
            pytest.raises(LockHeldError, match="another process"),
            writer_lock(warehouse, timeout_seconds=0),
        ):
            pytest.fail("the lock was given twice")


def test_the_files_beside_are_private(tmp_path: Path) -> None:
    with writer_lock(tmp_path / "warehouse.duckdb"):
        modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o600}
