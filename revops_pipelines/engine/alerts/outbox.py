"""The outbox: events on their way to people, in SQLite or PostgreSQL through SQLAlchemy Core.

Belongs here: the outbox's tables and its transactions. Does not: what is copied into it (`mirror`),
what becomes a message (`planning`), who sends it (`relay`).

It is a database of its own, because sensors must read and write it while a run holds the warehouse.
The SQL is portable: SQLite by default, PostgreSQL by URL where runs live on several hosts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

# The environment variable that names another database than the file in the state folder.
OUTBOX_URL = "REVOPS_OUTBOX_URL"
# How long a writer waits for another's transaction; ours last milliseconds.
BUSY_SECONDS = 30


class UtcDateTime(sa.TypeDecorator[datetime]):
    """An aware instant, stored as UTC without a zone."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """To the database."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """From the database."""
        return None if value is None else value.replace(tzinfo=UTC)


METADATA = sa.MetaData()
# SQLite numbers rows by itself only when the key's type is exactly INTEGER.
_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

EVENTS = sa.Table(
    "events",
    METADATA,
    sa.Column("position", _POSITION, primary_key=True, autoincrement=True),
    sa.Column("event_id", sa.String(64), nullable=False, unique=True),
    sa.Column("rule", sa.String(100), nullable=False),
    sa.Column("rule_title", sa.String(200), nullable=False),
    sa.Column("alert_key", sa.String(400), nullable=False),
    sa.Column("episode", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("severity", sa.String(20), nullable=False),
    sa.Column("is_backlog", sa.Boolean, nullable=False),
    sa.Column("notice", sa.JSON, nullable=False),
    sa.Column("occurred_at", UtcDateTime, nullable=False),
    # False until the relay has decided which channels it goes to.
    sa.Column("is_planned", sa.Boolean, nullable=False),
    # The run that found it; null for what no run found.
    sa.Column("run_id", sa.String(100)),
    sa.Index("events_unplanned", "is_planned", "position"),
    sa.Index("events_alert", "rule", "alert_key", "episode"),
    sa.Index("events_occurred", "occurred_at"),
)

# One thing for one channel: an event, or a digest of many (then `event_id` is null).
MESSAGES = sa.Table(
    "messages",
    METADATA,
    sa.Column("position", _POSITION, primary_key=True, autoincrement=True),
    sa.Column("message_id", sa.String(64), nullable=False, unique=True),
    sa.Column("channel", sa.String(100), nullable=False),
    sa.Column("event_id", sa.String(64), sa.ForeignKey("events.event_id")),
    # What must keep its order on a channel: `<rule>/<key>` of an event, `(digest)` of a digest.
    sa.Column("alert", sa.String(520), nullable=False),
    sa.Column("episode", sa.Integer, nullable=False),
    # waiting, sent, folded (into digest_id), dead, suppressed
    sa.Column("state", sa.String(20), nullable=False),
    # Comes in a digest, as soon as one may be made.
    sa.Column("is_for_digest", sa.Boolean, nullable=False),
    sa.Column("digest_id", sa.String(64)),
    # Why it is in its state: an error, a silence; and what its reader should know of its way.
    sa.Column("reason", sa.String(300), nullable=False),
    sa.Column("note", sa.String(300), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("not_before", UtcDateTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("first_tried_at", UtcDateTime),
    sa.Column("tried_at", UtcDateTime),
    sa.Column("lease_owner", sa.String(64)),
    sa.Column("leased_at", UtcDateTime),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("sent_at", UtcDateTime),
    sa.UniqueConstraint("channel", "event_id"),
    sa.Index("messages_due", "channel", "state", "is_for_digest", "position"),
    sa.Index("messages_alert", "channel", "alert", "state", "position"),
    sa.Index("messages_digest", "digest_id"),
    sa.Index("messages_sent", "channel", "state", "sent_at"),
)


def due_since() -> sa.ColumnElement[Any]:
    """Since when a message is due: a failed try moves `not_before`, and changes nothing in that."""
    return sa.func.coalesce(MESSAGES.c.first_tried_at, MESSAGES.c.not_before)


def is_due(now: datetime) -> sa.ColumnElement[bool]:
    """Should have been sent by now. Digests that may not go yet, and what is held, are not due."""
    return sa.and_(
        MESSAGES.c.state == "waiting", MESSAGES.c.is_for_digest.is_(False), due_since() <= now
    )


# Who took which message, one row per target (a mailbox, a conversation, an incident): the next try
# after a partial failure leaves them out, and what follows in the episode joins its thread.
DELIVERIES = sa.Table(
    "deliveries",
    METADATA,
    sa.Column("message_id", sa.String(64), primary_key=True),
    sa.Column("target", sa.String(200), primary_key=True),
    sa.Column("channel", sa.String(100), nullable=False),
    sa.Column("alert", sa.String(520), nullable=False),
    sa.Column("episode", sa.Integer, nullable=False),
    # What the receiver calls the message.
    sa.Column("reference", sa.String(1000), nullable=False),
    sa.Column("taken_at", UtcDateTime, nullable=False),
    sa.Index("deliveries_thread", "channel", "alert", "episode"),
    sa.Index("deliveries_taken", "taken_at"),
)

# What a channel's last tries taught: nothing goes there before `paused_until`.
CHANNELS = sa.Table(
    "channels",
    METADATA,
    sa.Column("channel", sa.String(100), primary_key=True),
    sa.Column("paused_until", UtcDateTime),
    sa.Column("paused_at", UtcDateTime),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("last_error", sa.String(300), nullable=False),
)

# Alerts that people asked not to be told of for a while; empty rule or key prefix: any.
SILENCES = sa.Table(
    "silences",
    METADATA,
    sa.Column("silence_id", sa.String(64), primary_key=True),
    sa.Column("rule", sa.String(100), nullable=False),
    sa.Column("key_prefix", sa.String(400), nullable=False),
    sa.Column("starts_at", UtcDateTime, nullable=False),
    sa.Column("ends_at", UtcDateTime, nullable=False),
    sa.Column("reason", sa.String(300), nullable=False),
    sa.Column("asked_by", sa.String(200), nullable=False),
    # The key prefix is a whole key; null in silences from before this was known.
    sa.Column("is_exact", sa.Boolean),
)

# Every episode that people were told of, or would have been but for a silence, and who minds it.
EPISODES = sa.Table(
    "episodes",
    METADATA,
    # `<rule>/<key>`
    sa.Column("alert", sa.String(520), primary_key=True),
    sa.Column("episode", sa.Integer, primary_key=True),
    sa.Column("rule", sa.String(100), nullable=False),
    sa.Column("alert_key", sa.String(400), nullable=False),
    sa.Column("severity", sa.String(20), nullable=False),
    # The event that told of it last by itself: it fired, or its severity rose.
    sa.Column("event_id", sa.String(64), nullable=False),
    sa.Column("is_backlog", sa.Boolean, nullable=False),
    # What the last run found: firing, recovering, no_data, error.
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("opened_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime),
    # When people were told last, or null when that was suppressed; how often they were told again.
    sa.Column("told_at", UtcDateTime),
    sa.Column("repeats", sa.Integer, nullable=False),
    # Keys of the receivers, in order; the last one minds it.
    sa.Column("receivers", sa.JSON, nullable=False),
    # When the present one was told.
    sa.Column("passed_at", UtcDateTime, nullable=False),
    # Empty, ack or snooze; by whom, when, and until when.
    sa.Column("handling", sa.String(20), nullable=False),
    sa.Column("handled_by", sa.String(200), nullable=False),
    sa.Column("handled_at", UtcDateTime),
    sa.Column("handled_until", UtcDateTime),
    # When there may be something to tell again; null: never.
    sa.Column("look_at", UtcDateTime),
    sa.Index("episodes_look", "look_at"),
    sa.Index("episodes_open", "ended_at", "rule"),
)

# What people did about alerts: who, when and why. Rows are never changed.
ACTIONS = sa.Table(
    "actions",
    METADATA,
    sa.Column("position", _POSITION, primary_key=True, autoincrement=True),
    # The same however often it was asked for.
    sa.Column("action_id", sa.String(64), nullable=False, unique=True),
    # ack, snooze, resolve, silence, unsilence
    sa.Column("verb", sa.String(20), nullable=False),
    sa.Column("rule", sa.String(100), nullable=False),
    sa.Column("alert_key", sa.String(400), nullable=False),
    # 0: of no particular episode.
    sa.Column("episode", sa.Integer, nullable=False),
    sa.Column("asked_by", sa.String(200), nullable=False),
    # command, link, page, or the channel whose button it was.
    sa.Column("via", sa.String(100), nullable=False),
    sa.Column("reason", sa.String(300), nullable=False),
    sa.Column("asked_at", UtcDateTime, nullable=False),
    sa.Column("until_at", UtcDateTime),
    sa.Index("actions_alert", "rule", "alert_key"),
)

# One row; whoever has updated it plans alone until its transaction ends, on any database.
TURN = sa.Table(
    "turn",
    METADATA,
    sa.Column("name", sa.String(20), primary_key=True),
    sa.Column("taken", sa.BigInteger, nullable=False),
)


class Outbox:
    """A handle on the outbox's database; safe across threads and processes.

    Its repr names the kind of database only: a URL may hold a password.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        METADATA.create_all(engine)
        with self.transaction() as connection:
            _add_missing_columns(connection)
            if connection.execute(sa.select(TURN.c.name)).first() is None:
                connection.execute(sa.insert(TURN), {"name": "plan", "taken": 0})

    def __repr__(self) -> str:
        return f"Outbox({self._engine.dialect.name})"

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A transaction that commits at the end of the block, or rolls back on any error."""
        with self._engine.begin() as connection:
            yield connection

    @contextmanager
    def turn(self) -> Iterator[sa.Connection]:
        """A transaction in which no other process plans."""
        with self.transaction() as connection:
            if self._engine.dialect.name != "sqlite":
                # SQLite's transactions begin with its only write lock: there it is our turn.
                connection.execute(sa.update(TURN).values(taken=TURN.c.taken + 1))
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _add_missing_columns(connection: sa.Connection) -> None:
    """Columns that an outbox of an earlier version lacks; all such columns may be null."""
    inspector = sa.inspect(connection)
    guard = "" if connection.dialect.name == "sqlite" else "IF NOT EXISTS "
    for table in METADATA.sorted_tables:
        present = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name not in present:
                kind = column.type.compile(connection.dialect)
                connection.exec_driver_sql(
                    f"ALTER TABLE {table.name} ADD COLUMN {guard}{column.name} {kind}"
                )


def open_outbox(place: Path | str) -> Outbox:
    """The outbox in a SQLite file (created 0600, WAL, synchronous=FULL) or at a database URL."""
    if isinstance(place, Path):
        return Outbox(_sqlite(place))
    url = sa.make_url(place)
    if url.get_backend_name() == "sqlite" and url.database:
        return Outbox(_sqlite(Path(url.database)))
    return Outbox(sa.create_engine(url, pool_pre_ping=True, hide_parameters=True))


def _sqlite(path: Path) -> sa.Engine:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # SQLite gives its -wal and -shm files the mode of the main file. A file that is there is never
    # opened here: closing it would end the locks that other connections of this process hold on it
    # (sqlite.org/howtocorrupt.html, 2.2), and another process would throw their log away.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        hide_parameters=True,
        connect_args={"timeout": BUSY_SECONDS},
    )
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: Any) -> None:
    # Python's driver would begin transactions late, at the first write, and two readers who both
    # then want to write would fail instead of waiting; `_begin` takes the lock at once.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
