"""Writes what is true of the simulated company, for tests to compare our results with.

Belongs here: collecting the tables and writing them as CSV. Does not: any table's content. Each
`world/truth_*.py` module hands over `TABLES`, a mapping from a table's name to a function of the
world and the instant that returns its rows as dicts of plain values; rows of tables with one name
(such as `counts`) are put one after the other. The truth comes from what the simulation meant to
happen, never from our metrics.
"""

from __future__ import annotations

import csv
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revops_pipelines.sandbox import world as world_package

if TYPE_CHECKING:
    from revops_pipelines.sandbox.world.world import World

Row = Mapping[str, Any]
Table = Callable[["World", datetime], Sequence[Row]]


def true_tables(world: World, now: datetime) -> dict[str, list[Row]]:
    """Every table of truth at an instant, by name."""
    tables: dict[str, list[Row]] = {}
    for part in _parts():
        for name, rows_of in part.items():
            tables.setdefault(name, []).extend(rows_of(world, now))
    return tables


def write_truth(world: World, now: datetime, folder: Path) -> list[Path]:
    """Write one CSV per table of truth into a folder, made if need be; returns the files.

    Instants are UTC, ISO 8601; an empty cell is null; columns are in the order of the first row.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    written = []
    for name, rows in sorted(true_tables(world, now).items()):
        path = folder / f"{name}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, _columns(rows), lineterminator="\n")
            writer.writeheader()
            writer.writerows({key: _plain(value) for key, value in row.items()} for row in rows)
        written.append(path)
    return written


def _parts() -> Iterable[Mapping[str, Table]]:
    for module in sorted(pkgutil.iter_modules(world_package.__path__), key=lambda each: each.name):
        if module.name.startswith("truth_"):
            yield importlib.import_module(f"{world_package.__name__}.{module.name}").TABLES


def _columns(rows: Sequence[Row]) -> list[str]:
    columns: dict[str, None] = {}
    for row in rows:
        columns.update(dict.fromkeys(row))
    return list(columns)


def _plain(value: Any) -> Any:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return ";".join(str(item) for item in value)
    return value
