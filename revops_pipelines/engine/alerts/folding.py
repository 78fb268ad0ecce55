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
    free, for_digest = _counts(connection, channel, now)
    single = free - for_digest
    is_storm = single > _BREAKER * options.storm_size
    groups: list[list[_Row]] = []
    if options.group_by_owner and single > 1 and not is_storm:
        groups = _groups(_waiting(connection, channel), _singles(connection, channel, now))
    chosen = _chosen(connection, channel, options, single, is_storm, groups, now)
    if chosen:
        _update(connection, chosen, {"is_for_digest": True})
    folded = 0
    if for_digest or chosen:
        folded = _into_digests(connection, channel, options, is_storm, now)
    taken = {message["position"] for message in chosen}
    for group in groups:
        if not any(message["position"] in taken for message in group):
            folded += _into_group(connection, channel, group, now)
    return folded


def _is_free(now: datetime) -> sa.ColumnElement[bool]:
    """Never tried, so that no receiver can have seen it alone; not held until later."""
    return sa.and_(MESSAGES.c.attempts == 0, MESSAGES.c.not_before <= now)


def _counts(connection: sa.Connection, channel: str, now: datetime) -> tuple[int, int]:
    """How many messages are free, and how many of them are for a digest."""
    free, for_digest = connection.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(sa.case((MESSAGES.c.is_for_digest, 1), else_=0)), 0),
        ).where(
            MESSAGES.c.channel == channel,
            MESSAGES.c.state == "waiting",
            MESSAGES.c.event_id.is_not(None),
            _is_free(now),
        )
    ).one()
    return int(free), int(for_digest)


def _waiting(connection: sa.Connection, channel: str) -> list[_Row]:
    """Everything that waits there, as little of each as is needed, in its order."""
    rows = connection.execute(
        sa.select(MESSAGES.c.position, MESSAGES.c.alert)
        .where(
            MESSAGES.c.channel == channel,
            MESSAGES.c.state == "waiting",
            MESSAGES.c.event_id.is_not(None),
        )
        .order_by(MESSAGES.c.position)
    )
    return [{"position": position, "alert": alert} for position, alert in rows]


def _singles(connection: sa.Connection, channel: str, now: datetime) -> list[dict[str, Any]]:
    """The free messages that would come alone, with what is known of their events."""
    rows = connection.execute(
        sa.select(
            MESSAGES.c.position,
            MESSAGES.c.message_id,
            MESSAGES.c.alert,
            EVENTS.c.kind,
            EVENTS.c.severity,
            EVENTS.c.run_id,
            EVENTS.c.notice["owner"].as_string().label("owner"),
        )
        .join(EVENTS, EVENTS.c.event_id == MESSAGES.c.event_id)
        .where(
            MESSAGES.c.channel == channel,
            MESSAGES.c.state == "waiting",
            MESSAGES.c.is_for_digest.is_(False),
            _is_free(now),
        )
        .order_by(MESSAGES.c.position)
    )
    return [dict(row) for row in rows.mappings()]


def _groups(waiting: Sequence[_Row], single: Sequence[_Row]) -> list[list[_Row]]:
    """Those that one run found for one owner, two or more, without any that would overtake."""
    by_position = {message["position"]: message for message in single}
    found: dict[tuple[str, str], list[_Row]] = {}
    for place in _in_order(waiting, set(by_position)):
        message = by_position[place["position"]]
        if message["run_id"] and message["owner"] and message["kind"] in TRIGGERS:
            found.setdefault((message["run_id"], message["owner"]), []).append(message)
    return [group for group in found.values() if len(group) > 1]


def _chosen(
    connection: sa.Connection,
    channel: str,
    options: ChannelOptions,
    single: int,
    is_storm: bool,
    groups: Sequence[Sequence[_Row]],
    now: datetime,
) -> list[_Row]:
    """Those of the single messages that come in a digest all the same."""
    if not single:
        return []
    alone = single - sum(len(group) - 1 for group in groups)
    left = options.messages_per_hour - _sent_singles(connection, channel, now)
    breaks = _storms(connection, channel, now)
    if not (is_storm or breaks or alone > options.storm_size or alone > left):
        return []
    rows = _singles(connection, channel, now)
    if not is_storm and alone <= options.storm_size:
        # What came first comes alone, as long as the hour has room; after a storm only what is
        # critical.
        late = set(range(max(left, 0), len(rows))) if alone > left else set()
        rows = [
            row
            for place, row in enumerate(rows)
            if place in late or (breaks and row["severity"] != "critical")
        ]
    return _in_order(_waiting(connection, channel), {row["position"] for row in rows})


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
        MESSAGES.c.event_id.is_(None),
        MESSAGES.c.note == STORM_NOTE,
        MESSAGES.c.created_at > now - _HOUR,
        MESSAGES.c.created_at <= now,
    )
    return connection.execute(query.limit(1)).first() is not None


def _into_digests(
    connection: sa.Connection,
    channel: str,
    options: ChannelOptions,
    is_storm: bool,
    now: datetime,
) -> int:
    """Put what is for a digest into one, or one for each team; it waits where none may go yet."""
    if not (_may_begin(connection, channel, options, now) or _open_digest(connection, channel)):
        return 0
    rows = _for_digest(connection, channel, now)
    in_order = _in_order(_waiting(connection, channel), {row["position"] for row in rows})
    positions = {message["position"] for message in in_order}
    teams: dict[str, list[_Row]] = {}
    for message in rows:
        if message["position"] in positions:
            team = message["team"] if options.digest_by_team else None
            alert = f"{DIGEST_ALERT} {team}" if team else DIGEST_ALERT
            teams.setdefault(alert, []).append(message)
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


def _for_digest(connection: sa.Connection, channel: str, now: datetime) -> list[dict[str, Any]]:
    rows = connection.execute(
        sa.select(
            MESSAGES.c.position,
            MESSAGES.c.message_id,
            EVENTS.c.notice["team"].as_string().label("team"),
        )
        .join(EVENTS, EVENTS.c.event_id == MESSAGES.c.event_id)
        .where(
            MESSAGES.c.channel == channel,
            MESSAGES.c.state == "waiting",
            MESSAGES.c.is_for_digest.is_(True),
            _is_free(now),
        )
        .order_by(MESSAGES.c.position)
    )
    return [dict(row) for row in rows.mappings()]


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


def _open_digest(connection: sa.Connection, channel: str, alert: str = "") -> str | None:
    """A digest that nobody has tried to send yet, and that may therefore still grow.

    Any of the channel's when no `alert` says which.
    """
    found: str | None = connection.execute(
        sa.select(MESSAGES.c.message_id).where(
            MESSAGES.c.channel == channel,
            MESSAGES.c.event_id.is_(None),
            MESSAGES.c.alert == alert if alert else MESSAGES.c.alert != GROUP_ALERT,
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
