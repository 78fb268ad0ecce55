"""`revops alerts backtest`: what rules would have told, on history as it was known then.

Belongs here: which rules at which instants, and where the history is made anew. Does not: making it
(`replay`), the arithmetic (`engine.alerts.backtest`), or showing what came out (`backtest_shown`).
Nothing is sent, and the warehouse is only read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta

import duckdb
import typer
from rich.console import Console
from rich.progress import track

from revops_pipelines.assets import metrics as metric_plugins
from revops_pipelines.commands.backtest_shown import plain, show, show_all
from revops_pipelines.commands.context import settings_or_fail
from revops_pipelines.commands.failures import MISCONFIGURED, UNAVAILABLE, CommandError
from revops_pipelines.commands.query import opened
from revops_pipelines.engine.alerts.backtest import (
    Backtest,
    episodes_of,
    outcomes,
    read_events,
    share_true,
)
from revops_pipelines.engine.alerts.declaration import Evaluation, Rule
from revops_pipelines.engine.alerts.in_force import InForce, rules_in_force
from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.plugin_tables import nearest
from revops_pipelines.engine.registry import discover
from revops_pipelines.engine.warehouse.open import open_warehouse
from revops_pipelines.replay import Replay, instants
from revops_pipelines.resources.systems import Systems, systems_of
from revops_pipelines.sensors import rules as rule_plugins
from revops_pipelines.settings import Settings

STEPS = {
    "pulse": timedelta(minutes=5),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
}
# The hour of the nightly run.
_NIGHT = time(2, 30, tzinfo=UTC)


def backtest_rules(
    out: Console,
    err: Console,
    names: Sequence[str],
    *,
    first: date,
    last: date,
    every: str | None,
    as_json: bool,
) -> None:
    """Show what the rules would have told from the first day to the last, both included.

    One is shown with all that it would have told, several (none named: all that are on) with a line
    each. `every` is pulse, hour, day or week; by default an hour where all are judged by pulses,
    and a day. Raises CommandError for an unknown rule or step, a span to come, and while a run
    writes.
    """
    settings = settings_or_fail()
    metrics = discover(metric_plugins, Metric, settings.plugins.folder)
    judged = _rules(settings, metrics, names)
    step = every or ("hour" if all(each.rule.pulse for each in judged) else "day")
    if step not in STEPS:
        raise CommandError(f"--every {step}: {nearest(step, STEPS)}", code=MISCONFIGURED)
    moments = _moments(settings, first, last, STEPS[step])
    found = run_backtests(err, settings, systems_of(settings), judged, metrics, moments)
    is_one = len(names) == 1
    if as_json:
        told = plain(found[0]) if is_one else [plain(each) for each in found]
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False, default=str))
    elif is_one:
        show(out, found[0], step, is_pulse=judged[0].rule.pulse)
    else:
        show_all(out, found, step)


def run_backtests(
    err: Console,
    settings: Settings,
    systems: Systems,
    judged: Sequence[InForce],
    metrics: Mapping[str, Metric],
    moments: Sequence[datetime],
) -> list[Backtest]:
    """Judge the rules at those instants on history as it was known. Raises CommandError."""
    said = judged[0].rule.name if len(judged) == 1 else f"{len(judged)} rules"
    with _own_file(settings) as connection:
        try:
            history = Replay(
                connection, settings.warehouse_path, settings, systems, judged, metrics
            )
            progress = track(moments, said, console=err, transient=True)
            evaluations = [history.at(moment) for moment in progress]
        except duckdb.IOException as error:
            raise CommandError(
                f"{settings.warehouse_path.name} cannot be read: "
                f"{str(error).splitlines()[0][:120]}",
                remedy="try again when no run is writing it",
                code=UNAVAILABLE,
            ) from None
        with opened(settings.published_path) as published:
            return [
                _result(connection, published, each.rule, moments, told)
                for each, told in zip(judged, zip(*evaluations, strict=True), strict=True)
            ]


def _result(
    connection: duckdb.DuckDBPyConnection,
    published: duckdb.DuckDBPyConnection,
    rule: Rule,
    moments: Sequence[datetime],
    evaluations: Sequence[Evaluation],
) -> Backtest:
    problems = [each.problem for each in evaluations if each.problem]
    known = outcomes(published, rule)
    episodes = episodes_of(read_events(connection, rule.name))
    return Backtest(
        rule=rule.name,
        first=moments[0].date(),
        last=moments[-1].date(),
        steps=len(moments),
        episodes=tuple(each.with_outcomes(known) for each in episodes),
        unjudged=len(problems),
        problem=problems[-1] if problems else "",
        usual=share_true(known.values()),
        began_at=moments[0],
    )


def _rules(
    settings: Settings, metrics: Mapping[str, Metric], names: Sequence[str]
) -> list[InForce]:
    files = discover(rule_plugins, Rule, settings.plugins.folder)
    known = rules_in_force(files, settings.rules, metrics.values())
    for name in names:
        if name not in known:
            raise CommandError(
                f"there is no rule {name!r}; {nearest(name, known)}", code=MISCONFIGURED
            )
    if names:
        return [known[name] for name in dict.fromkeys(names)]
    return [known[name] for name in sorted(known) if known[name].options.enabled]


def _moments(settings: Settings, first: date, last: date, step: timedelta) -> list[datetime]:
    if not settings.warehouse_path.is_file():
        raise CommandError(
            "there is no warehouse yet", remedy="run `revops run nightly` first", code=UNAVAILABLE
        )
    with opened(settings.published_path) as connection:
        [(known_at,)] = connection.execute("SELECT as_of_at FROM ops.parameters").fetchall()
    known_at = known_at.replace(tzinfo=UTC)
    ends = min(datetime.combine(last, _NIGHT), known_at)
    moments = list(instants(datetime.combine(first, _NIGHT), ends, step))
    if not moments:
        said = f"nothing is known from {first} to {last}: published is {known_at:%Y-%m-%d %H:%M}"
        raise CommandError(f"{said} UTC", remedy="name earlier days", code=MISCONFIGURED)
    return moments


@contextmanager
def _own_file(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database beside the warehouse, gone at the end."""
    path = settings.home / f"backtest.{os.getpid()}.duckdb"
    path.unlink(missing_ok=True)
    try:
        with open_warehouse(path) as connection:
            yield connection
    finally:
        path.unlink(missing_ok=True)
        path.with_name(path.name + ".wal").unlink(missing_ok=True)
