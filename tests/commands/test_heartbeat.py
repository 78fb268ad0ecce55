"""`revops doctor --heartbeat` on a real Dagster instance, whose daemon lives and dies on paper."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat
from dagster._utils.error import SerializableErrorInfo
from rich.console import Console

from revops_pipelines import cli
from revops_pipelines.commands import heartbeat_free
from revops_pipelines.commands.heartbeat import take_heartbeat
from revops_pipelines.engine.alerts.outbox import EVENTS, MESSAGES, open_outbox
from revops_pipelines.engine.heartbeat.instance import PROCESS_TAG, read_machinery
from revops_pipelines.engine.heartbeat.processes import Process, this_process
from revops_pipelines.engine.heartbeat.signs import DAEMONS
from revops_pipelines.engine.heartbeat.storage import storage_of

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
_ORIGIN = RemoteInstigatorOrigin(
    RemoteRepositoryOrigin(
        InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="m"), location_name="m"), "r"
    ),
    "alert_delivery",
)


@dg.job
def nightly() -> None: ...


class Hospital:
    """An installation whose machinery the tests make ill; times are minutes before NOW."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.instance = dg.DagsterInstance.from_config(str(home / "dagster"))
        self.outbox = open_outbox(home / "outbox.sqlite")
        (home / "published.duckdb").touch()

    def anew(self) -> None:
        """No runs, no ticks; the daemon lives and its sensor is on."""
        self.instance.wipe()
        self.instance.wipe_all_schedules()
        state = InstigatorState(
            _ORIGIN,
            InstigatorType.SENSOR,
            InstigatorStatus.DECLARED_IN_CODE,
            SensorInstigatorData(sensor_type=None),
        )
        self.instance.add_instigator_state(state)
        self.selector = state.selector_id
        self.daemons(0.2)

    def daemons(self, minutes: float) -> None:
        for name in DAEMONS:
            at = (NOW - timedelta(minutes=minutes)).timestamp()
            self.instance.add_daemon_heartbeat(DaemonHeartbeat(at, name, "id", []))

    def tick(self, minutes: float, status: TickStatus = TickStatus.SKIPPED) -> None:
        self.instance.create_tick(
            TickData(
                _ORIGIN.get_id(),
                "alert_delivery",
                InstigatorType.SENSOR,
                status,
                (NOW - timedelta(minutes=minutes)).timestamp(),
                error=None
                if status is not TickStatus.FAILURE
                else SerializableErrorInfo("no", [], ""),
                run_ids=[],
                selector_id=self.selector,
            )
        )

    def run(self, **tags: str) -> str:
        run = self.instance.create_run_for_job(nightly, tags=tags)
        for kind in (dg.DagsterEventType.PIPELINE_STARTING, dg.DagsterEventType.PIPELINE_START):
            event = dg.DagsterEvent(kind.value, run.job_name, message="as Dagster does")
            self.instance.report_dagster_event(event, run.run_id)
        return run.run_id

    def status(self, run_id: str) -> str:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run.status.value

    def wait(self, minutes: float) -> None:
        """A message that has been due for so long."""
        at = NOW - timedelta(minutes=minutes)
        event = dict.fromkeys(("event_id", "rule", "rule_title", "alert_key", "kind"), "x")
        with self.outbox.transaction() as connection:
            connection.execute(
                EVENTS.insert(),
                {
                    **event,
                    **{"episode": 1, "severity": "info", "is_backlog": False, "notice": {}},
                    **{"occurred_at": at, "is_planned": True},
                },
            )
            connection.execute(
                MESSAGES.insert(),
                {
                    **{"message_id": "m", "channel": "team", "event_id": "x", "alert": "x/x"},
                    **{"episode": 1, "state": "waiting", "is_for_digest": False, "reason": ""},
                    **{"note": "", "created_at": at, "not_before": at, "attempts": 0},
                },
            )


