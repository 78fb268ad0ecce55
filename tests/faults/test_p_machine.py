"""Rows P3 to P5, P7, P9, P10, P13, P15: the disk, the memory, the clock and the daemon."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from delivery_tools import (
    START,
    Receiver,
    SetClock,
    by_name,
    event,
    hook,
    in_inbox,
    inbox,
    receiving,
    tick_until,
)
from faulty_server import FaultyServer
from machine_process import night_on_a_full_disk, out_of_memory
from other_process import killed_night, start
from quiet_run import Quiet
from shop import NIGHT, Shop, next_day, night, tables

from revops_pipelines import cli
from revops_pipelines.engine.alerts.channel import Channel, Message
from revops_pipelines.engine.alerts.mirror import mirror_events
from revops_pipelines.engine.alerts.outbox import Outbox, open_outbox
from revops_pipelines.engine.alerts.relay import deliver
from revops_pipelines.engine.warehouse.lock import writer_lock
from revops_pipelines.engine.warehouse.open import WarehouseUnavailableError, open_warehouse
from revops_pipelines.engine.warehouse.recovery import set_aside
from revops_pipelines.jobs import build_jobs
from revops_pipelines.resources.outbox import OutboxResource
from revops_pipelines.sensors.delivery import delivery_sensor

THOROUGH = pytest.mark.thorough
SECOND_NIGHT = NIGHT + timedelta(days=1)


@pytest.fixture
def home(tmp_path: Path, server: FaultyServer, shop: Shop) -> Path:
    """A home after the first night, before the second one's changes were pulled."""
    assert not night(tmp_path, server.url).failed
    next_day(shop)
    return tmp_path


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = open_outbox(tmp_path / "outbox.sqlite")
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "file_bytes",
    [pytest.param(200, id="landing", marks=THOROUGH), pytest.param(3_000, id="warehouse")],
)
def test_p3_a_full_disk_fails_the_night_and_keeps_what_was_there(
    home: Path, server: FaultyServer, quiet: Quiet, file_bytes: int
) -> None:
    before = tables(home)
    child = start(night_on_a_full_disk, home, server.url, SECOND_NIGHT, file_bytes)
    child.join(60)
    assert child.exitcode == 1
    assert tables(home) == before
    # As soon as there is room the next night does all of it.
    assert not night(home, server.url, SECOND_NIGHT).failed
    assert tables(home) == quiet.second


@pytest.mark.parametrize("how", ["duckdb", pytest.param("process", marks=THOROUGH)])
def test_p4_without_memory_nothing_is_half_done_and_the_lock_is_free(
    tmp_path: Path, how: str
) -> None:
    if how == "process" and not Path("/proc/self/statm").exists():
        pytest.skip("needs Linux's limit of address space")
    warehouse = tmp_path / "warehouse.duckdb"
    with open_warehouse(warehouse) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1::BIGINT AS n")
    child = start(out_of_memory, warehouse, how)
    child.join(60)
    assert child.exitcode == 1
    with writer_lock(warehouse, timeout_seconds=1), open_warehouse(warehouse) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchall() == [(1,)]
        assert connection.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(1,)]


def test_p5_a_home_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # A file where a folder should be refuses the superuser too.
    (tmp_path / "file").touch()
    monkeypatch.setenv("REVOPS_HOME", str(tmp_path / "file/state"))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["revops", "run", "nightly"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().err
    assert ended.value.code == 3
    assert said.count("\n") == 1 and "nothing can be written to" in said
    assert "REVOPS_HOME" in said


def test_p5_a_read_only_folder_leaves_no_half_state(tmp_path: Path, server: FaultyServer) -> None:
    if os.getuid() == 0:
        pytest.skip("the superuser may write to any folder")
    home = tmp_path / "home"
    assert not night(home, server.url).failed
    before = tables(home)
    home.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises((OSError, WarehouseUnavailableError)):
            night(home, server.url, SECOND_NIGHT)
    finally:
        home.chmod(0o700)
    assert tables(home) == before


def _flipped(share: float) -> Callable[[bytearray], None]:
    def damage(log: bytearray) -> None:
        log[int(len(log) * share)] ^= 0x55

    return damage


def _cut(share: float) -> Callable[[bytearray], None]:
    def damage(log: bytearray) -> None:
        del log[int(len(log) * share) :]

    return damage


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Shop]]:
    """A home whose second night was killed right after a commit: it is in the log alone."""
    from faulty_server import serving
    from shop import stocked

    home, shop = tmp_path_factory.mktemp("killed"), stocked()
    with serving(shop.respond) as running:
        assert not night(home, running.url).failed
        next_day(shop)
        child = start(killed_night, home, running.url, SECOND_NIGHT, "load.committed", 2)
        child.join(60)
    assert (home / "warehouse.duckdb.wal").stat().st_size > 1000
    yield home, shop


