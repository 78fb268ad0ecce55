"""The commands that look after an installation: `doctor` and `erase`.

Belongs here: their arguments. Does not: what they do, which is imported when asked for.
"""

# Annotations stay objects here: typer reads them.

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from revops_pipelines.commands.failures import FAILED, MISCONFIGURED, CommandError

_Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def add_upkeep_commands(app: typer.Typer, out: Console, err: Console) -> None:
    """Add them to the app of `revops`."""
    _add_doctor(app, out, err)
    _add_erase(app, out)


def _add_doctor(app: typer.Typer, out: Console, err: Console) -> None:
    @app.command("doctor")
    def doctor(
        heartbeat: Annotated[
            bool,
            typer.Option("--heartbeat", help="Only: is the machinery alive? For a timer or cron."),
        ] = False,
        tell: Annotated[
            str | None, typer.Option(help="With --heartbeat: a channel that is told what is new.")
        ] = None,
        free: Annotated[
            bool,
            typer.Option("--free", help="With --heartbeat: end runs that are stuck for certain."),
        ] = False,
        as_json: _Json = False,
    ) -> None:
        """Is this installation sound: files, modes, locks, freshness, ports, versions."""
        if heartbeat:
            from revops_pipelines.commands.heartbeat import take_heartbeat

            well = take_heartbeat(out, err, tell=tell, free=free, as_json=as_json)
        elif tell is not None or free:
            raise CommandError("--tell and --free go with --heartbeat", code=MISCONFIGURED)
        else:
            from revops_pipelines.commands.doctor import examine

            well = examine(out, as_json=as_json)
        if not well:
            raise typer.Exit(FAILED)


def _add_erase(app: typer.Typer, out: Console) -> None:
    @app.command("erase")
    def erase(
        email: Annotated[str, typer.Argument(help="A mail address of the person.")],
        reason: Annotated[str, typer.Option(help="Why; kept, without the person's name.")] = "",
        also: Annotated[
            list[Path] | None,
            typer.Option(help="Files and folders elsewhere, such as exports and copies."),
        ] = None,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Say what would go; change nothing.")
        ] = False,
        yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
        lift: Annotated[
            bool, typer.Option("--lift", help="Let a person who was erased come in again.")
        ] = False,
        as_json: _Json = False,
    ) -> None:
        """Erase a person from tables, files and logs, and keep them out."""
        from revops_pipelines.commands.erase import erase_person, lift_person

        if lift:
            lift_person(out, email)
        else:
            erase_person(
                out,
                email,
                reason=reason,
                also=also or [],
                dry_run=dry_run,
                yes=yes,
                as_json=as_json,
            )
