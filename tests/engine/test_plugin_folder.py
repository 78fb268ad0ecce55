"""Plug-ins of one's own: a folder that revops.toml names, read as the package's own rooms are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from revops_pipelines.engine.declarations import Source
from revops_pipelines.engine.plugin_tables import ConfigurationError
from revops_pipelines.engine.registry import RegistryError, discover, plugin_at
from revops_pipelines.installation import installed_settings
from revops_pipelines.resources import sources
from revops_pipelines.resources.systems import systems_of

PLUGIN = """
from revops_pipelines.engine.declarations import Source, SourceOptions

{name} = Source(
    name="{name}", title="Mine", area="files", secrets={{}}, options=SourceOptions,
    connect=lambda connection: None, check=lambda client: (), streams=lambda options: (),
    offers=lambda options: (),
)
"""


def write(folder: Path, name: str, text: str = "") -> Path:
    path = folder / "sources" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text or PLUGIN.format(name=path.stem), encoding="utf-8")
    return path


def test_own_files_stand_beside_the_packages(tmp_path: Path) -> None:
    write(tmp_path, "mine.py")
    write(tmp_path, "_notes.py", "raise RuntimeError")
    write(tmp_path, "read_me.txt", "nothing")
    found = discover(sources, Source, tmp_path)
    assert set(found) == {*discover(sources, Source), "mine"}


def test_a_folder_counts_as_one_file_and_imports_its_parts(tmp_path: Path) -> None:
    write(tmp_path, "acme/__init__.py", "from .declared import acme")
    write(tmp_path, "acme/declared.py", PLUGIN.format(name="acme"))
    assert discover(sources, Source, tmp_path)["acme"].title == "Mine"


def test_a_file_is_read_once(tmp_path: Path) -> None:
    path = write(tmp_path, "mine.py")
    assert plugin_at(path, Source) is discover(sources, Source, tmp_path)["mine"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("stripe.py", PLUGIN.format(name="stripe"), r"a Source 'stripe' already"),
        ("other.py", PLUGIN.format(name="mine"), r"other.py declares Source 'mine'; rename"),
        ("none.py", "x = 1", r"none.py must declare exactly one Source, found 0"),
        ("typo.py", "def (", r"typo.py cannot be imported: invalid syntax"),
        ("lost.py", "import no_such_module", r"lost.py cannot be imported: No module named"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, name: str, text: str, said: str) -> None:
    write(tmp_path, name, text)
    for _ in range(2):
        with pytest.raises(RegistryError, match=said):
            discover(sources, Source, tmp_path)


def installed(tmp_path: Path, text: str):
    (tmp_path / "revops.toml").write_text(text, encoding="utf-8")
    return installed_settings({"REVOPS_CONFIG": str(tmp_path / "revops.toml")})


def test_the_configuration_names_the_folder(tmp_path: Path) -> None:
    write(tmp_path / "plugins", "mine.py")
    settings = installed(tmp_path, '[plugins]\nfolder = "plugins"\n[sources.mine]\n')
    assert settings.plugins.folder == tmp_path / "plugins"
    assert [system.source.name for system in systems_of(settings)] == ["mine"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[plugins]\nfolder = "plugns"', r"revops.toml:2: plugins.folder = 'plugns': .*no such"),
        ("[plugins]\nfoldr = 3", r"revops.toml:2: unknown key plugins.foldr; .*'folder'"),
        ('[plugins]\nfolder = "plugins"', r"typo.py cannot be imported"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path / "plugins", "typo.py", "def (")
    with pytest.raises(ConfigurationError) as wrong:
        installed(tmp_path, text)
    assert re.search(said, str(wrong.value)), str(wrong.value)
    assert "\n" not in str(wrong.value)
