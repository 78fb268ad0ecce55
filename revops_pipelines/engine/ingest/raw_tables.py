"""Raw tables: their names, columns and making.

Belongs here: `raw.<source>__<stream>` (current records), `__history` (superseded versions),
`__tombstones` (what was said to be deleted, and when), the view `__versions`. Does not: filling
them (`load.py`), or the SQL that reads a record (`extract.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from revops_pipelines.engine.declarations import Stream
from revops_pipelines.engine.ingest import extract

# Behind the declared columns of every raw table.
BOOKKEEPING = {
    "payload": "JSON",
    "payload_hash": "VARCHAR",
    "_updated_at": "TIMESTAMP",
    "_extracted_at": "TIMESTAMP",
    "_deleted_at": "TIMESTAMP",
    "_deleted_reason": "VARCHAR",
    "_load_id": "VARCHAR",
}
_TYPE = re.compile(r"[A-Z]+(\([0-9]+(, ?[0-9]+)?\))?(\[\])?|STRUCT\([^;]*\)\[\]")
_NAME = re.compile(r"[a-z0-9_]+")


@dataclass(frozen=True, slots=True)
class RawTable:
    """The quoted names of one stream's tables, and its columns in SQL."""

    stream: Stream
    current: str
    history: str
    tombstones: str
    versions: str

    @property
    def keys(self) -> tuple[str, ...]:
        """The key's columns, quoted."""
        return tuple(quoted(name) for name in self.stream.key)

    @property
    def key_list(self) -> str:
        """`"a", "b"`."""
        return ", ".join(self.keys)

    @property
    def key_types(self) -> dict[str, str]:
        """The key's columns with their types."""
        types = {column.name: column.type for column in self.stream.columns}
        return {name: types[name] for name in self.stream.key}

    def same_key(self, left: str, right: str) -> str:
        """SQL that compares two rows' keys."""
        return " AND ".join(f"{left}.{key} = {right}.{key}" for key in self.keys)

    @property
    def columns(self) -> tuple[str, ...]:
        """The declared columns, quoted."""
        return tuple(quoted(column.name) for column in self.stream.columns)

    @property
    def layout(self) -> dict[str, str]:
        """All columns of the current table with their types, in order."""
        return {column.name: column.type for column in self.stream.columns} | BOOKKEEPING


def quoted(identifier: str) -> str:
    """An SQL identifier, inert whatever it holds."""
    return '"' + identifier.replace('"', '""') + '"'


def raw_table(source: str, stream: Stream) -> RawTable:
    """The tables of a stream. Raises ValueError for a declaration that cannot become tables."""
    for name in (source, stream.name):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r}: names of sources and streams are a-z, 0-9 and _")
    names = [column.name.lower() for column in stream.columns] + list(BOOKKEEPING)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{stream.name}: columns {twice} are there twice (case does not count)")
    declared = {column.name for column in stream.columns}
    absent = ({*stream.key} | ({stream.updated} if stream.updated else set())) - declared
    if absent or not stream.key:
        raise ValueError(f"{stream.name}: key or updated names unknown columns {sorted(absent)}")
    for column in stream.columns:
        if not _TYPE.fullmatch(column.type) or not column.path.startswith("/"):
            raise ValueError(f"{stream.name}.{column.name}: type or path cannot be read")
    base = f"{source}__{stream.name}"
    current, history, tombstones, versions = (
        f"raw.{quoted(base + suffix)}" for suffix in ("", "__history", "__tombstones", "__versions")
    )
    return RawTable(stream, current, history, tombstones, versions)


def ensure_raw_tables(
    connection: duckdb.DuckDBPyConnection, source: str, streams: Sequence[Stream]
) -> None:
    """Create what is missing for each stream; all is empty then.

    Where the declared columns changed, the tables are derived anew from the payloads that they
    hold: nothing needs to be pulled again. Where nothing is to be done, nothing is written.
    """
    there = _relations(connection)
    for stream in streams:
        table = raw_table(source, stream)
        declared = _canonical(connection, table)
        found = there.get(f"{source}__{stream.name}__versions")
        if found is not None and [*found.items()] == [*declared.items()]:
            continue
        buried = there.get(f"{source}__{stream.name}__tombstones", {})
        rekeyed = [buried.get(name) for name in stream.key] != [declared[n] for n in stream.key]
        connection.begin()
        done = False
        try:
            if found is not None:
                _derive_anew(connection, table, rekeyed=rekeyed)
            _create(connection, table)
            connection.commit()
            done = True
        finally:
            if not done:
                connection.rollback()


def _relations(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Columns with their types, in order, of every table and view in `raw`."""
    rows = connection.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = current_database() AND schema_name = 'raw' "
        "ORDER BY table_name, column_index"
    ).fetchall()
    found: dict[str, dict[str, str]] = {}
    for name, column, kind in rows:
        found.setdefault(name, {})[column] = kind
    return found


def _create(connection: duckdb.DuckDBPyConnection, table: RawTable) -> None:
    layout = ", ".join(f"{quoted(name)} {kind}" for name, kind in table.layout.items())
    keys = ", ".join(f"{quoted(name)} {kind}" for name, kind in table.key_types.items())
    for name in (table.current, table.history):
        connection.execute(f"CREATE TABLE IF NOT EXISTS {name} ({layout})")
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {table.tombstones} ({keys}, _deleted_at TIMESTAMP, "
        f"_deleted_reason VARCHAR, _load_id VARCHAR)"
    )
    connection.execute(
        f"CREATE OR REPLACE VIEW {table.versions} AS "
        f"SELECT * FROM {table.current} UNION ALL SELECT * FROM {table.history}"
    )


def _canonical(connection: duckdb.DuckDBPyConnection, table: RawTable) -> dict[str, str]:
    """The declared layout with types as DuckDB spells them (DECIMAL is DECIMAL(18,3)), in order."""
    casts = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(n)}" for n, kind in table.layout.items())
    rows = connection.execute(f"DESCRIBE SELECT {casts}").fetchall()
    return {str(row[0]): str(row[1]) for row in rows}


def _derive_anew(connection: duckdb.DuckDBPyConnection, table: RawTable, *, rekeyed: bool) -> None:
    if rekeyed:
        # What is marked as deleted stays so; its tombstones speak of other keys.
        connection.execute(f"DROP TABLE {table.tombstones}")
    updated = extract.updated_at(table.stream, "_extracted_at")
    kept = ", ".join(
        f"{updated} AS _updated_at" if name == "_updated_at" else name for name in BOOKKEEPING
    )
    for name in (table.current, table.history):
        connection.execute(
            f"""
            CREATE OR REPLACE TABLE {name} AS
            SELECT {extract.columns(table.stream)}, {kept}
            FROM (SELECT *, {extract.parts(table.stream, "payload")} FROM {name})
            """
        )
