"""`revops demo` and `revops run`: one job to its end, then what came of it.

Belongs here: the order of things and what is printed. Does not: the run (`run`), the sandbox
(`session`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from revops_pipelines.commands.alerts import open_alerts, print_alerts
from revops_pipelines.commands.context import prepare_dagster_home, settings_or_fail
from revops_pipelines.commands.failures import MISCONFIGURED, CommandError
from revops_pipelines.commands.query import opened, plain
from revops_pipelines.commands.run import RunOutcome, run_job
from revops_pipelines.commands.session import sandbox_session
from revops_pipelines.engine.plugin_tables import nearest
from revops_pipelines.settings import Settings

if TYPE_CHECKING:
    from revops_pipelines.reporting.scorecard import ScoreLine

JOBS = ("nightly", "pulse")
_A_NIGHT = timedelta(days=1)
_A_PULSE = timedelta(minutes=5)
_ALERTS_SHOWN = 8


def run_demo(out: Console, err: Console, *, as_json: bool) -> None:
    """The nightly job on the sandbox, a day further in its story each time.

    Raises CommandError if sources are configured, or the run failed.
    """
    settings = settings_or_fail()
    if settings.sources:
        raise CommandError(
            "the demo runs on the sandbox, but sources are configured",
            remedy="use `revops run nightly` for your own systems",
            code=MISCONFIGURED,
        )
    first = not settings.published_path.exists()
    with sandbox_session(settings, step=_A_NIGHT):
        outcome = _finished(run_job("nightly", prepare_dagster_home(settings), err))
    _tell(settings, outcome, out, as_json=as_json)
    if not as_json:
        _print_next(out, settings, first)


def run_once(job: str, out: Console, err: Console, *, as_json: bool) -> None:
    """A job now, on the configured systems or the sandbox. Raises CommandError if it failed."""
    if job not in JOBS:
        raise CommandError(f"no job {job!r}; {nearest(job, JOBS)}", code=MISCONFIGURED)
    settings = settings_or_fail()
    with _systems_up(settings, _A_NIGHT if job == "nightly" else _A_PULSE):
        outcome = _finished(run_job(job, prepare_dagster_home(settings), err))
    _tell(settings, outcome, out, as_json=as_json)


def run_first_night(settings: Settings, err: Console) -> None:
    """The nightly job on the sandbox, silently but for its progress."""
    with sandbox_session(settings, step=_A_NIGHT):
        _finished(run_job("nightly", prepare_dagster_home(settings), err))


@contextmanager
def _systems_up(settings: Settings, step: timedelta) -> Iterator[None]:
    if settings.sources:
        yield
        return
    with sandbox_session(settings, step=step):
        yield


def _finished(outcome: RunOutcome) -> RunOutcome:
    if not outcome.success:
        problems = " | ".join(outcome.failures) or "see the run in the Dagster UI"
        raise CommandError(
            f"{outcome.job} failed (run {outcome.run_id[:8]}): {problems}",
            remedy="`revops check` tests each source; what succeeded is kept",
        )
    return outcome


def _tell(settings: Settings, outcome: RunOutcome, out: Console, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_document(settings, outcome), indent=2, default=str))
        return
    if not settings.sources:
        out.print("[yellow]Sandbox[/]: the numbers of a simulated company.")
    out.print(_streams_table(outcome))
    out.print(_scorecard_table(settings))
    alerts = open_alerts(settings)
    print_alerts(out, alerts[:_ALERTS_SHOWN], f"Open alerts ({len(alerts)})")
    if len(alerts) > _ALERTS_SHOWN:
        out.print(f"  ... and {len(alerts) - _ALERTS_SHOWN} more: revops alerts list")


def _print_next(out: Console, settings: Settings, first: bool) -> None:
    again = "make demo    once more: a day later, only what changed is pulled" if first else ""
    lines = [
        "",
        f"[bold]Report[/]  {settings.report_path}",
        f"[bold]Inbox[/]   {settings.inbox_path}",
        "",
        "[bold]Next[/]",
        f"  {again}" if again else "",
        "  make ui      the Dagster UI, with schedules and sensors on",
        "  .venv/bin/revops alerts list",
        "  .venv/bin/revops query \"SELECT * FROM metrics.metric_values WHERE metric = 'mrr'\"",
    ]
    for line in lines:
        if line.strip() or line == "":
            out.print(line, soft_wrap=True)


def _streams_table(outcome: RunOutcome) -> Table:
    table = Table(
        title=f"What changed (run of {outcome.seconds:.0f} s)",
        title_justify="left",
        header_style="bold",
        box=SIMPLE_HEAD,
    )
    table.add_column("stream")
    for name in ("records", "read", "changed", "deleted"):
        table.add_column(name, justify="right")
    quiet = 0
    for stream in sorted(outcome.streams, key=lambda each: each.stream):
        if not (stream.changed or stream.deleted):
            quiet += 1
            continue
        counts = (stream.rows, stream.read, stream.changed, stream.deleted)
        table.add_row(stream.stream, *(f"{count:,}" for count in counts))
    if quiet:
        table.caption = f"{quiet} more streams: nothing changed"
        table.caption_justify = "left"
    return table


def _score_lines(settings: Settings) -> list[Any]:
    from revops_pipelines.assets import metrics as metric_plugins
    from revops_pipelines.engine.metrics.declaration import Metric
    from revops_pipelines.engine.registry import discover
    from revops_pipelines.reporting.scorecard import scorecard

    with opened(settings.published_path) as connection:
        return scorecard(
            connection,
            list(discover(metric_plugins, Metric, settings.plugins.folder).values()),
            settings.targets,
            settings.company.base_currency,
            settings.statistics.min_n,
        )


def _scorecard_table(settings: Settings) -> Table:
    table = Table(
        title="Scorecard",
        title_justify="left",
        header_style="bold",
        box=SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )
    # The numbers are never cut; on a narrow screen the names are.
    table.add_column("metric", no_wrap=True, max_width=28)
    table.add_column("month", no_wrap=True, min_width=6)
    for name, width in (("value", 11), ("change", 8), ("target", 7), ("n", 5)):
        table.add_column(name, justify="right", no_wrap=True, min_width=width)
    stage = ""
    lines = _score_lines(settings)
    for line in lines:
        if line.latest is None:
            continue
        if line.metric.stage != stage:
            stage = line.metric.stage
            table.add_row(f"[bold]{stage}[/]")
        colour = {"good": "green", "bad": "red"}.get(line.movement, "default")
        table.add_row(
            f"  {line.metric.title}",
            line.period.replace(" 20", " "),
            line.value,
            f"[{colour}]{line.change}[/]",
            line.target,
            f"{line.n:,}" + ("*" if line.is_thin else ""),
        )
    table.caption = "\n".join(_remarks(lines, settings.statistics.min_n))
    table.caption_justify = "left"
    return table


def _remarks(lines: Sequence[ScoreLine], min_n: int) -> list[str]:
    """What the table leaves unsaid: thin numbers, and metrics that have no value yet."""
    said = []
    if any(line.is_thin for line in lines):
        said.append(f"* fewer than {min_n} cases: too few to judge")
    empty = [line for line in lines if line.latest is None]
    lacks = sorted({name.removeprefix("conformed.") for line in empty for name in line.lacks})
    if empty:
        said.append(
            f"{len(empty)} more have no month that can be judged yet"
            + (f"; nothing fills {', '.join(lacks)}" if lacks else "")
        )
    return said


def _document(settings: Settings, outcome: RunOutcome) -> dict[str, Any]:
    return {
        "run": {**asdict(outcome), "streams": [asdict(stream) for stream in outcome.streams]},
        "sandbox": not settings.sources,
        "scorecard": [
            {
                "metric": line.metric.name,
                "stage": line.metric.stage,
                "unit": line.metric.unit,
                "month": line.latest.on.isoformat() if line.latest else None,
                "value": plain(line.latest.value) if line.latest else None,
                "n": line.n,
                "change": line.change,
                "target": line.target,
            }
            for line in _score_lines(settings)
        ],
        "alerts": open_alerts(settings),
        "report": str(settings.report_path),
        "inbox": str(settings.inbox_path),
    }
