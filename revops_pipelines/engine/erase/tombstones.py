"""`ops.erased`: who was erased, in a form that names nobody, so that a later pull cannot bring
them back.

Belongs here: the table, and its keyed digests. Does not: erasing, or holding back what comes in
(`arriving`).

A digest without a key could be undone by trying all addresses; the key lies in a file of its own
beside the warehouse, and whoever has only the tables learns nothing.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import duckdb

KEY_FILE = "erase.key"
TABLE = "ops.erased"
_KEY_BYTES = 32
# `what`: `email` (of the person), `record` (of a stream, deleted), `mention` (a record of others,
# kept without the person), `word` (a name or number of the person, lower case).
_LAYOUT = (
    "CREATE TABLE IF NOT EXISTS ops.erased (subject VARCHAR NOT NULL, what VARCHAR NOT NULL, "
    "source VARCHAR NOT NULL, stream VARCHAR NOT NULL, digest VARCHAR NOT NULL, "
    "erased_at TIMESTAMP NOT NULL, reason VARCHAR NOT NULL, asked_by VARCHAR NOT NULL)"
)


def ensure_erased(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the table where it is missing."""
    connection.execute("CREATE SCHEMA IF NOT EXISTS ops")
    connection.execute(_LAYOUT)


def erase_key(home: Path) -> str:
    """The installation's key, made when first asked for."""
    path = home / KEY_FILE
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = secrets.token_hex(_KEY_BYTES)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        return key


def digest(key: str, text: str) -> str:
    """What stands for a text: SHA-256 over key and text; `digest_sql` computes the same.

    The key comes first and is of a fixed length; nobody sees the digest of a text of their own
    choice, so that SHA-256's extension of a known text is of no use here.
    """
    return hashlib.sha256(f"{key}|{text}".encode()).hexdigest()


def digest_sql(key: str, text: str) -> str:
    """SQL of the digest of an SQL text expression."""
    return f"sha256('{key}|' || {text})"


def key_sql(columns: Iterable[str]) -> str:
    """SQL of a record's key as one text."""
    return "concat_ws('|', " + ", ".join(f"CAST({column} AS VARCHAR)" for column in columns) + ")"


def bury(
    connection: duckdb.DuckDBPyConnection,
    rows: Iterable[tuple[str, str, str, str]],
    *,
    subject: str,
    now: datetime,
    reason: str,
    asked_by: str,
) -> None:
    """Add rows (what, source, stream, digest) of one subject; `now` is UTC without a zone."""
    ensure_erased(connection)
    for what, source, stream, digested in sorted(set(rows)):
        connection.execute(
            f"INSERT INTO {TABLE} VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [subject, what, source, stream, digested, now, reason, asked_by],
        )


def lift(connection: duckdb.DuckDBPyConnection, subject: str) -> int:
    """Let a person come in again, who has agreed anew; how many rows were forgotten."""
    ensure_erased(connection)
    row = connection.execute(f"DELETE FROM {TABLE} WHERE subject = ?", [subject]).fetchone()
    return int(row[0]) if row else 0
