"""The folder: which files it holds and what columns each has.

Belongs here: looking at files with DuckDB, without reading them whole. Does not: what they mean
(`plan.py`) or landing them (`pull.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import duckdb

from revops_pipelines.engine.declarations import Connection
from revops_pipelines.engine.ingest.errors import IngestError
from revops_pipelines.resources.sources.files.options import FilesOptions

KINDS = (".csv", ".parquet", ".ndjson")
# Keys of an NDJSON file's records are learned from so many of its first lines.
SAMPLED_LINES = 20_000


class FileError(IngestError):
    """A file, or the folder, cannot be used as it is; the text names it and the remedy."""


@dataclass(frozen=True, slots=True)
class Table:
    """One file. `columns` maps its columns, in order, to DuckDB types."""

    path: Path
    columns: Mapping[str, str]

    @property
    def name(self) -> str:
        """The file's name without its ending: the stream's name."""
        return self.path.stem

    @property
    def is_ndjson(self) -> bool:
        """Whether records are JSON objects already."""
        return self.path.suffix == ".ndjson"


@dataclass(frozen=True, slots=True)
class Folder:
    """What `connect` returns: the folder with its options."""

    source: str
    options: FilesOptions


def connect(connection: Connection) -> Folder:
    """The folder; nothing is opened yet."""
    return Folder(connection.name, connection.options)


def reader() -> duckdb.DuckDBPyConnection:
    """A connection that only reads files: no database, no downloads, times in UTC."""
    connection = duckdb.connect(
        config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    )
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def files_in(folder: Path) -> dict[str, Path]:
    """The usable files by name without ending. Raises FileError."""
    if not folder.is_dir():
        raise FileError(f"{folder}: there is no such folder; correct `path`")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix not in KINDS or not path.is_file():
            continue
        if path.stem in found:
            raise FileError(
                f"{found[path.stem].name} and {path.name} are both {path.stem}; remove one"
            )
        found[path.stem] = path
    return found


def table_of(path: Path) -> Table:
    """The file with its columns. Raises FileError when it is no table."""
    state = path.stat()
    return Table(path, _columns_of(path, state.st_mtime_ns, state.st_size))


# Streams and offers are asked for many times while definitions are built.
@lru_cache(maxsize=256)
def _columns_of(path: Path, changed_ns: int, size: int) -> Mapping[str, str]:
    with reader() as connection:
        try:
            return _columns(connection, path)
        except duckdb.Error as error:
            raise FileError(f"{path.name}: {str(error).splitlines()[0]}") from error


def scan(path: Path) -> str:
    """SQL for the file's rows: CSV as text, Parquet as it is typed, NDJSON as `json`."""
    name = literal(str(path))
    if path.suffix == ".csv":
        return f"read_csv({name}, header = true, all_varchar = true)"
    if path.suffix == ".parquet":
        return f"read_parquet({name})"
    return f"read_ndjson_objects({name})"


def literal(text: str) -> str:
    """An SQL string."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _columns(connection: duckdb.DuckDBPyConnection, path: Path) -> dict[str, str]:
    if path.suffix == ".ndjson":
        rows = connection.execute(
            f"SELECT key, min(place) FROM (SELECT unnest(json_keys(json)) AS key, "
            f"generate_subscripts(json_keys(json), 1) AS place "
            f"FROM {scan(path)} LIMIT {SAMPLED_LINES}) GROUP BY key ORDER BY min(place), key"
        ).fetchall()
        return {str(name): "VARCHAR" for name, _ in rows}
    rows = connection.execute(f"DESCRIBE SELECT * FROM {scan(path)}").fetchall()
    return {str(row[0]): str(row[1]) for row in rows}
