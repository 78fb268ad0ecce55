"""Tables of revops.toml that belong to plug-ins: `[sources.x]`, `[channels.x]`, `[rules.x]`.

Belongs here: reading a table into the plug-in's own options and naming where its secrets are.
Does not: which plug-ins there are.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

_VARIABLE_SUFFIX = "_env"
SOURCES, SCHEDULE = "sources", "schedule"
# A source's name is part of its tables' names, where two underscores divide source and stream.
_CRON = re.compile(r"[0-9*/,\-]+( [0-9A-Za-z*/,\-]+){4}")
_SOURCE_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


class ConfigurationError(Exception):
    """The configuration says something that cannot be meant: what, where, and the nearest remedy.

    `path` is the key's place in the file, from the outermost table in.
    """

    def __init__(self, message: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, slots=True)
class PluginKind:
    """What one kind of plug-in accepts: its options and its secrets' environment variables.

    `is_simulated` says that the sandbox can stand in for it.
    """

    options: type[BaseModel]
    secrets: Mapping[str, str]
    is_simulated: bool = False


@dataclass(frozen=True, slots=True)
class PluginTable:
    """One configured plug-in: its name, its kind, its options, and where its secrets are.

    `schedule` is when a source is pulled beside the nights, as cron in UTC.
    """

    name: str
    kind: str
    options: Any
    secrets: Mapping[str, str]
    schedule: str | None = None


def read_tables(
    section: str,
    tables: Mapping[str, Any],
    kinds: Mapping[str, PluginKind],
    folder: Path | None = None,
) -> dict[str, PluginTable]:
    """Every `[section.name]` as a PluginTable. Raises ConfigurationError.

    `folder` is where the file lies; options with paths find it in the validation context.
    """
    if not isinstance(tables, Mapping):
        raise ConfigurationError(f"{section} holds tables: write [{section}.NAME]", (section,))
    read = {
        name: _read_table(section, name, table, kinds, folder) for name, table in tables.items()
    }
    if section == SOURCES:
        _check_sources(read)
    return read


def _check_sources(tables: Mapping[str, PluginTable]) -> None:
    """Names that can be names of tables; no account twice, which would count everything twice."""
    accounts: list[tuple[Any, str]] = []
    for name, table in tables.items():
        at = (SOURCES, name)
        if not _SOURCE_NAME.fullmatch(name):
            raise ConfigurationError(
                f"[{SOURCES}.{name}]: use a-z, 0-9 and single underscores, beginning with a letter",
                at,
            )
        account = (table.kind, tuple(sorted(table.secrets.items())), table.options)
        other = next((known for each, known in accounts if each == account), None)
        if table.secrets and other is not None:
            variable = f"{next(iter(table.secrets))}{_VARIABLE_SUFFIX}"
            raise ConfigurationError(
                f"[{SOURCES}.{name}] is the same account as [{SOURCES}.{other}]; "
                f'give it credentials of its own: {variable} = "..."',
                at,
            )
        accounts.append((account, name))


# How alike two words are that are one with a slip. Below it a suggestion misleads: `encryption` is
# 0.55 like `tell_actions`.
_A_SLIP = 0.65
# So many words still help; the names of all time zones do not.
_LISTED = 100


def nearest(wrong: str, valid: Iterable[str]) -> str:
    """A remedy: the valid word that it is a slip of or that alone contains it, or the list."""
    words = sorted(valid)
    close = difflib.get_close_matches(wrong, words, n=1, cutoff=_A_SLIP)
    close = close or [word for word in words if wrong in word]
    if len(close) == 1:
        return f"did you mean {close[0]!r}?"
    if len(words) > _LISTED:
        return f"none of the {len(words)} known is like it"
    return f"one of: {', '.join(words)}" if words else "remove it"


def explain(
    error: ValidationError, model: type[BaseModel], at: tuple[str, ...]
) -> ConfigurationError:
    """The first thing that pydantic found wrong, as one line with its remedy."""
    first = error.errors()[0]
    path = tuple(str(part) for part in first["loc"])
    where = ".".join((*at, *path))
    if first["type"] == "extra_forbidden":
        remedy = nearest(path[-1], _fields_at(model, path[:-1]))
        return ConfigurationError(f"unknown key {where}; {remedy}", (*at, *path))
    if first["type"] == "literal_error":
        valid = [
            word.strip().strip("'") for word in _expected(first).replace(" or ", ",").split(",")
        ]
        remedy = nearest(str(first["input"]), valid)
        return ConfigurationError(f"{where} = {first['input']!r}: {remedy}", (*at, *path))
    problem = first["msg"].removeprefix("Value error, ")
    if not path:
        return ConfigurationError(f"{where}: {problem}", at)
    return ConfigurationError(f"{where} = {first['input']!r}: {problem}", (*at, *path))


def _read_table(
    section: str,
    name: str,
    table: Any,
    kinds: Mapping[str, PluginKind],
    folder: Path | None,
) -> PluginTable:
    at = (section, name)
    if not isinstance(table, Mapping):
        raise ConfigurationError(f"{section}.{name} must be a table: [{section}.{name}]", at)
    kind_name = str(table.get("kind", name))
    kind = kinds.get(kind_name)
    if kind is None:
        raise ConfigurationError(
            f"unknown kind {kind_name!r} in [{section}.{name}]; {nearest(kind_name, kinds)}", at
        )
    secret_keys = {f"{argument}{_VARIABLE_SUFFIX}": argument for argument in kind.secrets}
    secrets = dict(kind.secrets) | {
        secret_keys[key]: str(value) for key, value in table.items() if key in secret_keys
    }
    reserved = {"kind", *secret_keys}
    schedule = None
    if section == SOURCES:
        reserved.add(SCHEDULE)
        schedule = _schedule(table.get(SCHEDULE), (*at, SCHEDULE))
    own = {key: value for key, value in table.items() if key not in reserved}
    try:
        options = kind.options.model_validate(own, context={"folder": folder})
    except ValidationError as error:
        raise explain(error, kind.options, at) from None
    return PluginTable(name, kind_name, options, secrets, schedule)


def _schedule(said: Any, at: tuple[str, ...]) -> str | None:
    if said is None:
        return None
    if not isinstance(said, str) or not _CRON.fullmatch(said):
        raise ConfigurationError(
            f'{".".join(at)} = {said!r}: write cron with five fields, in UTC: "15 */6 * * *"', at
        )
    return said


def _expected(error: Any) -> str:
    context: Mapping[str, Any] = error.get("ctx") or {}
    return str(context.get("expected", ""))


def _fields_at(model: type[BaseModel], path: tuple[str, ...]) -> list[str]:
    """Field names of the (nested) model that `path` leads to."""
    for part in path:
        field = model.model_fields.get(part)
        annotation = field.annotation if field else None
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
    return list(model.model_fields)
