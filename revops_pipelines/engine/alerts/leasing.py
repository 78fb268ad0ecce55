"""Takes the next message of a channel for one relay, and writes down what became of it.

Belongs here: leases, order, back-off. Does not: the sending (`relay`), what never arrives
(`burying`).

A lease is taken before the send and expires by itself, so a relay that was killed loses nothing. A
message whose send was begun counts as tried: it may have arrived, and is never changed or folded
afterwards. Instants in the future of a lease or a try mean that the clock jumped back, and bind
nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from revops_pipelines.engine.alerts.channel import Message, Receipt, Told
from revops_pipelines.engine.alerts.declaration import severity_rank
from revops_pipelines.engine.alerts.episodes import alert_of
from revops_pipelines.engine.alerts.outbox import CHANNELS, EVENTS, MESSAGES, Outbox
from revops_pipelines.engine.alerts.receipts import ended_digests, keep_receipts, taken_by, threads

# Six times the deadline of a send.
LEASE = timedelta(seconds=30)
# A message that failed waits longer than its channel, so that one which always fails does not keep
# the others from being tried.
MESSAGE_PAUSE = (timedelta(seconds=5), timedelta(minutes=5))
CHANNEL_PAUSE = (timedelta(seconds=5), timedelta(minutes=1))
# What a receiver may ask for with Retry-After.
LONGEST_WAIT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Lease:
    """A message in the hands of one relay."""

    message: Message
    relay: str
    attempts: int
    until: datetime


def lease_next(outbox: Outbox, channel: str, now: datetime, relay: str) -> Lease | None:
    """The channel's first due message, leased; None when nothing is due or the channel rests."""
    with outbox.turn() as connection:
        if _rests(connection, channel, now):
            return None
        row = connection.execute(_DUE, {"channel": channel, "now": now}).mappings().first()
        if row is None:
            return None
        attempts, until = row["attempts"] + 1, now + LEASE
        connection.execute(
            sa.update(MESSAGES)
            .where(MESSAGES.c.position == row["position"])
            .values(
                lease_owner=relay,
                leased_at=now,
                lease_until=until,
                attempts=attempts,
                first_tried_at=row["first_tried_at"] or now,
                tried_at=now,
            )
        )
        return Lease(_message(connection, dict(row), now), relay, attempts, until)


def mark_sent(outbox: Outbox, lease: Lease, now: datetime, receipt: Receipt | None = None) -> None:
    """The receiver has it; its channel is well."""
    message_id = lease.message.message_id
    values: dict[str, Any] = {"state": "sent", "sent_at": now}
    if receipt is not None and receipt.refused:
        values["reason"] = _refused(receipt)
    with outbox.transaction() as connection:
        connection.execute(
            sa.update(MESSAGES)
            .where(MESSAGES.c.message_id == message_id)
            .values(**values, lease_owner=None, lease_until=None)
        )
        if receipt is not None:
            keep_receipts(connection, message_id, receipt.references, now)
        _set_channel(connection, lease.message.channel, None, None, 0, "")


def mark_failed(
    outbox: Outbox,
    lease: Lease,
    reason: str,
    wait: timedelta | None,
    now: datetime,
    taken: Mapping[str, str] | None = None,
) -> None:
    """Not now: the message waits, and so does the whole channel; `taken` is who has it already."""
    with outbox.transaction() as connection:
        keep_receipts(connection, lease.message.message_id, taken or {}, now)
        known = _channel(connection, lease.message.channel)
        failures = (known["failures"] if known else 0) + 1
        if wait is None:
            retry_at = now + _pause(MESSAGE_PAUSE, lease.attempts)
            paused_until = now + _pause(CHANNEL_PAUSE, failures)
        else:
            retry_at = paused_until = now + min(wait, LONGEST_WAIT)
        _set_channel(connection, lease.message.channel, paused_until, now, failures, reason[:300])
        connection.execute(
            sa.update(MESSAGES)
            .where(
                MESSAGES.c.message_id == lease.message.message_id,
                MESSAGES.c.lease_owner == lease.relay,
            )
            .values(not_before=retry_at, reason=reason[:300], lease_owner=None, lease_until=None)
        )


def _due() -> sa.Select[Any]:
    """The first message that may be sent: nothing before it on the same alert is still to come."""
    earlier, digest = MESSAGES.alias("earlier"), MESSAGES.alias("digest")
    now = sa.bindparam("now", type_=MESSAGES.c.not_before.type)
    in_unsent_digest = sa.exists().where(
        digest.c.message_id == earlier.c.digest_id, digest.c.state == "waiting"
    )
    blocked = sa.exists().where(
        earlier.c.channel == MESSAGES.c.channel,
        earlier.c.alert == MESSAGES.c.alert,
        earlier.c.position < MESSAGES.c.position,
        sa.or_(
            earlier.c.state == "waiting",
            sa.and_(earlier.c.state == "folded", in_unsent_digest),
        ),
    )
    tried_in_future = sa.and_(MESSAGES.c.tried_at.is_not(None), MESSAGES.c.tried_at > now)
    return (
        sa.select(MESSAGES)
        .where(
            MESSAGES.c.channel == sa.bindparam("channel"),
            MESSAGES.c.state == "waiting",
            MESSAGES.c.is_for_digest.is_(False),
            sa.or_(MESSAGES.c.not_before <= now, tried_in_future),
            sa.or_(
                MESSAGES.c.lease_until.is_(None), MESSAGES.c.lease_until <= now, tried_in_future
            ),
            ~blocked,
        )
        .order_by(MESSAGES.c.position)
        .limit(1)
    )


# Built once: composing it takes longer than running it.
_DUE = _due()


def _message(connection: sa.Connection, row: Mapping[str, Any], now: datetime) -> Message:
    is_digest = row["event_id"] is None
    query = sa.select(EVENTS)
    if is_digest:
        query = query.join(MESSAGES, MESSAGES.c.event_id == EVENTS.c.event_id).where(
            MESSAGES.c.digest_id == row["message_id"]
        )
    else:
        query = query.where(EVENTS.c.event_id == row["event_id"])
    rows = [dict(event) for event in connection.execute(query).mappings()]
    earlier = threads(connection, row)
    events = [_told(event, earlier.get(event["event_id"], {})) for event in rows]
    events.sort(key=lambda told: (-severity_rank(told.severity), told.occurred_at, told.alert))
    return Message(
        message_id=row["message_id"],
        channel=row["channel"],
        is_digest=is_digest,
        events=tuple(events),
        created_at=row["created_at"],
        sent_at=now,
        note=row["note"],
        taken=taken_by(connection, row["message_id"]),
        ended=ended_digests(connection, row["channel"], rows),
    )


def _told(event: Mapping[str, Any], thread: Mapping[str, str]) -> Told:
    return Told(
        event_id=event["event_id"],
        alert=alert_of(event),
        episode=event["episode"],
        kind=event["kind"],
        rule=event["rule"],
        rule_title=event["rule_title"],
        key=event["alert_key"],
        severity=event["severity"],
        occurred_at=event["occurred_at"],
        notice=event["notice"],
        thread=thread,
    )


def _refused(receipt: Receipt) -> str:
    total = len(receipt.refused) + len(receipt.references)
    reasons = "; ".join(sorted(set(receipt.refused.values())))
    return f"refused by {len(receipt.refused)} of {total}: {reasons}"[:300]


def _rests(connection: sa.Connection, channel: str, now: datetime) -> bool:
    known = _channel(connection, channel)
    if known is None or known["paused_until"] is None or known["paused_at"] is None:
        return False
    return bool(known["paused_at"] <= now < known["paused_until"])


def _channel(connection: sa.Connection, channel: str) -> Mapping[str, Any] | None:
    query = sa.select(CHANNELS).where(CHANNELS.c.channel == channel)
    row = connection.execute(query).mappings().first()
    return None if row is None else dict(row)


def _set_channel(
    connection: sa.Connection,
    channel: str,
    paused_until: datetime | None,
    paused_at: datetime | None,
    failures: int,
    last_error: str,
) -> None:
    values = {
        "paused_until": paused_until,
        "paused_at": paused_at,
        "failures": failures,
        "last_error": last_error,
    }
    if _channel(connection, channel) is None:
        connection.execute(sa.insert(CHANNELS), {"channel": channel, **values})
    else:
        connection.execute(
            sa.update(CHANNELS).where(CHANNELS.c.channel == channel).values(**values)
        )


def _pause(bounds: tuple[timedelta, timedelta], failures: int) -> timedelta:
    first, longest = bounds
    # The exponent is cut: 2 ** 1000 seconds are no timedelta.
    doubled: int = 2 ** min(failures - 1, 20)
    return min(longest, first * doubled)
