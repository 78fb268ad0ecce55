"""A living installation: `revops ui`, leads that breach, nights beside it, a daemon that dies.

Belongs here: starting it as a user would, killing the daemon, and how long after its deadline each
alert arrived. Does not: reading that from the state folder (`bench.alert_latency`), what its
heartbeat notices (`silence`), or faults of receivers (`delivery`).

The simulated company's clock runs `speed` times as fast as ours, so that enough leads breach while
somebody waits; seconds are ours. Every pulse has that many times as much to pull and to judge.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import requests

from bench.alert_latency import Arrival, NotRunningError, measure, quantiles
from revops_pipelines.commands.stopping import stop_process

P95_SECONDS = 60.0
REVOPS = (sys.executable, "-m", "revops_pipelines.cli")
_LOOK_SECONDS = 20.0
_LOOKS_A_WORD = 3
_STARTS_WITHIN_SECONDS = 1800.0
_STOPS_WITHIN_SECONDS = 90.0
_ENDED = ("SUCCESS", "FAILURE", "CANCELED")
_STATUS = "query Q($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"
_LAUNCH = """mutation { launchRun(executionParams: {
  selector: {repositoryLocationName: "revops_pipelines",
             repositoryName: "__repository__", jobName: "nightly"},
  runConfigData: "{}"}) { ... on LaunchRunSuccess { run { runId } } } }"""
# More leads breach in the same time, at every hour; how late they are told does not depend on it.
_SETTINGS = """
[response]
target_minutes = 5
clock = "calendar"
"""
_READY = "Schedules and sensors are on"


@dataclass
class Lived:
    """Arrivals by lead, how many nights ran meanwhile, and for how long there was no daemon.

    `nights` ended by themselves; the one that is under way when the daemon is killed dies with it.
    """

    arrivals: list[Arrival]
    nights: int = 0
    failed_nights: int = 0
    nights_killed: int = 0
    nights_before_kill: int = 0
    seconds_without_daemon: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """In time, with nights that went through, also since the daemon came back."""
        return (
            bool(self.arrivals)
            and self.p95 <= P95_SECONDS
            and self.nights > self.nights_before_kill > self.failed_nights == 0
            and self.seconds_without_daemon > 0
            and not self.problems
        )

    @property
    def median(self) -> float:
        """Of the seconds from deadline to arrival; 0 of nothing."""
        return quantiles(sorted(each.seconds for each in self.arrivals)).get("p50", 0.0)

    @property
    def p95(self) -> float:
        """The seconds that 95 of 100 leads do not exceed; 0 of nothing."""
        return quantiles(sorted(each.seconds for each in self.arrivals)).get("p95", 0.0)

    @property
    def longest(self) -> float:
        """The seconds of the latest."""
        return max((each.seconds for each in self.arrivals), default=0.0)


@dataclass(frozen=True)
class Installation:
    """`revops ui` that runs: its process and address, the state folder, commands' environment."""

    ui: int
    url: str
    home: Path
    surroundings: Mapping[str, str]

    @property
    def folder(self) -> Path:
        """Where its commands are run and their logs lie."""
        return self.home.parent

    def begin(self, *arguments: str, out: int | IO[bytes]) -> subprocess.Popen[bytes]:
        """A `revops` command that goes on by itself."""
        return subprocess.Popen(
            [*REVOPS, *arguments], env=self.surroundings, cwd=self.folder, stdout=out, stderr=out
        )


