"""`revops ui`: Dagster's webserver and daemon, the inbox page, and the sandbox where needed.

Belongs here: starting them on 127.0.0.1 and stopping them in order. Does not: what they show.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType

from rich.console import Console

from revops_pipelines.commands.context import DAGSTER_HOME, prepare_dagster_home, settings_or_fail
from revops_pipelines.commands.demo import run_first_night
from revops_pipelines.commands.failures import UNAVAILABLE, CommandError
from revops_pipelines.commands.heartbeat import free_stuck
from revops_pipelines.commands.session import sandbox_session
from revops_pipelines.commands.stopping import kill_group, stop_process
from revops_pipelines.installation import project_file
from revops_pipelines.resources.instant import system_now
from revops_pipelines.settings import Settings, environment

HOST = "127.0.0.1"
LOG = "ui.log"
_ANSWERS_WITHIN_SECONDS = 120
_STOPS_WITHIN_SECONDS = 30
_DIES_WITHIN_SECONDS = 10
_LOOK_SECONDS = 0.5
_MOST_STARTS = 5
_STEADY_SECONDS = 600


def serve_ui(out: Console, port: int, speed: float) -> None:
    """Serve until Ctrl-C; what stops by itself is started again.

    Raises CommandError if a port is taken, Dagster does not come up, or stops again and again.
    """
    settings = settings_or_fail()
    home = prepare_dagster_home(settings)
    _refuse_taken(port)
    stop = threading.Event()
    with ExitStack() as running:
        running.enter_context(_stopping_on_signals(stop))
        if not settings.sources:
            if not settings.published_path.exists():
                out.print("First the nightly job, so that there is something to see.")
                run_first_night(settings, out)
            step = timedelta(minutes=5)
            running.enter_context(sandbox_session(settings, step=step, speed=speed))
            out.print(
                f"[yellow]Sandbox[/]: a simulated company, its clock at {speed:g} times ours; "
                "leads arrive, wait and breach."
            )
        inbox = running.enter_context(_inbox(settings))
        _serve_dagster(out, settings, home, port, inbox, stop)
        out.print("Stopping ...")


def _serve_dagster(
    out: Console, settings: Settings, home: Path, port: int, inbox: str, stop: threading.Event
) -> None:
    """`dagster dev` ends as a whole when one of its processes does: a daemon that was killed, say.

    Alerts depend on it, so it is started again; what ends soon after its start so many times in a
    row is broken.
    """
    in_a_row = 0
    while True:
        # Runs that died with the last one would keep the next from beginning.
        for line in free_stuck(settings, home, system_now()):
            out.print(f"freed {line}", markup=False, soft_wrap=True)
        with _dagster(settings, home, port, is_first=in_a_row == 0) as dagster:
            _await_answer(f"http://{HOST}:{port}/server_info", dagster, settings)
            _refuse_broken_definitions(f"http://{HOST}:{port}/graphql", settings)
            out.print(f"[bold]Dagster[/]  http://{HOST}:{port}")
            out.print(f"[bold]Inbox[/]    {inbox}")
            out.print(f"[bold]Report[/]   {settings.report_path}", soft_wrap=True)
            out.print("Schedules and sensors are on. Ctrl-C stops everything.")
            looks = 0
            while dagster.poll() is None:
                if stop.wait(_LOOK_SECONDS):
                    return
                looks += 1
        in_a_row = 1 if looks * _LOOK_SECONDS > _STEADY_SECONDS else in_a_row + 1
        if in_a_row == _MOST_STARTS:
            raise CommandError(
                "Dagster stops by itself again and again", remedy=f"see {_log(settings)}"
            )
        out.print(f"[yellow]Dagster stopped by itself[/]: starting it again, see {_log(settings)}")


@contextmanager
def _stopping_on_signals(stop: threading.Event) -> Iterator[None]:
    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _inbox(settings: Settings) -> Iterator[str]:
    from revops_pipelines.commands.inbox_page import desk_of
    from revops_pipelines.resources.channels.inbox.page import running_inbox

    # Links in messages lead to the port of the settings; without them any free one will do.
    port = settings.escalation.page_port if settings.escalation.page_url else 0
    with running_inbox(settings.inbox_path, port, desk_of(settings)) as url:
        yield url


@contextmanager
def _dagster(
    settings: Settings, home: Path, port: int, *, is_first: bool
) -> Iterator[subprocess.Popen[bytes]]:
    """`dagster dev`: one code server for webserver and daemon; its log goes to a file."""
    command = [
        *(sys.executable, "-m", "dagster", "dev"),
        *("--workspace", str(project_file("workspace.yaml"))),
        *("--host", HOST, "--port", str(port)),
    ]
    surroundings = {
        **environment(),
        **settings.variables,
        DAGSTER_HOME: str(home),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    mode = os.O_TRUNC if is_first else os.O_APPEND
    log = os.open(_log(settings), os.O_WRONLY | os.O_CREAT | mode, 0o600)
    # Its own process group, so that Ctrl-C reaches it once, from us, after we have said so.
    process = subprocess.Popen(
        command,
        env=surroundings,
        cwd=settings.home,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    os.close(log)
    try:
        yield process
    finally:
        stop_process(process, signal.SIGINT, _STOPS_WITHIN_SECONDS)
        # Whatever it began and did not end, lest it hold the port or the warehouse, or its run
        # count as under way.
        kill_group(process.pid, _DIES_WITHIN_SECONDS)


def _log(settings: Settings) -> Path:
    return settings.home / LOG


def _await_answer(url: str, process: subprocess.Popen[bytes], settings: Settings) -> None:
    waiting = threading.Event()
    for _ in range(_ANSWERS_WITHIN_SECONDS * 2):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own address
                return
        except (urllib.error.URLError, OSError):
            waiting.wait(0.5)
    raise CommandError("the Dagster webserver did not start", remedy=f"see {_log(settings)}")


_DEFINITIONS = """{ workspaceOrError { ... on Workspace { locationEntries {
  locationOrLoadError { ... on PythonError { message causes { message } } } } } } }"""


def _refuse_broken_definitions(url: str, settings: Settings) -> None:
    """Dagster comes up without definitions that do not load, and shows no asset at all."""
    query = json.dumps({"query": _DEFINITIONS}).encode()
    request = urllib.request.Request(url, query, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own address
        workspace = json.load(answer)["data"]["workspaceOrError"]
    for entry in workspace.get("locationEntries", ()):
        problem = entry["locationOrLoadError"] or {}
        causes = [each["message"] for each in problem.get("causes", ())]
        if problem.get("message"):
            said = (causes[-1] if causes else problem["message"]).strip().splitlines()[-1]
            raise CommandError(
                f"the definitions do not load: {said}", remedy=f"see {_log(settings)}"
            )


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise CommandError(
                f"port {port} of {HOST} is taken",
                remedy="choose another: revops ui --port 3001",
                code=UNAVAILABLE,
            ) from None
