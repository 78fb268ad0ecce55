"""Rows P1, P2, P6, P12: processes that are killed, and several at once."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from faulty_server import Action, Answer, FaultyServer, Request
from other_process import (
    event,
    holding_file,
    holding_lock,
    interrupted_night,
    killed_night,
    start,
    whole_night,
)
from quiet_run import Quiet
from shop import NIGHT, SECRET, FakeTime, Shop, ShopOptions, next_day, night, source, tables

from revops_pipelines.engine.ingest.stopping import StoppedError
from revops_pipelines.engine.warehouse.lock import LockHeldError, writer_lock
from revops_pipelines.engine.warehouse.open import WarehouseUnavailableError, open_warehouse
from revops_pipelines.resources.clock import ClockResource
from revops_pipelines.resources.puller import puller_resource
from revops_pipelines.resources.secrets import Secret
from revops_pipelines.resources.systems import System, Systems
from revops_pipelines.resources.warehouse import WarehouseResource

SECOND_NIGHT = NIGHT + timedelta(days=1)
POINTS = (
    "landing.written",
    "landing.finalised",
    "load.begun",
    "load.merged",
    "load.deleted",
    "load.noted",
    "load.committed",
    "load.discarded",
)


@pytest.fixture
def home(tmp_path: Path, server: FaultyServer, shop: Shop) -> Path:
    """A home after the first night, before the second one's changes were pulled."""
    assert not night(tmp_path, server.url).failed
    next_day(shop)
    server.forget()
    return tmp_path


def landed_files(home: Path) -> list[Path]:
    return [path for path in (home / "landing").rglob("*") if path.is_file()]


def test_p1_every_point_is_in_the_list(tmp_path: Path, server: FaultyServer) -> None:
    passed: list[str] = []
    night(tmp_path, server.url, crash_point=passed.append)
    assert set(passed) == set(POINTS)


@pytest.mark.parametrize("point", POINTS)
def test_p1_killed_at_a_commit_point(
    home: Path, server: FaultyServer, quiet: Quiet, point: str
) -> None:
    before = tables(home)
    child = start(killed_night, home, server.url, SECOND_NIGHT, point, 1)
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    between = tables(home)
    if point in ("load.committed", "load.discarded"):
        # The first stream is there, with its cursor.
        assert between["shop__items"] == quiet.second["shop__items"]
        assert between["cursors"] != before["cursors"]
    else:
        assert between == before
    assert not night(home, server.url, SECOND_NIGHT).failed
    assert tables(home) == quiet.second
    assert landed_files(home) == []


@pytest.mark.parametrize("point", ["load.noted", "load.committed"])
def test_p1_killed_in_the_first_load_of_all(
    tmp_path: Path, server: FaultyServer, quiet: Quiet, point: str
) -> None:
    child = start(killed_night, tmp_path, server.url, NIGHT, point, 2)
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    assert not night(tmp_path, server.url).failed
    assert tables(tmp_path) == quiet.first


@pytest.mark.parametrize("nth", [1, 3, 4])
def test_p2_killed_at_any_request(home: Path, server: FaultyServer, quiet: Quiet, nth: int) -> None:
    running = [0]

    def killing(request: Request, answer: Answer) -> Action:
        if request.number == nth and running[0]:
            os.kill(running[0], signal.SIGKILL)
        return answer

    server.fault = killing
    ready = event()
    child = start(_told_night, home, server.url, ready)
    running[0] = child.pid or 0
    ready.set()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    running[0] = 0
    assert not night(home, server.url, SECOND_NIGHT).failed
    assert tables(home) == quiet.second


def _told_night(home: Path, url: str, ready) -> None:  # type: ignore[no-untyped-def]
    ready.wait(30)
    whole_night(home, url, SECOND_NIGHT)


