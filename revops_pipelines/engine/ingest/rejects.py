"""Records that could not be loaded, as rows of `ops.quarantine`.

Belongs here: counting and masking what a load left out. Does not: judging records that were loaded
(`engine/conform`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from hashlib import md5

import duckdb
import msgspec

from revops_pipelines.engine.ingest.landing import Landed
from revops_pipelines.engine.ingest.merge import NAMELESS, Merged
from revops_pipelines.engine.ingest.raw_tables import RawTable

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
        connection.execute("DELETE FROM ops.quarantine WHERE entity = ?", [entity])
    total = landed.rejects + merged.nameless + merged.unreadable
    if total:
        for rule, column, text in _found(connection, table, landed, merged):
            _write(connection, entity, landed.source, rule, column, text, run_id, now)
    return total


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