@contextmanager
def installation(folder: Path, *, speed: float, scale: float) -> Iterator[Installation]:
    """A new one of the simulated company. Raises NotRunningError where it does not start."""
    home = folder / "home"
    home.mkdir()
    story = {"seed": 7, "as_of": "2026-06-30", "scale": scale, "reached": None}
    (home / "story.json").write_text(json.dumps(story), encoding="utf-8")
    (folder / "revops.toml").write_text(_SETTINGS, encoding="utf-8")
    # Dagster's own state too: whoever runs this may have an installation of their own.
    surroundings = {
        **os.environ,
        "REVOPS_HOME": str(home),
        "REVOPS_CONFIG": str(folder / "revops.toml"),
        "DAGSTER_HOME": str(home / "dagster"),
    }
    log, port = folder / "ui.txt", _free_port()
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as out:
        process = Installation(0, url, home, surroundings).begin(
            "ui", "--port", str(port), "--speed", str(speed), out=out
        )
    try:
        until = time.monotonic() + _STARTS_WITHIN_SECONDS
        while _READY not in log.read_text(encoding="utf-8"):
            if process.poll() is not None or time.monotonic() > until:
                raise NotRunningError(f"revops ui: {log.read_text(encoding='utf-8')[-500:]}")
            time.sleep(1)
        yield Installation(process.pid, url, home, surroundings)
    finally:
        stop_process(process, signal.SIGINT, _STOPS_WITHIN_SECONDS)


def run(place: Installation, *, leads: int, seconds: float, say: Callable[[str], None]) -> Lived:
    """Wait until so many leads have breached; nights run one after another all the while.

    Once half of them have arrived the daemon is killed with SIGKILL. `say` is told every minute how
    far it is.
    """
    lived = Lived([])
    nights = _Nights(place, lived)
    until = time.monotonic() + seconds
    looks = 0
    while len(lived.arrivals) < leads and time.monotonic() < until:
        nights.go_on()
        time.sleep(_LOOK_SECONDS)
        lived.arrivals = measure(place.home)
        looks += 1
        if looks % _LOOKS_A_WORD == 0:
            say(f"living: {len(lived.arrivals)} of {leads} leads, {lived.nights} nights")
        if not lived.seconds_without_daemon and len(lived.arrivals) >= leads / 2:
            nights.die()
            lived.seconds_without_daemon = _kill_daemon(place.ui, lived)
    return lived


class _Nights:
    """The nightly job, launched in the UI's webserver again as soon as it has ended."""

    def __init__(self, place: Installation, lived: Lived) -> None:
        self._place, self._lived = place, lived
        self._run, self._is_to_die = "", False

    def die(self) -> None:
        """The daemon is killed now, and the night that is under way with it."""
        self._is_to_die = bool(self._run)
        self._lived.nights_before_kill = self._lived.nights

    def go_on(self) -> None:
        """Begin a night where none is under way; while the webserver is away nothing is asked."""
        with suppress(requests.RequestException, TypeError, KeyError):
            if self._run:
                status = self._asked(_STATUS, run=self._run)["runOrError"]["status"]
                if status not in _ENDED:
                    return
                if self._is_to_die and status != "SUCCESS":
                    self._lived.nights_killed += 1
                else:
                    self._lived.nights += 1
                    self._lived.failed_nights += status != "SUCCESS"
                self._run, self._is_to_die = "", False
            self._run = self._asked(_LAUNCH)["launchRun"]["run"]["runId"]

    def _asked(self, query: str, **variables: str) -> Any:
        body = {"query": query, "variables": variables}
        answer = requests.post(f"{self._place.url}/graphql", json=body, timeout=30)
        return answer.json()["data"]


def _kill_daemon(ui: int, lived: Lived) -> float:
    """SIGKILL, and wait for another one; the seconds in between."""
    daemon = daemon_below(ui)
    if daemon is None:
        lived.problems.append("no daemon was found")
        return -1.0
    os.kill(daemon, signal.SIGKILL)
    began = time.monotonic()
    while time.monotonic() - began < _STARTS_WITHIN_SECONDS:
        time.sleep(0.5)
        other = daemon_below(ui)
        if other not in (None, daemon):
            return time.monotonic() - began
    lived.problems.append("the daemon did not come back")
    return time.monotonic() - began


def daemon_below(ancestor: int) -> int | None:
    """The process of Dagster's daemon among the descendants of a process (Linux's /proc)."""
    parents, daemons = {}, []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
            command = (path / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        number = int(path.name)
        parents[number] = int(fields[1])
        if fields[0] != "Z" and b"dagster._daemon" in command:
            daemons.append(number)
    for daemon in daemons:
        above = daemon
        while above in parents:
            if above == ancestor:
                return daemon
            above = parents[above]
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
