"""Relays in processes of their own, which can be told to kill themselves.

Run as a script it forks one child per line of JSON on its standard input and answers with the
child's exit code: everything is imported once, and a process that dies costs milliseconds. Holds no
test.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
from delivery_tools import START, SetClock, by_name, hook

from revops_pipelines.engine.alerts.declaration import Finding, Notice, Rule, RuleOptions, Verdict
from revops_pipelines.engine.alerts.evaluate import evaluate_rule
from revops_pipelines.engine.alerts.outbox import open_outbox
from revops_pipelines.engine.alerts.relay import deliver


def relay(outbox_path: str, url: str, now: str, die_at: str, die_after: int) -> None:
    """One tick of the relay; kill -9 at the `die_after`-th time that it comes to `die_at`."""
    outbox = open_outbox(Path(outbox_path))
    clock = SetClock(datetime.fromisoformat(now))
    # Every alert comes alone, so that each one is a send that can be interrupted.
    channel = hook("team", url, storm_size=10_000, messages_per_hour=10_000, deadline_seconds=5)
    dying = death_at(die_at, die_after)
    deliver(outbox, by_name(channel), clock.now, crash_point=dying, limit=1_000)
    outbox.close()


def evaluate(warehouse_path: str, die_at: str) -> None:
    """One evaluation that fires; kill -9 at `die_at`."""
    with duckdb.connect(warehouse_path) as warehouse:
        evaluate_rule(
            warehouse, one_alert(True), RuleOptions(), START, "run-1", crash_point=death_at(die_at)
        )


def death_at(point: str, after: int = 1) -> Callable[[str], None]:
    """Kills this process at the `after`-th time that it comes to the named point."""
    left = after

    def crash_point(name: str) -> None:
        nonlocal left
        left -= name == point
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return crash_point


def one_alert(is_breach: bool) -> Rule:
    """A rule about one subject, late or not."""
    verdict = Verdict.BREACH if is_breach else Verdict.CLEAR

    def detect(rows: object, options: RuleOptions, now: object) -> list[Finding]:
        return [Finding("a", verdict, Notice("a is late", "a", START, "late", "in time"))]

    return Rule("late", "Late", "ops", "warning", "m", "do", RuleOptions, (), "SELECT 1", detect)


class Processes:
    """Runs the functions above in processes; what they return is lost, their exit code is not."""

    def __init__(self, server: subprocess.Popen[str]) -> None:
        self._server = server

    def run(self, *calls: tuple[str, Sequence[Any]]) -> list[int]:
        """Run all of them at once, each in its own process; the exit codes in their order."""
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.write(json.dumps(calls) + "\n")
        self._server.stdin.flush()
        codes: list[int] = json.loads(self._server.stdout.readline())
        return codes


@contextmanager
def processes() -> Iterator[Processes]:
    """A server of processes, ended with the block."""
    with subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as server:
        yield Processes(server)


def _serve() -> None:
    functions = {"relay": relay, "evaluate": evaluate}
    for line in sys.stdin:
        children = []
        for name, arguments in json.loads(line):
            child = os.fork()
            if child == 0:
                functions[name](*arguments)
                os._exit(0)
            children.append(child)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        print(json.dumps(codes), flush=True)


if __name__ == "__main__":
    _serve()
