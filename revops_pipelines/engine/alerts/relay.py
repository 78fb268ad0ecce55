"""Sends what waits in the outbox: lease, send, mark.

Belongs here: one tick of the relay, within its budget. Does not: the rows behind it (`planning`,
`folding`, `leasing`, `burying`), or how a channel is spoken to.

At least once: a relay that dies between the send and the mark sends that message again, with the
same id. Channels take turns, so that one that is slow does not starve the others; after a failure
a channel rests for the tick.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from revops_pipelines.engine.alerts.burying import give_up, mark_dead
from revops_pipelines.engine.alerts.channel import (
    Channel,
    Message,
    RejectedError,
    UnreachableError,
)
from revops_pipelines.engine.alerts.folding import fold
from revops_pipelines.engine.alerts.follow_up import Policy, follow_up
from revops_pipelines.engine.alerts.leasing import Lease, lease_next, mark_failed, mark_sent
from revops_pipelines.engine.alerts.outbox import MESSAGES, Outbox
from revops_pipelines.engine.alerts.planning import plan_events
from revops_pipelines.engine.alerts.wording import WRITTEN_OUT

# The total deadline of one send; none is begun that could outlast the tick's budget.
SEND_SECONDS = 5.0

CrashPoint = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one tick of the relay did; counts of messages.

    `folded` went into digests, `failed` will be tried again, `dead` will not, `suppressed` were
    silenced or had nobody to go to, `waiting` is what is left, with that held for later.
    """

    sent: int = 0
    folded: int = 0
    failed: int = 0
    dead: int = 0
    suppressed: int = 0
    waiting: int = 0

    def __str__(self) -> str:
        counts = ("sent", "folded", "failed", "dead", "suppressed", "waiting")
        return ", ".join(f"{getattr(self, name)} {name}" for name in counts)


def deliver(
    outbox: Outbox,
    channels: Mapping[str, Channel],
    now: Callable[[], datetime],
    *,
    budget_seconds: float = 20.0,
    limit: int = 50,
    monotonic: Callable[[], float] = time.monotonic,
    crash_point: CrashPoint = lambda _name: None,
    policy: Policy | None = None,
) -> Delivered:
    """Send what is due, each message at least once, in order per alert and channel.

    `policy` says whom alerts are for and when they are told again; without one they are told once.
    `limit` bounds the sends, `budget_seconds` the time; what is left waits for the next tick.
    `crash_point` is called at the points where a test may kill the process.
    """
    relay = uuid.uuid4().hex
    started = monotonic()
    policy = policy or Policy()
    tally = _plan(outbox, channels, policy, now())
    crash_point("planned")
    live = [name for name, channel in channels.items() if channel.options.enabled]
    while live:
        for name in tuple(live):
            spent = tally.sent + tally.failed + tally.dead
            if spent >= limit or monotonic() - started + SEND_SECONDS > budget_seconds:
                live.clear()
                break
            lease = lease_next(outbox, name, now(), relay)
            if lease is None:
                live.remove(name)
                continue
            crash_point("leased")
            before = tally
            lease = replace(lease, message=_with_buttons(lease.message, policy))
            tally = _send(outbox, channels, lease, now, crash_point, tally)
            if tally.failed > before.failed:
                live.remove(name)
    return replace(tally, waiting=_waiting(outbox))


def _plan(
    outbox: Outbox, channels: Mapping[str, Channel], policy: Policy, now: datetime
) -> Delivered:
    with outbox.turn() as connection:
        follow_up(connection, policy, now)
        suppressed = plan_events(connection, channels, now, policy.directory)
        dead = give_up(connection, channels, now)
        folded = fold(connection, channels, now)
    return Delivered(folded=folded, dead=dead, suppressed=suppressed)


def _with_buttons(message: Message, policy: Policy) -> Message:
    """The message with the links of its events; of a digest's, those that are written out."""
    if not policy.links.base_url:
        return message
    told = [
        replace(event, actions=policy.buttons(event, message.sent_at))
        for event in message.events[:WRITTEN_OUT]
    ]
    return replace(message, events=(*told, *message.events[WRITTEN_OUT:]))


def _send(
    outbox: Outbox,
    channels: Mapping[str, Channel],
    lease: Lease,
    now: Callable[[], datetime],
    crash_point: CrashPoint,
    tally: Delivered,
) -> Delivered:
    if now() >= lease.until:
        # The process was asleep: another relay may have it by now.
        return replace(tally, failed=tally.failed + 1)
    try:
        receipt = channels[lease.message.channel].sender.send(lease.message)
    except UnreachableError as error:
        mark_failed(outbox, lease, str(error), error.wait, now(), error.taken)
        return replace(tally, failed=tally.failed + 1)
    except RejectedError as error:
        mark_dead(outbox, lease, str(error), channels, now())
        return replace(tally, dead=tally.dead + 1)
    crash_point("sent")
    mark_sent(outbox, lease, now(), receipt)
    crash_point("marked")
    return replace(tally, sent=tally.sent + 1)


def _waiting(outbox: Outbox) -> int:
    query = sa.select(sa.func.count()).select_from(MESSAGES).where(MESSAGES.c.state == "waiting")
    with outbox.transaction() as connection:
        return int(connection.execute(query).scalar_one())
