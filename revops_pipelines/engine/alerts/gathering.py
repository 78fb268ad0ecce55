"""What waits for a channel's daily digest, and what brings it forward.

Belongs here: when the next digest of the day goes, and letting held messages go before what is more
urgent. Does not: making the digest (`folding`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from revops_pipelines.engine.alerts.channel import DailyDigest
from revops_pipelines.engine.alerts.declaration import severity_rank
from revops_pipelines.engine.alerts.outbox import MESSAGES

_SATURDAY = 5
_DAYS_AHEAD = 8


def gathered(daily: DailyDigest | None, severity: str, at: datetime) -> dict[str, Any]:
    """How a message of that severity waits for the day's digest; empty where it does not."""
    if daily is None or severity_rank(severity) >= severity_rank(daily.except_severity):
        return {}
    return {
        "not_before": next_digest(daily, at),
        "is_for_digest": True,
        "reason": "daily digest",
    }


def next_digest(daily: DailyDigest, at: datetime) -> datetime:
    """The first instant (UTC) after `at` at which a digest goes.

    It is a wall-clock time of the readers' zone; where clocks leap over it, it is as much later.
    """
    zone = ZoneInfo(daily.time_zone)
    day = at.astimezone(zone).date()
    found = at
    for ahead in range(_DAYS_AHEAD):
        then = datetime.combine(day + timedelta(days=ahead), time.fromisoformat(daily.at), zone)
        found = then.astimezone(UTC)
        if found > at and (daily.weekends or then.weekday() < _SATURDAY):
            break
    return found


def bring_forward(
    connection: sa.Connection, messages: Sequence[Mapping[str, Any]], now: datetime
) -> None:
    """Let go what is held before these messages: they may not overtake it, and must not wait."""
    urgent = {
        (message["channel"], message["alert"])
        for message in messages
        if message["state"] == "waiting" and message["not_before"] <= now
    }
    waiting = {
        (row.channel, row.alert)
        for row in connection.execute(
            sa.select(MESSAGES.c.channel, MESSAGES.c.alert).where(
                MESSAGES.c.state == "waiting",
                MESSAGES.c.attempts == 0,
                MESSAGES.c.not_before > now,
            )
        )
    }
    for channel, alert in sorted(urgent & waiting):
        connection.execute(
            sa.update(MESSAGES)
            .where(
                MESSAGES.c.channel == channel,
                MESSAGES.c.alert == alert,
                MESSAGES.c.state == "waiting",
                MESSAGES.c.attempts == 0,
                MESSAGES.c.not_before > now,
            )
            .values(not_before=now, is_for_digest=False)
        )
