"""What is configured beyond the package: mistakes that definitions see, metrics of our own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from revops_pipelines import cli, installation
from revops_pipelines.definitions import build_defs
from revops_pipelines.installation import installed_settings

METRIC = """
from dataclasses import replace

from revops_pipelines.assets.metrics import arr
from revops_pipelines.assets.metrics._stock import stock_series

OWN = replace(
    arr.METRIC,
    name="arr_of_ours",
    series=stock_series("arr_of_ours", "Ours", "12 * SUM(amount)"),
)
"""


@pytest.fixture
def revops(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REVOPS_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setenv("REVOPS_CONFIG", str(tmp_path / "revops.toml"))
    (tmp_path / "crm").mkdir()
    (tmp_path / "crm/accounts.csv").write_text("account_id,name\n1,A\n", encoding="utf-8")

    def run(text: str, *arguments: str) -> tuple[int, str]:
        (tmp_path / "revops.toml").write_text(
            f'[sources.files]\npath = "crm"\n{text}', encoding="utf-8"
        )
        monkeypatch.setattr(sys, "argv", ["revops", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[precedence.accounts]\norder = ["x1"]\n', "precedence.accounts: no source 'x1' runs"),
        ('[plugins]\nfolder = "plugins"\n', "broken.py must declare exactly one Metric, found 0"),
    ],
)
def test_a_mistake_that_the_definitions_see_is_one_line(revops, tmp_path, text, said):
    path = tmp_path / "plugins/metrics/broken.py"
    path.parent.mkdir(parents=True)
    path.write_text("", encoding="utf-8")
    code, err = revops(text, "run", "nightly")
    assert (code, err.count("\n")) == (2, 1)
    assert said in err


def test_a_metric_of_ones_own_is_an_asset(tmp_path):
    path = tmp_path / "plugins/metrics/arr_of_ours.py"
    path.parent.mkdir(parents=True)
    path.write_text(METRIC, encoding="utf-8")
    (tmp_path / "revops.toml").write_text('[plugins]\nfolder = "plugins"\n', encoding="utf-8")
    settings = installed_settings({"REVOPS_CONFIG": str(tmp_path / "revops.toml")})
    graph = build_defs(settings).resolve_asset_graph()
    keys = {key.to_user_string() for key in graph.get_all_asset_keys()}
    assert {"metrics/arr", "metrics/arr_of_ours"} <= keys


def test_without_a_clone_state_lies_where_one_works(tmp_path, monkeypatch):
    site = tmp_path / "site/revops_pipelines"
    site.mkdir(parents=True)
    (site / "dagster.yaml").touch()
    monkeypatch.setattr(installation, "__file__", str(site / "installation.py"))
    monkeypatch.chdir(tmp_path)
    assert installation.settings_folder() == tmp_path
    assert installation.project_file("dagster.yaml") == site / "dagster.yaml"
    (tmp_path / "site/pyproject.toml").touch()
    assert installation.settings_folder() == tmp_path / "site"
    (tmp_path / "revops.toml").touch()
    assert installation.settings_folder() == tmp_path
    assert Path.cwd() == tmp_path