def test_p6_the_second_writer_is_refused_with_the_holders_name(tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    held, release = event(), event()
    child = start(holding_lock, warehouse, held, release)
    assert held.wait(60)
    with pytest.raises(LockHeldError) as refused, writer_lock(warehouse, timeout_seconds=0.1):
        pytest.fail("the lock was given twice")
    assert "nightly run 7f3a" in str(refused.value)
    assert str(child.pid) in str(refused.value)
    release.set()
    with writer_lock(warehouse, timeout_seconds=30):
        pass
    child.join(60)


def test_p6_a_killed_holder_frees_the_lock(tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    held, release = event(), event()
    child = start(holding_lock, warehouse, held, release)
    assert held.wait(60)
    child.kill()
    child.join(60)
    with writer_lock(warehouse, timeout_seconds=5):
        pass


def test_p6_two_runs_at_once_leave_the_quiet_result(
    tmp_path: Path, server: FaultyServer, quiet: Quiet
) -> None:
    both = [start(whole_night, tmp_path, server.url, NIGHT) for _ in range(2)]
    for child in both:
        child.join(60)
    assert [child.exitcode for child in both] == [0, 0]
    assert tables(tmp_path) == quiet.first


def test_p12_a_reader_that_holds_the_file_is_waited_for_with_a_bound(tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    open_warehouse(warehouse).close()
    held, release = event(), event()
    child = start(holding_file, warehouse, held, release)
    assert held.wait(60)
    waited: list[float] = []
    with pytest.raises(WarehouseUnavailableError, match="cannot be opened"):
        open_warehouse(warehouse, wait_seconds=2, sleep=waited.append)
    assert 1 < sum(waited) <= 2
    release.set()
    child.join(60)
    open_warehouse(warehouse).close()


def test_ctrl_c_ends_a_night_that_waits_for_an_hour(
    tmp_path: Path, server: FaultyServer, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = threading.Event()

    def wait(request: Request, answer: Answer) -> Action:
        if request.path == "/items":
            asked.set()
        return Answer.of({}, 429, Retry_After="3600")

    server.fault = wait
    child = start(interrupted_night, tmp_path, server.url)
    assert asked.wait(60)
    # Python drops an interrupt that lands in a finalizer; a person presses the keys again.
    for _ in range(3):
        os.kill(child.pid or 0, signal.SIGINT)
        child.join(20)
        if child.exitcode is not None:
            break
    assert child.exitcode == 130
    assert landed_files(tmp_path) == []
    assert "Traceback" not in capfd.readouterr().err


def test_the_end_of_a_run_ends_pulls_that_nobody_waits_for(
    tmp_path: Path, server: FaultyServer
) -> None:
    asked = threading.Event()

    def wait(request: Request, answer: Answer) -> Action:
        asked.set()
        return Answer.of({}, 429, Retry_After="3600")

    server.fault = wait
    shop = source(FakeTime(patient=True))
    secrets = {"key": Secret("SHOP_KEY", SECRET)}
    system = System("shop", shop, ShopOptions(base_url=server.url), secrets)
    puller = puller_resource(Systems((system,), sandbox=False), tmp_path / "landing", 3)
    warehouse = WarehouseResource(database=str(tmp_path / "warehouse.duckdb"))
    with ThreadPoolExecutor(1) as step:
        with dg.build_resources({"puller": puller}) as run:
            pulled = step.submit(
                lambda: list(run.puller.results({"shop": ()}, "shop", warehouse, ClockResource()))
            )
            assert asked.wait(60)
            assert not pulled.done()
        results = pulled.result(timeout=60)
    assert {type(result.error) for result in results} == {StoppedError}
    assert landed_files(tmp_path) == []


def test_a_copied_home_still_loads(home: Path, server: FaultyServer, quiet: Quiet) -> None:
    """What a backup restores goes on from its own cursor."""
    copy = home.with_name("copy")
    shutil.copytree(home, copy)
    assert not night(copy, server.url, SECOND_NIGHT).failed
    assert tables(copy) == quiet.second
