"""Who may import whom, and what no module may do: the house's rules, held by reading the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "revops_pipelines"
ROOT = Path(__file__).parents[2] / PACKAGE
ROOMS = ("assets", "resources", "sensors", "reporting", "contracts", "sandbox", "commands")
MODULES = sorted(ROOT.rglob("*.py"))

# Room -> the rooms it may import beside itself. What is at the top (definitions, wiring, jobs,
# installation, cli) puts rooms together and may import any.
ALLOWED = {
    "contracts": set(),
    "engine": {"contracts", "settings"},
    "assets": {"engine", "contracts", "settings"},
    "resources": {"engine", "contracts", "settings"},
    "sensors": {"engine", "contracts", "settings"},
    "reporting": {"engine", "contracts", "settings"},
    "sandbox": set(),
}
TOP = {"definitions", "wiring", "jobs", "installation", "cli", "commands"}


def name_of(path: Path) -> str:
    return ".".join((PACKAGE, *path.relative_to(ROOT).with_suffix("").parts))


def room_of(module: str) -> str:
    """A module's room; the settings are several modules, and one room."""
    parts = module.split(".")
    room = parts[1] if len(parts) > 1 else ""
    return "settings" if room.startswith("settings_") else room


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            if node.module == PACKAGE:
                yield from (f"{PACKAGE}.{alias.name}" for alias in node.names)
            else:
                yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_rooms_import_only_what_they_may(room):
    wrong = [
        f"{name_of(path)} imports {imported}"
        for path in MODULES
        if room_of(name_of(path)) == room
        for imported in imports_of(path)
        if imported.startswith(f"{PACKAGE}.") and room_of(imported) not in {room, *ALLOWED[room]}
    ]
    assert wrong == []


def test_every_room_is_known():
    found = {room_of(name_of(path)) for path in MODULES if path.parent != ROOT}
    assert found == {*ALLOWED, "commands"}


def test_the_engine_names_no_vendor():
    vendors = ("hubspot", "marketo", "stripe", "salesforce", "chargebee")
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / "engine").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name | ast.Attribute | ast.FunctionDef | ast.ClassDef)
        for name in [getattr(node, "id", getattr(node, "attr", getattr(node, "name", "")))]
        if any(vendor in name.lower() for vendor in vendors)
    ]
    assert wrong == []


def test_no_catch_all_names():
    catch_alls = {"utils", "helpers", "common", "misc", "base", "constants"}
    assert [path for path in MODULES if path.stem in catch_alls] == []


def test_modules_stay_small():
    long = {
        str(path.relative_to(ROOT)): lines
        for path in MODULES
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}


def calls_of(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            yield node.lineno, ast.unparse(node)


def test_only_the_clock_tells_the_time():
    asked = ("datetime.now", "datetime.utcnow", "date.today", "time.time")
    wrong = [
        f"{path.relative_to(ROOT)}:{line} {call}"
        for path in MODULES
        if path != ROOT / "resources/instant.py"
        for line, call in calls_of(path)
        if call in asked
    ]
    assert wrong == []


def test_only_the_settings_and_the_command_read_the_environment():
    wrong = [
        f"{path.relative_to(ROOT)}:{line} {call}"
        for path in MODULES
        if path not in (ROOT / "settings.py", ROOT / "cli.py")
        for line, call in calls_of(path)
        if call in ("os.environ", "os.getenv")
    ]
    assert wrong == []


def test_nothing_catches_everything():
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) == "Exception")
    ]
    assert wrong == []


def test_every_module_says_what_belongs_in_it():
    silent = [
        str(path.relative_to(ROOT))
        for path in MODULES
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []
