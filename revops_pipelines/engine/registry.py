"""Finds plug-ins: one frozen declaration per file, named as its file.

A file that declares none, two, or one of another name is an error at import, never a silent gap.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import Protocol, TypeVar


class Named(Protocol):
    """Anything with a name."""

    @property
    def name(self) -> str:
        """The name that its file must bear."""


Declaration = TypeVar("Declaration", bound=Named)


class RegistryError(Exception):
    """A plug-in file breaks the rule of one declaration named as its file."""


def discover(package: ModuleType, kind: type[Declaration]) -> dict[str, Declaration]:
    """Every declaration of `kind` in the files (or folders) directly inside `package`, by name.

    A folder counts as one file: its `__init__` holds the declaration. Names that begin with an
    underscore are not plug-ins. Raises RegistryError.
    """
    found: dict[str, Declaration] = {}
    for module_info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        if module_info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{package.__name__}.{module_info.name}")
        declaration = _only_declaration(module, kind)
        if declaration.name != module_info.name:
            raise RegistryError(
                f"{module.__name__} declares {kind.__name__} {declaration.name!r}; "
                f"rename the file or the declaration so that they agree"
            )
        found[declaration.name] = declaration
    return found


def _only_declaration(module: ModuleType, kind: type[Declaration]) -> Declaration:
    own = {id(value): value for value in vars(module).values() if isinstance(value, kind)}
    if len(own) != 1:
        raise RegistryError(
            f"{module.__name__} must declare exactly one {kind.__name__}, found {len(own)}"
        )
    return next(iter(own.values()))
