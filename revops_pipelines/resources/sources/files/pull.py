"""Landing a file: whole when its content changed, not at all when it did not.

Belongs here: the content's digest, conversion to landing files, row keys. Does not: the columns
(`streams.py`).

DuckDB converts a file to NDJSON in one pass, so that millions of rows never pass through Python.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import duckdb

from revops_pipelines.engine.declarations import Pull
from revops_pipelines.resources.sources.files.folder import (
    FileError,
    Table,
    literal,
    quoted,
    reader,
    scan,
)
from revops_pipelines.resources.sources.files.plan import make_plan

KEY = "_key"
_NESTED = ("STRUCT", "MAP", "UNION", "JSON")


def pull_table(pull: Pull, name: str) -> None:
    """Land one file's rows. Raises FileError when the file does not fit what is made of it."""
    plan = make_plan(pull.options)
    plans = plan.of_table(name)
    problems = [problem for each in plans for problem in each.problems]
    if not plans or problems:
        raise FileError(str(problems[0]) if problems else f"{name}: the file is gone")
    table = plans[0].table
    identity = min((each.identity for each in plans), key=len)
    with table.path.open("rb") as file:
        digest = hashlib.file_digest(file, "blake2b").hexdigest()
    cursor = {"digest": digest, "identity": list(identity)}
    if dict(pull.cursor) != cursor:
        pull.land_file(lambda path: _convert(table, identity, path))
        # What was landed is all there is.
        pull.complete_ids(())
    pull.finish(cursor)


def _convert(table: Table, identity: Sequence[str], target: Path) -> int:
    """Write the file as NDJSON with a key in each record; returns the number of rows."""
    with reader() as connection:
        try:
            connection.execute(
                f"CREATE VIEW file AS SELECT *, {_key(table, identity)} AS {KEY} "
                f"FROM {scan(table.path)}"
            )
            row = connection.execute(
                f"SELECT count({KEY}), count(DISTINCT {KEY}) FROM file"
            ).fetchone()
            is_unique = row is not None and row[0] == row[1]
            records = _records(table, "file" if is_unique else f"({_NUMBERED})")
            done = connection.execute(
                f"COPY ({records}) TO {literal(str(target))} {_format(table)}"
            ).fetchone()
        except duckdb.Error as error:
            raise FileError(f"{table.path.name}: {str(error).splitlines()[0]}") from error
    return int(done[0]) if done else 0


# Rows that share a key are all landed, so that the contract can tell of them.
_NUMBERED = (
    f"SELECT * REPLACE ({KEY} || CASE WHEN place > 1 THEN '#' || place ELSE '' END AS {KEY}) "
    f"FROM (SELECT *, row_number() OVER (PARTITION BY {KEY} ORDER BY hash(f)) AS place FROM file f)"
)


def _key(table: Table, identity: Sequence[str]) -> str:
    def value(column: str) -> str:
        if table.is_ndjson:
            pointer = "/" + column.replace("~", "~0").replace("/", "~1")
            return f"json_extract_string(json, {literal(pointer)})"
        return f"{quoted(column)}::VARCHAR"

    values = [value(column) for column in identity]
    if len(values) == 1:
        return values[0]
    joined = ", ".join(f"coalesce({each}, '')" for each in values)
    return f"concat_ws('|', {joined})"


def _records(table: Table, rows: str) -> str:
    if table.is_ndjson:
        # The record as it is, with the key put in front of its first member.
        return (
            f"SELECT '{{\"{KEY}\":' || coalesce(to_json({KEY})::VARCHAR, 'null') || "
            f"CASE WHEN json::VARCHAR = '{{}}' THEN '' ELSE ',' END || "
            f"substr(ltrim(json::VARCHAR), 2) FROM {rows}"
        )
    columns = ", ".join(
        f"{_text(quoted(name), kind)} AS {quoted(name)}" for name, kind in table.columns.items()
    )
    return f"SELECT {KEY}, {columns} FROM {rows}"


def _text(column: str, kind: str) -> str:
    """A value as text: exact for decimals, JSON for what is nested."""
    is_nested = kind.startswith(_NESTED) or kind.endswith("]")
    return f"to_json({column})::VARCHAR" if is_nested else f"{column}::VARCHAR"


def _format(table: Table) -> str:
    # One column of finished lines: CSV without anything that CSV would add.
    if table.is_ndjson:
        return "(FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER E'\\x01')"
    return "(FORMAT json)"
