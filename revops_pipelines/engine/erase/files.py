"""Erasing a person from files: logs, messages, pages, exports, and databases of SQLite.

Belongs here: files by their content. Does not: DuckDB's (`database`).

Text is overwritten in place with asterisks of the same length: whoever is writing the file goes on
undisturbed, and what it holds keeps its shape.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from revops_pipelines.engine.erase.redaction import Redaction

_CHUNK = 4 * 1024 * 1024
_OVERLAP = 4096
_WAIT_SECONDS = 30
_SQLITE = b"SQLite format 3\x00"
_DUCKDB = b"DUCK"


def is_duckdb(path: Path) -> bool:
    """Whether a file is one of DuckDB's (its first block holds `DUCK` after the checksum)."""
    with path.open("rb") as file:
        return file.read(12)[8:] == _DUCKDB


def erase_from_files(paths: Iterable[Path], redaction: Redaction) -> Iterator[tuple[Path, int]]:
    """Each file in which the person was, and how often.

    DuckDB's files are left out, and so is what belongs to an SQLite file (its log is written back
    with it). Raises sqlite3.Error where a database is busy for too long.
    """
    for path in paths:
        if path.is_symlink() or not path.is_file() or path.name.endswith(("-wal", "-shm", ".wal")):
            continue
        with path.open("rb") as file:
            head = file.read(16)
        if head[8:12] == _DUCKDB:
            continue
        if head == _SQLITE:
            log = path.with_name(f"{path.name}-wal")
            if any(_spans(each, redaction) for each in (path, log) if each.is_file()):
                yield path, _erase_sqlite(path, redaction)
        elif spans := _spans(path, redaction):
            _overwrite(path, spans)
            yield path, len(spans)


def holding(paths: Iterable[Path], redaction: Redaction) -> list[Path]:
    """The files in whose bytes the person still is, whatever kind they are."""
    return [
        path
        for path in paths
        if not path.is_symlink() and path.is_file() and _spans(path, redaction)
    ]


def erase_from_server(
    engine: sa.Engine, tables: Iterable[sa.Table], redaction: Redaction
) -> dict[str, int]:
    """Take the person out of tables that lie on a database server; rows changed by table."""
    changed: dict[str, int] = {}
    with engine.begin() as connection:
        for table in tables:
            keys = list(table.primary_key.columns)
            for row in connection.execute(sa.select(table)).mappings().all():
                new = _redacted(row, redaction)
                if new:
                    same = sa.and_(*(key == row[key.name] for key in keys))
                    connection.execute(sa.update(table).where(same).values(**new))
                    changed[table.name] = changed.get(table.name, 0) + 1
    return changed


def _redacted(row: Mapping[Any, Any], redaction: Redaction) -> dict[str, Any]:
    new: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, str) and redaction.hits(value):
            new[name] = redaction.applied(value)
        elif isinstance(value, dict | list):
            text = json.dumps(value, ensure_ascii=False)
            if redaction.hits(text):
                new[name] = json.loads(redaction.applied(text))
    return new


def _spans(path: Path, redaction: Redaction) -> list[tuple[int, int]]:
    """Where the person's words stand, in bytes: start and length."""
    found: dict[int, int] = {}
    with path.open("rb") as file:
        offset, kept = 0, b""
        while piece := file.read(_CHUNK):
            block = kept + piece
            for start, length in redaction.spans(block).items():
                found[offset + start] = length
            kept = block[-_OVERLAP:]
            offset += len(block) - len(kept)
    return sorted(found.items())


def _overwrite(path: Path, spans: Iterable[tuple[int, int]]) -> None:
    with path.open("r+b") as file:
        for start, length in spans:
            file.seek(start)
            file.write(b"*" * length)


def _erase_sqlite(path: Path, redaction: Redaction) -> int:
    changed = 0
    with closing(sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)) as database:
        database.execute("PRAGMA secure_delete = ON")
        # Case and letters as Python has them; SQLite folds those of ASCII alone.
        database.create_function("is_hit", 1, lambda text: redaction.hits(str(text)))
        database.create_function("redacted", 1, lambda text: redaction.applied(str(text)))
        database.execute("BEGIN IMMEDIATE")
        tables = database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        for (table,) in tables:
            for _, column, *_ in database.execute(f"PRAGMA table_info({_name(table)})").fetchall():
                changed += database.execute(
                    f"UPDATE {_name(table)} SET {_name(column)} = redacted({_name(column)}) "
                    f"WHERE typeof({_name(column)}) = 'text' AND is_hit({_name(column)})"
                ).rowcount
        database.execute("COMMIT")
        database.execute("VACUUM")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return changed


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'
