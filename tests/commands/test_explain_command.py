"""`revops explain` as a person or a script meets it, on a published file."""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "metrics"))
from random_company import company_of, filled

from revops_pipelines import cli


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """A state folder with a random company's published file, deal o1 bearing a formula as name."""
    warehouse = filled(31, company_of(31))
    warehouse.connection.execute(
        "UPDATE conformed.opportunities SET name = '=1+1', url = 'https://crm.example/' "
        "|| opportunity_id"
    )
    warehouse.build("win_rate", "mrr")
    home = tmp_path_factory.mktemp("state")
    source = warehouse.rows("SELECT current_database()")[0][0]
    warehouse.connection.execute(f"ATTACH '{home}/published.duckdb' AS published")
    warehouse.connection.execute(f"COPY FROM DATABASE {source} TO published")
    warehouse.connection.execute("DETACH published")
    return home


@pytest.fixture
def revops(state, tmp_path, monkeypatch, capsys):
    """Runs the command; gives exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("REVOPS_", "HUBSPOT_", "MARKETO_", "STRIPE_", "DAGSTER_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("REVOPS_HOME", str(state))

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


def test_it_shows_value_parts_and_what_is_left_out(revops):
    code, out, err = revops("explain", "win_rate", "--period", "2026-04")
    assert (code, err) == (0, "")
    assert "Win rate, closed, April 2026" in out
    assert "By segment" in out
    assert "Left out" in out
    assert "renewal" in out
    assert "--by industry" in out


def test_a_script_gets_one_document(revops):
    code, out, _ = revops("explain", "win_rate", "--period", "2026-04", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["value"] == pytest.approx(told["numerator"] / told["denominator"])
    assert sum(record["denominator"] for record in told["records"]) == told["denominator"]
    moved = told["value"] - told["before"]["value"]
    for groups in told["parts_of_change"].values():
        assert sum(group["part"] for group in groups) == pytest.approx(moved)


def test_all_records_go_into_a_file_that_no_spreadsheet_runs(revops, tmp_path):
    path = tmp_path / "records.csv"
    code, _, _ = revops(
        "explain", "win_rate", "--period", "2026-04-17", "--csv", str(path), "--top", "1"
    )
    assert code == 0
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    counted = [row for row in rows if not row["left_out"]]
    assert counted
    assert {row["name"] for row in counted} == {"'=1+1"}
    assert all(row["url"].startswith("https://crm.example/o") for row in counted)
    assert any(row["left_out"] == "renewal" for row in rows)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("winrate",), "there is no metric 'winrate'; did you mean 'win_rate'?"),
        (("win_rate", "--period", "May"), "--period May is no month and no day. Write it as"),
        (("win_rate", "--where", "segment"), "--where segment says nothing of a value"),
        (("win_rate", "--where", "colour=red"), "win_rate is not broken down by colour"),
        (("win_rate", "--by", "segmnt"), "by 'segmnt'; did you mean 'segment'?"),
        (("win_rate", "--period", "1999-01"), "win_rate has no facts in month 1999-01-01"),
        (("win_rate", "--period", "2130-01"), "no month of the calendar holds 2130-01-01"),
        (("mrr", "--grain", "week"), "mrr has no value by week yet"),
    ],
)
def test_a_mistake_is_one_line_with_its_remedy(revops, arguments, said):
    code, out, err = revops("explain", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
