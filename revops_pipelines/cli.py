"""The `revops` command: names, options, exit codes. What each does is in `commands/`.

Exit codes: 0 done; 1 the work failed; 2 the command, revops.toml or an environment variable is
wrong; 3 something is not there yet or is held by another process. Errors are one line on stderr:
what, where, remedy. `--json` prints one document on stdout and nothing else there.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.exceptions import TyperException as UsageError

from revops_pipelines.commands.alert_commands import add_alert_commands
from revops_pipelines.commands.failures import FAILED, MISCONFIGURED, CommandError
from revops_pipelines.commands.rule_commands import add_rule_commands
from revops_pipelines.commands.upkeep_commands import add_upkeep_commands

app = typer.Typer(
    name="revops",
    help="Revenue operations as Dagster assets: pull, validate, conform, measure, alert, show.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
alerts_app = typer.Typer(help="What has been told, and what is open.", no_args_is_help=True)
config_app = typer.Typer(help="revops.toml: its template and its schema.", no_args_is_help=True)
sandbox_app = typer.Typer(
    help="A simulated company behind HubSpot's, Marketo's and Stripe's APIs.",
    invoke_without_command=True,
)
docs_app = typer.Typer(help="Pages made from the declarations.", no_args_is_help=True)
new_app = typer.Typer(help="Write a plug-in that works, with its test.", no_args_is_help=True)
app.add_typer(alerts_app, name="alerts")
app.add_typer(config_app, name="config")
app.add_typer(docs_app, name="docs")
app.add_typer(new_app, name="new")
app.add_typer(sandbox_app, name="sandbox")

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
add_alert_commands(alerts_app, out)
add_rule_commands(alerts_app, out, err)
add_upkeep_commands(app, out, err)


def main() -> None:
    """The console script: runs a command and turns its failure into one line and an exit code."""
    try:
        # Outside standalone mode an Exit is returned as its code.
        sys.exit(app(standalone_mode=False))
    except CommandError as error:
        err.print(f"revops: {error.line}", markup=False, soft_wrap=True)
        sys.exit(error.code)
    except (KeyboardInterrupt, typer.Abort):
        err.print("revops: interrupted.")
        sys.exit(130)
    except UsageError as error:
        err.print(f"revops: {error.format_message()}", markup=False)
        sys.exit(MISCONFIGURED)


@app.command()
def demo(as_json: Json = False) -> None:
    """Run the nightly job on the sandbox company, then show scorecard and alerts."""
    from revops_pipelines.commands.demo import run_demo

    run_demo(out, err, as_json=as_json)


@app.command()
def run(
    job: Annotated[str, typer.Argument(help="nightly or pulse")], as_json: Json = False
) -> None:
    """Run a job now, through Dagster, in this process."""
    from revops_pipelines.commands.demo import run_once

    run_once(job, out, err, as_json=as_json)


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port of the Dagster UI.")] = 3000,
    speed: Annotated[float, typer.Option(help="Sandbox seconds per second.")] = 60.0,
) -> None:
    """Dagster webserver and daemon, the inbox, and the sandbox where nothing is configured."""
    from revops_pipelines.commands.ui import serve_ui

    serve_ui(out, port, speed)


@app.command()
def check(
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    as_json: Json = False,
) -> None:
    """Credentials, reachability and permissions of each source, one line each."""
    from revops_pipelines.commands.check import check_sources

    _end(check_sources(out, source, as_json=as_json))


@app.command()
def report(as_json: Json = False) -> None:
    """Draw the report anew from the published snapshot."""
    from revops_pipelines.commands.report import draw_report

    draw_report(out, as_json=as_json)


@app.command()
def metrics(
    names: Annotated[list[str] | None, typer.Argument(help="Metrics; all if none.")] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="As was known at the end of this day."),
    ] = None,
    grain: Annotated[str, typer.Option(help="month, week or quarter")] = "month",
    periods: Annotated[int, typer.Option(min=1, help="How many of the last periods.")] = 1,
    keep: Annotated[
        Path | None, typer.Option(help="Keep the rebuilt warehouse as this file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Published values; with --as-of, as they were known on an earlier day."""
    from revops_pipelines.commands.metrics import show_metrics

    show_metrics(
        out,
        err,
        names or [],
        as_of=as_of.date() if as_of else None,
        grain=grain,
        periods=periods,
        keep=keep,
        as_json=as_json,
    )


