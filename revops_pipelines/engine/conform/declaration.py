"""What a file in `assets/conformed` declares.

Belongs here: the frozen shape. Does not: how an entity is built (`build`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import duckdb

from revops_pipelines.contracts.contract import Contract
from revops_pipelines.settings import Settings

Link = Callable[[duckdb.DuckDBPyConnection, Settings], None]


@dataclass(frozen=True, slots=True)
class Examination:
    """What is to be found wrong with an entity across its rows and others; no row is set aside.

    `broken` is the SQL of what breaks it: `subject`, an identifier, and `reason`. The findings are
    the table `ops.<table>(<subject>, reason)`, and the asset check `name` says how many there are.
    """

    name: str
    holds: str
    table: str
    subject: str
    broken: str


@dataclass(frozen=True, slots=True)
class Entity:
    """One conformed table and how the records of several systems become its rows.

    `link` finds records that are the same thing and writes `conformed.identity_links`; `resolved`
    is the SQL that turns `@records` into the final rows (by default: every record is a row and
    identifiers follow the links). `reads` names the conformed entities that either needs first, or
    the `examination` of what was built.
    """

    name: str
    contract: type[Contract]
    owner: str
    link: Link | None = None
    resolved: str | None = None
    reads: tuple[str, ...] = ()
    examination: Examination | None = None