@pytest.fixture
def hospital(made: Hospital, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hospital]:
    monkeypatch.setenv("REVOPS_HOME", str(made.home))
    monkeypatch.setenv("DAGSTER_HOME", str(made.home / "dagster"))
    monkeypatch.setenv("REVOPS_CONFIG", str(made.home / "revops.toml"))
    # One's own disk and clock are none of these tests' business.
    (made.home / "revops.toml").write_text(
        "[heartbeat]\nfree_gigabytes = 0.000001\nsnapshot_hours = 1e7\nsilent_run_minutes = 1e9\n",
        encoding="utf-8",
    )
    made.anew()
    made.tick(0.2)
    yield made
    (made.home / "heartbeat.json").unlink(missing_ok=True)
    with made.outbox.transaction() as connection:
        connection.execute(MESSAGES.delete())
        connection.execute(EVENTS.delete())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    home = tmp_path_factory.mktemp("hospital")
    (home / "dagster").mkdir()
    (home / "dagster/dagster.yaml").write_text("telemetry: {enabled: false}", encoding="utf-8")
    hospital = Hospital(home)
    with hospital.instance:
        yield hospital


def look(capsys: pytest.CaptureFixture[str], now: datetime = NOW, **how: Any) -> tuple[bool, str]:
    out, err = Console(highlight=False), Console(stderr=True, highlight=False)
    well = take_heartbeat(out, err, now=lambda: now, **how)
    said = capsys.readouterr()
    return well, said.out + said.err


def test_all_is_well_in_one_line(hospital, capsys):
    well, said = look(capsys)
    assert (well, said.count("\n")) == (True, 1)


@pytest.mark.parametrize("minutes", [3.5, 300])
def test_p7_a_dead_daemon_is_noticed_within_five_minutes(hospital, capsys, minutes):
    hospital.daemons(minutes)
    well, said = look(capsys)
    assert not well and said.startswith("FAIL the daemon was last alive")


def test_a_blocked_relay_is_noticed_though_the_daemon_lives(hospital, capsys):
    hospital.anew()
    hospital.tick(4.5)
    hospital.tick(0.1, TickStatus.FAILURE)
    assert look(capsys)[1].startswith("FAIL no turn of the relay has ended well")
    hospital.tick(0.1, TickStatus.SUCCESS)
    hospital.wait(16)
    well, said = look(capsys)
    assert not well and "1 messages are due and not sent (team), the oldest for 16 min" in said


def test_a_relay_that_hangs_with_the_outbox_does_not_hang_the_heartbeat(hospital, capsys):
    hospital.wait(16)
    with hospital.outbox.turn():
        assert "messages are due" in look(capsys)[1]


def test_p11_a_run_whose_worker_was_killed_is_told_and_freed(hospital, capsys):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    dead = Process(this_process().host, child.pid, "1")
    alive = hospital.run(**{PROCESS_TAG: str(this_process())})
    killed = hospital.run(**{PROCESS_TAG: str(dead)})
    now = datetime.fromtimestamp(hospital.instance.get_run_stats(killed).start_time, UTC)
    hospital.daemons((NOW - now).total_seconds() / 60)
    hospital.tick((NOW - now).total_seconds() / 60)
    well, said = look(capsys, now)
    assert not well
    assert said.count("\n") == 1 and f"run {killed[:8]} of nightly is stuck: its process" in said
    assert hospital.status(killed) == "STARTED"
    assert f"freed run {killed[:8]}" in look(capsys, now, free=True)[1]
    states = [hospital.status(run) for run in (alive, killed)]
    assert states == ["STARTED", "FAILURE"]
    assert look(capsys, now)[0]


