"""Which fields a stream's records have, since when, and whether their values are still readable.

Belongs here: `ops.fields`, and what each load says about it: fields that are new, declared ones
that have vanished, declared columns whose values no longer cast. Does not: loading the records
(`merge.py`), or telling people (`assets/raw_checks.py`).

A field has vanished when a load has none of it though so many records without it would come by
chance less than once in a million such loads, going by how many had it before. So an optional field
is not missed in five records, and one that all records had is missed at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from revops_pipelines.engine.declarations import Column, Stream
from revops_pipelines.engine.ingest import extract
from revops_pipelines.engine.ingest.landing import Landed
from revops_pipelines.engine.ingest.raw_tables import RawTable
from revops_pipelines.engine.ingest.statements import Statements, literal, plain

_SHAPES, _SEEN = "ingest_shapes", "ingest_fields"
# A map keyed by ids would fill the table without end; what is declared is always kept.
MOST_FIELDS = 500
# Of a larger load about so many records are looked at for their fields: naming the fields of every
# record of a backfill would cost as much as half of loading it. Casts are judged in all of them.
SAMPLED_RECORDS = 20_000
_CHANCE = 1e-6
_NEW_FOR = timedelta(days=30)
_WHOLE = ("BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a stream's records and an instant that belongs to what is said of it, UTC."""

    path: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Uncast:
    """A declared column, and in how many records of the load its value does not cast."""

    column: str
    records: int


@dataclass(frozen=True, slots=True)
class Drift:
    """What is to be said of a stream's fields after a load.

    `new` came after the stream's first load, within the last 30 days; `vanished` are declared and
    no longer sent; `uncast` of this load have their values in `ops.quarantine`.
    """

    new: tuple[Field, ...] = ()
    vanished: tuple[Field, ...] = ()
    uncast: tuple[Uncast, ...] = ()


def observe(connection: duckdb.DuckDBPyConnection, table: RawTable, landed: Landed) -> Drift:
    """Bring `ops.fields` up to date with a load, inside its transaction; what is to be said."""
    step = _Step(Statements(connection), connection, table, landed)
    uncast: tuple[Uncast, ...] = ()
    if landed.files and landed.rows:
        uncast = step.read()
        step.remember()
    new, vanished = step.said()
    return Drift(new, vanished, uncast)


