"""`revops alerts backtest`: what a rule would have told, on history as it was known then.

Belongs here: which instants, where the history is made anew, and showing what came out. Does not:
making it (`replay`) or the arithmetic (`engine.alerts.backtest`). Nothing is sent, and the
warehouse is only read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import duckdb
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table

from revops_pipelines.assets import metrics as metric_plugins
from revops_pipelines.commands.context import settings_or_fail
from revops_pipelines.commands.failures import MISCONFIGURED, UNAVAILABLE, CommandError
from revops_pipelines.commands.query import opened
from revops_pipelines.engine.alerts.backtest import (
    Backtest,
    Episode,
    episodes_of,
    outcomes,
    read_events,
    share_true,
)
from revops_pipelines.engine.alerts.declaration import Rule
from revops_pipelines.engine.alerts.in_force import InForce, rules_in_force
from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.plugin_tables import nearest
from revops_pipelines.engine.registry import discover
from revops_pipelines.engine.warehouse.open import open_warehouse
from revops_pipelines.replay import Replay, instants
from revops_pipelines.resources.systems import Systems, systems_of
from revops_pipelines.sensors import rules as rule_plugins
from revops_pipelines.settings import Settings

STEPS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}
# The hour of the nightly run.
_NIGHT = time(2, 30, tzinfo=UTC)
_SHOWN = 40


def backtest_rule(
    out: Console,
    err: Console,
    name: str,
    *,
    first: date,
    last: date,
    every: str | None,
    as_json: bool,
) -> None:
    """Show what the rule would have told from the first day to the last, both included.

    `every` is hour, day or week; by default an hour for rules that pulses judge, and a day.
    Raises CommandError for an unknown rule or step, a span to come, and while a run writes.
    """
    settings = settings_or_fail()
    metrics = discover(metric_plugins, Metric, settings.plugins.folder)
    judged = _rule(settings, metrics, name)
    step = every or ("hour" if judged.rule.pulse else "day")
    if step not in STEPS:
        raise CommandError(f"--every {step}: {nearest(step, STEPS)}", code=MISCONFIGURED)
    moments = _moments(settings, first, last, STEPS[step])
    found = run_backtest(err, settings, systems_of(settings), judged, metrics, moments)
    if as_json:
        typer.echo(json.dumps(_plain(found), indent=2, ensure_ascii=False, default=str))
    else:
        _show(out, found, step)


def run_backtest(
    err: Console,
    settings: Settings,
    systems: Systems,
    judged: InForce,
    metrics: dict[str, Metric],
    moments: Sequence[datetime],
) -> Backtest:
    """Judge the rule at those instants on history as it was known. Raises CommandError."""
    rule = judged.rule
    problems: list[str] = []
    with _own_file(settings) as connection:
        try:
            history = Replay(
                connection, settings.warehouse_path, settings, systems, judged, metrics
            )
            for moment in track(moments, f"{rule.name}", console=err, transient=True):
                evaluation = history.at(moment)
                problems += [evaluation.problem] if evaluation.problem else []
        except duckdb.IOException as error:
            raise CommandError(
                f"{settings.warehouse_path.name} cannot be read: "
                f"{str(error).splitlines()[0][:120]}",
                remedy="try again when no run is writing it",
                code=UNAVAILABLE,
            ) from None
        episodes = episodes_of(read_events(connection, rule.name))
    with opened(settings.published_path) as published:
        known = outcomes(published, rule)
    return Backtest(
        rule=rule.name,
        first=moments[0].date(),
        last=moments[-1].date(),
        steps=len(moments),
        episodes=tuple(each.with_outcomes(known) for each in episodes),
        unjudged=len(problems),
        problem=problems[-1] if problems else "",
        usual=share_true(known.values()),
    )


def _rule(settings: Settings, metrics: dict[str, Metric], name: str) -> InForce:
    files = discover(rule_plugins, Rule, settings.plugins.folder)
    known = rules_in_force(files, settings.rules, metrics.values())
    if name not in known:
        raise CommandError(f"there is no rule {name!r}; {nearest(name, known)}", code=MISCONFIGURED)
    return known[name]


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


def _plain(found: Backtest) -> dict[str, Any]:
    return {
        **asdict(found),
        "per_week": {str(week): count for week, count in found.per_week().items()},
        "per_receiver": found.per_receiver(),
        "known_outcomes": found.known,
        "precision": found.precision,
    }


def _show(out: Console, found: Backtest, step: str) -> None:
    out.print(
        f"{found.rule}, {found.first} to {found.last}, judged every {step} "
        f"({found.steps} times), on what was known then. Nothing was sent."
    )
    if found.unjudged:
        out.print(f"Could not be judged {found.unjudged} times: {found.problem}", markup=False)
    if not found.episodes:
        out.print("It would have told nothing.")
        return
    out.print(_episodes(found))
    if len(found.episodes) > _SHOWN:
        out.print(f"and {len(found.episodes) - _SHOWN} more: see --json")
    weeks = found.per_week()
    out.print(_counts("week from", {week: count for week, count in weeks.items() if count}))
    out.print(_counts("receiver", found.per_receiver()))
    messages = sum(episode.messages for episode in found.episodes)
    silent = sum(not count for count in weeks.values())
    out.print(
        f"{_number(len(found.episodes), 'alert')} in {found.weeks:.1f} weeks, "
        f"{len(found.episodes) / found.weeks:.2g} a week, {silent} of {len(weeks)} weeks without; "
        f"{_number(messages, 'message')} before grouping"
    )
    out.print(_precision(found))


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _precision(found: Backtest) -> str:
    if found.precision is None:
        return "What became of them is not known."
    still = found.told - found.known
    rest = f"; of {still} it is not known" if still else ""
    usual = "" if found.usual is None else f" (of all that are judged, {found.usual:.0%})"
    return f"Of {found.known} with a known outcome {found.precision:.0%} came true{usual}{rest}."


def _episodes(found: Backtest) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in ("fired", "ended", "severity", "what", "receiver", "came true"):
        table.add_column(column, no_wrap=column in ("fired", "ended", "severity"))
    for episode in found.episodes[:_SHOWN]:
        ended = f"{episode.ended_at:%Y-%m-%d %H:%M}" if episode.ended_at else "open"
        table.add_row(
            f"{episode.fired_at:%Y-%m-%d %H:%M}",
            ended,
            episode.severity,
            episode.headline,
            episode.receiver,
            _became(episode),
        )
    return table


def _became(episode: Episode) -> str:
    if episode.outcomes:
        return f"{sum(episode.outcomes.values())} of {len(episode.outcomes)}"
    return {True: "yes", False: "no", None: ""}[episode.came_true]


def _counts(what: str, counts: dict[Any, int]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column(what)
    table.add_column("alerts", justify="right")
    for name, count in counts.items():
        table.add_row(str(name), str(count))
    return table
