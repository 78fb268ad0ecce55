"""`revops new source`: what it writes works at once, inside the package and beside it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from revops_pipelines import cli

ROOT = Path(__file__).parents[2]
LONGEST = "a_vendor_with_a_name_of_forty_characters"


def run(*command: str, cwd: Path, **environment: str) -> str:
    """Runs a tool of this environment; its output, which the failure shows."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=cwd,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def revops(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REVOPS_CONFIG", str(tmp_path / "revops.toml"))
    (tmp_path / "revops.toml").write_text("", encoding="utf-8")

    def called(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["revops", *arguments])
        try:
            cli.main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return called


@pytest.mark.parametrize("name", ["acme", pytest.param(LONGEST, marks=pytest.mark.thorough)])
def test_a_folder_of_ones_own_gets_a_plugin_that_works(revops, tmp_path, name):
    code, out, _ = revops("new", "source", name, "--folder", "plugins")
    assert code == 0
    assert f"wrote plugins/sources/{name}.py\nwrote plugins/tests/test_{name}.py\n" in out
    assert f'[plugins] folder = "plugins", and [sources.{name}]' in out
    lines = (tmp_path / f"plugins/sources/{name}.py").read_text(encoding="utf-8").splitlines()
    assert max(map(len, lines)) <= 100
    config = ("--config", str(ROOT / "pyproject.toml"), "plugins")
    run("ruff", "check", "--no-cache", *config, cwd=tmp_path)
    run("ruff", "format", "--no-cache", "--check", *config, cwd=tmp_path)
    said = run("pytest", "-q", "-p", "no:cacheprovider", "plugins", cwd=tmp_path)
    assert re.search(r"4 passed", said)


@pytest.mark.thorough
def test_the_package_gets_a_plugin_that_works(tmp_path):
    """In a copy of the checkout, as a developer of it would."""
    for part in ("revops_pipelines", "tests/contract"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests/sources").mkdir()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "revops.toml").write_text("", encoding="utf-8")
    here = {"PYTHONPATH": str(tmp_path), "REVOPS_CONFIG": str(tmp_path / "revops.toml")}
    said = run("revops_pipelines.cli", "new", "source", "acme", cwd=tmp_path, **here)
    written = ["revops_pipelines/resources/sources/acme.py", "tests/sources/test_acme.py"]
    assert said.splitlines()[:2] == [f"wrote {path}" for path in written]
    run("ruff", "check", "--no-cache", *written, cwd=tmp_path)
    run("ruff", "format", "--no-cache", "--check", *written, cwd=tmp_path)
    suite = ("tests/contract/test_sources.py", written[1], "-k", "acme")
    said = run("pytest", "-q", "-p", "no:cacheprovider", *suite, cwd=tmp_path, **here)
    assert int(re.search(r"(\d+) passed", said)[1]) > 16
    # Strictly typed like all of the package; what it imports is judged elsewhere.
    quick = ("--follow-imports=silent", "--cache-dir", str(tmp_path / "types"))
    run("mypy", *quick, *written, cwd=tmp_path, **here)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("stripe", "there is a source 'stripe' already"),
        ("Acme", "'Acme' cannot name a source. Use a-z, 0-9 and single underscores"),
        ("a__b", "'a__b' cannot name a source"),
        ("class", "'class' cannot name a source"),
        ("../up", "'../up' cannot name a source"),
        (LONGEST + "x", "cannot name a source"),
    ],
)
def test_a_name_that_cannot_be_is_one_line(revops, tmp_path, name, said):
    code, out, err = revops("new", "source", name, "--folder", "plugins")
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "plugins").exists()


def test_what_is_there_is_left_alone(revops, tmp_path):
    assert revops("new", "source", "acme", "--folder", "plugins")[0] == 0
    path = tmp_path / "plugins/sources/acme.py"
    before = path.read_text(encoding="utf-8")
    assert (
        "there is a source 'acme' already"
        in revops("new", "source", "acme", "--folder", "plugins")[2]
    )
    assert path.read_text(encoding="utf-8") == before
    path.unlink()
    assert (
        "plugins/tests/test_acme.py is there already"
        in revops("new", "source", "acme", "--folder", "plugins")[2]
    )


def test_the_configured_folder_is_the_place(revops, tmp_path):
    (tmp_path / "revops.toml").write_text('[plugins]\nfolder = "own"\n', encoding="utf-8")
    code, out, _ = revops("new", "source", "acme")
    assert code == 0
    assert "in revops.toml: [sources.acme]\n" in out
    assert (tmp_path / "own/sources/acme.py").is_file()
