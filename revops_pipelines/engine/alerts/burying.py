"""Dead letters: what a channel never took, and who is told instead.

Belongs here: giving a message up, and its way to another channel. Does not: deciding that a single
answer is final (the channel's sender does).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from revops_pipelines.engine.alerts.channel import Channel
from revops_pipelines.engine.alerts.leasing import Lease
from revops_pipelines.engine.alerts.lifecycle import EventKind
from revops_pipelines.engine.alerts.outbox import EVENTS, MESSAGES, Outbox
from revops_pipelines.engine.alerts.planning import message_row, takes

# A message is given up when it was tried for so long and so often; a relay that was itself down for
# days has tried little, and tries again.
GIVE_UP_AFTER = timedelta(hours=24)
GIVE_UP_TRIES = 50
_LIVE = ("waiting", "sent", "folded")
_CHUNK = 400
_Row = Mapping[str, Any]


def mark_dead(
    outbox: Outbox, lease: Lease, reason: str, channels: Mapping[str, Channel], now: datetime
) -> None:
    """The receiver refused it for good: a dead letter, and another channel is told."""
    with outbox.turn() as connection:
        row = connection.execute(
            sa.select(MESSAGES).where(MESSAGES.c.message_id == lease.message.message_id)
        ).mappings()
        _bury(connection, dict(row.one()), reason, channels, now)


def give_up(connection: sa.Connection, channels: Mapping[str, Channel], now: datetime) -> int:
    """Bury what was tried in vain for long, and what waits for a channel that is no more.

    Returns how many messages. Must run inside the outbox's `turn`.
    """
    tried_long = sa.and_(
        MESSAGES.c.first_tried_at < now - GIVE_UP_AFTER, MESSAGES.c.attempts >= GIVE_UP_TRIES
    )
    forsaken = sa.and_(
        MESSAGES.c.channel.not_in(list(channels)), MESSAGES.c.not_before < now - GIVE_UP_AFTER
    )
    rows = connection.execute(
        sa.select(MESSAGES).where(
            MESSAGES.c.state == "waiting",
            sa.or_(tried_long, forsaken),
            sa.or_(MESSAGES.c.lease_until.is_(None), MESSAGES.c.lease_until <= now),
        )
    )
    found = [dict(row) for row in rows.mappings()]
    for row in found:
        reason = (
            f"tried {row['attempts']} times: {row['reason']}"
            if row["channel"] in channels
            else "its channel is no longer configured"
        )
        _bury(connection, row, reason, channels, now)
    return len(found)


def _bury(
    connection: sa.Connection,
    message: _Row,
    reason: str,
    channels: Mapping[str, Channel],
    now: datetime,
) -> None:
    """Mark it, with what is folded into it, and send its events another way."""
    is_digest = message["event_id"] is None
    events = _events_of(connection, message)
    connection.execute(
        sa.update(MESSAGES)
        .where(
            sa.or_(
                MESSAGES.c.position == message["position"],
                MESSAGES.c.digest_id == message["message_id"],
            )
        )
        .values(state="dead", reason=reason[:300], lease_owner=None, lease_until=None)
    )
    triggers = [event for event in events if event["kind"] != EventKind.RESOLVED]
    orphans = _orphans(connection, message["channel"], triggers)
    for event in [*events, *orphans]:
        _redirect(connection, event, message["channel"], is_digest, channels, now)


def _events_of(connection: sa.Connection, message: _Row) -> list[dict[str, Any]]:
    """The event of a message, or those folded into it, in their order."""
    query = sa.select(EVENTS).order_by(EVENTS.c.position)
    if message["event_id"] is None:
        query = query.join(MESSAGES, MESSAGES.c.event_id == EVENTS.c.event_id).where(
            MESSAGES.c.digest_id == message["message_id"]
        )
    else:
        query = query.where(EVENTS.c.event_id == message["event_id"])
    return [dict(row) for row in connection.execute(query).mappings()]


def _orphans(
    connection: sa.Connection, channel: str, triggers: Sequence[_Row]
) -> list[dict[str, Any]]:
    """Resolves that wait on the channel for triggers that will now never arrive there.

    They are suppressed there, with a record; those in a later digest are taken out of it, which
    nobody has tried to send yet, as digests keep their order.
    """
    orphans: list[dict[str, Any]] = []
    for trigger in triggers:
        rows = connection.execute(
            sa.select(
                EVENTS,
                MESSAGES.c.state.label("state"),
                MESSAGES.c.position.label("place"),
                MESSAGES.c.digest_id.label("digest_id"),
            )
            .join(MESSAGES, MESSAGES.c.event_id == EVENTS.c.event_id)
            .where(
                EVENTS.c.rule == trigger["rule"],
                EVENTS.c.alert_key == trigger["alert_key"],
                EVENTS.c.episode == trigger["episode"],
                MESSAGES.c.channel == channel,
                MESSAGES.c.state.in_(_LIVE),
            )
        ).mappings()
        live = [dict(row) for row in rows]
        if all(row["kind"] == EventKind.RESOLVED for row in live):
            orphans.extend(row for row in live if row["state"] != "sent")
    for orphan in orphans:
        connection.execute(
            sa.update(MESSAGES)
            .where(MESSAGES.c.position == orphan["place"])
            .values(state="suppressed", reason="its trigger was dead", digest_id=None)
        )
    _drop_empty(connection, {row["digest_id"] for row in orphans if row["digest_id"]})
    return orphans


def _drop_empty(connection: sa.Connection, digests: set[str]) -> None:
    """A digest that has nothing left is not sent."""
    inside = MESSAGES.alias("inside")
    connection.execute(
        sa.update(MESSAGES)
        .where(
            MESSAGES.c.message_id.in_(sorted(digests)),
            ~sa.exists().where(inside.c.digest_id == MESSAGES.c.message_id),
        )
        .values(state="suppressed", reason="nothing is left in it")
    )


def _redirect(
    connection: sa.Connection,
    event: _Row,
    refused_by: str,
    is_digest: bool,
    channels: Mapping[str, Channel],
    now: datetime,
) -> None:
    """Tell another channel of the event, unless one is told already."""
    rows = connection.execute(
        sa.select(MESSAGES.c.channel, MESSAGES.c.state).where(
            MESSAGES.c.event_id == event["event_id"]
        )
    ).all()
    if any(row.state in _LIVE for row in rows):
        return
    known = {row.channel for row in rows}
    others = [
        name
        for name, channel in channels.items()
        if channel.options.enabled and name not in known and name != refused_by
    ]
    others.sort(key=lambda name: not takes(channels[name], event))
    if others:
        note = f"could not be delivered to {refused_by}"
        row = message_row(event, others[0], now, note=note)
        connection.execute(
            sa.insert(MESSAGES), row | {"is_for_digest": row["is_for_digest"] or is_digest}
        )
