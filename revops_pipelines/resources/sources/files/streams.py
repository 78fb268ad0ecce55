"""The streams of a folder: one per file that an entity is made of.

Belongs here: raw columns and keys. Does not: landing (`pull.py`).

Every column is text, so that casts are judged by the contract and never become null in silence.
"""

from __future__ import annotations

import re
from functools import partial

from revops_pipelines.engine.declarations import Column, Pull, Stream
from revops_pipelines.engine.ingest.raw_tables import BOOKKEEPING
from revops_pipelines.resources.sources.files.folder import FileError, Table
from revops_pipelines.resources.sources.files.options import FilesOptions
from revops_pipelines.resources.sources.files.plan import make_plan
from revops_pipelines.resources.sources.files.pull import KEY, pull_table

_RESERVED = {name.lower() for name in (*BOOKKEEPING, KEY)}


def streams(options: FilesOptions) -> tuple[Stream, ...]:
    """One stream per file, and one that fails for each file or folder that cannot be read."""
    try:
        plan = make_plan(options)
    except FileError as error:
        return (_unreadable("folder", str(error)),)
    found = [_stream(table) for table in plan.tables]
    names = {stream.name for stream in found}
    found += [
        _unreadable(name, str(problem))
        for problem in plan.missing
        if (name := stream_name(problem.file.rpartition(".")[0] or problem.file)) not in names
    ]
    return tuple(found)


def stream_name(file: str) -> str:
    """A stream's name out of a file's: lower case, with underscores.

    `Closed Deals` becomes `closed_deals`.
    """
    return re.sub(r"[^a-z0-9]+", "_", file.lower()).strip("_")


def raw_name(column: str) -> str:
    """What a file's column is called in the raw table; the engine's own names are evaded."""
    return f"file_{column.strip('_')}" if column.lower() in _RESERVED else column


def _stream(table: Table) -> Stream:
    columns = [
        Column(raw_name(name), "VARCHAR", "/" + name.replace("~", "~0").replace("/", "~1"))
        for name in table.columns
    ]
    return Stream(
        name=stream_name(table.name),
        description=f"The rows of {table.path.name}.",
        key=(KEY,),
        columns=(Column(KEY, "VARCHAR", f"/{KEY}", "What tells the rows apart."), *columns),
        pull=partial(pull_table, name=table.name),
    )


def _unreadable(name: str, text: str) -> Stream:
    def fail(pull: Pull) -> None:
        raise FileError(text)

    return Stream(
        name=name,
        description=f"Cannot be read: {text}",
        key=(KEY,),
        columns=(Column(KEY, "VARCHAR", f"/{KEY}"),),
        pull=fail,
    )