@app.command()
def explain(
    metric: Annotated[str, typer.Argument(help="Id of a published value, such as win_rate.")],
    period: Annotated[
        str | None, typer.Option(help="2026-05, or any day in it; the last that can be judged.")
    ] = None,
    grain: Annotated[str, typer.Option(help="month, week or quarter")] = "month",
    where: Annotated[
        list[str] | None, typer.Option(help="Only these, for example segment=SMB.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="Dimension that the change is shared over.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Records and groups shown.")] = 10,
    csv: Annotated[Path | None, typer.Option(help="Write all records there.")] = None,
    as_json: Json = False,
) -> None:
    """The records behind a number, what was left out, and what moved it."""
    from revops_pipelines.commands.explain import explain_value

    explain_value(
        out,
        metric,
        period=period,
        grain=grain,
        where=where or [],
        by=by,
        top=top,
        csv_file=csv,
        as_json=as_json,
    )


@app.command()
def policies(
    before: Annotated[
        str | None, typer.Argument(metavar="[FROM", help="A policy, such as ours.")
    ] = None,
    after: Annotated[
        str | None, typer.Argument(metavar="TO]", help="Another one, such as stripe.")
    ] = None,
    period: Annotated[str | None, typer.Option(help="2026-05; the last closed month.")] = None,
    customer: Annotated[str | None, typer.Option(help="This customer alone.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Customers shown.")] = 10,
    as_json: Json = False,
) -> None:
    """Whose conventions MRR may follow; of two, the bridge from one to the other."""
    from revops_pipelines.commands.policies import show_bridge, show_policies

    if before is None:
        show_policies(out, as_json=as_json)
    elif after is None:
        raise CommandError(
            f"a bridge has two ends, {before} is one",
            remedy=f"write it as `revops policies ours {before}`",
            code=MISCONFIGURED,
        )
    else:
        show_bridge(out, before, after, period=period, customer=customer, top=top, as_json=as_json)


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="One SELECT.")],
    live: Annotated[
        bool, typer.Option("--live", help="On the live warehouse, with raw and quarantine.")
    ] = False,
    csv: Annotated[Path | None, typer.Option(help="Write the rows there, as CSV.")] = None,
    as_json: Json = False,
) -> None:
    """SQL on the published snapshot, read-only."""
    from revops_pipelines.commands.context import settings_or_fail
    from revops_pipelines.commands.query import opened as opened_snapshot
    from revops_pipelines.commands.query import opened_live, plain, show
    from revops_pipelines.commands.query import query as run_query

    settings = settings_or_fail()
    opened = (
        opened_live(settings.warehouse_path) if live else opened_snapshot(settings.published_path)
    )
    names, rows = run_query(opened, sql)
    if csv is not None:
        from revops_pipelines.reporting.sheets import write_csv

        write_csv(csv, names, rows)
    if as_json:
        _print_json([dict(zip(names, map(plain, row), strict=True)) for row in rows])
    else:
        show(out, names, rows)


