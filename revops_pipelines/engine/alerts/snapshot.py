"""Reading the published snapshot from a sensor: never the live file, never for long.

Belongs here: opening it although it may be replaced at any moment. Does not: what is read.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import duckdb

from revops_pipelines.engine.warehouse.open import WarehouseUnavailableError, open_warehouse

Answer = TypeVar("Answer")

_TRIES = 3


class NothingPublishedError(Exception):
    """There is no snapshot yet, or it does not hold what is asked; the text says which."""


def from_snapshot(path: Path, ask: Callable[[duckdb.DuckDBPyConnection], Answer]) -> Answer:
    """The answer of `ask` on the published file, read-only.

    Publishing swaps the file by a rename, so a reader sees the old one or the new one; one that is
    caught in between tries again. Raises NothingPublishedError.
    """
    if not path.is_file():
        raise NothingPublishedError("nothing is published yet")
    reason = ""
    for _ in range(_TRIES):
        try:
            connection = open_warehouse(path, read_only=True, wait_seconds=0.5)
        except WarehouseUnavailableError as error:
            reason = str(error)
            continue
        try:
            return ask(connection)
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise NothingPublishedError(
                f"the snapshot lacks what is asked: {str(error).splitlines()[0]}"
            ) from None
        except duckdb.IOException as error:
            reason = str(error).splitlines()[0]
        finally:
            connection.close()
    raise NothingPublishedError(reason)


def version_of(path: Path) -> str:
    """What changes whenever the snapshot is replaced; empty while there is none."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return ""
    return f"{stat.st_ino}:{stat.st_mtime_ns}:{stat.st_size}"
