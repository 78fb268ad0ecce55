"""The outbox: events on their way to people, in SQLite or PostgreSQL through SQLAlchemy Core."""

from __future__ import annotations

from pathlib import Path


class Outbox:
    """A handle on the outbox's database; safe across threads and processes."""


def open_outbox(place: Path | str) -> Outbox:
    """The outbox in a SQLite file (created 0600, WAL, synchronous=FULL) or at a database URL."""
    raise NotImplementedError