@pytest.mark.parametrize(
    ("damage", "is_told"),
    [
        pytest.param(_flipped(0.02), True, id="flip early", marks=THOROUGH),
        pytest.param(_flipped(0.5), True, id="flip"),
        pytest.param(_flipped(0.98), True, id="flip late", marks=THOROUGH),
        pytest.param(_cut(0.0), False, id="empty", marks=THOROUGH),
        pytest.param(_cut(0.4), False, id="cut"),
        pytest.param(_cut(0.99), False, id="cut late", marks=THOROUGH),
    ],
)
def test_p13_a_damaged_log_costs_what_was_loaded_since_and_is_told(
    killed: tuple[Path, Shop],
    tmp_path: Path,
    quiet: Quiet,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[bytearray], None],
    is_told: bool,
) -> None:
    from faulty_server import serving

    origin, shop = killed
    home = tmp_path / "home"
    shutil.copytree(origin, home)
    warehouse = home / "warehouse.duckdb"
    log = bytearray((home / "warehouse.duckdb.wal").read_bytes())
    damage(log)
    (home / "warehouse.duckdb.wal").write_bytes(log)
    with caplog.at_level(logging.CRITICAL):
        open_warehouse(warehouse, sleep=lambda _seconds: None).close()
    assert bool(caplog.records) == is_told == bool(set_aside(warehouse))
    if is_told:
        [aside] = set_aside(warehouse)
        assert aside.read_bytes() == bytes(log)
        assert aside.name in caplog.text
    with serving(shop.respond) as running:
        assert not night(home, running.url, SECOND_NIGHT).failed
    assert tables(home) == quiet.second


def test_p13_a_log_is_never_taken_from_who_is_writing(tmp_path: Path) -> None:
    from other_process import event as shared_event
    from other_process import holding_file

    warehouse = tmp_path / "warehouse.duckdb"
    open_warehouse(warehouse).close()
    held, release = shared_event(), shared_event()
    child = start(holding_file, warehouse, held, release)
    assert held.wait(60)
    log = tmp_path / "warehouse.duckdb.wal"
    log.write_bytes(b"no log at all, but somebody's")
    with pytest.raises(WarehouseUnavailableError):
        open_warehouse(warehouse, sleep=lambda _seconds: None)
    assert log.exists() and set_aside(warehouse) == []
    log.unlink()
    release.set()
    child.join(60)


def test_p13_a_file_that_is_damaged_itself_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    with open_warehouse(warehouse) as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS n FROM range(100000)")
    content = bytearray(warehouse.read_bytes())
    content[4096 + 8 : 8192] = os.urandom(4088)
    content[8192 + 8 : 12288] = os.urandom(4088)
    warehouse.write_bytes(content)
    log = tmp_path / "warehouse.duckdb.wal"
    log.write_bytes(b"x" * 500)
    with pytest.raises(WarehouseUnavailableError):
        open_warehouse(warehouse, sleep=lambda _seconds: None)
    assert (warehouse.read_bytes(), log.read_bytes()) == (bytes(content), b"x" * 500)


class _Slow:
    """A channel whose first send hangs until it is told to end; it knows what it took."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.taken: list[str] = []

    def send(self, message: Message) -> None:
        if not self.begun.is_set():
            self.begun.set()
            assert self.go_on.wait(30)
        self.taken += [told.event_id for told in message.events]


def test_p9_a_tick_that_outlives_its_time_doubles_nothing_and_starves_nobody(
    outbox: Outbox, tmp_path: Path
) -> None:
    """Dagster gives a tick up after its time-out, but does not end it: the next one runs beside."""
    clock, slow = SetClock(), _Slow()
    channels = by_name(Channel("team", slow), inbox(tmp_path / "inbox"))
    mirror_events([event(f"a{number}") for number in range(5)], outbox)
    late = threading.Thread(target=deliver, args=(outbox, channels, clock.now))
    late.start()
    assert slow.begun.wait(30)
    # The next tick, while the first one is still at it, within the lease of its message.
    clock.advance(seconds=10)
    delivered = deliver(outbox, channels, clock.now)
    assert delivered.sent >= 4, "the others were not starved"
    slow.go_on.set()
    late.join(30)
    tick_until(outbox, channels, clock, seconds=60)
    assert sorted(slow.taken) == [f"a{number}-1-fired" for number in range(5)]
    assert len(in_inbox(tmp_path / "inbox")) == 5


def test_p10_a_code_location_that_is_reloaded_in_mid_tick_tells_everything_once(
    outbox: Outbox, tmp_path: Path
) -> None:
    """The old server's tick is cut off after its send; the new one evaluates the same tick anew."""
    clock = SetClock()
    mirror_events([event(f"a{number}") for number in range(3)], outbox)
    resources = {"outbox": OutboxResource(path=str(tmp_path / "outbox.sqlite")), "clock": clock}

    def evaluated(receiver: Receiver, cursor: str | None) -> str | None:
        team = hook("team", receiver.url, deadline_seconds=5)
        sensor = delivery_sensor(lambda: by_name(team), tmp_path / "published.duckdb")
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(instance, cursor=cursor, resources=resources)
            return sensor.evaluate_tick(context).cursor

    with receiving() as receiver:
        # Cut off before Dagster kept its cursor: the tick is as if it had never been.
        evaluated(receiver, None)
        assert receiver.requests == 3
        cursor = evaluated(receiver, None)
        evaluated(receiver, cursor)
        assert receiver.requests == 3
        assert receiver.events == [f"a{number}-1-fired" for number in range(3)]