@alerts_app.command("test")
def alerts_test(
    channel: Annotated[str, typer.Argument(help="A configured channel, or inbox.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be sent; send nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Send one marked message through a channel and tell the receiver's answer."""
    from revops_pipelines.commands.alerts_test import test_channel

    test_channel(out, channel, dry_run=dry_run, as_json=as_json)


@config_app.command("template")
def config_template() -> None:
    """A revops.toml with every key, its meaning and its default."""
    from revops_pipelines.commands.config import template

    typer.echo(template(), nl=False)


@config_app.command("schema")
def config_schema() -> None:
    """JSON Schema of revops.toml, for editors."""
    from revops_pipelines.commands.config import schema

    _print_json(schema())


@config_app.command("show")
def config_show() -> None:
    """The settings in force, secrets left out."""
    from revops_pipelines.commands.config import in_force

    _print_json(in_force())


@docs_app.command("metrics")
def docs_metrics(
    folder: Annotated[Path, typer.Option(help="Where the pages go.")] = Path("docs/metrics"),
) -> None:
    """A page for every metric, and a table of all."""
    from revops_pipelines.commands.metric_pages import write_pages

    out.print(f"{len(write_pages(folder))} pages in {folder}", markup=False)


@new_app.command("source")
def new_source(
    name: Annotated[str, typer.Argument(help="What it is called: a-z, 0-9 and _.")],
    folder: Annotated[
        Path | None, typer.Option(help="Folder of our own plug-ins, for use without a clone.")
    ] = None,
) -> None:
    """Write a source for a small REST API, and its test."""
    from revops_pipelines.commands.new import new_source as write_source

    write_source(out, name, folder)


Seed = Annotated[int, typer.Option(help="Which company.")]
AsOf = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Day its history leads up to.")]
At = Annotated[str | None, typer.Option(help="Instant its clock opens at, ISO 8601.")]
Scale = Annotated[float, typer.Option(help="1 is about 5,000 leads and 800 customers.")]
_ANCHOR = datetime(2026, 6, 30)  # noqa: DTZ001 - a day, not an instant


@sandbox_app.callback()
def sandbox(
    context: typer.Context,
    seed: Seed = 7,
    as_of: AsOf = _ANCHOR,
    scale: Scale = 1.0,
    port: Annotated[int, typer.Option(help="First port; 0 picks free ones.")] = 18800,
    speed: Annotated[float, typer.Option(help="Simulated seconds per second.")] = 1.0,
    at: At = None,
    system: Annotated[
        list[str] | None,
        typer.Option(help="A system it runs, once for each; hubspot, marketo and stripe if none."),
    ] = None,
    sheets: Annotated[
        Path | None, typer.Option(help="Folder to write the company's spreadsheets into.")
    ] = None,
) -> None:
    """Serve the company until stopped; URLs and keys are printed as JSON."""
    if context.invoked_subcommand is not None:
        return
    from revops_pipelines.sandbox.server import serve
    from revops_pipelines.sandbox.vendors import USUAL, UnknownVendorError

    systems = system or USUAL
    try:
        serve(
            seed, as_of.date(), scale, port, speed, systems=systems, at=_instant(at), sheets=sheets
        )
    except UnknownVendorError as error:
        raise CommandError(str(error), code=MISCONFIGURED) from None
    except OSError as error:
        raise CommandError(str(error.strerror or error), code=FAILED) from None


@sandbox_app.command("truth")
def sandbox_truth(
    folder: Annotated[Path, typer.Argument(help="Where the CSV files go.")],
    seed: Seed = 7,
    as_of: AsOf = _ANCHOR,
    scale: Scale = 1.0,
    at: At = None,
) -> None:
    """Write what is true of the company, from the simulation itself."""
    from revops_pipelines.sandbox.clock import opening
    from revops_pipelines.sandbox.truth import write_truth
    from revops_pipelines.sandbox.world.world import build_world

    day: date = as_of.date()
    for path in write_truth(build_world(seed, day, scale), _instant(at) or opening(day), folder):
        typer.echo(str(path))


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise CommandError(
            f"--at {text} is no instant with a zone",
            remedy="write it as 2026-06-30T12:00:00+00:00",
            code=MISCONFIGURED,
        )
    return instant


def _print_json(document: Any) -> None:
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False, default=str))


def _end(healthy: bool) -> None:
    if not healthy:
        raise typer.Exit(FAILED)


# Everything below this process inherits the choice: no telemetry leaves the machine.
os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")

if __name__ == "__main__":
    main()
