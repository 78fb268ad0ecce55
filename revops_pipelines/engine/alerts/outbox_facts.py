"""`ops.outbox_facts`: how delivery stands, as the warehouse knows it, so that a rule can judge it.

Belongs here: copying what the outbox says of each channel. Does not: judging
(`sensors/rules/alerting_dead`), or noticing that nothing runs at all: that is the heartbeat's,
outside of Dagster.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import duckdb
import sqlalchemy as sa

from revops_pipelines.engine.alerts.outbox import CHANNELS, MESSAGES, Outbox

TABLE = "ops.outbox_facts"
_COLUMNS = (
    "channel VARCHAR",
    "waiting BIGINT",
    "oldest_due_at TIMESTAMP",
    "dead_lately BIGINT",
    "last_sent_at TIMESTAMP",
    "last_error VARCHAR",
    "seen_at TIMESTAMP",
)
# A dead letter is news for a day.
_LATELY = timedelta(days=1)


def ensure_outbox_facts(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the table where it is missing."""
    connection.execute("CREATE SCHEMA IF NOT EXISTS ops")
    connection.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} ({', '.join(_COLUMNS)})")


def record_outbox(
    connection: duckdb.DuckDBPyConnection, outbox: Outbox, rules: Collection[str], now: datetime
) -> None:
    """Replace the facts by those of now, and forget evaluations of rules that are no more.

    `waiting` counts what is due and not sent, `oldest_due_at` since when the oldest of it is due,
    `dead_lately` the dead letters of the last day. All UTC.
    """
    ensure_outbox_facts(connection)
    is_due = sa.and_(MESSAGES.c.state == "waiting", MESSAGES.c.not_before <= now)
    is_dead = sa.and_(MESSAGES.c.state == "dead", MESSAGES.c.created_at > now - _LATELY)
    with outbox.transaction() as reading:
        rows = reading.execute(
            sa.select(
                MESSAGES.c.channel,
                sa.func.sum(sa.case((is_due, 1), else_=0)),
                sa.func.min(sa.case((is_due, MESSAGES.c.not_before))),
                sa.func.sum(sa.case((is_dead, 1), else_=0)),
                sa.func.max(MESSAGES.c.sent_at),
            ).group_by(MESSAGES.c.channel)
        ).all()
        told = reading.execute(sa.select(CHANNELS.c.channel, CHANNELS.c.last_error)).all()
    errors = {row.channel: row.last_error for row in told}
    connection.execute(f"DELETE FROM {TABLE}")
    for channel, waiting, oldest, dead, sent in rows:
        connection.execute(
            f"INSERT INTO {TABLE} VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                channel,
                int(waiting or 0),
                _naive(oldest),
                int(dead or 0),
                _naive(sent),
                errors.get(channel, ""),
                _naive(now),
            ],
        )
    connection.execute("DELETE FROM ops.alert_evaluations WHERE rule NOT IN ?", [list(rules)])


def _naive(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)
