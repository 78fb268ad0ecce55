"""`revops check`: can each source be reached and read, one line each, with the remedy.

Belongs here: asking the sources and telling the answers. Does not: how a source is asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict

import typer
from rich.console import Console

from revops_pipelines.commands.context import settings_or_fail
from revops_pipelines.commands.failures import MISCONFIGURED, UNAVAILABLE, CommandError
from revops_pipelines.engine.declarations import Reach
from revops_pipelines.engine.ingest.errors import IngestError, NetworkError
from revops_pipelines.engine.plugin_tables import nearest
from revops_pipelines.resources.clock import ClockError, ClockResource
from revops_pipelines.resources.secrets import MissingSecretError
from revops_pipelines.resources.systems import System, Systems, systems_of


def check_sources(console: Console, only: str | None, *, as_json: bool) -> bool:
    """Print one line per source and stream; True if all can be read."""
    systems = systems_of(settings_or_fail())
    if systems.sandbox and systems.sandbox_url is None:
        raise CommandError(
            "no source is configured and no sandbox is running",
            remedy="configure one in revops.toml, or start `revops ui`",
            code=UNAVAILABLE,
        )
    clock = ClockResource(sandbox_url=systems.sandbox_url or "")
    found = {system.name: list(_asked(system, clock)) for system in _chosen(systems, only)}
    if as_json:
        document = {name: [asdict(reach) for reach in lines] for name, lines in found.items()}
        typer.echo(json.dumps({"sandbox": systems.sandbox, "sources": document}, indent=2))
    else:
        if systems.sandbox:
            console.print("[yellow]Sandbox[/]: no source is configured.")
        for name, lines in found.items():
            _print(console, name, lines)
    return all(reach.ok for lines in found.values() for reach in lines)


def _chosen(systems: Systems, only: str | None) -> Iterable[System]:
    names = [system.name for system in systems]
    if only is not None and only not in names:
        raise CommandError(f"no source {only!r} runs; {nearest(only, names)}", code=MISCONFIGURED)
    return [system for system in systems if only in (None, system.name)]


def _asked(system: System, clock: ClockResource) -> Iterator[Reach]:
    try:
        yield from system.check(clock)
    except NetworkError as error:
        remedy = "see that its address is right and can be reached from here"
        yield Reach("connection", False, str(error), remedy)
    except (IngestError, MissingSecretError, ClockError) as error:
        yield Reach("connection", False, str(error), "mend it and run `revops check` again")


def _print(console: Console, name: str, lines: Iterable[Reach]) -> None:
    for reach in lines:
        mark = "[green]ok  [/]" if reach.ok else "[red]FAIL[/]"
        console.print(f"{mark} {name:<10} {reach.subject:<22} ", end="", soft_wrap=True)
        remedy = f" -> {reach.remedy}" if reach.remedy and not reach.ok else ""
        console.print(reach.detail + remedy, markup=False, soft_wrap=True)
