"""Telling a channel what the heartbeat found, past the outbox and the relay, which may be dead.

Belongs here: the message. Does not: when there is something to tell (`engine.heartbeat.memory`).

All of a host's machinery is one alert with one episode from its first sign to its last, so that a
receiver which keeps incidents opens one and closes it.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Mapping, Sequence
from datetime import datetime

from revops_pipelines.commands.context import settings_or_fail
from revops_pipelines.commands.failures import CommandError
from revops_pipelines.engine.alerts.channel import DeliveryError, Message, Told
from revops_pipelines.engine.alerts.notice import as_utc
from revops_pipelines.engine.heartbeat.memory import Known, News
from revops_pipelines.engine.heartbeat.signs import Sign
from revops_pipelines.engine.plugin_tables import nearest
from revops_pipelines.resources.messengers import Messengers, problem_of

RULE = "heartbeat"


def tell_channel(
    name: str, fresh: News, present: Sequence[Sign], known: Mapping[str, Known], now: datetime
) -> str:
    """Send one message; why it did not arrive, or nothing."""
    try:
        settings = settings_or_fail()
    except CommandError as error:
        return error.line
    messengers = Messengers(settings.channels, settings.inbox_path, settings.plugins.folder)
    channels = messengers.channels()
    channel = channels.get(name)
    if channel is None:
        return f"there is no channel {name!r}; {nearest(name, channels)}"
    if problem := problem_of(channel):
        return f"{name} cannot be used: {problem}"
    try:
        channel.sender.send(message_of(name, fresh, present, known, now))
    except DeliveryError as error:
        return f"{name}: {error}"
    return ""


def message_of(
    channel: str, fresh: News, present: Sequence[Sign], known: Mapping[str, Known], now: datetime
) -> Message:
    """What people are told: fired while anything is wrong, resolved when nothing is left of it."""
    host = socket.gethostname()
    since = min((each.since for each in known.values()), default=now)
    kind = "fired" if present else "resolved"
    identity = hashlib.sha256(f"{RULE}|{host}|{now.isoformat()}".encode()).hexdigest()[:32]
    wrong = "; ".join(sign.detail for sign in present)
    mended = "; ".join(fresh.mended)
    notice = {
        "headline": (
            f"The pipelines on {host}: {wrong}" if present else f"The pipelines on {host} are well"
        ),
        "subject": f"the machinery on {host}",
        "since": as_utc(since),
        "observed": wrong or f"no longer so: {mended}",
        "limit": "daemon, relay, runs, outbox, snapshot and disk are well",
        "owner": "data engineering",
        "what_to_do": " ".join(f"{sign.remedy}." for sign in present if sign.remedy),
    }
    if not present:
        notice["ended"] = f"no longer so: {mended}"
    told = Told(
        event_id=identity,
        alert=f"{RULE}/{host}",
        episode=int(since.timestamp()),
        kind=kind,
        rule=RULE,
        rule_title="Dead man's heartbeat",
        key=host,
        severity="critical",
        occurred_at=now,
        notice=notice,
    )
    return Message(
        message_id=identity,
        channel=channel,
        is_digest=False,
        events=(told,),
        created_at=now,
        sent_at=now,
        note=f"mended: {mended}" if present and mended else "",
    )
