"""`revops policies` as a person or a script meets it, on a published file."""

from __future__ import annotations

import json
import os
import sys
from decimal import Decimal
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "metrics"))
from metric_warehouse import Warehouse

from revops_pipelines import cli

PERIODS = """
subscription_id | customer_id | item_id | status | monthly_amount | list_monthly_amount | billing_interval | billing_interval_count | valid_from_on
s1 | ada | i1 | active | 60 | 100 | month | 1 | 2026-01-10
s2 | ben | i2 | paused | 50 | 50 | month | 1 | 2026-01-10
s3 | cem | i3 | active | 56.33 | 56.33 | week | 1 | 2026-02-02
s4 | dee | i4 | active | 10 | 10 | month | 1 | 2026-02-02
"""  # noqa: E501


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """A state folder whose published file has four customers."""
    warehouse = Warehouse()
    warehouse.put_table("subscription_periods", PERIODS.strip())
    warehouse.connection.execute(
        "UPDATE conformed.subscription_periods "
        "SET lasting_monthly_amount = list_monthly_amount, recurring_monthly_amount = 60 "
        "WHERE customer_id = 'ada'"
    )
    warehouse.put("customers", {"customer_id": "ada", "name": "Ada's"})
    warehouse.build("mrr", "mrr_by_policy")
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


def test_the_rules_stand_side_by_side(revops):
    code, out, err = revops("policies")
    assert (code, err) == (0, "")
    for heading in ("Statuses", "Discounts", "Month length", "Exchange"):
        assert heading in out
    assert "4 weeks or 30 days" in out
    assert "In force: ours" in out
    _, told, _ = revops("policies", "--json")
    assert [each["policy"] for each in json.loads(told)][:2] == ["ours", "stripe"]


def test_a_bridge_ties_to_the_cent(revops):
    code, out, err = revops("policies", "ours", "stripe", "--period", "2026-05", "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["from"] == {"policy": "ours", "mrr": "126.33"}
    assert told["to"] == {"policy": "stripe", "mrr": "216.33"}
    assert told["causes"] == {
        "statuses": "50.00",
        "discounts": "40.00",
        "month_length": "0.00",
        "exchange": "0.00",
    }
    assert Decimal(told["unexplained"]) == 0
    assert [(each["customer_id"], each["name"]) for each in told["customers"]] == [
        ("ben", ""),
        ("ada", "Ada's"),
    ]


def test_between_any_two_it_is_the_difference_of_their_rows(revops):
    _, out, _ = revops("policies", "revenuecat", "stripe", "--period", "2026-05", "--json")
    told = json.loads(out)
    assert told["causes"]["month_length"] == "4.33"
    assert (told["from"]["mrr"], told["difference"]) == ("122.00", "94.33")
    assert {each["customer_id"]: (each["from"], each["to"]) for each in told["customers"]} == {
        "ada": ("60.00", "100.00"),
        "ben": ("0.00", "50.00"),
        "cem": ("52.00", "56.33"),
    }
    assert Decimal(told["unexplained"]) == 0


def test_it_is_shown_with_the_last_closed_month_and_the_top_customers(revops):
    code, out, err = revops("policies", "ours", "stripe", "--top", "1")
    assert (code, err) == (0, "")
    assert "MRR of May 2026" in out
    assert "difference +90.00" in out
    assert "1 of 2 customers" in out
    assert "ada" not in out


def test_one_customer_is_shown_with_its_ledger(revops):
    code, out, _ = revops("policies", "ours", "stripe", "--customer", "ada")
    assert code == 0
    assert "+40.00" in out
    assert "s1" in out
    _, out, _ = revops("policies", "ours", "stripe", "--customer", "dee")
    assert "the same under ours and stripe" in out
    _, out, _ = revops("policies", "ours", "stripe", "--customer", "ben", "--json")
    assert [row["status"] for row in json.loads(out)["ledger"]] == ["paused"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ours",), "has two ends"),
        (("ours", "strip"), "did you mean 'stripe'"),
        (("ours", "stripe", "--period", "May"), "is no month"),
        (("ours", "stripe", "--period", "1999-05"), "nothing is published"),
        (("ours", "stripe", "--customer", "nobody"), "nothing is in force"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(revops, arguments, said):
    code, out, err = revops("policies", *arguments)
    assert (code, out) == (2, "")
    assert said in err
