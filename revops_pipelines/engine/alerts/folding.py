"""Folds many waiting messages of a channel into one digest; nothing is dropped.

Belongs here: when alerts come one by one and when together. Does not: what a digest looks like.

Alerts come together when they are old news (a backlog), when more than `storm_size` wait at once,
when the channel had its single messages of the hour, or when they end what a digest began. Two
digests may go at once, further ones in even steps, never more than `digests_per_hour`; what waits
for the next one joins it. Folded messages carry the digest's id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from revops_pipelines.engine.alerts.channel import Channel, ChannelOptions
from revops_pipelines.engine.alerts.outbox import MESSAGES

DIGEST_ALERT = "(digest)"
_AT_ONCE = 2
_HOUR = timedelta(hours=1)
_CHUNK = 400
_Row = Mapping[str, Any]


def fold(connection: sa.Connection, channels: Mapping[str, Channel], now: datetime) -> int:
    """Fold what is to be folded on every channel; returns how many messages went into digests.

    Must run inside the outbox's `turn`.
    """
    return sum(
        _fold_channel(connection, name, channel.options, now) for name, channel in channels.items()
    )


def _fold_channel(
    connection: sa.Connection, channel: str, options: ChannelOptions, now: datetime
) -> int:
    waiting = _waiting(connection, channel)
    free = [message for message in waiting if _is_free(message, now)]
    chosen = {message["position"] for message in _chosen(connection, channel, options, free, now)}
    together = _in_order(waiting, chosen)
    if together:
        _update(connection, together, {"is_for_digest": True})
        digest = _open_digest(connection, channel, now) or _new_digest(
            connection, channel, options, together, now
        )
        if digest is not None:
            _update(connection, together, {"state": "folded", "digest_id": digest})
            return len(together)
    return 0


def _waiting(connection: sa.Connection, channel: str) -> list[dict[str, Any]]:
    rows = connection.execute(
        sa.select(MESSAGES)
        .where(
            MESSAGES.c.channel == channel,
            MESSAGES.c.state == "waiting",
            MESSAGES.c.event_id.is_not(None),
        )
        .order_by(MESSAGES.c.position)
    )
    return [dict(row) for row in rows.mappings()]


def _is_free(message: _Row, now: datetime) -> bool:
    """Never tried, so that no receiver can have seen it alone; not held by quiet hours."""
    return bool(message["attempts"] == 0 and message["not_before"] <= now)


def _chosen(
    connection: sa.Connection,
    channel: str,
    options: ChannelOptions,
    free: Sequence[_Row],
    now: datetime,
) -> list[_Row]:
    """Those of the free messages that come together."""
    together = [message for message in free if message["is_for_digest"]]
    single = [message for message in free if not message["is_for_digest"]]
    if len(single) > options.storm_size:
        return [*together, *single]
    if not single:
        return together
    left = options.messages_per_hour - _sent_singles(connection, channel, now)
    return [*together, *single[max(left, 0) :]]


def _in_order(waiting: Sequence[_Row], chosen: set[int]) -> list[_Row]:
    """The chosen messages, less those that would overtake an earlier one of the same alert."""
    together: list[_Row] = []
    alone: set[str] = set()
    for message in waiting:
        if message["position"] in chosen and message["alert"] not in alone:
            together.append(message)
        else:
            alone.add(message["alert"])
    return together


def _sent_singles(connection: sa.Connection, channel: str, now: datetime) -> int:
    count = connection.execute(
        sa.select(sa.func.count())
        .select_from(MESSAGES)
        .where(
            MESSAGES.c.channel == channel,
            MESSAGES.c.state == "sent",
            MESSAGES.c.event_id.is_not(None),
            MESSAGES.c.sent_at > now - _HOUR,
            MESSAGES.c.sent_at <= now,
        )
    ).scalar_one()
    return int(count)


def _open_digest(connection: sa.Connection, channel: str, now: datetime) -> str | None:
    """A digest that nobody has tried to send yet, and that may therefore still grow."""
    found: str | None = connection.execute(
        sa.select(MESSAGES.c.message_id).where(
            MESSAGES.c.channel == channel,
            MESSAGES.c.event_id.is_(None),
            MESSAGES.c.state == "waiting",
            MESSAGES.c.attempts == 0,
        )
    ).scalar()
    return found


def _new_digest(
    connection: sa.Connection,
    channel: str,
    options: ChannelOptions,
    together: Sequence[_Row],
    now: datetime,
) -> str | None:
    """A new digest, or None while the channel has had its share."""
    recent = [
        row.created_at
        for row in connection.execute(
            sa.select(MESSAGES.c.created_at).where(
                MESSAGES.c.channel == channel,
                MESSAGES.c.event_id.is_(None),
                MESSAGES.c.state.in_(("waiting", "sent")),
                MESSAGES.c.created_at > now - _HOUR,
                MESSAGES.c.created_at <= now,
            )
        )
    ]
    if not _may_send(len(recent), max(recent, default=None), options, now):
        return None
    identity = hashlib.sha256(f"digest|{together[0]['message_id']}".encode()).hexdigest()[:32]
    connection.execute(
        sa.insert(MESSAGES),
        {
            "message_id": identity,
            "channel": channel,
            "event_id": None,
            "alert": DIGEST_ALERT,
            "episode": 0,
            "state": "waiting",
            "is_for_digest": False,
            "reason": "",
            "note": "",
            "created_at": now,
            "not_before": now,
            "attempts": 0,
        },
    )
    return identity


def _may_send(recent: int, latest: datetime | None, options: ChannelOptions, now: datetime) -> bool:
    if latest is None or recent < min(_AT_ONCE, options.digests_per_hour):
        return True
    step: timedelta = _HOUR / options.digests_per_hour
    return recent < options.digests_per_hour and now - latest >= step


def _update(connection: sa.Connection, messages: Sequence[_Row], values: dict[str, Any]) -> None:
    positions = [message["position"] for message in messages]
    for start in range(0, len(positions), _CHUNK):
        chunk = positions[start : start + _CHUNK]
        connection.execute(
            sa.update(MESSAGES).where(MESSAGES.c.position.in_(chunk)).values(**values)
        )
