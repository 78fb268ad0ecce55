"""How streams of Dataverse tables are written down.

Belongs here: makers of typed columns: text, moments, choices, lookups. Does not: any table's
columns (`kinds.py`).

Moments are whole seconds, UTC. A lookup is `_name_value`; its label and its table are annotations
beside it, and so are the labels of choices.
"""

from __future__ import annotations

from dataclasses import dataclass

from revops_pipelines.resources.sources.dynamics.client import FORMATTED, LOGICAL_NAME
from revops_pipelines.resources.sources.dynamics.pull import Enrich

Told = tuple[str, str, str]


def text(*keys: str) -> tuple[Told, ...]:
    """Columns of text, under their own names."""
    return tuple((key, "VARCHAR", key) for key in keys)


def typed(type_: str, *keys: str) -> tuple[Told, ...]:
    """Columns of another type, under their own names."""
    return tuple((key, type_, key) for key in keys)


def moments(*keys: str) -> tuple[Told, ...]:
    """Columns `..._at` of columns that say when."""
    return tuple((f"{key}_at", "TIMESTAMP", key) for key in keys)


def choices(*keys: str) -> tuple[Told, ...]:
    """A choice's number and its label."""
    return tuple(
        told
        for key in keys
        for told in ((key, "VARCHAR", key), (f"{key}_label", "VARCHAR", f"{key}@{FORMATTED}"))
    )


def lookups(*names: str) -> tuple[Told, ...]:
    """A lookup's identifier."""
    return tuple((f"{name}_id", "VARCHAR", f"_{name}_value") for name in names)


def of_table(*names: str) -> tuple[Told, ...]:
    """Which table a lookup points at."""
    return tuple((f"{name}_table", "VARCHAR", f"_{name}_value@{LOGICAL_NAME}") for name in names)


def names(*names: str) -> tuple[Told, ...]:
    """The name of the row that a lookup points at."""
    return tuple((f"{name}_name", "VARCHAR", f"_{name}_value@{FORMATTED}") for name in names)


@dataclass(frozen=True, slots=True)
class Kind:
    """A table that is a stream of the same columns: what of it is typed."""

    name: str
    table: str
    key: str
    description: str
    privilege: str
    columns: tuple[Told, ...]
    pulse: bool = False
    enrich: Enrich | None = None
