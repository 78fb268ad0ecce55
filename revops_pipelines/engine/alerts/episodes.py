"""The episodes that people are told of: open or ended, whose they are, who minds them.

Belongs here: keeping `episodes` in step with the events, and what the last run found of them. Does
not: telling again (`follow_up`), or what people do (`actions`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb
import sqlalchemy as sa

from revops_pipelines.engine.alerts.lifecycle import EventKind, Status
from revops_pipelines.engine.alerts.outbox import EPISODES, EVENTS, Outbox
from revops_pipelines.engine.alerts.people import Receiver

_CHUNK = 400
_TRIGGERS = (str(EventKind.FIRED), str(EventKind.ESCALATED))
_Row = Mapping[str, Any]


def alert_of(event: _Row) -> str:
    """What names one trouble across its events: `<rule>/<key>`."""
    return f"{event['rule']}/{event['alert_key']}"


class Book:
    """The episodes of some alerts, read at once, changed in memory, written at once."""

    def __init__(self, connection: sa.Connection, alerts: Iterable[str]) -> None:
        self._rows = {
            (row["alert"], row["episode"]): row for row in _read(connection, sorted(set(alerts)))
        }
        self._changed: set[tuple[str, int]] = set()

    def of(self, event: _Row) -> dict[str, Any] | None:
        """The event's episode."""
        return self._rows.get((alert_of(event), event["episode"]))

    def begin(self, event: _Row, receiver: Receiver | None, now: datetime) -> None:
        """A trigger: the episode opens, or its severity rises above what was acknowledged.

        What people said after the rise they said knowing it, and it stays.
        """
        alert = alert_of(event)
        key = alert, event["episode"]
        known = self._rows.get(key)
        minded = known if known and event["kind"] != EventKind.FIRED else {}
        stays = bool(minded and minded["handling"] and minded["handled_at"] >= event["occurred_at"])
        self._rows[key] = {
            "alert": alert,
            "episode": event["episode"],
            "rule": event["rule"],
            "alert_key": event["alert_key"],
            "severity": event["severity"],
            "event_id": event["event_id"],
            "is_backlog": bool(event["is_backlog"]),
            "status": str(Status.FIRING),
            "opened_at": minded.get("opened_at", event["occurred_at"]),
            "ended_at": None,
            "told_at": now,
            "repeats": 0,
            "receivers": [receiver.as_text()] if receiver else [],
            "passed_at": now,
            "handling": minded["handling"] if stays else "",
            "handled_by": minded["handled_by"] if stays else "",
            "handled_at": minded["handled_at"] if stays else None,
            "handled_until": minded["handled_until"] if stays else None,
            "look_at": now,
        }
        self._changed.add(key)

    def end(self, event: _Row) -> None:
        """The episode is over."""
        self.change(event, ended_at=event["occurred_at"], look_at=None)

    def change(self, event: _Row, **values: Any) -> None:
        """Set values of the event's episode, if it is known."""
        key = alert_of(event), event["episode"]
        if key in self._rows:
            self._rows[key] |= values
            self._changed.add(key)

    def save(self, connection: sa.Connection) -> None:
        """Write what was changed."""
        rows = [self._rows[key] for key in sorted(self._changed)]
        if not rows:
            return
        connection.execute(
            sa.delete(EPISODES).where(
                EPISODES.c.alert == sa.bindparam("of_alert"),
                EPISODES.c.episode == sa.bindparam("of_episode"),
            ),
            [{"of_alert": row["alert"], "of_episode": row["episode"]} for row in rows],
        )
        connection.execute(sa.insert(EPISODES), rows)


def adopt(connection: sa.Connection, now: datetime) -> None:
    """Make the episodes of an outbox that an earlier version filled; else do nothing."""
    if connection.execute(sa.select(EPISODES.c.alert).limit(1)).first() is not None:
        return
    events = [
        dict(row)
        for row in connection.execute(
            sa.select(EVENTS).where(EVENTS.c.is_planned.is_(True)).order_by(EVENTS.c.position)
        ).mappings()
    ]
    book = Book(connection, ())
    for event in events:
        if event["kind"] in _TRIGGERS and not event["notice"].get("is_momentary"):
            book.begin(event, None, now)
        elif event["kind"] == EventKind.RESOLVED:
            book.end(event)
    book.save(connection)


def mirror_standing(source: duckdb.DuckDBPyConnection, outbox: Outbox, now: datetime) -> int:
    """Tell the outbox what the last evaluation found of each open episode; returns the changes.

    Who is told again must know that a trouble is recovering, or could not be judged.
    """
    found = _found(source)
    with outbox.turn() as connection:
        rows = connection.execute(
            sa.select(EPISODES.c.alert, EPISODES.c.episode, EPISODES.c.status).where(
                EPISODES.c.ended_at.is_(None)
            )
        ).all()
        changed = [
            {
                "of_alert": row.alert,
                "of_episode": row.episode,
                "status": found[row.alert, row.episode],
                "look_at": now,
            }
            for row in rows
            if found.get((row.alert, row.episode), row.status) != row.status
        ]
        if changed:
            connection.execute(
                sa.update(EPISODES).where(
                    EPISODES.c.alert == sa.bindparam("of_alert"),
                    EPISODES.c.episode == sa.bindparam("of_episode"),
                ),
                changed,
            )
    return len(changed)


def _found(source: duckdb.DuckDBPyConnection) -> dict[tuple[str, int], str]:
    rows = source.execute(
        "SELECT rule || '/' || alert_key, episode, coalesce(nullif(doubt, ''), status) "
        "FROM ops.alert_states WHERE status IN ('firing', 'recovering')"
    ).fetchall()
    return {(alert, episode): status for alert, episode, status in rows}


def _read(connection: sa.Connection, alerts: Sequence[str]) -> Iterable[dict[str, Any]]:
    for start in range(0, len(alerts), _CHUNK):
        rows = connection.execute(
            sa.select(EPISODES).where(EPISODES.c.alert.in_(alerts[start : start + _CHUNK]))
        ).mappings()
        yield from (dict(row) for row in rows)