def test_p15_after_three_days_down_what_is_old_comes_in_one_digest_and_news_alone(
    outbox: Outbox, tmp_path: Path
) -> None:
    clock = SetClock()
    clock.advance(days=3)
    old = [event(f"old{n}", is_backlog=True, at=clock.now()) for n in range(40)]
    new = [event(f"new{n}", at=clock.now()) for n in range(2)]
    mirror_events([*old, *new], outbox)
    channels = by_name(inbox(tmp_path / "inbox"))
    tick_until(outbox, channels, clock, seconds=3600, every=300)
    arrived = in_inbox(tmp_path / "inbox")
    assert sorted(message["kind"] for message in arrived) == ["digest", "fired", "fired"]
    told = {told for message in arrived for told in message.get("folded") or ()}
    assert told == {f"old{n}-1-fired" for n in range(40)}


def test_p15_missed_ticks_of_a_schedule_are_one_run() -> None:
    """Dagster runs only the latest missed tick of a schedule whose job has no partitions."""
    key = dg.AssetKey(["raw", "crm", "leads"])
    jobs = build_jobs([key], [key], (), {"crm": "0 * * * *"})
    assert {schedule.name for schedule in jobs.schedules} == {"nightly", "pulse", "pull_crm"}
    for job in jobs.all:
        assert job.partitions_def is None
        assert int(job.tags["dagster/max_runtime"]) <= 4 * 3600
    for schedule in jobs.schedules:
        assert schedule.execution_timezone == "UTC"


_DAEMONS_MODULE = """
import sys
sys.path[:0] = {path!r}
import dagster as dg
from pathlib import Path
from delivery_tools import by_name, hook
from revops_pipelines.resources.clock import ClockResource
from revops_pipelines.resources.outbox import OutboxResource
from revops_pipelines.sensors.delivery import delivery_sensor

team = hook("team", {url!r}, deadline_seconds=5)
defs = dg.Definitions(
    sensors=[delivery_sensor(lambda: by_name(team), Path({home!r}) / "published.duckdb")],
    resources={{"outbox": OutboxResource(path={home!r} + "/outbox.sqlite"),
               "clock": ClockResource()}},
)
"""


@pytest.mark.thorough
def test_p7_a_daemon_that_is_killed_and_started_again_loses_and_doubles_nothing(
    outbox: Outbox, tmp_path: Path
) -> None:
    """The real daemon of Dagster, ended by its own number with SIGKILL in the midst of a tick."""
    (tmp_path / "dagster").mkdir()
    (tmp_path / "dagster/dagster.yaml").write_text("telemetry: {enabled: false}")
    arrived = threading.Semaphore(0)

    with receiving() as receiver:
        taken = receiver.processed

        class Counted(list):  # type: ignore[type-arg]
            def append(self, body: object) -> None:
                super().append(body)
                arrived.release()

        receiver.processed = Counted(taken)
        module = tmp_path / "of_the_daemon.py"
        module.write_text(
            _DAEMONS_MODULE.format(path=list(sys.path), url=receiver.url, home=str(tmp_path))
        )
        for turn in range(2):
            mirror_events([event(f"t{turn}k{n}", at=START) for n in range(3)], outbox)
            command = [sys.executable, "-m", "dagster._daemon", "run", "-f", str(module)]
            environment = {**os.environ, "DAGSTER_HOME": str(tmp_path / "dagster")}
            with subprocess.Popen(
                command,
                env=environment,
                start_new_session=True,
                stderr=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            ) as daemon:
                assert arrived.acquire(timeout=120)
                if turn == 1:
                    assert all(arrived.acquire(timeout=120) for _ in range(4))
                os.killpg(daemon.pid, signal.SIGKILL)
        told = receiver.events
    assert set(told) == {f"t{turn}k{n}-1-fired" for turn in range(2) for n in range(3)}
    assert len(told) <= 7, "at most the one message that was under way came twice"


def test_p13_only_who_may_write_sets_a_log_aside(killed: tuple[Path, Shop], tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(killed[0], home)
    log = bytearray((home / "warehouse.duckdb.wal").read_bytes())
    _flipped(0.5)(log)
    (home / "warehouse.duckdb.wal").write_bytes(log)
    with pytest.raises(WarehouseUnavailableError):
        open_warehouse(home / "warehouse.duckdb", read_only=True, sleep=lambda _seconds: None)
    assert (home / "warehouse.duckdb.wal").read_bytes() == bytes(log)
    assert set_aside(home / "warehouse.duckdb") == []
