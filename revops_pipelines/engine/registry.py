"""Finds plug-ins: one frozen declaration per file, named as its file.

Belongs here: those inside the package, and those in a folder of one's own beside revops.toml. Does
not: what a declaration says.

A file that declares none, two, or one of another name is an error at import, never a silent gap.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
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


def discover(
    package: ModuleType, kind: type[Declaration], own: Path | None = None
) -> dict[str, Declaration]:
    """Every declaration of `kind` in the files (or folders) directly inside `package`, by name.

    A folder counts as one file: its `__init__` holds the declaration. Names that begin with an
    underscore are not plug-ins. `own` is the folder of one's own plug-ins: those of `package` are
    in its subfolder of the package's name (`sources`, `metrics`, ...). Raises RegistryError.
    """
    found: dict[str, Declaration] = {}
    for module_info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        if module_info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{package.__name__}.{module_info.name}")
        found[module_info.name] = _only_declaration(module, kind, module_info.name)
    for path in _files_in(own, package.__name__.rpartition(".")[2]):
        if path.stem in found:
            raise RegistryError(
                f"{path}: there is a {kind.__name__} {path.stem!r} already; give it another name"
            )
        found[path.stem] = plugin_at(path, kind)
    return found


def plugin_at(path: Path, kind: type[Declaration]) -> Declaration:
    """The declaration in a plug-in file (or folder) outside of the package. Raises RegistryError.

    A file is read once in a process, however often it is asked for.
    """
    return _only_declaration(_module_at(path.resolve()), kind, path.stem)


def _files_in(own: Path | None, room: str) -> Iterator[Path]:
    folder = None if own is None else own / room
    if folder is None or not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        is_plugin = path.suffix == ".py" or (path / "__init__.py").is_file()
        if is_plugin and not path.name.startswith("_"):
            yield path


def _module_at(path: Path) -> ModuleType:
    # The name tells apart files of one name in two folders; it appears in tracebacks only.
    digest = hashlib.blake2b(str(path).encode(), digest_size=4).hexdigest()
    name = f"own_plugin_{digest}_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    is_folder = path.is_dir()
    spec = importlib.util.spec_from_file_location(
        name,
        path / "__init__.py" if is_folder else path,
        submodule_search_locations=[str(path)] if is_folder else None,
    )
    if spec is None or spec.loader is None:
        raise RegistryError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    done = False
    try:
        spec.loader.exec_module(module)
        done = True
    except (ImportError, OSError, SyntaxError) as error:
        raise RegistryError(f"{path} cannot be imported: {error}") from error
    finally:
        if not done:
            del sys.modules[name]
    return module


def _only_declaration(module: ModuleType, kind: type[Declaration], name: str) -> Declaration:
    own = {id(value): value for value in vars(module).values() if isinstance(value, kind)}
    place = module.__file__ if module.__name__.startswith("own_plugin_") else module.__name__
    if len(own) != 1:
        raise RegistryError(f"{place} must declare exactly one {kind.__name__}, found {len(own)}")
    declaration = next(iter(own.values()))
    if declaration.name != name:
        raise RegistryError(
            f"{place} declares {kind.__name__} {declaration.name!r}; "
            f"rename the file or the declaration so that they agree"
        )
    return declaration
