"""What receivers took, and what they called it: partial deliveries, threads, digests that are over.

Belongs here: keeping receipts and looking them up for the next message. Does not: what a channel
makes of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from revops_pipelines.engine.alerts.lifecycle import EventKind
from revops_pipelines.engine.alerts.outbox import DELIVERIES, EVENTS, MESSAGES

_CHUNK = 400
_LONGEST = 1000
_Row = Mapping[str, Any]


def keep_receipts(
    connection: sa.Connection, message_id: str, taken: Mapping[str, str], now: datetime
) -> None:
    """Remember that these targets have the message, and what they call it."""
    known = taken_by(connection, message_id)
    new = {target: called for target, called in taken.items() if target not in known}
    if not new:
        return
    row = connection.execute(
        sa.select(MESSAGES.c.channel, MESSAGES.c.alert, MESSAGES.c.episode).where(
            MESSAGES.c.message_id == message_id
        )
    ).one()
    connection.execute(
        sa.insert(DELIVERIES),
        [
            {
                "message_id": message_id,
                "target": target[:200],
                "channel": row.channel,
                "alert": row.alert,
                "episode": row.episode,
                "reference": called[:_LONGEST],
                "taken_at": now,
            }
            for target, called in new.items()
        ],
    )


def taken_by(connection: sa.Connection, message_id: str) -> frozenset[str]:
    """The targets that have the message."""
    query = sa.select(DELIVERIES.c.target).where(DELIVERIES.c.message_id == message_id)
    return frozenset(connection.execute(query).scalars())


def threads(connection: sa.Connection, message: _Row) -> dict[str, dict[str, str]]:
    """For each event of the message: what each target called the first message of its episode.

    An event is absent where no earlier message of its episode was told alone on this channel.
    """
    own = (
        MESSAGES.c.digest_id == message["message_id"]
        if message["event_id"] is None
        else MESSAGES.c.message_id == message["message_id"]
    )
    rows = connection.execute(
        sa.select(MESSAGES.c.event_id, DELIVERIES.c.target, DELIVERIES.c.reference)
        .join(
            DELIVERIES,
            sa.and_(
                DELIVERIES.c.channel == MESSAGES.c.channel,
                DELIVERIES.c.alert == MESSAGES.c.alert,
                DELIVERIES.c.episode == MESSAGES.c.episode,
                DELIVERIES.c.message_id != MESSAGES.c.message_id,
            ),
        )
        .where(own, MESSAGES.c.event_id.is_not(None))
        .order_by(DELIVERIES.c.taken_at, DELIVERIES.c.message_id)
    )
    found: dict[str, dict[str, str]] = {}
    for event_id, target, reference in rows:
        found.setdefault(event_id, {}).setdefault(target, reference)
    return found


def ended_digests(
    connection: sa.Connection, channel: str, events: Sequence[_Row]
) -> tuple[str, ...]:
    """Digests sent on the channel that told of these endings' beginnings, if all in them ended."""
    ended = [event for event in events if event["kind"] == str(EventKind.RESOLVED)]
    digests = {digest for chunk in _chunks(ended) for digest in _digests_of(connection, chunk)}
    sent = connection.execute(
        sa.select(MESSAGES.c.message_id).where(
            MESSAGES.c.message_id.in_(sorted(digests)),
            MESSAGES.c.channel == channel,
            MESSAGES.c.state == "sent",
        )
    ).scalars()
    return tuple(digest for digest in sorted(sent) if not _holds_open(connection, digest))


def _digests_of(connection: sa.Connection, events: Sequence[_Row]) -> list[str]:
    """The digests, on any channel, that the triggers of these resolves were folded into."""
    trigger = EVENTS.alias("trigger")
    rows = connection.execute(
        sa.select(MESSAGES.c.digest_id)
        .distinct()
        .select_from(EVENTS)
        .join(trigger, _same_episode(trigger, EVENTS))
        .join(MESSAGES, MESSAGES.c.event_id == trigger.c.event_id)
        .where(
            EVENTS.c.event_id.in_([event["event_id"] for event in events]),
            trigger.c.kind != str(EventKind.RESOLVED),
            MESSAGES.c.digest_id.is_not(None),
        )
    )
    return list(rows.scalars())


def _holds_open(connection: sa.Connection, digest: str) -> bool:
    """Whether something that the digest told of has not ended yet."""
    end = EVENTS.alias("end")
    ended = sa.exists().where(_same_episode(end, EVENTS), end.c.kind == str(EventKind.RESOLVED))
    query = (
        sa.select(EVENTS.c.event_id)
        .join(MESSAGES, MESSAGES.c.event_id == EVENTS.c.event_id)
        .where(MESSAGES.c.digest_id == digest, ~ended)
        .limit(1)
    )
    return connection.execute(query).first() is not None


def _same_episode(one: Any, other: Any) -> sa.ColumnElement[bool]:
    return sa.and_(
        one.c.rule == other.c.rule,
        one.c.alert_key == other.c.alert_key,
        one.c.episode == other.c.episode,
    )


def _chunks(events: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    for start in range(0, len(events), _CHUNK):
        yield events[start : start + _CHUNK]
