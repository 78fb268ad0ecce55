"""`revops alerts test CHANNEL`: one marked message, and the receiver's real answer.

Belongs here: the test message, and telling what became of it. Does not: sending (the channel's own
sender does, as for every alert), or the outbox, which a test does not pass through.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import typer
from rich.console import Console

from revops_pipelines.commands.context import settings_or_fail
from revops_pipelines.commands.failures import MISCONFIGURED, CommandError
from revops_pipelines.engine.alerts.channel import (
    Channel,
    DeliveryError,
    Draft,
    Drafting,
    Message,
    RejectedError,
    Told,
)
from revops_pipelines.engine.alerts.notice import as_utc
from revops_pipelines.engine.plugin_tables import nearest
from revops_pipelines.resources.clock import ClockResource
from revops_pipelines.resources.messengers import Messengers, problem_of

_RULE = "test"


def test_channel(console: Console, name: str, *, dry_run: bool, as_json: bool) -> None:
    """Send one test message, or show it; raises CommandError where it did not arrive."""
    settings = settings_or_fail()
    messengers = Messengers(settings.channels, settings.inbox_path, settings.plugins.folder)
    channels = messengers.channels()
    channel = channels.get(name)
    if channel is None:
        raise CommandError(
            f"no channel {name!r}; {nearest(name, channels)}",
            remedy=f"configure [channels.{name}] in revops.toml",
            code=MISCONFIGURED,
        )
    if problem := problem_of(channel):
        raise CommandError(f"{name} cannot be used: {problem}", code=MISCONFIGURED)
    message = trial_message(name, ClockResource().now(), uuid.uuid4().hex)
    if dry_run:
        _show(console, name, drafts_of(channel, message), as_json=as_json)
    else:
        _send(console, channel, message, as_json=as_json)


def trial_message(channel: str, now: datetime, message_id: str) -> Message:
    """The marked message: everything that a real alert has, about nothing."""
    told = Told(
        event_id=message_id,
        alert=f"{_RULE}/{message_id}",
        episode=1,
        kind="fired",
        rule=_RULE,
        rule_title="Test of a channel",
        key=message_id,
        severity="info",
        occurred_at=now,
        notice={
            "headline": f"a message to {channel}; nothing is wrong",
            "subject": "nothing real",
            "since": as_utc(now),
            "observed": "this message arrived",
            "limit": "it arrives whole and readable",
            "owner": "whoever asked for it",
            "what_to_do": "Nothing. Whoever ran `revops alerts test` sees that it arrived.",
        },
    )
    return Message(
        message_id=message_id,
        channel=channel,
        is_digest=False,
        events=(told,),
        created_at=now,
        sent_at=now,
        is_test=True,
    )


def drafts_of(channel: Channel, message: Message) -> list[Draft]:
    """What the channel would send. Raises CommandError where it cannot be shown or sent."""
    if not isinstance(channel.sender, Drafting):
        raise CommandError(
            f"{channel.name} cannot show what it would send",
            remedy="its plug-in has no `drafts`; send the test without --dry-run",
        )
    try:
        return list(channel.sender.drafts(message))
    except RejectedError as error:
        problem = error
    raise CommandError(f"{channel.name}: {problem}", remedy=problem.remedy)


def _show(console: Console, name: str, drafts: list[Draft], *, as_json: bool) -> None:
    if as_json:
        shown = [
            {"place": draft.place, "headers": dict(draft.headers), "body": draft.body}
            for draft in drafts
        ]
        typer.echo(json.dumps({"channel": name, "sent": False, "drafts": shown}, indent=2))
        return
    for draft in drafts:
        console.print(f"Not sent: {draft.place}", style="dim", markup=False, soft_wrap=True)
        for header, value in draft.headers.items():
            console.print(f"{header}: {value}", style="dim", markup=False, soft_wrap=True)
        # As it is, whatever the terminal's width: it is there to be copied.
        typer.echo(draft.body)


def _send(
    console: Console,
    channel: Channel,
    message: Message,
    *,
    as_json: bool,
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    began = monotonic()
    problem: DeliveryError | None = None
    said, references = "", {}
    try:
        receipt = channel.sender.send(message)
        if receipt is not None:
            said, references = receipt.said, dict(receipt.references)
    except DeliveryError as error:
        problem = error
    took = monotonic() - began
    if as_json:
        typer.echo(json.dumps(_result(channel.name, message, said, references, took, problem)))
    if problem is not None:
        after = "would be tried again" if not isinstance(problem, RejectedError) else "is final"
        raise CommandError(
            f"{channel.name}: {problem} (after {took:.1f} s; {after})", remedy=problem.remedy
        )
    if not as_json:
        line = f"{channel.name}: {said or 'taken'} ({took:.1f} s, message {message.message_id})"
        console.print(line, markup=False, soft_wrap=True)


def _result(
    name: str,
    message: Message,
    said: str,
    references: Mapping[str, str],
    took: float,
    problem: DeliveryError | None,
) -> dict[str, Any]:
    return {
        "channel": name,
        "sent": problem is None,
        "message_id": message.message_id,
        "answer": said if problem is None else str(problem),
        "references": dict(references),
        "seconds": round(took, 3),
        "remedy": "" if problem is None else problem.remedy,
    }
