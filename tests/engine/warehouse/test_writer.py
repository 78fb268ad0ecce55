"""When a process keeps its writing connection, and when it gives it up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from revops_pipelines.engine.warehouse.lock import LockHeldError, is_wanted, writer_lock
from revops_pipelines.engine.warehouse.writer import Writer


class HandAlarm(threading.Timer):
    """A timer that goes off when the test says so."""

    set_alarms: list[HandAlarm]

    def start(self) -> None:
        self.set_alarms.append(self)

    def cancel(self) -> None:
        self.set_alarms.remove(self)

    def go_off(self) -> None:
        self.function()


@pytest.fixture
def alarms() -> list[HandAlarm]:
    return []


@pytest.fixture
def writer(tmp_path: Path, alarms: list[HandAlarm]) -> Writer:
    def alarm(seconds: float, then: Callable[[], None]) -> HandAlarm:
        made = HandAlarm(seconds, then)
        made.set_alarms = alarms
        return made

    return Writer(tmp_path / "warehouse.duckdb", "run 1", 0, alarm)


def _is_free(path: Path) -> bool:
    try:
        with writer_lock(path, timeout_seconds=0):
            return True
    except LockHeldError:
        return False


def _waiting(path: Path) -> tuple[threading.Thread, threading.Event]:
    """Somebody who waits for the warehouse by now, and whether they have got it."""
    came = threading.Event()

    def wait_for_it() -> None:
        with writer_lock(path, timeout_seconds=30):
            came.set()

    waiter = threading.Thread(target=wait_for_it, daemon=True)
    waiter.start()
    for _ in range(30_000):
        if is_wanted(path):
            break
        came.wait(0.001)
    return waiter, came


def test_kept_from_use_to_use_until_the_alarm(
    tmp_path: Path, writer: Writer, alarms: list[HandAlarm]
) -> None:
    path = tmp_path / "warehouse.duckdb"
    with writer.connection() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        assert not alarms
    assert not _is_free(path)
    with writer.connection() as connection:
        assert connection.execute("FROM kept").fetchall() == [(1,)]
    assert len(alarms) == 1
    alarms[0].go_off()
    assert _is_free(path)
    with writer.connection() as connection:
        assert connection.execute("FROM kept").fetchall() == [(1,)]
    writer.close()
    assert not alarms
    assert _is_free(path)


def test_a_use_leaves_no_temporary_table_and_no_setting(writer: Writer) -> None:
    with writer.connection() as connection:
        connection.execute("CREATE TEMP TABLE passing AS SELECT 1")
        connection.execute("SET TimeZone = 'Asia/Tokyo'")
    with writer.connection() as connection:
        with pytest.raises(duckdb.CatalogException):
            connection.execute("FROM passing")
        assert connection.execute("SELECT current_setting('TimeZone')").fetchone() == ("UTC",)
    writer.close()


def test_a_failed_use_is_rolled_back_and_gives_the_warehouse_up(
    tmp_path: Path, writer: Writer, alarms: list[HandAlarm]
) -> None:
    with pytest.raises(KeyError), writer.connection() as connection:
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE half AS SELECT 1")
        raise KeyError
    assert not alarms
    assert _is_free(tmp_path / "warehouse.duckdb")
    with writer.connection() as connection, pytest.raises(duckdb.CatalogException):
        connection.execute("FROM half")
    writer.close()


def test_given_up_after_the_use_in_which_somebody_began_to_wait(
    tmp_path: Path, writer: Writer, alarms: list[HandAlarm]
) -> None:
    path = tmp_path / "warehouse.duckdb"
    with writer.connection():
        waiter, came = _waiting(path)
        assert not came.is_set()
    assert came.wait(30)
    assert not alarms
    waiter.join(30)
    # And the one who gave it up gets it back when its turn has come.
    with writer.connection() as connection:
        assert connection.execute("SELECT 1").fetchall() == [(1,)]
    writer.close()


def test_a_short_run_keeps_it_for_its_time_though_another_waits(tmp_path: Path) -> None:
    path, ticks = tmp_path / "warehouse.duckdb", [100.0]
    writer = Writer(path, "a pulse", 0, keeps_seconds=60, clock=lambda: ticks[0])
    with writer.connection():
        waiter, came = _waiting(path)
    for ticks[0] in (130.0, 159.0):
        with writer.connection() as connection:
            assert connection.execute("SELECT 1").fetchall() == [(1,)]
        assert not came.is_set() and is_wanted(path)
    ticks[0] = 160.0
    with writer.connection():
        assert not came.is_set()
    assert came.wait(30)
    waiter.join(30)
    writer.close()
