"""Erasing a person from a DuckDB file, down to its bytes.

Belongs here: rows that go, rows that stay without the person, and the file written anew. Does not:
who the person is (`finding`), other files (`files`).

DuckDB leaves the bytes of deleted rows in the file until something else is written there; so the
tables are copied into a new file, which takes the old one's place by a rename.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from revops_pipelines.engine.erase.finding import Found, Place
from revops_pipelines.engine.erase.redaction import Redaction
from revops_pipelines.engine.erase.tombstones import digest, key_sql
from revops_pipelines.engine.ingest.raw_tables import quoted
from revops_pipelines.engine.ingest.statements import literal
from revops_pipelines.engine.warehouse.open import ROW_GROUP, in_utc

_NOT_TEXT = ("BOOLEAN", "TIMESTAMP", "DATE", "DECIMAL", "DOUBLE", "FLOAT", "TIME", "UUID", "BLOB")
_Buried = tuple[str, str, str, str]


@dataclass
class Erased:
    """What was done, in rows by table, and what is to be remembered of it (`tombstones.bury`)."""

    deleted: dict[str, int] = field(default_factory=dict)
    redacted: dict[str, int] = field(default_factory=dict)
    buried: list[_Buried] = field(default_factory=list)


def erase_raw(
    connection: duckdb.DuckDBPyConnection,
    places: Iterable[Place],
    found: Found,
    redaction: Redaction,
    key: str,
) -> Erased:
    """Delete the person's own records of all versions, and take the person out of others'.

    To be called inside a transaction. What it gives back must be buried in the same one.
    """
    done = Erased()
    for word in redaction.subject.words:
        what = "email" if word in redaction.subject.emails else "word"
        done.buried.append((what, "", "", digest(key, word.lower())))
    types = _columns(connection)
    for place in places:
        table = place.table
        name = f"{place.source}__{place.stream.name}"
        if ("raw", name) not in types:
            continue
        where = (place.source, place.stream.name)
        for own in found.own.get(where, ()):
            done.buried.append(("record", *where, digest(key, own)))
        if found.own.get(where):
            _delete_own(connection, place, found.own[where], done)
        for part, suffix in ((table.current, ""), (table.history, "__history")):
            layout = types["raw", name + suffix]
            for mentioned in _redact(
                connection, part, layout, redaction, key_sql(table.keys), done
            ):
                done.buried.append(("mention", *where, digest(key, mentioned)))
    return done


def erase_rest(
    connection: duckdb.DuckDBPyConnection, found: Found, redaction: Redaction, done: Erased
) -> None:
    """The same for all tables that are not raw, in the live file or in what was published."""
    ids = sorted(found.lead_ids)
    columns = _columns(connection)
    for schema, table, column in (
        ("conformed", "leads", "lead_id"),
        ("conformed", "leads__records", "lead_id"),
        ("conformed", "identity_links", "record_id"),
        ("conformed", "identity_links", "canonical_id"),
    ):
        if ids and (schema, table) in columns:
            listed = ", ".join(map(literal, ids))
            count = _run(connection, f"DELETE FROM {schema}.{table} WHERE {column} IN ({listed})")
            _count(done.deleted, f"{schema}.{table}", count)
    if ("ops", "quarantine") in columns:
        own = {each.partition(":")[2] for each in ids} | {
            each for keys in found.own.values() for each in keys
        }
        listed = ", ".join(map(literal, sorted(own))) or "NULL"
        count = _run(connection, f"DELETE FROM ops.quarantine WHERE source_id IN ({listed})")
        _count(done.deleted, "ops.quarantine", count)
    for (schema, table), layout in columns.items():
        if schema != "raw":
            _redact(connection, f"{schema}.{quoted(table)}", layout, redaction, "NULL", done)


def written_anew(path: Path, change: Callable[[duckdb.DuckDBPyConnection], None] | None) -> None:
    """Copy a database's tables and views into a new file, `change` it, and put it in its place.

    Who reads the old file goes on reading it. With a change the copy is copied once more, so that
    nothing of what it took out is left. Raises duckdb.Error, with the file as it was.
    """
    sources = [path]
    try:
        for turn in range(1 if change is None else 2):
            copy = path.with_name(f"{path.name}.{os.getpid()}.erasing{turn}")
            sources.append(copy)
            _copy(sources[turn], copy, change if turn == 0 else None)
        last = sources[-1]
        last.chmod(0o600)
        _flush(last)
        last.replace(path)
        _flush(path.parent)
        path.with_name(f"{path.name}.wal").unlink(missing_ok=True)
    finally:
        for copy in sources[1:]:
            copy.unlink(missing_ok=True)
            copy.with_name(f"{copy.name}.wal").unlink(missing_ok=True)


def _copy(
    source: Path, target: Path, change: Callable[[duckdb.DuckDBPyConnection], None] | None
) -> None:
    target.unlink(missing_ok=True)
    with duckdb.connect(
        config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    ) as connection:
        connection.execute(f"ATTACH {literal(str(source))} AS old (READ_ONLY)")
        connection.execute(f"ATTACH {literal(str(target))} AS new (ROW_GROUP_SIZE {ROW_GROUP})")
        connection.execute("COPY FROM DATABASE old TO new")
        connection.execute("DETACH old")
        if change is not None:
            in_utc(connection).execute("USE new")
            change(connection)
            connection.execute("USE memory")
        connection.execute("CHECKPOINT new")
        connection.execute("DETACH new")


def _delete_own(
    connection: duckdb.DuckDBPyConnection, place: Place, keys: set[str], done: Erased
) -> None:
    table = place.table
    listed = ", ".join(map(literal, sorted(keys)))
    for name in (table.current, table.history, table.tombstones):
        where = f"{key_sql(table.keys)} IN ({listed})"
        _count(done.deleted, name, _run(connection, f"DELETE FROM {name} WHERE {where}"))


def _redact(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    layout: Mapping[str, str],
    redaction: Redaction,
    key: str,
    done: Erased,
) -> list[str]:
    """Take the words out of every text of a table; the keys of the rows that had them."""
    texts = [name for name, kind in layout.items() if not kind.startswith(_NOT_TEXT)]
    texts = [name for name in texts if "INT" not in layout[name] or "(" in layout[name]]
    if not texts or not redaction.forms:
        return []
    as_text = [f"CAST({quoted(name)} AS VARCHAR)" for name in texts]
    hits = " OR ".join(
        f"contains(lower({text}), {literal(form)})" for text in as_text for form in redaction.forms
    )
    rows = connection.execute(
        f"SELECT rowid, {key}, {', '.join(as_text)} FROM {table} WHERE {hits}"
    ).fetchall()
    keys = []
    for rowid, row_key, *values in rows:
        if _update(connection, table, layout, texts, rowid, values, redaction):
            keys.append(str(row_key))
    _count(done.redacted, table, len(keys))
    return keys


def _update(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    layout: Mapping[str, str],
    texts: Sequence[str],
    rowid: int,
    values: Sequence[str | None],
    redaction: Redaction,
) -> bool:
    new = {
        name: redaction.applied(value)
        for name, value in zip(texts, values, strict=True)
        if value is not None and redaction.hits(value)
    }
    if not new:
        return False
    sets = [f"{quoted(name)} = CAST(? AS {layout[name]})" for name in new]
    if "payload" in new and "payload_hash" in layout:
        sets.append("payload_hash = md5(?)")
        new["payload_hash"] = new["payload"]
    connection.execute(
        f"UPDATE {table} SET {', '.join(sets)} WHERE rowid = {rowid}", [*new.values()]
    )
    return True


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], dict[str, str]]:
    rows = connection.execute(
        "SELECT c.schema_name, c.table_name, c.column_name, c.data_type FROM duckdb_columns() c "
        "JOIN duckdb_tables() t USING (database_name, schema_name, table_name) "
        "WHERE c.database_name = current_database() AND NOT t.temporary ORDER BY ALL"
    ).fetchall()
    found: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, column, kind in rows:
        found.setdefault((schema, table), {})[column] = kind
    return found


def _run(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _count(counts: dict[str, int], name: str, count: int) -> None:
    if count:
        counts[name] = counts.get(name, 0) + count


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
