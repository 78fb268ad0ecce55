"""The part of `revops alerts` that is about rules: listing them, trying them on history.

Belongs here: their arguments. Does not: what they do (`alerts_rules`, `alerts_backtest`), which is
imported when asked for, so that other commands start quickly.
"""

# Annotations stay objects here: typer reads them.

from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console

_Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def add_rule_commands(app: typer.Typer, out: Console, err: Console) -> None:
    """Add `rules` and `backtest` to the app of `revops alerts`."""

    @app.command("rules")
    def alerts_rules(
        name: Annotated[str | None, typer.Argument(help="One rule, with all its settings.")] = None,
        as_json: _Json = False,
    ) -> None:
        """The rules in force: whose, how severe, by which settings since when, shadowed or told."""
        from revops_pipelines.commands.alerts_rules import list_rules

        list_rules(out, name, as_json=as_json)

    @app.command("backtest")
    def alerts_backtest(
        first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")],
        last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")],
        rules: Annotated[
            list[str] | None,
            typer.Argument(
                help="As `revops alerts rules` lists them; all that are on if not said."
            ),
        ] = None,
        every: Annotated[
            str | None, typer.Option(help="How often to judge: pulse (5 minutes), hour, day, week.")
        ] = None,
        as_json: _Json = False,
    ) -> None:
        """What rules would have told, on history as it was known then. Sends nothing."""
        from revops_pipelines.commands.alerts_backtest import backtest_rules

        backtest_rules(
            out,
            err,
            rules or [],
            first=first.date(),
            last=last.date(),
            every=every,
            as_json=as_json,
        )
