"""What waits in the outbox, read without taking its lock.

Belongs here: the one question. Does not: the outbox (`engine.alerts.outbox`), whose own handle
takes SQLite's only write lock: a relay that hangs holding it would hang us too.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from revops_pipelines.engine.alerts.outbox import MESSAGES, due_since, is_due
from revops_pipelines.engine.heartbeat.signs import Waiting
from revops_pipelines.engine.heartbeat.storage import reading


def read_waiting(place: Path | str, now: datetime) -> Waiting:
    """What is due and was not sent.

    Raises UnreadableInstanceError.
    """
    if isinstance(place, Path):
        if not place.is_file():
            return Waiting()
        url = sa.URL.create("sqlite", database=str(place))
    else:
        url = sa.make_url(place)
    query = (
        sa.select(MESSAGES.c.channel, sa.func.count(), sa.func.min(due_since()))
        .where(is_due(now))
        .group_by(MESSAGES.c.channel)
    )
    with reading(url) as connection:
        rows = connection.execute(query).all()
    return Waiting(
        due=sum(count for _, count, _ in rows),
        oldest_due_at=min((at for _, _, at in rows), default=None),
        channels=tuple(sorted(channel for channel, _, _ in rows)),
    )
