"""The tutorial on sources, followed from the document itself: its files, commands and answers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from documents import files_of, module_of, serving

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/tutorials/new_source.md").read_text(encoding="utf-8")
FILES = files_of(DOCUMENT)
PLUGIN = "plugins/sources/vitally.py"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Somebody in an empty folder with the document, whose stand-in is serving."""
    folder = tmp_path_factory.mktemp("reader")
    vitally = module_of(FILES, "standin.py")["Vitally"]
    handler = type("Quiet", (vitally,), {"log_message": lambda *_: None})

    def run(*command: str, code: int = 0) -> str:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("REVOPS_", "DAGSTER_"))
        }
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=folder,
            env={**environment, "VITALLY_API_KEY": "tutorial-key", "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def revops(*arguments: str) -> str:
        return run("revops_pipelines.cli", *arguments)

    (folder / "revops.toml").touch()
    written = revops("new", "source", "vitally", "--folder", "plugins")
    with serving(handler) as port:
        for name, text in FILES.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("8765", str(port)), encoding="utf-8")
        yield SimpleNamespace(folder=folder, run=run, revops=revops, written=written)


def rows(document: str) -> list[list[str]]:
    """The rows of the document's tables, as cells."""
    lines = [line for line in document.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_source_is_as_short_as_the_title_says():
    lines = [line for line in FILES[PLUGIN].splitlines() if line.strip()]
    assert len(lines) < 100


def test_what_is_written_is_what_the_document_shows(reader):
    assert reader.written in DOCUMENT


def test_the_source_and_its_test_keep_the_house_rules(reader):
    config = ("--no-cache", "--config", str(ROOT / "pyproject.toml"))
    reader.run("ruff", "check", *config, PLUGIN)
    reader.run("ruff", "format", "--check", *config, "plugins")
    assert "1 passed" in reader.run("pytest", "-q", "-p", "no:cacheprovider", "plugins")


def test_the_check_says_what_the_document_shows(reader):
    said = reader.revops("check")
    assert said in DOCUMENT


@pytest.mark.thorough
def test_a_night_gives_what_the_document_shows(reader):
    reader.revops("run", "nightly", "--json")
    shown = rows(DOCUMENT)
    for sql in re.findall(r'^\$ revops query "(.*)"$', DOCUMENT, re.MULTILINE):
        found = json.loads(reader.revops("query", sql, "--json"))
        assert found
        for row in found:
            assert [str(value or "") for value in row.values()] in shown


def test_the_asset_graph_has_it(reader):
    keys = (
        "from revops_pipelines.definitions import defs; "
        "print(*(key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", keys], cwd=reader.folder, capture_output=True, text=True, check=True
    )
    assert {"raw/vitally/accounts", "conformed/accounts"} <= set(done.stdout.split())
