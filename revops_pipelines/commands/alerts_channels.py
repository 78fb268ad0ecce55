"""`revops alerts channels`: what each channel has sent, what still waits, what it refused for good.

Belongs here: showing the outbox's own account, as it is now. Does not: what runs record of it
(`ops.outbox_facts`), or trying a channel (`alerts_test`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from revops_pipelines.commands.context import settings_or_fail
from revops_pipelines.commands.outbox_access import opened_outbox
from revops_pipelines.engine.alerts.upkeep import ChannelState, channel_states, dead_letters


def show_channels(out: Console, last: int, *, as_json: bool) -> None:
    """Each channel a line, then the newest dead letters. Raises CommandError without an outbox."""
    with opened_outbox(settings_or_fail()) as outbox:
        states, dead = channel_states(outbox), dead_letters(outbox, last)
    if as_json:
        told = {"channels": [asdict(state) for state in states], "dead_letters": dead}
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False, default=str))
        return
    if not states:
        out.print("Nothing was sent anywhere yet.")
        return
    out.print(_table(states))
    for state in states:
        if state.last_error:
            out.print(f"{state.channel}: {state.last_error}", markup=False, soft_wrap=True)
    for letter in dead:
        what = letter["alert"] or "a digest"
        out.print(
            f"{letter['created_at']:%Y-%m-%d %H:%M}  {letter['channel']}: {what} not told: "
            f"{letter['reason']}",
            markup=False,
            soft_wrap=True,
        )


def _table(states: Sequence[ChannelState]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("channel", no_wrap=True)
    for name in ("sent", "waiting", "folded", "suppressed", "dead"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("last sent", no_wrap=True)
    for state in states:
        counts = (state.sent, state.waiting, state.folded, state.suppressed, state.dead)
        sent = f"{state.last_sent_at:%Y-%m-%d %H:%M}" if state.last_sent_at else "never"
        table.add_row(escape(state.channel), *(f"{count:,}" for count in counts), sent)
    return table
