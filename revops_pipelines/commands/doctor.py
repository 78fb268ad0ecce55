"""`revops doctor`: is this installation sound, one line per thing looked at.

Belongs here: looking. Does not: mending; each line says what would.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

import typer
from rich.console import Console

from revops_pipelines.commands.context import prepare_dagster_home, settings_or_fail
from revops_pipelines.commands.doctor_ports import open_to_others
from revops_pipelines.engine.warehouse.lock import LockHeldError, writer_lock
from revops_pipelines.engine.warehouse.recovery import set_aside
from revops_pipelines.engine.warehouse.snapshot import open_snapshot
from revops_pipelines.resources.clock import ClockError, ClockResource
from revops_pipelines.resources.messengers import check as check_channels
from revops_pipelines.resources.systems import systems_of
from revops_pipelines.settings import Settings

# Below this, DuckDB cannot write a snapshot beside the live file.
_FREE_BYTES = 2_000_000_000
_FRESH = timedelta(hours=26)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    subject: str
    ok: bool
    detail: str
    remedy: str = ""


def examine(console: Console, *, as_json: bool) -> bool:
    """Print every finding; True if all are well."""
    settings = settings_or_fail()
    findings = list(_findings(settings))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            mark = "[green]ok  [/]" if finding.ok else "[red]FAIL[/]"
            console.print(f"{mark} {finding.subject:<12} ", end="")
            tail = f" -> {finding.remedy}" if finding.remedy and not finding.ok else ""
            console.print(finding.detail + tail, markup=False, soft_wrap=True)
    return all(finding.ok for finding in findings)


def _findings(settings: Settings) -> Iterator[Finding]:
    yield Finding(
        "versions", True, ", ".join(f"{name} {version(name)}" for name in ("dagster", "duckdb"))
    )
    where = str(settings.path) if settings.path else "none; every setting has its default"
    yield Finding("settings", True, where)
    systems = systems_of(settings)
    names = ", ".join(system.name for system in systems)
    yield Finding("sources", True, f"{names}{' (sandbox)' if systems.sandbox else ''}")
    yield from _state(settings)
    yield _lock(settings)
    yield _space(settings)
    yield _instance(settings)
    yield from _ports()
    yield from _recovered(settings)
    for channel, problem in check_channels(settings.channels, settings.inbox_path):
        yield Finding(f"channel {channel}", False, problem, "mend it in revops.toml")
    yield _freshness(settings, ClockResource(sandbox_url=systems.sandbox_url or ""))


def _state(settings: Settings) -> Iterator[Finding]:
    if not settings.home.is_dir():
        yield Finding("state", True, f"{settings.home} (made by the first run)")
        return
    open_to_others = [
        path.name
        for path in (settings.home, *settings.home.iterdir())
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO) and _is_private(path)
    ]
    if open_to_others:
        yield Finding(
            "state",
            False,
            f"others can read {', '.join(open_to_others)} in {settings.home}",
            f"chmod -R go-rwx {settings.home}",
        )
    else:
        yield Finding("state", True, str(settings.home))


def _is_private(path: Path) -> bool:
    return path.is_dir() or path.suffix in {".duckdb", ".sqlite", ".json"}


def _lock(settings: Settings) -> Finding:
    try:
        with writer_lock(settings.warehouse_path, "revops doctor", 0.1):
            return Finding("warehouse", True, "nobody is writing")
    except LockHeldError as error:
        return Finding("warehouse", True, str(error).splitlines()[0])


def _space(settings: Settings) -> Finding:
    folder = settings.home if settings.home.exists() else settings.home.parent
    free = shutil.disk_usage(folder).free
    return Finding(
        "disk", free > _FREE_BYTES, f"{free / 1e9:.1f} GB free", "make room: 2 GB are needed"
    )


def _instance(settings: Settings) -> Finding:
    home = prepare_dagster_home(settings)
    writable = os.access(home, os.W_OK)
    return Finding("dagster", writable, f"DAGSTER_HOME {home}", "make the folder writable")


def _ports() -> Iterator[Finding]:
    exposed = open_to_others()
    for listener in exposed:
        yield Finding(
            "ports",
            False,
            f"process {listener.process} listens on {listener.address}:{listener.port}: other "
            "machines reach it, and there is no password",
            "bind it to 127.0.0.1, and put a proxy with a login before it",
        )
    if not exposed:
        yield Finding("ports", True, "no server of ours listens to other machines")


def _recovered(settings: Settings) -> Iterator[Finding]:
    for path in set_aside(settings.warehouse_path):
        yield Finding(
            "recovery",
            False,
            f"a damaged log was set aside as {path.name}; the last changes before that were "
            "pulled anew",
            "see to the disk, then remove the file",
        )


def _freshness(settings: Settings, clock: ClockResource) -> Finding:
    if not settings.published_path.is_file():
        return Finding("freshness", False, "nothing is published yet", "revops run nightly")
    with open_snapshot(settings.published_path) as connection:
        row = connection.execute("SELECT max(loaded_at) FROM ops.loads").fetchone()
    loaded_at = row[0] if row else None
    if loaded_at is None:
        return Finding("freshness", False, "nothing was ever loaded", "revops run nightly")
    try:
        age = clock.now().replace(tzinfo=None) - loaded_at
    except ClockError:
        return Finding("freshness", True, f"last load {loaded_at:%Y-%m-%d %H:%M} (sandbox time)")
    hours = age.total_seconds() / 3600
    return Finding("freshness", age < _FRESH, f"last load {hours:.1f} h ago", "is the daemon up?")