class _Step:
    """The statements of one load's look at its fields."""

    def __init__(
        self,
        sql: Statements,
        connection: duckdb.DuckDBPyConnection,
        table: RawTable,
        landed: Landed,
    ) -> None:
        self._sql, self._connection = sql, connection
        self._table, self._landed = table, landed
        self._now = plain(landed.extracted_at)
        self._place = {"source": landed.source, "stream": landed.stream}

    def read(self) -> tuple[Uncast, ...]:
        """One pass over the landed records: their fields, and how many values do not cast."""
        parents = _parents(self._table.stream)
        every = max(1, self._landed.rows // SAMPLED_RECORDS)
        # All objects by one call: each call holds a whole batch of records parsed in memory.
        paths = ", ".join(literal(parent or "$") for parent in parents)
        keys = f"CASE WHEN hash(json) % {every} = 0 THEN json_keys(json, [{paths}]) END AS keys"
        columns = castable(self._table.stream)
        counts = "".join(
            f", count(*) FILTER ({filled} AND {lost}) AS uncast_{place}"
            for place, (_, filled, lost) in enumerate(columns)
        )
        self._sql.table(
            _SHAPES,
            f"SELECT keys, count(*) AS records{counts} FROM ("
            f"SELECT {keys}, {extract.parts(self._table.stream, 'json')} "
            f"FROM {_lines(self._landed)}) GROUP BY keys",
        )
        fields = " UNION ALL ".join(
            f"SELECT {literal(parent + '/')} || {_escaped} AS path, records "
            f"FROM (SELECT unnest(keys[{place}]) AS name, records FROM {_SHAPES})"
            for place, parent in enumerate(parents, start=1)
        )
        self._sql.table(
            _SEEN, f"SELECT path, sum(records)::BIGINT AS records FROM ({fields}) GROUP BY path"
        )
        return self._uncast([column for column, _, _ in columns])

    def remember(self) -> None:
        """Write what was seen; a declared field whose absence is no chance is marked."""
        records = self._sql.run(
            f"SELECT coalesce(sum(records), 0)::BIGINT FROM {_SHAPES} WHERE keys[1] IS NOT NULL"
        )
        declared = ", ".join(literal(c.path) for c in self._table.stream.columns)
        values = {**self._place, "now": self._now, "records": records}
        self._connection.execute(
            f"""
            UPDATE ops.fields f SET missing_since = $now
            WHERE f.source = $source AND f.stream = $stream AND f.missing_since IS NULL
              AND f.path IN ({declared}) AND f.path NOT IN (SELECT path FROM {_SEEN})
              AND pow(1 - (f.records_with + 1) / (f.records_all + 2), $records) < {_CHANCE}
            """,
            values,
        )
        self._connection.execute(
            f"""
            UPDATE ops.fields f SET
                records_all = f.records_all + $records,
                records_with = f.records_with + coalesce(
                    (SELECT s.records FROM {_SEEN} s WHERE s.path = f.path), 0),
                last_seen_at = CASE WHEN f.path IN (SELECT path FROM {_SEEN}) THEN $now
                                    ELSE f.last_seen_at END,
                missing_since = CASE WHEN f.path IN (SELECT path FROM {_SEEN}) THEN NULL
                                     ELSE f.missing_since END
            WHERE f.source = $source AND f.stream = $stream
              -- Records that lack a vanished field do not make it a rare one.
              AND (f.missing_since IS NULL OR f.path IN (SELECT path FROM {_SEEN}))
            """,
            values,
        )
        self._connection.execute(
            f"""
            INSERT INTO ops.fields
            SELECT $source, $stream, s.path, $now, $now, NULL, s.records, $records
            FROM {_SEEN} s
            WHERE NOT EXISTS (
                SELECT 1 FROM ops.fields f
                WHERE f.source = $source AND f.stream = $stream AND f.path = s.path)
            ORDER BY s.path NOT IN ({declared}), s.records DESC, s.path
            LIMIT greatest(0, {MOST_FIELDS} - (
                SELECT count(*) FROM ops.fields
                WHERE source = $source AND stream = $stream))::BIGINT
            """,
            values,
        )

    def said(self) -> tuple[tuple[Field, ...], tuple[Field, ...]]:
        """Fields that came lately, after the first look; and declared ones no longer sent."""
        rows = self._connection.execute(
            "SELECT path, first_seen_at, missing_since FROM ops.fields "
            "WHERE source = $source AND stream = $stream ORDER BY first_seen_at, path",
            self._place,
        ).fetchall()
        declared = {column.path for column in self._table.stream.columns}
        began = max(rows[0][1], self._now - _NEW_FOR) if rows else self._now
        new = tuple(Field(path, came) for path, came, _ in rows if came > began)
        gone = [Field(path, at) for path, _, at in rows if at is not None and path in declared]
        return new, tuple(sorted(gone, key=lambda field: field.path))

    def _uncast(self, columns: list[Column]) -> tuple[Uncast, ...]:
        if not columns:
            return ()
        sums = ", ".join(f"sum(uncast_{place})" for place in range(len(columns)))
        row = self._connection.execute(f"SELECT {sums} FROM {_SHAPES}").fetchone() or ()
        found = [Uncast(column.name, int(n or 0)) for column, n in zip(columns, row, strict=True)]
        return tuple(each for each in found if each.records)


def uncast_values(table: RawTable, landed: Landed, most: int) -> str:
    """SQL for a load's values that do not cast: `record` (its key), `column_name`, `length`."""
    stream = table.stream
    positions = {column.name: at for at, column in enumerate(stream.columns, start=1)}
    texts = [f"{extract.TEXTS}[{positions[name]}]" for name in stream.key]
    checks = " UNION ALL ".join(
        f"SELECT concat_ws('|', {', '.join(texts)}) AS record, {literal(column.name)} AS "
        f"column_name, length({extract.TEXTS}[{positions[column.name]}]) AS length "
        f"FROM read WHERE {filled} AND {lost}"
        for column, filled, lost in castable(stream)
    )
    return (
        f"WITH read AS MATERIALIZED (SELECT {extract.parts(stream, 'json')} "
        f"FROM {_lines(landed)}) SELECT DISTINCT * FROM ({checks}) "
        f"WHERE record <> '' ORDER BY ALL LIMIT {most}"
    )


def castable(stream: Stream) -> list[tuple[Column, str, str]]:
    """Columns whose values may fail to cast, with the SQL of `is filled` and of `is lost`."""
    found = []
    for position, column in enumerate(stream.columns, start=1):
        if column.type in ("VARCHAR", "TEXT", "JSON"):
            continue
        text, value = f"{extract.TEXTS}[{position}]", extract.value(column, position)
        lost = f"({value}) IS NULL"
        if column.type in _WHOLE:
            # A cast rounds 5.7 to 6 without a word.
            lost = f"({lost} OR TRY_CAST({text} AS DOUBLE) <> ({value}))"
        found.append((column, f"nullif(trim({text}), '') IS NOT NULL", lost))
    return found


def _parents(stream: Stream) -> list[str]:
    """The objects whose fields are watched: the record, and those that declared paths lie in."""
    return list(dict.fromkeys(["", *(c.path.rpartition("/")[0] for c in stream.columns)]))


_escaped = "replace(replace(name, '~', '~0'), '/', '~1')"


def _lines(landed: Landed) -> str:
    files = ", ".join(literal(str(path)) for path in landed.files)
    return f"read_ndjson_objects([{files}], ignore_errors = true)"
