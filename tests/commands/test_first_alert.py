"""The tutorial on alerts, followed from the document itself: its files, commands and answers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from documents import files_of, module_of, serving

from revops_pipelines.installation import plugin_kinds
from revops_pipelines.settings import load_settings

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/tutorials/first_alert.md").read_text(encoding="utf-8")
FILES = files_of(DOCUMENT)
BLOCKS = re.findall(r"^```console\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)


def commands() -> list[tuple[str, list[str]]]:
    """Each command with the lines that it must say."""
    found: list[tuple[str, list[str]]] = []
    for line in "".join(BLOCKS).splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(" ".join(line.split()))
    return found


def test_its_limit_can_be_set(tmp_path: Path) -> None:
    (tmp_path / "revops.toml").write_text(FILES["revops.toml"])
    [rule] = tomllib.loads(FILES["revops.toml"])["rules"]
    assert rule in load_settings({}, tmp_path, plugin_kinds()).rules
    assert any(f"list {rule}" in command for command, _ in commands())


@pytest.fixture
def port() -> Iterator[int]:
    """Where the document's receiver listens; it prints what comes."""
    with serving(module_of(FILES, "receiver.py")["Receiver"]) as number:
        yield number


@pytest.mark.thorough
def test_a_reader_sees_what_it_shows(
    tmp_path: Path, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = {name: value for name, value in os.environ.items() if "REVOPS" not in name}
    path = f"{Path(sys.executable).parent}:{kept['PATH']}"
    surroundings = {**kept, "COLUMNS": "100", "PATH": path, "DAGSTER_HOME": ""}
    for command, expected in commands():
        if command.startswith("export "):
            name, _, value = command.removeprefix("export ").partition("=")
            surroundings[name] = value.replace("8765", str(port))
            continue
        done = subprocess.run(
            command, shell=True, cwd=tmp_path, env=surroundings, capture_output=True, check=False
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        said = [" ".join(line.split()) for line in done.stdout.decode().splitlines()]
        for line in expected:
            assert any(line in each for each in said), (command, line, said)
        if command == "revops demo":
            (tmp_path / "revops.toml").write_text(FILES["revops.toml"])
    assert capsys.readouterr().out == FILES["received"]
