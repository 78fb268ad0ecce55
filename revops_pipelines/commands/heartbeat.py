"""`revops doctor --heartbeat`: is the machinery alive? Asked from outside, by a timer or cron.

Belongs here: one look, what is told of it and how. Does not: the verdicts (`engine.heartbeat`), or
ending runs (`heartbeat_free`).

It must work when all else does not: it reads Dagster's storage and the outbox by themselves, takes
no lock, and imports neither Dagster nor a plug-in unless there is something to tell or to end.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer
from rich.console import Console

from revops_pipelines.commands.context import DAGSTER_HOME, configured
from revops_pipelines.engine.alerts.outbox import OUTBOX_URL
from revops_pipelines.engine.heartbeat import memory, signs
from revops_pipelines.engine.heartbeat.instance import read_machinery
from revops_pipelines.engine.heartbeat.mail import read_waiting
from revops_pipelines.engine.heartbeat.memory import News
from revops_pipelines.engine.heartbeat.signs import Limits, Machinery, Sign
from revops_pipelines.engine.heartbeat.storage import UnreadableInstanceError, storage_of
from revops_pipelines.engine.warehouse.recovery import set_aside
from revops_pipelines.installation import settings_folder
from revops_pipelines.resources.instant import ClockError, sandbox_now, system_now
from revops_pipelines.settings import Settings, environment, state_settings
from revops_pipelines.settings_tables import Heartbeat

MEMORY = "heartbeat.json"
_SANDBOX_HANDLE, _STORY = "sandbox.json", "story.json"


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found: signs of trouble, and the machinery's facts for who ends stuck runs."""

    signs: tuple[Sign, ...]
    machinery: Machinery


def take_heartbeat(
    out: Console,
    err: Console,
    *,
    tell: str | None = None,
    free: bool = False,
    as_json: bool = False,
    now: Callable[[], datetime] = system_now,
) -> bool:
    """Look once, say what is wrong line by line; True if nothing is.

    `tell` names a channel that is told what is new, `free` ends runs that are stuck for certain.
    The address of `[heartbeat] ping_variable` is called when nothing is wrong.
    """
    with configured():
        settings = state_settings(environment(), settings_folder())
    home = dagster_home(settings)
    look = examine(settings, home, now())
    freed = _freed(look.machinery, home, limits_of(settings.heartbeat), now()) if free else []
    if as_json:
        document = {"signs": [asdict(sign) for sign in look.signs], "freed": freed}
        typer.echo(json.dumps(document, indent=2))
    else:
        _say(out, look.signs, freed)
    if tell is not None:
        _tell(err, settings, tell, look.signs, now())
    if not look.signs:
        _ping(err, settings.heartbeat)
    return not look.signs


def dagster_home(settings: Settings) -> Path:
    """DAGSTER_HOME, there or not: a look makes nothing."""
    return Path(environment().get(DAGSTER_HOME) or settings.home / "dagster").resolve()


def limits_of(asked: Heartbeat) -> Limits:
    """The limits of `[heartbeat]`."""
    return Limits(
        daemon=timedelta(minutes=asked.daemon_minutes),
        relay=timedelta(minutes=asked.relay_minutes),
        overdue=timedelta(minutes=asked.overdue_minutes),
        silent_run=timedelta(minutes=asked.silent_run_minutes),
        starting=timedelta(minutes=asked.starting_minutes),
        snapshot=timedelta(hours=asked.snapshot_hours),
        free_bytes=int(asked.free_gigabytes * 1e9),
    )


def examine(settings: Settings, home: Path, now: datetime) -> Look:
    """One look. What cannot be read is a sign itself."""
    limits = limits_of(settings.heartbeat)
    machinery = Machinery()
    found: list[Sign] = []
    try:
        machinery = read_machinery(storage_of(home, environment()))
        found += signs.of_machinery(machinery, limits, now)
    except UnreadableInstanceError as error:
        found.append(Sign("dagster", f"Dagster's storage: {error}", f"is {home} the right folder?"))
    found += _of_outbox(settings, limits, now)
    published_at = _changed_at(settings.published_path)
    found += signs.of_snapshot(published_at, limits, now)
    found += signs.of_recovery(path.name for path in set_aside(settings.warehouse_path))
    folder = settings.home if settings.home.exists() else settings.home.parent
    found += signs.of_space(shutil.disk_usage(folder).free, limits)
    return Look(tuple(found), machinery)


