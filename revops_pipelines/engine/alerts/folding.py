"""Folds many waiting messages of a channel into one; nothing is dropped.

Belongs here: when alerts come one by one and when together. Does not: what a digest looks like.

What one run finds for one owner comes as one message, at once. Alerts come in a digest when they
are old news (a backlog), when more than `storm_size` messages wait at once, when the channel had
its single messages of the hour, or when they end what a digest began. Two digests may go at once,
further ones in even steps, never more than `digests_per_hour`; what waits for the next one joins
it. More than ten times `storm_size` alerts at once, whoever owns them, open the breaker: for an
hour only critical alerts come alone. Folded messages carry the digest's id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from revops_pipelines.engine.alerts.channel import Channel, ChannelOptions
from revops_pipelines.engine.alerts.lifecycle import TRIGGERS
from revops_pipelines.engine.alerts.outbox import EVENTS, MESSAGES

DIGEST_ALERT = "(digest)"
GROUP_ALERT = "(group)"
STORM_NOTE = "very many alerts came at once; for an hour only critical ones come alone"
_AT_ONCE = 2
_HOUR = timedelta(hours=1)
_CHUNK = 400
_BREAKER = 10
_Row = Mapping[str, Any]


def fold(connection: sa.Connection, channels: Mapping[str, Channel], now: datetime) -> int:
    """Fold what is to be folded on every channel; returns how many messages went into others.

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
    if not free:
        return 0
    together = [message for message in free if message["is_for_digest"]]
    single = [message for message in free if not message["is_for_digest"]]
    groups = _groups(waiting, single) if options.group_by_owner else []
    chosen, is_storm = _chosen(connection, channel, options, single, groups, now)
    positions = {message["position"] for message in (*together, *chosen)}
    folded = _into_digests(
        connection, channel, options, _in_order(waiting, positions), is_storm, now
    )
    taken = {message["position"] for message in chosen}
    for group in groups:
        if not any(message["position"] in taken for message in group):
            folded += _into_group(connection, channel, group, now)
    return folded


def _waiting(connection: sa.Connection, channel: str) -> list[dict[str, Any]]:
    rows = connection.execute(
        sa.select(
            MESSAGES,
            EVENTS.c.kind,
            EVENTS.c.severity,
            EVENTS.c.run_id,
            EVENTS.c.notice["owner"].as_string().label("owner"),
            EVENTS.c.notice["team"].as_string().label("team"),
        )
        .join(EVENTS, EVENTS.c.event_id == MESSAGES.c.event_id)
        .where(MESSAGES.c.channel == channel, MESSAGES.c.state == "waiting")
        .order_by(MESSAGES.c.position)
    )
    return [dict(row) for row in rows.mappings()]


def _is_free(message: _Row, now: datetime) -> bool:
    """Never tried, so that no receiver can have seen it alone; not held by quiet hours."""
    return bool(message["attempts"] == 0 and message["not_before"] <= now)


def _groups(waiting: Sequence[_Row], single: Sequence[_Row]) -> list[list[_Row]]:
    """Those that one run found for one owner, two or more, without any that would overtake."""
    found: dict[tuple[str, str], list[_Row]] = {}
    may = {message["position"] for message in single}
    for message in _in_order(waiting, may):
        if message["run_id"] and message["owner"] and message["kind"] in TRIGGERS:
            found.setdefault((message["run_id"], message["owner"]), []).append(message)
    return [group for group in found.values() if len(group) > 1]


def _chosen(
    connection: sa.Connection,
    channel: str,
    options: ChannelOptions,
    single: Sequence[_Row],
    groups: Sequence[Sequence[_Row]],
    now: datetime,
) -> tuple[list[_Row], bool]:
    """Those of the single messages that come in a digest all the same; and whether it storms."""
    if not single:
        return [], False
    spared = sum(len(group) - 1 for group in groups)
    is_storm = len(single) > _BREAKER * options.storm_size
    if is_storm or len(single) - spared > options.storm_size:
        return list(single), is_storm
    left = options.messages_per_hour - _sent_singles(connection, channel, now)
    if left < len(single) - spared:
        # Not even the groups fit for sure: what came first comes alone.
        return list(single[max(left, 0) :]), False
    if _storms(connection, channel, now):
        return [message for message in single if message["severity"] != "critical"], False
    return [], False


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
            sa.or_(MESSAGES.c.event_id.is_not(None), MESSAGES.c.alert == GROUP_ALERT),
            MESSAGES.c.sent_at > now - _HOUR,
            MESSAGES.c.sent_at <= now,
        )
    ).scalar_one()
    return int(count)