def test_a_run_past_its_longest_time_is_ended_with_its_process(hospital, capsys):
    child = subprocess.Popen(
        [sys.executable, "-c", "import signal; print(flush=True); signal.pause()"],
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    child.stdout.readline()
    host = this_process().host
    mark = Process(host, child.pid, _began(child.pid))
    run = hospital.run(**{PROCESS_TAG: str(mark), "dagster/max_runtime": "60"})
    began = datetime.fromtimestamp(hospital.instance.get_run_stats(run).start_time, UTC)
    if not mark.began:
        child.kill()
    _, said = look(capsys, began + timedelta(minutes=2), free=True)
    assert "it runs for 2 min and may for 1 min" in said
    assert child.wait(10) in (-15, -9)
    child.stdout.close()
    assert hospital.status(run) == "FAILURE"


def _began(number: int) -> str:
    from revops_pipelines.engine.heartbeat.processes import _began

    return _began(number)


def test_a_run_that_ended_meanwhile_is_left_alone(hospital):
    hospital.run(**{PROCESS_TAG: "another-host 1 1"})
    [seen] = read_machinery(storage_of(hospital.home / "dagster", {})).runs
    lines = heartbeat_free.free_runs(hospital.home / "dagster", [(seen, "why")])
    assert len(lines) == 1 and lines[0].startswith("not run ")
    run = hospital.instance.get_run_by_id(seen.run_id)
    hospital.instance.report_run_canceled(run, "by hand")
    assert heartbeat_free.free_runs(hospital.home / "dagster", [(seen, "why")]) == []
    assert hospital.status(seen.run_id) == "CANCELED"


def test_it_tells_a_channel_once_and_when_it_is_mended(hospital, capsys):
    hospital.daemons(10)
    for minutes in (0, 1):
        assert not look(capsys, NOW + timedelta(minutes=minutes), tell="inbox")[0]
    hospital.daemons(-2)
    hospital.tick(-2)
    assert look(capsys, NOW + timedelta(minutes=2), tell="inbox")[0]
    inbox = hospital.home / "inbox"
    told = sorted((json.loads(path.read_text()) for path in inbox.glob("*.json")), key=_sent)
    assert [each["events"][0]["kind"] for each in told] == ["fired", "resolved"]
    assert {each["events"][0]["episode"] for each in told} == {int(NOW.timestamp())}
    assert "the daemon was last alive" in told[0]["title"]
    for path in inbox.glob("*.json"):
        path.unlink()


def _sent(document: Any) -> str:
    return str(document["events"][0]["occurred_at"])


def test_a_channel_that_is_not_there_is_said_and_tried_again(hospital, capsys):
    hospital.daemons(10)
    for _ in range(2):
        well, said = look(capsys, tell="inbx")
        assert not well and "nobody was told: there is no channel 'inbx'" in said


def test_what_cannot_be_read_is_a_sign_itself(hospital, capsys, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(hospital.home / "nowhere"))
    well, said = look(capsys, as_json=True)
    assert not well
    [sign] = json.loads(said)["signs"]
    assert sign["key"] == "dagster" and "runs.db cannot be read" in sign["detail"]
    assert not (hospital.home / "nowhere").exists()


def test_a_mistake_elsewhere_in_the_settings_does_not_stop_it(hospital, capsys):
    config = hospital.home / "revops.toml"
    config.write_text(config.read_text() + "\n[sources.nonsense]\n", encoding="utf-8")
    assert look(capsys)[0]


@pytest.mark.thorough
def test_the_command_needs_no_dagster(hospital):
    code = (
        "import sys; from revops_pipelines import cli; sys.argv = ['revops', 'doctor', "
        "'--heartbeat', '--json']\ntry: cli.main()\nexcept SystemExit as end: "
        "print(end.code, 'dagster' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60
    )
    # By the real clock the daemon of these tests is long dead.
    assert done.stderr.split() == ["1", "False"]
    assert [sign["key"] for sign in json.loads(done.stdout)["signs"]] == ["daemon"]


def test_the_options_go_together(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["revops", "doctor", "--free"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "go with --heartbeat" in capsys.readouterr().err
