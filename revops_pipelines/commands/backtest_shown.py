"""Backtests in words and tables, and as JSON.

Belongs here: what is said of one rule, or of several in a line each. Does not: running them
(`alerts_backtest`) or their arithmetic (`engine.alerts.backtest`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from revops_pipelines.engine.alerts.backtest import Backtest, Episode

_SHOWN = 40


def plain(found: Backtest) -> dict[str, Any]:
    """The backtest as JSON values."""
    return {
        **asdict(found),
        "per_week": {str(week): count for week, count in found.per_week().items()},
        "per_receiver": found.per_receiver(),
        "at_start": found.at_start,
        "a_week": found.a_week,
        "told": found.told,
        "known_outcomes": found.known,
        "precision": found.precision,
    }


def show(out: Console, found: Backtest, step: str, *, is_pulse: bool = False) -> None:
    """One rule: every alert, then how often, whom, and how rightly."""
    out.print(_head(found, found.rule, step))
    if is_pulse and step != "pulse":
        out.print(
            "Pulses judge it every few minutes: what came and went between two looks is not "
            "counted. --every pulse looks as often as they do."
        )
    if found.unjudged:
        out.print(_unjudged(found), markup=False)
    if not found.episodes:
        out.print("It would have told nothing.")
        return
    out.print(_episodes(found))
    if len(found.episodes) > _SHOWN:
        out.print(f"and {len(found.episodes) - _SHOWN} more: see --json")
    weeks = found.per_week()
    out.print(_counts("week from", {week: count for week, count in weeks.items() if count}))
    out.print(_counts("receiver", found.per_receiver()))
    out.print(_summary(found))
    out.print(_precision(found))


def show_all(out: Console, found: Sequence[Backtest], step: str) -> None:
    """Several rules, a line each."""
    out.print(_head(found[0], f"{len(found)} rules", step))
    table = _table()
    # Nothing is cut where a line has 80 characters.
    table.collapse_padding = True
    table.add_column("rule", min_width=max(len(each.rule) for each in found))
    for column in ("start", "new", "a week", "most", "whom", "known", "right", "usual"):
        table.add_column(column, justify="right")
    for each in sorted(found, key=lambda each: (-each.a_week, -each.at_start, each.rule)):
        new = len(each.episodes) - each.at_start
        table.add_row(
            each.rule,
            str(each.at_start),
            str(new),
            f"{each.a_week:.2g}",
            str(max(each.per_week().values(), default=0)),
            str(len(each.per_receiver())),
            str(each.known or ""),
            _share(each.precision),
            _share(each.usual if each.known else None),
        )
    out.print(table)
    out.print(
        "Start: there when it began. Most: in one week. Whom: how many receivers. Right: of what "
        "is known to have come true or not, the share that did. Usual: the same share of all that "
        "the rule judges."
    )
    for each in found:
        if each.unjudged:
            out.print(f"{each.rule}: {_unjudged(each)}", markup=False)


def _head(found: Backtest, what: str, step: str) -> str:
    return (
        f"{what}, {found.first} to {found.last}, judged every "
        f"{'5 minutes' if step == 'pulse' else step} ({found.steps} times), on what was known "
        "then. Nothing was sent."
    )


def _unjudged(found: Backtest) -> str:
    return f"could not be judged {_number(found.unjudged, 'time')}: {found.problem}"


def _summary(found: Backtest) -> str:
    weeks = found.per_week().values()
    silent = sum(not count for count in weeks)
    messages = sum(episode.messages for episode in found.episodes)
    said = f"{_number(len(found.episodes), 'alert')} in {found.weeks:.1f} weeks"
    if found.at_start:
        said += f", {found.at_start} of them there when it began"
    return (
        f"{said}; {found.a_week:.2g} new ones a week, {silent} of {len(weeks)} weeks without; "
        f"{_number(messages, 'message')} before grouping"
    )


def _precision(found: Backtest) -> str:
    if found.precision is None:
        return "What became of them is not known."
    still = found.told - found.known
    rest = f"; of {still} it is not known" if still else ""
    usual = "" if found.usual is None else f", against {found.usual:.0%} of all that are judged"
    return f"Of {found.known} with a known outcome {found.precision:.0%} came true{usual}{rest}."


def _episodes(found: Backtest) -> Table:
    table = _table()
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
    table = _table(what)
    table.add_column("alerts", justify="right")
    for name, count in counts.items():
        table.add_row(str(name), str(count))
    return table


def _table(*columns: str) -> Table:
    return Table(*columns, box=SIMPLE_HEAD, pad_edge=False, header_style="bold")


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
