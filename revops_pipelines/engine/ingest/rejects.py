"""Records that could not be loaded, and values that do not cast, as rows of `ops.quarantine`.

Belongs here: counting and masking what a load left out. Does not: finding it (`fields.py`), or
judging records that were loaded (`engine/conform`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from hashlib import md5

import duckdb
import msgspec

from revops_pipelines.engine.ingest.fields import castable, uncast_values
from revops_pipelines.engine.ingest.landing import Landed
from revops_pipelines.engine.ingest.merge import NAMELESS, Merged
from revops_pipelines.engine.ingest.raw_tables import RawTable
from revops_pipelines.engine.ingest.statements import literal

CAST = "cast"
_CASTS = "ingest_casts"
# Enough to find the cause; a vendor that sends only rubbish need not fill the warehouse.
_MOST = 1_000


class _Reject(msgspec.Struct):
    rule: str
    record: str


def record(
    connection: duckdb.DuckDBPyConnection,
    table: RawTable,
    landed: Landed,
    merged: Merged,
    run_id: str,
    now: datetime,
) -> int:
    """Write the load's rejects to `ops.quarantine`; returns how many records were left out.

    The rules: `null key`, `unreadable line`, and those that `reject` was called with. A record is
    named by a digest, never shown. Rows of earlier loads stay until a complete load has none.
    """
    entity = f"raw.{landed.source}__{table.stream.name}"
    if landed.is_complete:
        connection.execute(
            "DELETE FROM ops.quarantine WHERE entity = ? AND rule <> ?", [entity, CAST]
        )
    total = landed.rejects + merged.nameless + merged.unreadable
    if total:
        for rule, column, text in _found(connection, table, landed, merged):
            _write(connection, entity, landed.source, rule, column, text, run_id, now)
    return total


def record_uncast(
    connection: duckdb.DuckDBPyConnection,
    table: RawTable,
    landed: Landed,
    seen: str,
    has_uncast: bool,
    run_id: str,
    now: datetime,
) -> None:
    """Write the values that do not cast to `ops.quarantine`, each under its record's key.

    The record is loaded, without the value in its column; the payload has it. A record that came
    again without the fault leaves; `seen` is the relation of the keys of the landed records.
    """
    entity = f"raw.{landed.source}__{table.stream.name}"
    place = {"entity": entity, "rule": CAST}
    known = "FROM ops.quarantine WHERE entity = $entity AND rule = $rule"
    row = connection.execute(f"SELECT count(*) {known}", place).fetchone()
    if not has_uncast and not (row and row[0]):
        return
    values = uncast_values(table, landed, _MOST) if has_uncast else _NONE
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {_CASTS} AS
        SELECT u.record, u.column_name, u.length, coalesce(q.first_seen_at, $now) AS first_seen_at
        FROM ({values}) u LEFT JOIN (SELECT * {known}) q
          ON q.source_id = u.record AND q.column_name = u.column_name
        """,
        {**place, "now": now},
    )
    keys = ", ".join(f"{key}::VARCHAR" for key in table.keys)
    names = ", ".join(literal(column.name) for column, _, _ in castable(table.stream))
    connection.execute(
        f"DELETE {known} AND (source_id IN (SELECT concat_ws('|', {keys}) FROM {seen}) "
        f"OR source_id NOT IN (SELECT concat_ws('|', {keys}) FROM {table.current} "
        f"WHERE _deleted_at IS NULL) OR column_name NOT IN ({names or literal('')}))",
        place,
    )
    connection.execute(
        f"INSERT INTO ops.quarantine (entity, source, source_id, rule, column_name, masked_value, "
        f"first_seen_at, last_seen_at, run_id) SELECT $entity, $source, record, $rule, "
        f"column_name, length || ' characters', first_seen_at, $now, $run_id FROM {_CASTS}",
        {**place, "source": landed.source, "now": now, "run_id": run_id},
    )


_NONE = "SELECT '' AS record, '' AS column_name, 0 AS length WHERE false"


def _found(
    connection: duckdb.DuckDBPyConnection, table: RawTable, landed: Landed, merged: Merged
) -> Iterable[tuple[str, str, str]]:
    if merged.nameless:
        rows = connection.execute(
            f"SELECT payload FROM {NAMELESS} WHERE payload IS NOT NULL LIMIT {_MOST}"
        ).fetchall()
        yield from (("null key", ", ".join(table.stream.key), str(row[0])) for row in rows)
    if merged.unreadable:
        yield "unreadable line", "", f"{merged.unreadable} lines"
    if landed.rejects:
        decoder = msgspec.json.Decoder(_Reject)
        with (landed.folder / "rejects.ndjson").open("rb") as lines:
            for _, line in zip(range(_MOST), lines, strict=False):
                reject = decoder.decode(line)
                yield reject.rule, "", reject.record


def _write(
    connection: duckdb.DuckDBPyConnection,
    entity: str,
    source: str,
    rule: str,
    column: str,
    text: str,
    run_id: str,
    now: datetime,
) -> None:
    name = md5(text.encode("utf-8", "backslashreplace"), usedforsecurity=False).hexdigest()[:12]
    place = [entity, source, name, rule]
    first = connection.execute(
        "SELECT min(first_seen_at) FROM ops.quarantine "
        "WHERE entity = ? AND source = ? AND source_id = ? AND rule = ?",
        place,
    ).fetchone()
    connection.execute(
        "DELETE FROM ops.quarantine WHERE entity = ? AND source = ? AND source_id = ? AND rule = ?",
        place,
    )
    connection.execute(
        "INSERT INTO ops.quarantine (entity, source, source_id, rule, column_name, masked_value, "
        "first_seen_at, last_seen_at, run_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [*place, column, f"{len(text)} characters", (first and first[0]) or now, now, run_id],
    )
