"""A sandbox for the length of a command: started as a process of its own, stopped at the end.

Belongs here: its process, its handle in the state folder, and the instant its story has reached.
Does not: the sandbox itself.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from revops_pipelines.commands.context import writable
from revops_pipelines.commands.failures import CommandError
from revops_pipelines.commands.stopping import stop_process
from revops_pipelines.resources.systems import SANDBOX_HANDLE, read_handle
from revops_pipelines.settings import Settings

STORY = "story.json"
# The folder of the simulated company's spreadsheets, beside its story.
SHEETS = "sheets"
# The company is simulated this far beyond its anchor day; then the story ends.
STORY_DAYS = 59
_STARTS_WITHIN_SECONDS = 120
_STOPS_WITHIN_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Story:
    """Which company the sandbox plays and up to when it has been pulled; ISO text."""

    seed: int = 7
    as_of: str = "2026-06-30"
    scale: float = 1.0
    reached: str | None = None

    def opens_at(self, step: timedelta) -> datetime:
        """Noon of the anchor day at first, afterwards `step` after the last session."""
        if self.reached is None:
            day = date.fromisoformat(self.as_of)
            return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        return datetime.fromisoformat(self.reached) + step


def read_story(home: Path) -> Story:
    """The story so far; a new one where there is none."""
    path = home / STORY
    if not path.is_file():
        return Story()
    return Story(**json.loads(path.read_text(encoding="utf-8")))


def write_story(home: Path, story: Story) -> None:
    """Keep the story for the next session."""
    (home / STORY).write_text(json.dumps(asdict(story)), encoding="utf-8")


@contextmanager
def sandbox_session(
    settings: Settings, *, step: timedelta, speed: float = 0.0, port: int = 0
) -> Iterator[Mapping[str, Any]]:
    """Run the sandbox while the block runs, `step` further in its story than the last time.

    It plays the systems of the settings. A sandbox that is running already (of `revops ui`) is used
    and left alone. Yields its handle. Raises CommandError if it does not start, plays other
    systems, or its story is told to the end.
    """
    home, systems = settings.home, settings.sandbox.systems
    handle = read_handle(home)
    if handle is not None and _is_alive(int(handle.get("pid", 0))):
        if set(handle["urls"]) != set(systems):
            raise CommandError(
                f"a sandbox of {', '.join(handle['urls'])} is running",
                remedy="stop it, or give its systems in [sandbox] of revops.toml",
            )
        yield handle
        return
    with writable(home):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    story = read_story(home)
    opens_at = story.opens_at(step)
    anchor = date.fromisoformat(story.as_of)
    if (opens_at.date() - anchor).days > STORY_DAYS:
        raise CommandError(
            f"the sandbox's story ends {STORY_DAYS} days after {anchor}",
            remedy=f"begin a new one: remove {home}",
        )
    with _process(story, opens_at, speed, port, systems, home / SHEETS) as told:
        path = home / SANDBOX_HANDLE
        path.write_text(json.dumps(told), encoding="utf-8")
        path.chmod(0o600)
        try:
            yield told
            reached = opens_at if speed == 0 else _clock_of(told)
            write_story(home, Story(story.seed, story.as_of, story.scale, reached.isoformat()))
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def _process(
    story: Story,
    opens_at: datetime,
    speed: float,
    port: int,
    systems: Sequence[str],
    sheets: Path,
) -> Iterator[dict[str, Any]]:
    command = [
        *(sys.executable, "-m", "revops_pipelines.cli", "sandbox"),
        *("--seed", str(story.seed), "--as-of", story.as_of, "--scale", str(story.scale)),
        *("--at", opens_at.isoformat(), "--speed", str(speed), "--port", str(port)),
        *("--sheets", str(sheets)),
        *(part for name in systems for part in ("--system", name)),
    ]
    # Its own process group: Ctrl-C goes to the command, which then stops the sandbox in order.
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    giving_up = threading.Timer(_STARTS_WITHIN_SECONDS, process.kill)
    try:
        giving_up.start()
        line = process.stdout.readline() if process.stdout else ""
        giving_up.cancel()
        if not line:
            raise CommandError(
                "the sandbox did not start", remedy="run `revops sandbox` to see why"
            )
        yield {**json.loads(line), "pid": process.pid}
    finally:
        giving_up.cancel()
        stop_process(process, signal.SIGTERM, _STOPS_WITHIN_SECONDS)
        if process.stdout:
            process.stdout.close()


def _clock_of(handle: Mapping[str, Any]) -> datetime:
    from revops_pipelines.resources.clock import ClockResource

    return ClockResource(sandbox_url=next(iter(handle["urls"].values()))).now()


def _is_alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
