"""What the outbox holds, for the people who look after it: channels, dead letters, age.

Belongs here: what is read by hand, and pruning. Does not: judging, sending, or what people do about
alerts (`actions`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from revops_pipelines.engine.alerts.outbox import (
    ACTIONS,
    CHANNELS,
    DELIVERIES,
    EPISODES,
    EVENTS,
    MESSAGES,
    SILENCES,
    Outbox,
)


@dataclass(frozen=True, slots=True)
class ChannelState:
    """What a channel has received, and what it has not; counts of messages."""

    channel: str
    sent: int = 0
    waiting: int = 0
    folded: int = 0
    dead: int = 0
    suppressed: int = 0
    last_sent_at: datetime | None = None
    last_error: str = ""


def channel_states(outbox: Outbox) -> list[ChannelState]:
    """Every channel that ever had a message, by name."""
    counts: dict[str, dict[str, Any]] = {}
    with outbox.transaction() as connection:
        for channel, state, count, last in connection.execute(
            sa.select(
                MESSAGES.c.channel,
                MESSAGES.c.state,
                sa.func.count(),
                sa.func.max(MESSAGES.c.sent_at),
            )
            # What is folded into a dead digest is dead with it, and counts once.
            .where(sa.or_(MESSAGES.c.state != "dead", MESSAGES.c.digest_id.is_(None)))
            .group_by(MESSAGES.c.channel, MESSAGES.c.state)
        ):
            known = counts.setdefault(channel, {})
            known[state] = count
            if last is not None:
                known["last_sent_at"] = last
        for channel, error in connection.execute(
            sa.select(CHANNELS.c.channel, CHANNELS.c.last_error)
        ):
            counts.setdefault(channel, {})["last_error"] = error
    return [ChannelState(channel, **known) for channel, known in sorted(counts.items())]


def dead_letters(outbox: Outbox, most: int = 100) -> list[dict[str, Any]]:
    """The newest dead letters: channel, alert, kind, reason, created_at."""
    query = (
        sa.select(
            MESSAGES.c.channel,
            MESSAGES.c.alert,
            EVENTS.c.kind,
            MESSAGES.c.reason,
            MESSAGES.c.created_at,
        )
        .outerjoin(EVENTS, EVENTS.c.event_id == MESSAGES.c.event_id)
        .where(MESSAGES.c.state == "dead", MESSAGES.c.digest_id.is_(None))
        .order_by(MESSAGES.c.position.desc())
        .limit(most)
    )
    with outbox.transaction() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def prune(outbox: Outbox, before: datetime) -> int:
    """Remove events that began before then with all their messages, unless one still waits.

    Keep at least the mirror's horizon, or they come back. Returns how many events.
    """
    unsent = MESSAGES.alias("unsent")
    still = sa.select(MESSAGES.c.event_id).where(
        MESSAGES.c.event_id.is_not(None),
        sa.or_(
            MESSAGES.c.state == "waiting",
            sa.exists().where(
                unsent.c.message_id == MESSAGES.c.digest_id, unsent.c.state == "waiting"
            ),
        ),
    )
    old = sa.select(EVENTS.c.event_id).where(
        EVENTS.c.occurred_at < before,
        EVENTS.c.is_planned.is_(True),
        EVENTS.c.event_id.not_in(still),
        # What is still open is told again, and acted upon.
        EVENTS.c.event_id.not_in(
            sa.select(EPISODES.c.event_id).where(EPISODES.c.ended_at.is_(None))
        ),
    )
    with outbox.turn() as connection:
        ids = list(connection.execute(old).scalars())
        for start in range(0, len(ids), 400):
            chunk = ids[start : start + 400]
            connection.execute(sa.delete(MESSAGES).where(MESSAGES.c.event_id.in_(chunk)))
            connection.execute(sa.delete(EVENTS).where(EVENTS.c.event_id.in_(chunk)))
        connection.execute(sa.delete(DELIVERIES).where(DELIVERIES.c.taken_at < before))
        connection.execute(sa.delete(EPISODES).where(EPISODES.c.ended_at < before))
        connection.execute(sa.delete(SILENCES).where(SILENCES.c.ends_at < before))
        connection.execute(sa.delete(ACTIONS).where(ACTIONS.c.asked_at < before))
        connection.execute(
            sa.delete(MESSAGES).where(
                MESSAGES.c.event_id.is_(None),
                MESSAGES.c.state != "waiting",
                MESSAGES.c.created_at < before,
                MESSAGES.c.message_id.not_in(
                    sa.select(MESSAGES.c.digest_id).where(MESSAGES.c.digest_id.is_not(None))
                ),
            )
        )
    return len(ids)
