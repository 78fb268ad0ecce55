"""`revops report`: draw the report from the published snapshot.

Belongs here: saying where it is. Does not: the page (`reporting`).
"""

from __future__ import annotations

import json

import typer
from rich.console import Console

from revops_pipelines.commands.context import settings_or_fail
from revops_pipelines.commands.failures import UNAVAILABLE, CommandError
from revops_pipelines.wiring import drawn


def draw_report(console: Console, *, as_json: bool) -> None:
    """Write the page and say where it is. Raises CommandError if nothing is published."""
    settings = settings_or_fail()
    if not settings.published_path.is_file():
        raise CommandError(
            "nothing is published yet", remedy="run `revops run nightly` first", code=UNAVAILABLE
        )
    path = drawn(settings).path
    if as_json:
        typer.echo(json.dumps({"report": str(path)}))
    else:
        console.print(f"Report: {path}", soft_wrap=True)
