"""The `revops` command as a person or a script meets it: one-line errors, exit codes, JSON."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from revops_pipelines import cli
from revops_pipelines.engine.warehouse.open import open_warehouse


@pytest.fixture
def revops(tmp_path, monkeypatch, capsys):
    """Runs the command in an empty folder; gives exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("REVOPS_", "HUBSPOT_", "MARKETO_", "STRIPE_", "DAGSTER_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("REVOPS_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("REVOPS_CONFIG", str(tmp_path / "revops.toml"))
    (tmp_path / "revops.toml").write_text("", encoding="utf-8")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["revops", *arguments])
        try:
            cli.main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("query", "SELECT 1"), 3, "nothing is published yet. Run `revops run nightly` first."),
        (("query", "--live", "SELECT 1"), 3, "there is no warehouse yet. Run `revops run nightly`"),
        (("alerts", "list"), 3, "nothing is published yet"),
        (("report",), 3, "nothing is published yet"),
        (("run", "nigthly"), 2, "no job 'nigthly'; did you mean 'nightly'?"),
        (("check",), 3, "no source is configured and no sandbox is running"),
        (("sandbox", "--at", "noon"), 2, "--at noon is no instant with a zone"),
        (("nosuch",), 2, "No such command 'nosuch'"),
    ],
)
def test_a_failure_is_one_line_with_its_remedy_and_code(revops, arguments, code, said):
    ended, out, err = revops(*arguments)
    assert ended == code
    assert out == ""
    assert said in err
    assert err.count("\n") == 1


def test_the_live_file_is_read_between_runs(revops, tmp_path):
    warehouse = tmp_path / "state" / "warehouse.duckdb"
    with open_warehouse(warehouse) as writer:
        writer.execute("CREATE TABLE here AS SELECT 1 AS one")
    asked = ("query", "--live", "--json", "SELECT one FROM here")
    code, out, _ = revops(*asked)
    assert (code, json.loads(out)) == (0, [{"one": 1}])
    code, _, err = revops("query", "--live", "DELETE FROM here")
    assert code == 2
    assert "read-only" in err


def test_a_mistake_in_the_file_ends_every_command_alike(revops, tmp_path):
    (tmp_path / "revops.toml").write_text("[company]\nnmae = 1\n", encoding="utf-8")
    code, _, err = revops("doctor")
    assert code == 2
    assert "revops.toml:2: unknown key company.nmae; did you mean 'name'?" in err


def test_the_demo_is_for_the_sandbox_alone(revops, tmp_path):
    (tmp_path / "revops.toml").write_text("[sources.stripe]\n", encoding="utf-8")
    code, _, err = revops("demo")
    assert (code, "use `revops run nightly`" in err.lower()) == (2, True)


def test_check_names_the_missing_variable(revops, tmp_path):
    (tmp_path / "revops.toml").write_text("[sources.stripe]\n", encoding="utf-8")
    code, out, _ = revops("check", "--json")
    [line] = json.loads(out)["sources"]["stripe"]
    assert code == 1
    assert not line["ok"]
    assert "STRIPE_API_KEY is not set" in line["detail"]


UNREACHED = """
from revops_pipelines.engine.declarations import Source, SourceOptions
from revops_pipelines.engine.ingest.errors import NetworkError


def check(client):
    raise NetworkError("GET /companies: no connection")


SOURCE = Source(
    name="acme", title="Acme", area="other", secrets={}, options=SourceOptions,
    connect=lambda connection: None, check=check, streams=lambda _: (), offers=lambda _: (),
)
"""


def test_check_does_not_blame_the_key_for_a_missing_connection(revops, tmp_path):
    (tmp_path / "plugins/sources").mkdir(parents=True)
    (tmp_path / "plugins/sources/acme.py").write_text(UNREACHED, encoding="utf-8")
    config = '[plugins]\nfolder = "plugins"\n[sources.acme]\n'
    (tmp_path / "revops.toml").write_text(config, encoding="utf-8")
    code, out, _ = revops("check", "--json")
    [line] = json.loads(out)["sources"]["acme"]
    assert (code, line["ok"]) == (1, False)
    assert line["remedy"] == "see that its address is right and can be reached from here"


def test_a_source_that_does_not_run_is_named_with_the_nearest(revops, tmp_path):
    (tmp_path / "revops.toml").write_text("[sources.stripe]\n", encoding="utf-8")
    code, _, err = revops("check", "--source", "strpe")
    assert (code, "did you mean 'stripe'?" in err) == (2, True)


def test_doctor_tells_in_json_and_by_its_code(revops):
    code, out, _ = revops("doctor", "--json")
    findings = {finding["subject"]: finding for finding in json.loads(out)}
    assert findings["freshness"]["remedy"] == "revops run nightly"
    assert code == 1
    assert findings["warehouse"]["ok"]


def test_the_settings_in_force_hold_no_secret(revops, tmp_path, monkeypatch):
    monkeypatch.setenv("STRIPE_API_KEY", "canary-5f1d")
    code, out, _ = revops("config", "show")
    assert code == 0
    assert json.loads(out)["sources"]["stripe"]["secrets"] == {"api_key": "STRIPE_API_KEY"}
    assert "canary" not in out


def test_truth_is_written(revops, tmp_path):
    code, out, _ = revops("sandbox", "truth", str(tmp_path / "truth"), "--scale", "0.01")
    assert code == 0
    assert {Path(line).name for line in out.split()} >= {"leads.csv", "mrr.csv", "deal_stages.csv"}
