"""What the heartbeat calls dead, stuck, blocked or mended; facts in, signs out."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from revops_pipelines.engine.heartbeat import memory, signs
from revops_pipelines.engine.heartbeat.memory import Known, News
from revops_pipelines.engine.heartbeat.processes import (
    Process,
    is_gone,
    process_of,
    this_process,
)
from revops_pipelines.engine.heartbeat.signs import DAEMONS, Limits, Machinery, Run, Sign, Waiting
from revops_pipelines.engine.heartbeat.storage import UnreadableInstanceError, storage_of

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
LIMITS = Limits(
    daemon=timedelta(minutes=3),
    relay=timedelta(minutes=4),
    overdue=timedelta(minutes=15),
    silent_run=timedelta(hours=1),
    starting=timedelta(minutes=5),
    snapshot=timedelta(hours=26),
    free_bytes=2_000_000_000,
)
ALIVE = dict.fromkeys(DAEMONS, NOW - timedelta(seconds=20))


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def run(**changed: object) -> Run:
    fields: dict[str, object] = {
        "run_id": "0123456789abcdef",
        "job": "nightly",
        "status": "STARTED",
        "since": ago(minutes=20),
        "last_event_at": ago(minutes=1),
        "is_gone": False,
        "longest": timedelta(hours=4),
    }
    return Run(**fields | changed)  # type: ignore[arg-type]


def found(facts: Machinery) -> list[str]:
    return [sign.key for sign in signs.of_machinery(facts, LIMITS, NOW)]


def test_all_is_well():
    assert found(Machinery(ALIVE, (run(),), ago(seconds=15))) == []
    assert list(signs.of_waiting(Waiting(3, ago(minutes=2)), LIMITS, NOW)) == []
    assert list(signs.of_snapshot(ago(hours=3), LIMITS, NOW)) == []
    assert list(signs.of_space(3_000_000_000, LIMITS)) == []


@pytest.mark.parametrize(
    ("beats", "said"),
    [
        ({}, "the daemon has never run"),
        (dict.fromkeys(DAEMONS, ago(minutes=4)), "the daemon was last alive for 4 min"),
        ({**ALIVE, "SENSOR": ago(days=3)}, "SENSOR was last alive since 2026-06-27"),
        (dict.fromkeys(DAEMONS, NOW + timedelta(hours=2)), "was the clock set back?"),
    ],
)
def test_a_dead_daemon_is_one_sign_whatever_it_left_undone(beats, said):
    [sign] = signs.of_machinery(Machinery(beats, (), None), LIMITS, NOW)
    assert sign.key == "daemon" and said in sign.detail


def test_a_relay_without_turns_is_told_while_the_daemon_lives():
    assert found(Machinery(ALIVE, (), ago(minutes=5))) == ["relay"]
    assert found(Machinery(ALIVE, (), None)) == ["relay"]


@pytest.mark.parametrize(
    ("stuck", "reason", "freed"),
    [
        (run(is_gone=True), "its process is gone", True),
        (run(status="STARTING", since=ago(minutes=6), is_gone=None), "starting for 6 min", True),
        (run(status="CANCELING", since=ago(minutes=9)), "canceling for 9 min", True),
        (run(since=ago(hours=5)), "it runs for 5 h and may for 4 h", True),
        (run(last_event_at=ago(minutes=70)), "nothing was heard of it for 70 min", False),
    ],
)
def test_a_stuck_run_is_told_and_ended_only_when_nothing_is_lost(stuck, reason, freed):
    assert signs.stuck(stuck, LIMITS, NOW) == reason
    assert signs.may_be_freed(stuck, LIMITS, NOW) is freed
    assert found(Machinery(ALIVE, (stuck,), NOW)) == ["run 0123456789abcdef"]


def test_a_run_at_work_and_one_on_another_host_are_left_alone():
    for left in (run(), run(is_gone=None), run(status="STARTING", since=ago(minutes=1))):
        assert signs.stuck(left, LIMITS, NOW) == ""
        assert not signs.may_be_freed(left, LIMITS, NOW)


def test_what_waits_too_long_names_its_channels():
    [sign] = signs.of_waiting(Waiting(12, ago(minutes=40), ("team",)), LIMITS, NOW)
    assert sign.detail == "12 messages are due and not sent (team), the oldest for 40 min"
    [old] = signs.of_snapshot(ago(days=3), LIMITS, NOW)
    assert old.detail == "what is published is 3 days old"
    [none] = signs.of_snapshot(None, LIMITS, NOW)
    [full] = signs.of_space(10, LIMITS)
    assert (none.key, full.key) == ("snapshot", "disk")


def test_a_sign_is_told_once_again_after_hours_and_when_it_is_mended(tmp_path):
    path, repeat, sign = tmp_path / "heartbeat.json", timedelta(hours=6), Sign("disk", "full")
    told = []
    looks = [(0, [sign]), (1, [sign]), (359, [sign]), (360, [sign]), (400, []), (401, [])]
    for minute, present in looks:
        now = NOW + timedelta(minutes=minute)
        known = memory.recall(path)
        fresh = memory.news(present, known, repeat, now)
        if fresh:
            told.append((minute, len(fresh.wrong), fresh.mended))
        memory.remember(path, memory.after(present, known, fresh, now))
    assert told == [(0, 1, ()), (360, 1, ()), (400, 0, ("full",))]
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_could_not_be_told_is_tried_again(tmp_path):
    sign = Sign("disk", "full")
    silent = memory.after([sign], {}, None, NOW)
    assert memory.news([sign], silent, timedelta(hours=6), NOW).wrong == (sign,)
    # Ended before anybody heard of it: there is nothing to take back.
    assert not memory.news([], silent, timedelta(hours=6), NOW)
    # Ended, and that could not be told: it is still to be told.
    heard = {"disk": Known(NOW, NOW, "full")}
    assert memory.after([], heard, None, NOW) == heard
    assert memory.after([], heard, News(mended=("full",)), NOW) == {}


def test_p3_the_memory_keeps_its_size_and_survives_damage(tmp_path):
    path = tmp_path / "heartbeat.json"
    memory.remember(path, {})
    size, place = path.stat().st_size, path.stat().st_ino
    many = {f"run {n}": Known(NOW + timedelta(seconds=n), NOW, "x" * 200) for n in range(200)}
    memory.remember(path, many)
    assert (path.stat().st_size, path.stat().st_ino) == (size, place)
    kept = memory.recall(path)
    assert kept["run 0"] == many["run 0"] and 20 < len(kept) < 200
    path.write_text('{"disk": {"since": 3}}' + " " * 99, encoding="utf-8")
    assert memory.recall(path) == {}


def test_p14_an_instant_to_come_binds_nobody():
    known = {"disk": Known(NOW, NOW + timedelta(days=1), "full")}
    assert memory.news([Sign("disk", "full")], known, timedelta(hours=6), NOW).wrong


def test_a_process_is_known_by_more_than_its_number():
    mine = this_process()
    assert process_of(str(mine)) == mine
    assert is_gone(mine) is False
    assert is_gone(replace(mine, host="elsewhere")) is None
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert is_gone(Process(mine.host, child.pid, "1")) is True
    assert process_of("no mark at all, no") is None
    if mine.began:
        # The number is in use again, by another process than the one that was meant.
        assert is_gone(replace(mine, began="1")) is True


def test_a_process_that_ended_and_was_not_fetched_is_gone():
    mine = this_process()
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert is_gone(Process(mine.host, child, "1")) is True
    os.waitpid(child, 0)


def test_the_storage_is_where_dagster_yaml_says(tmp_path):
    def storage(text: str):
        (tmp_path / "dagster.yaml").write_text(text, encoding="utf-8")
        return storage_of(tmp_path, {"PG": "postgresql://u:secret@db/dagster", "DIR": "/there"})

    assert str(storage("telemetry: {enabled: false}").runs().database) == str(
        tmp_path / "history/runs.db"
    )
    assert str(storage("storage: {sqlite: {base_dir: {env: DIR}}}").folder) == "/there"
    server = storage("storage: {postgres: {postgres_url: {env: PG}}}")
    assert server.runs() == server.ticks() == sa.make_url("postgresql://u:secret@db/dagster")
    parts = "{username: u, password: {env: PG}, hostname: db, db_name: d, port: 5433}"
    url = storage(f"storage: {{postgres: {{postgres_db: {parts}}}}}").runs()
    assert (url.host, url.port, url.database) == ("db", 5433, "d")
    for wrong in ("storage: {postgres: {}}", "storage: {custom: {}}", "[", "just text"):
        with pytest.raises(UnreadableInstanceError):
            storage(wrong)
