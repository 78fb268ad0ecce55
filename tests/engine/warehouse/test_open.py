"""Opening the warehouse: UTC, no downloads, clear words when it cannot be."""

from __future__ import annotations

import stat
from pathlib import Path

import duckdb
import pytest

from revops_pipelines.engine.warehouse.open import WarehouseUnavailableError, open_warehouse
from revops_pipelines.engine.warehouse.schema import SCHEMAS, ensure_schema


def test_a_new_warehouse_is_private_and_in_utc(tmp_path: Path) -> None:
    path = tmp_path / "state" / "warehouse.duckdb"
    with open_warehouse(path) as connection:
        zone = connection.execute("SELECT current_setting('TimeZone')").fetchone()
        downloads = connection.execute(
            "SELECT current_setting('autoinstall_known_extensions'), "
            "current_setting('autoload_known_extensions')"
        ).fetchone()
    assert zone == ("UTC",)
    assert downloads == (False, False)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_reader_cannot_write_and_needs_a_file(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with pytest.raises(WarehouseUnavailableError):
        open_warehouse(path, read_only=True, wait_seconds=0)
    assert not path.exists()
    open_warehouse(path).close()
    with open_warehouse(path, read_only=True) as connection, pytest.raises(duckdb.Error):
        connection.execute("CREATE TABLE t (a INTEGER)")


def test_a_file_that_is_no_warehouse_is_named(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    path.write_text("hello" * 1000)
    waited: list[float] = []
    with pytest.raises(WarehouseUnavailableError, match=r"warehouse\.duckdb cannot be opened"):
        open_warehouse(path, wait_seconds=1, sleep=waited.append)
    assert path.read_text() == "hello" * 1000


def test_the_schema_is_made_once(tmp_path: Path) -> None:
    with open_warehouse(tmp_path / "warehouse.duckdb") as connection:
        ensure_schema(connection)
        connection.execute(
            "INSERT INTO ops.cursors VALUES ('a', 'b', '{}', TIMESTAMP '2026-01-01', 'l')"
        )
        ensure_schema(connection)
        names = connection.execute("SELECT schema_name FROM duckdb_schemas()").fetchall()
        kept = connection.execute("SELECT count(*) FROM ops.cursors").fetchone()
    assert set(SCHEMAS) <= {name for (name,) in names}
    assert kept == (1,)
