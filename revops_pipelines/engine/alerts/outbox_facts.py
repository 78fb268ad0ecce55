"""`ops.outbox_facts`: how delivery stands and stood, so that a rule can judge it then and now.

Belongs here: copying what the outbox says of each channel, whenever it says something new. Does
not: judging (`sensors/rules/alerting_dead`), or noticing that nothing runs at all: that is the
heartbeat's, outside of Dagster.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb
import sqlalchemy as sa

from revops_pipelines.engine.alerts.judgings import end_judgings
from revops_pipelines.engine.alerts.outbox import CHANNELS, MESSAGES, Outbox, due_since, is_due
from revops_pipelines.engine.alerts.tables import naive

TABLE = "ops.outbox_facts"
# A dead letter is news for a day.
_LATELY = timedelta(days=1)
# Long enough for a backtest over a year.
_KEPT = timedelta(days=400)
_FACTS = ("channel", "waiting", "oldest_due_at", "dead_lately", "last_sent_at", "last_error")


def record_outbox(
    connection: duckdb.DuckDBPyConnection, outbox: Outbox, rules: Collection[str], now: datetime
) -> None:
    """Write down what is new of each channel, and forget evaluations of rules that are no more.

    `waiting` counts what is due and not sent, `oldest_due_at` since when the oldest of it is due,
    `dead_lately` the dead letters of the last day. Expects the alert tables to be there.
    """
    due = is_due(now)
    is_dead = sa.and_(MESSAGES.c.state == "dead", MESSAGES.c.created_at > now - _LATELY)
    with outbox.transaction() as reading:
        rows = reading.execute(
            sa.select(
                MESSAGES.c.channel,
                sa.func.sum(sa.case((due, 1), else_=0)),
                sa.func.min(sa.case((due, due_since()))),
                sa.func.sum(sa.case((is_dead, 1), else_=0)),
                sa.func.max(MESSAGES.c.sent_at),
            ).group_by(MESSAGES.c.channel)
        ).all()
        told = reading.execute(sa.select(CHANNELS.c.channel, CHANNELS.c.last_error)).all()
    errors = {row.channel: row.last_error for row in told}
    stand = [
        (
            channel,
            int(waiting or 0),
            naive(oldest),
            int(dead or 0),
            naive(sent),
            errors.get(channel) or "",
        )
        for channel, waiting, oldest, dead, sent in rows
    ]
    _keep(connection, stand, naive(now))
    connection.execute("DELETE FROM ops.alert_evaluations WHERE rule NOT IN ?", [list(rules)])
    end_judgings(connection, rules, now)


def _keep(
    connection: duckdb.DuckDBPyConnection, stand: Sequence[tuple[Any, ...]], now: Any
) -> None:
    """End the rows that hold no longer, and begin those that are new."""
    names = ", ".join(_FACTS)
    held = connection.execute(f"SELECT {names} FROM {TABLE} WHERE until_at IS NULL").fetchall()
    for row in sorted({*held} - {*stand}, key=str):
        connection.execute(
            f"UPDATE {TABLE} SET until_at = ? WHERE until_at IS NULL AND channel = ?",
            [now, row[0]],
        )
    for row in sorted({*stand} - {*held}, key=str):
        marks = ", ".join("?" for _ in row)
        connection.execute(
            f"INSERT INTO {TABLE} ({names}, seen_at) VALUES ({marks}, ?)", [*row, now]
        )
    connection.execute(f"DELETE FROM {TABLE} WHERE until_at < ?", [now - _KEPT])