def _of_outbox(settings: Settings, limits: Limits, now: datetime) -> Iterator[Sign]:
    clock = _clock_of_alerts(settings, now)
    if clock is None:
        return
    instant, speed = clock
    place = environment().get(OUTBOX_URL) or settings.outbox_path
    try:
        waiting = read_waiting(place, instant)
    except UnreadableInstanceError as error:
        yield Sign("outbox", f"the outbox: {error}", "no alert is told while it cannot be read")
        return
    yield from signs.of_waiting(waiting, replace(limits, overdue=limits.overdue * speed), instant)


def _clock_of_alerts(settings: Settings, now: datetime) -> tuple[datetime, float] | None:
    """The instant by which alerts are due, and its speed; None: a sandbox that is not running."""
    handle = settings.home / _SANDBOX_HANDLE
    if not handle.is_file():
        return None if (settings.home / _STORY).is_file() else (now, 1.0)
    try:
        urls = json.loads(handle.read_text(encoding="utf-8"))["urls"]
        return sandbox_now(next(iter(urls.values())))
    except (ClockError, OSError, ValueError, KeyError, StopIteration):
        return None


def _changed_at(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None


def _say(out: Console, found: tuple[Sign, ...], freed: list[str]) -> None:
    for sign in found:
        out.print("[red]FAIL[/] ", end="")
        tail = f" -> {sign.remedy}" if sign.remedy else ""
        out.print(f"{sign.detail}{tail}", markup=False, soft_wrap=True)
    for line in freed:
        out.print(f"freed {line}", markup=False, soft_wrap=True)
    if not found:
        out.print("[green]ok  [/] daemon, relay, runs, outbox, snapshot and disk are well")


def free_stuck(settings: Settings, home: Path, now: datetime) -> list[str]:
    """End the runs that are stuck for certain, a line for each; `home` is DAGSTER_HOME.

    Where Dagster's storage cannot be read, as before its first start, there are none.
    """
    try:
        machinery = read_machinery(storage_of(home, environment()))
    except UnreadableInstanceError:
        return []
    return _freed(machinery, home, limits_of(settings.heartbeat), now)


def _freed(machinery: Machinery, home: Path, limits: Limits, now: datetime) -> list[str]:
    runs = [run for run in machinery.runs if signs.may_be_freed(run, limits, now)]
    if not runs:
        return []
    # It brings Dagster along.
    from revops_pipelines.commands.heartbeat_free import free_runs

    return free_runs(home, [(run, signs.stuck(run, limits, now)) for run in runs])


def _tell(
    err: Console, settings: Settings, channel: str, found: tuple[Sign, ...], now: datetime
) -> None:
    """Tell the channel what is new; what could not be told is tried again at the next look."""
    path = settings.home / MEMORY
    known = memory.recall(path)
    repeat = timedelta(hours=settings.heartbeat.repeat_hours)
    fresh = memory.news(found, known, repeat, now)
    told: News | None = fresh
    if fresh:
        # It brings the channels along, and Dagster with them.
        from revops_pipelines.commands.heartbeat_tell import tell_channel

        problem = tell_channel(channel, fresh, found, known, now)
        if problem:
            told = None
            err.print(f"revops: nobody was told: {problem}", markup=False, soft_wrap=True)
    remembered = memory.after(found, known, told, now)
    if remembered == known:
        return
    try:
        memory.remember(path, remembered)
    except OSError as error:
        err.print(f"revops: {path.name} cannot be written: {error.strerror}", markup=False)


def _ping(err: Console, asked: Heartbeat) -> None:
    url = environment().get(asked.ping_variable)
    if not url:
        return
    from revops_pipelines.resources.pinging import PingError, ping

    try:
        ping(url)
    except PingError as error:
        # Whoever waits for the call notices by itself; that is what it is for.
        err.print(f"revops: {asked.ping_variable}: {error}", markup=False, soft_wrap=True)
