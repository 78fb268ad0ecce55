"""Rows L8, L9, L13: relays that are killed with kill -9, and two of them at once."""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from delivery_process import Processes, one_alert
from delivery_process import processes as serving
from delivery_tools import (
    START,
    Receiver,
    SetClock,
    by_name,
    event,
    hook,
    in_order,
    receiving,
    tick_until,
)

from revops_pipelines.engine.alerts.declaration import RuleOptions
from revops_pipelines.engine.alerts.evaluate import evaluate_rule
from revops_pipelines.engine.alerts.leasing import LEASE
from revops_pipelines.engine.alerts.mirror import mirror_events
from revops_pipelines.engine.alerts.outbox import Outbox, open_outbox
from revops_pipelines.engine.alerts.relay import deliver

POINTS = ("planned", "leased", "sent", "marked")


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    with serving() as served:
        yield served


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.sqlite"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    opened = open_outbox(path)
    yield opened
    opened.close()


def _run(
    processes: Processes, path: Path, url: str, clock: SetClock, die_at: str, after: int = 1
) -> int:
    """One relay process to its end; its exit code."""
    [code] = processes.run(("relay", (str(path), url, clock.now().isoformat(), die_at, after)))
    return code


def _team(receiver: Receiver) -> dict[str, object]:
    return by_name(hook("team", receiver.url, storm_size=10_000, messages_per_hour=10_000))


@pytest.mark.parametrize("point", POINTS)
def test_l8_killed_between_send_and_ack(
    processes: Processes, path: Path, outbox: Outbox, point: str
) -> None:
    clock = SetClock()
    rows = [event(key, kind) for kind in ("fired", "resolved") for key in ("a", "b", "c")]
    mirror_events(rows, outbox)
    with receiving() as receiver:
        code = _run(processes, path, receiver.url, clock, point, 2 if point != "planned" else 1)
        assert code == -signal.SIGKILL
        clock.advance(seconds=LEASE.total_seconds())
        deliver(outbox, _team(receiver), clock.now)
        counts = Counter(receiver.events)
        assert set(counts) == {str(row["event_id"]) for row in rows}, "nothing is lost"
        extra = sum(counts.values()) - len(rows)
        assert extra == (1 if point == "sent" else 0), "one more at most, and only after a send"
        for key in ("a", "b", "c"):
            assert in_order(receiver.events, key) == [f"{key}-1-fired", f"{key}-1-resolved"]
        assert len({seen["webhook-id"] for seen in receiver.seen}) == len(rows)


def test_l8_lease_of_a_killed_relay_keeps_others_off_until_it_ends(
    processes: Processes, path: Path, outbox: Outbox
) -> None:
    clock = SetClock()
    mirror_events([event("a")], outbox)
    with receiving() as receiver:
        _run(processes, path, receiver.url, clock, "leased")
        clock.advance(seconds=LEASE.total_seconds() - 1)
        assert deliver(outbox, _team(receiver), clock.now).sent == 0
        clock.advance(seconds=1)
        assert deliver(outbox, _team(receiver), clock.now).sent == 1


def test_l8_many_kills_through_a_faulty_receiver(
    processes: Processes, path: Path, outbox: Outbox
) -> None:
    dice = random.Random(8)
    clock = SetClock()
    expected: set[str] = set()
    kills = 0
    with receiving() as receiver:
        for place in range(20):
            rows = [event(f"k{place}-{part}") for part in range(4)]
            if place:
                rows += [event(f"k{place - 1}-{part}", "resolved") for part in range(4)]
            mirror_events(rows, outbox)
            expected |= {str(row["event_id"]) for row in rows}
            receiver.script = dice.choices(("ok", "503", "drop"), (7, 2, 1), k=8)
            point, after = dice.choice(POINTS), dice.randint(1, 5)
            kills += _run(processes, path, receiver.url, clock, point, after) == -signal.SIGKILL
            clock.advance(seconds=LEASE.total_seconds())
        receiver.script = []
        tick_until(outbox, _team(receiver), clock, seconds=1800, every=30)
        counts = Counter(receiver.events)
        assert kills >= 7
        assert set(counts) == expected, "0 lost, 0 phantom"
        for key in {name.rsplit("-", 2)[0] for name in expected}:
            assert in_order(receiver.events, key) == sorted(
                name for name in expected if name.startswith(f"{key}-")
            ), "fired comes before resolved"
        # Whatever came twice came under the id of its first try.
        assert len({seen["webhook-id"] for seen in receiver.seen}) == len(expected)


def test_l9_killed_between_resolve_and_send(
    processes: Processes, tmp_path: Path, path: Path, outbox: Outbox
) -> None:
    clock, options = SetClock(), RuleOptions(keep_minutes=0)
    with duckdb.connect(str(tmp_path / "w.duckdb")) as warehouse, receiving() as receiver:
        evaluate_rule(warehouse, one_alert(True), options, clock.now(), "run-1")
        mirror_events(warehouse, outbox)
        deliver(outbox, _team(receiver), clock.now)
        clock.advance(minutes=5)
        evaluate_rule(warehouse, one_alert(False), options, clock.now(), "run-2")
        # The run dies here: committed, neither mirrored nor sent. The next one finds both.
        clock.advance(minutes=5)
        evaluate_rule(warehouse, one_alert(False), options, clock.now(), "run-3")
        mirror_events(warehouse, outbox)
        assert _run(processes, path, receiver.url, clock, "planned") == -signal.SIGKILL
        deliver(outbox, _team(receiver), clock.now)
        told = [body["kind"] for body in receiver.processed]
        assert told == ["fired", "resolved"]


def test_l9_evaluation_killed_before_its_commit_leaves_nothing(
    processes: Processes, tmp_path: Path
) -> None:
    file = str(tmp_path / "w.duckdb")
    assert processes.run(("evaluate", (file, "written"))) == [-signal.SIGKILL]
    with duckdb.connect(file) as warehouse:
        [[events]] = warehouse.execute("SELECT count(*) FROM ops.alert_events").fetchall()
        [[states]] = warehouse.execute("SELECT count(*) FROM ops.alert_states").fetchall()
        assert (events, states) == (0, 0)
        again = evaluate_rule(warehouse, one_alert(True), RuleOptions(), START, "run-2")
        assert again.fired == 1


def test_l13_two_relays_at_once(processes: Processes, path: Path, outbox: Outbox) -> None:
    clock = SetClock()
    rows = [event(f"k{place}") for place in range(60)]
    rows += [event(f"k{place}", "resolved") for place in range(60)]
    mirror_events(rows, outbox)
    with receiving() as receiver:
        arguments = (str(path), receiver.url, clock.now().isoformat(), "never", 1)
        assert processes.run(("relay", arguments), ("relay", arguments)) == [0, 0]
        counts = Counter(receiver.events)
        assert set(counts) == {str(row["event_id"]) for row in rows}
        assert max(counts.values()) == 1, "no double with a live lease"
        for place in range(60):
            assert in_order(receiver.events, f"k{place}") == [
                f"k{place}-1-fired",
                f"k{place}-1-resolved",
            ]
