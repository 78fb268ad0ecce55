"""What a pull brings of a person who was erased: their records are left out, others' come without.

Belongs here: looking over a landed pull before it is merged. Does not: erasing what is stored.

A vendor's copy of a person lives on until it is erased there too, and comes with the next full
pull, or as soon as anybody touches the record. What is kept of the person are keyed digests
(`tombstones`): a record's key and its mail addresses are compared by them, and in records that are
known to have named the person every word and pair of words is. A new record of others that names
the person without their address cannot be told.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from revops_pipelines.engine.erase.redaction import Redaction, Subject
from revops_pipelines.engine.erase.tombstones import (
    KEY_FILE,
    TABLE,
    digest,
    digest_sql,
    erase_key,
    key_sql,
)
from revops_pipelines.engine.ingest import extract
from revops_pipelines.engine.ingest.errors import IngestError
from revops_pipelines.engine.ingest.landing import Landed
from revops_pipelines.engine.ingest.raw_tables import RawTable, quoted
from revops_pipelines.engine.ingest.statements import literal

_EMAIL = r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+"
_EMAIL_SQL = r"[a-z0-9_.+%''-]+@[a-z0-9_-]+(?:\.[a-z0-9_-]+)+"
_WORD = re.compile(r"[^\s\"<>,;:()\[\]{}|\\/]+")
_NUMBER = re.compile(r"\+?\d[\d ().\-/]{5,}\d")
_LONGEST_NAME = 5


class ErasureKeyMissingError(IngestError):
    """Nobody who was erased can be known again: loading must stop, or they would come back."""


@dataclass(frozen=True)
class _Known:
    """The digests that concern a stream."""

    emails: frozenset[str]
    words: frozenset[str]
    records: frozenset[str]
    mentions: frozenset[str]


def without_erased(
    connection: duckdb.DuckDBPyConnection, table: RawTable, landed: Landed
) -> Landed:
    """The landed pull without who was erased; its files are written anew where they held them.

    Raises ErasureKeyMissingError where the key is missing by which they are known.
    """
    known = _known(connection, landed.source, table.stream.name)
    if known is None:
        return landed
    key = _key(connection)
    dropped = 0
    if landed.files:
        files = ", ".join(literal(str(path)) for path in landed.files)
        rows = connection.execute(_candidates(table, files, known, key)).fetchall()
        changed = {line: "" if is_own else _without(line, known, key) for line, is_own in rows}
        dropped = sum(
            _rewrite(path, lambda line: changed.get(line, line))
            for path in (landed.files if any(new != old for old, new in changed.items()) else ())
        )
    gone = {
        name: _rewrite(landed.folder / name, lambda line: _unless_erased(line, known, key))
        for name, count in (("ids.ndjson", landed.ids), ("deletes.ndjson", landed.deletes))
        if count and known.records
    }
    return replace(
        landed,
        rows=landed.rows - dropped,
        promised=None if landed.promised is None else max(0, landed.promised - dropped),
        ids=landed.ids - gone.get("ids.ndjson", 0),
        deletes=landed.deletes - gone.get("deletes.ndjson", 0),
    )


def _rewrite(path: Path, changed: Callable[[str], str]) -> int:
    """Write a file of lines anew; how many were left out (those that became empty)."""
    dropped = 0
    beside = path.with_name(f"{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with path.open("rb") as old, os.fdopen(descriptor, "wb") as new:
        for line in old:
            text = line.decode("utf-8", "surrogateescape").strip()
            kept = changed(text) if text else text
            dropped += bool(text) and not kept
            if kept:
                new.write(kept.encode("utf-8", "surrogateescape") + b"\n")
    beside.replace(path)
    return dropped


def _unless_erased(line: str, known: _Known, key: str) -> str:
    """A line of keys, or nothing where its key is an erased record's."""
    text = "|".join(str(part) for part in json.loads(line)["key"])
    return "" if digest(key, text) in known.records else line


def _known(connection: duckdb.DuckDBPyConnection, source: str, stream: str) -> _Known | None:
    there = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'ops' "
        "AND table_name = 'erased' AND database_name = current_database()"
    ).fetchone()
    if not there or not there[0]:
        return None
    found: dict[str, set[str]] = {}
    for what, digested in connection.execute(
        f"SELECT what, digest FROM {TABLE} WHERE source IN ('', ?) AND stream IN ('', ?)",
        [source, stream],
    ).fetchall():
        found.setdefault(what, set()).add(digested)
    if not found:
        return None
    return _Known(
        *(frozenset(found.get(what, ())) for what in ("email", "word", "record", "mention"))
    )


def _candidates(table: RawTable, files: str, known: _Known, key: str) -> str:
    """SQL of the landed lines that concern somebody erased: (line, is the person's own).

    Own are the records that were, and in a stream of people any other with the person's address.
    """
    by_key = digest_sql(key, key_sql(table.keys))
    own = [f"{by_key} IN {_listed(known.records)}"]
    if known.records:
        own += [
            f"{digest_sql(key, f'lower(trim({quoted(column.name)}))')} IN {_listed(known.emails)}"
            for column in table.stream.columns
            if "mail" in column.name.lower() and column.type in ("VARCHAR", "TEXT")
        ]
    addresses = (
        f"list_transform(regexp_extract_all(lower(line), '{_EMAIL_SQL}'), "
        f"lambda address: {digest_sql(key, 'address')})"
    )
    return f"""
        SELECT line, coalesce({" OR ".join(own)}, FALSE) AS is_own
        FROM (SELECT CAST(json AS VARCHAR) AS line, {extract.columns(table.stream)}
              FROM (SELECT json, {extract.parts(table.stream, "json")}
                    FROM read_ndjson_objects([{files}], ignore_errors = true)))
        WHERE is_own OR {by_key} IN {_listed(known.mentions)}
           OR list_has_any({addresses}, {_array(known.emails)})
    """


def _without(line: str, known: _Known, key: str) -> str:
    """The line without the words that are known by their digests."""
    emails = {
        found
        for found in re.findall(_EMAIL, _plain(line))
        if digest(key, found.lower()) in known.emails
    }
    others = {text for text in _texts(_plain(line)) if digest(key, text.lower()) in known.words}
    redaction = Redaction(Subject(frozenset(emails), frozenset(others), frozenset(others)))
    return redaction.applied(line)


def _texts(line: str) -> Iterator[str]:
    """Everything in a line that could be a name or a number: runs of words, and of digits."""
    words = list(_WORD.finditer(line))
    for first in range(len(words)):
        for last in range(first + 1, min(first + _LONGEST_NAME, len(words))):
            text = line[words[first].start() : words[last].end()]
            yield " ".join(text.strip(".'!?").split())
    for found in _NUMBER.finditer(line):
        yield found.group().strip()


def _plain(line: str) -> str:
    """The line with JSON's escapes of letters resolved."""
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), line)


def _key(connection: duckdb.DuckDBPyConnection) -> str:
    """The key, which lies beside the database's file."""
    row = connection.execute(
        "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
    ).fetchone()
    folder = Path(row[0]).parent if row and row[0] else None
    if folder is None or not (folder / KEY_FILE).is_file():
        raise ErasureKeyMissingError(
            f"{KEY_FILE} is missing: without it nobody who was erased is known again; bring it "
            "back, or empty ops.erased"
        )
    return erase_key(folder)


def _listed(digests: frozenset[str]) -> str:
    return "(" + (", ".join(map(literal, sorted(digests))) or "NULL") + ")"


def _array(digests: frozenset[str]) -> str:
    return "[" + ", ".join(map(literal, sorted(digests))) + "]::VARCHAR[]"