def _storms(connection: sa.Connection, channel: str, now: datetime) -> bool:
    """Whether a storm came within the last hour."""
    query = sa.select(MESSAGES.c.message_id).where(
        MESSAGES.c.channel == channel,
        MESSAGES.c.note == STORM_NOTE,
        MESSAGES.c.created_at > now - _HOUR,
        MESSAGES.c.created_at <= now,
    )
    return connection.execute(query.limit(1)).first() is not None


def _into_digests(
    connection: sa.Connection,
    channel: str,
    options: ChannelOptions,
    together: Sequence[_Row],
    is_storm: bool,
    now: datetime,
) -> int:
    """Put the messages into a digest, or one for each team; they wait where none may go yet."""
    if not together:
        return 0
    _update(connection, together, {"is_for_digest": True})
    teams: dict[str, list[_Row]] = {}
    for message in together:
        team = message["team"] if options.digest_by_team else None
        teams.setdefault(f"{DIGEST_ALERT} {team}" if team else DIGEST_ALERT, []).append(message)
    folded = 0
    for alert, messages in teams.items():
        digest = _open_digest(connection, channel, alert)
        if digest is None and _may_begin(connection, channel, options, now):
            digest = _new(connection, channel, alert, messages, now)
        if digest is not None:
            _update(connection, messages, {"state": "folded", "digest_id": digest})
            folded += len(messages)
            _mark_storm(connection, digest, is_storm)
    return folded


def _mark_storm(connection: sa.Connection, digest: str, is_storm: bool) -> None:
    if is_storm:
        connection.execute(
            sa.update(MESSAGES).where(MESSAGES.c.message_id == digest).values(note=STORM_NOTE)
        )


def _into_group(
    connection: sa.Connection, channel: str, group: Sequence[_Row], now: datetime
) -> int:
    """One message for all that a run found for one owner."""
    together = _new(connection, channel, GROUP_ALERT, group, now)
    _update(connection, group, {"state": "folded", "digest_id": together})
    return len(group)


def _open_digest(connection: sa.Connection, channel: str, alert: str) -> str | None:
    """A digest that nobody has tried to send yet, and that may therefore still grow."""
    found: str | None = connection.execute(
        sa.select(MESSAGES.c.message_id).where(
            MESSAGES.c.channel == channel,
            MESSAGES.c.event_id.is_(None),
            MESSAGES.c.alert == alert,
            MESSAGES.c.state == "waiting",
            MESSAGES.c.attempts == 0,
        )
    ).scalar()
    return found


def _may_begin(
    connection: sa.Connection, channel: str, options: ChannelOptions, now: datetime
) -> bool:
    """Whether the channel has not had its share of digests."""
    recent = [
        row.created_at
        for row in connection.execute(
            sa.select(MESSAGES.c.created_at).where(
                MESSAGES.c.channel == channel,
                MESSAGES.c.event_id.is_(None),
                MESSAGES.c.alert != GROUP_ALERT,
                MESSAGES.c.state.in_(("waiting", "sent")),
                MESSAGES.c.created_at > now - _HOUR,
                MESSAGES.c.created_at <= now,
            )
        )
    ]
    return _may_send(len(recent), max(recent, default=None), options, now)


def _new(
    connection: sa.Connection, channel: str, alert: str, together: Sequence[_Row], now: datetime
) -> str:
    """A new message that holds others; its id is made of the first of them."""
    kind = "group" if alert == GROUP_ALERT else "digest"
    identity = hashlib.sha256(f"{kind}|{together[0]['message_id']}".encode()).hexdigest()[:32]
    connection.execute(
        sa.insert(MESSAGES),
        {
            "message_id": identity,
            "channel": channel,
            "event_id": None,
            "alert": alert,
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
