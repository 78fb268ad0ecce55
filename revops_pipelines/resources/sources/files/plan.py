"""Fitting files to contracts: which file column becomes which contract column, and what does not.

Belongs here: the mapping of one entity and everything that can be wrong with it, each named with
file, column and nearest valid name. Does not: SQL (`offers.py`) or options (`options.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from revops_pipelines.contracts import CONTRACTS
from revops_pipelines.contracts.contract import (
    STORED_NAMES,
    columns_of,
    identifiers_of,
)
from revops_pipelines.engine.plugin_tables import nearest
from revops_pipelines.resources.sources.files.folder import FileError, Table, files_in, table_of
from revops_pipelines.resources.sources.files.options import EntityMapping, FilesOptions

# Columns that every offer fills itself where the file does not.
OWN = ("source", "source_id", *STORED_NAMES.values())
# What an expansion fills beside the columns that it names.
EXPANDED = ("item_id", "status", "monthly_amount", "valid_from_on", "valid_to_on")
# A leftover column this much like a contract's is taken for a misspelling of it.
ALIKE = 0.8


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps a file from being an entity."""

    file: str
    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}: {self.text}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class EntityPlan:
    """One entity out of one file. `columns` maps contract columns to the file's."""

    entity: str
    table: Table
    mapping: EntityMapping
    columns: Mapping[str, str]
    custom: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def identity(self) -> tuple[str, ...]:
        """The file's columns that tell its rows apart."""
        if "source_id" in self.columns:
            return (self.columns["source_id"],)
        names = identifiers_of(CONTRACTS[self.entity])
        if self.mapping.expand is not None:
            names = ("subscription_id",)
        found = tuple(self.columns[name] for name in names if name in self.columns)
        return found or tuple(self.table.columns)


@dataclass(frozen=True, slots=True)
class Plan:
    """All entities of a folder. `stray` are problems of files that no entity uses."""

    entities: tuple[EntityPlan, ...]
    missing: tuple[Problem, ...]
    stray: tuple[Problem, ...]

    @property
    def tables(self) -> tuple[Table, ...]:
        """The files used, each once."""
        return tuple({plan.table.name: plan.table for plan in self.entities}.values())

    def of_table(self, name: str) -> tuple[EntityPlan, ...]:
        """The entities that a file becomes."""
        return tuple(plan for plan in self.entities if plan.table.name == name)


def make_plan(options: FilesOptions) -> Plan:
    """Fit the folder's files to contracts. Raises FileError when there is no such folder."""
    files = files_in(options.path)
    wanted = {name: (mapping.file or name) for name, mapping in options.entities.items()}
    wanted |= {name: name for name in files if name in CONTRACTS and name not in wanted}
    plans, missing = [], []
    for entity, file in wanted.items():
        path = files.get(file) or files.get(file.rpartition(".")[0])
        if path is None or ("." in file and path.name != file):
            names = [each.name for each in files.values()]
            missing.append(Problem(file, f"no such file for {entity}", nearest(file, names)))
            continue
        try:
            table = table_of(path)
        except FileError as error:
            missing.append(Problem(path.name, str(error), "mend or remove the file"))
            continue
        plans.append(_fit(entity, table, options.entities.get(entity, EntityMapping())))
    used = {*(plan.table.name for plan in plans), *options.ignore}
    stray = [
        Problem(path.name, "no entity is made of it", nearest(name, CONTRACTS))
        for name, path in files.items()
        if name not in used and not any(problem.file == path.name for problem in missing)
    ]
    return Plan(tuple(plans), tuple(missing), tuple(stray))


def _fit(entity: str, table: Table, mapping: EntityMapping) -> EntityPlan:
    contract = columns_of(CONTRACTS[entity])
    free = {
        name: name
        for name in contract
        if name in table.columns and name not in mapping.columns and name not in mapping.constants
    }
    columns = free | {
        name: of for name, of in mapping.columns.items() if name in contract and of in table.columns
    }
    used = {*columns.values(), *mapping.ignore, *_expansion(mapping).values()}
    left = [name for name in table.columns if name not in used]
    unfilled = [name for name in contract if name not in columns and name not in OWN]
    misspelt = [name for name in left if get_close_matches(name, unfilled, 1, ALIKE)]
    keeps_custom = "custom" in contract and "custom" not in columns
    custom = tuple(name for name in left if name not in misspelt) if keeps_custom else ()
    file = table.path.name
    problems = [
        *_unknown(file, mapping, entity, contract, table),
        *_leftover(file, [name for name in left if name not in custom], unfilled),
        *_required(file, mapping, entity, columns, table),
    ]
    return EntityPlan(entity, table, mapping, columns, custom, tuple(problems))


def _expansion(mapping: EntityMapping) -> dict[str, str]:
    """The file's columns that an expansion names, by what they say."""
    if mapping.expand is None:
        return {}
    named = {
        key: getattr(mapping.expand, key)
        for key in ("start", "end", "monthly_amount", "annual_amount", "is_trial")
    }
    return {key: column for key, column in named.items() if column is not None}


def _unknown(
    file: str, mapping: EntityMapping, entity: str, contract: Mapping[str, str], table: Table
) -> Iterator[Problem]:
    """Names in the mapping that neither the contract nor the file has."""
    for part in ("columns", "constants", "words", "formats"):
        for name in getattr(mapping, part):
            if name not in contract:
                text = f"{entity} has no column {name!r} ({part})"
                yield Problem(file, text, nearest(name, contract))
    named = {**mapping.columns, **_expansion(mapping)}
    for name in [*named.values(), *mapping.ignore]:
        if name not in table.columns:
            yield Problem(file, f"it has no column {name!r}", nearest(name, table.columns))


def _leftover(file: str, left: list[str], unfilled: list[str]) -> Iterator[Problem]:
    for name in left:
        remedy = f"{nearest(name, unfilled)} Else name it in `ignore`"
        yield Problem(file, f"nothing is made of its column {name!r}", remedy)


def _required(
    file: str, mapping: EntityMapping, entity: str, columns: Mapping[str, str], table: Table
) -> Iterator[Problem]:
    schema = CONTRACTS[entity].to_schema().columns
    filled = {*columns, *mapping.constants, *OWN}
    if mapping.expand is not None:
        filled |= set(EXPANDED)
    for name in columns_of(CONTRACTS[entity]):
        own = {stored: name for name, stored in STORED_NAMES.items()}.get(name, name)
        if name not in filled and not schema[own].nullable:
            remedy = f"name its column in `columns` ({nearest(name, table.columns)})"
            yield Problem(file, f"{entity} needs {name!r}", remedy)
