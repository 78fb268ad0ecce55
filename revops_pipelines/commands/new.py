"""`revops new`: writes a plug-in that works, with its test, to be changed from there.

Belongs here: names, places, and the next steps that are told. Does not: what is written
(`templates/`).
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template

from rich.console import Console

from revops_pipelines.commands.context import configured
from revops_pipelines.commands.failures import MISCONFIGURED, CommandError
from revops_pipelines.engine.plugin_folder import KEY, TABLE
from revops_pipelines.installation import project_folder, settings_folder
from revops_pipelines.resources.systems import known_sources
from revops_pipelines.settings import CONFIG_NAME, environment, own_plugins

DEFAULT_FOLDER = "plugins"
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST = 40

_INSIDE = """\
from revops_pipelines.engine.rehearsal import Asked, Rehearsal, served
from revops_pipelines.resources.sources.$name import SOURCE"""
_OUTSIDE = """\
from revops_pipelines.engine.declarations import Source
from revops_pipelines.engine.registry import plugin_at
from revops_pipelines.engine.rehearsal import Asked, Rehearsal, served

FILE = Path(__file__).parents[1] / "sources/$name.py"
SOURCE = plugin_at(FILE, Source)"""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a source and its test go; `own` is the folder of plug-ins, None inside the package."""

    source: Path
    test: Path
    own: Path | None


def new_source(console: Console, name: str, folder: Path | None) -> None:
    """Write a source and its test, and say what comes next. Raises CommandError."""
    _check_name(name)
    named = _configured_folder()
    place = _place(name, folder, named)
    with configured():
        taken = name in known_sources(place.own)
    there = [path for path in (place.source, place.test) if path.exists()]
    if taken or there:
        raise CommandError(
            f"there is a source {name!r} already" if taken else f"{there[0]} is there already",
            remedy="give it another name",
            code=MISCONFIGURED,
        )
    words = {
        "name": name,
        "dashed": name.replace("_", "-"),
        "title": name.replace("_", " ").title(),
        "variable": f"{name.upper()}_TOKEN",
        # Within the checkout the package is what linters call first-party: imported apart.
        "gap": "\n" if place.source.is_relative_to(project_folder()) else "",
    }
    imports = Template(_INSIDE if place.own is None else _OUTSIDE).substitute(words)
    for path, template in ((place.source, "source.txt"), (place.test, "test_source.txt")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_template(template).substitute(words, imports=imports), encoding="utf-8")
        console.print(f"wrote {_shown(path)}", soft_wrap=True)
    for line in _next_steps(name, words["variable"], place, named):
        console.print(line, markup=False, soft_wrap=True)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST or keyword.iskeyword(name):
        raise CommandError(
            f"{name!r} cannot name a source",
            remedy="use a-z, 0-9 and single underscores, beginning with a letter",
            code=MISCONFIGURED,
        )


def _configured_folder() -> Path | None:
    with configured():
        return own_plugins(environment(), settings_folder())


def _place(name: str, folder: Path | None, configured: Path | None) -> _Place:
    """The folder that was named, else the configured one, else the package of the checkout here."""
    checkout = project_folder()
    is_developing = (checkout / "tests/sources").is_dir() and Path.cwd().is_relative_to(checkout)
    if folder is None and configured is None and is_developing:
        package = Path(__file__).parents[1]
        source = package / "resources" / "sources" / f"{name}.py"
        return _Place(source, checkout / "tests" / "sources" / f"test_{name}.py", None)
    own = (folder or configured or Path(DEFAULT_FOLDER)).resolve()
    return _Place(own / "sources" / f"{name}.py", own / "tests" / f"test_{name}.py", own)


def _next_steps(name: str, variable: str, place: _Place, configured: Path | None) -> list[str]:
    steps = [f"try it:     pytest {_shown(place.test)}"]
    lines = f"[sources.{name}]"
    if place.own is not None and place.own != configured:
        named = _shown(place.own)
        lines = f'[{TABLE}] {KEY} = "{named}", and {lines}'
    steps += [
        f"connect it: export {variable}=...; in {CONFIG_NAME}: {lines}",
        f"then:       revops check --source {name}; revops run nightly",
    ]
    if place.own is None:
        steps.append(
            f"to share:   its lines of `revops config template` belong into {CONFIG_NAME}, and "
            f"`revops config schema` into docs/revops.schema.json"
        )
    return steps


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _template(name: str) -> Template:
    folder = resources.files("revops_pipelines.commands") / "templates"
    return Template((folder / name).read_text(encoding="utf-8"))
