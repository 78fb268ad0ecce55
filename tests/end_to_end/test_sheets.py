"""The simulated company's sheets come along with its systems, and its costs reach the scorecard."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from revops_pipelines.resources.systems import BLANK_SHEETS, SHEETS, systems_of
from revops_pipelines.sandbox.sheets import SHEETS as WRITTEN

SEEDS = (7, 11, 23)


@pytest.mark.parametrize("seed", SEEDS)
def test_expenses_are_what_the_sheet_says(seed, night):
    told = night(seed)
    columns = ("department", "kind", "spent_on", "amount", "currency")
    found = {
        row["expense_id"]: tuple(row[name] for name in columns)
        for row in told.rows("SELECT * FROM conformed.expenses")
    }
    assert found == {
        f"{SHEETS}:{row['expense_id']}": tuple(row[name] for name in columns)
        for row in told.truth["expenses"]
    }
    assert len(found) > 100


@pytest.mark.parametrize("seed", SEEDS)
def test_the_cost_of_a_month_is_that_of_the_sheet_and_its_media_counts_once(seed, night):
    told = night(seed)
    rates = {
        (row["currency"], row["valid_on"]): row["rate"]
        for row in told.rows("SELECT * FROM conformed.fx_rates")
    }
    wanted: dict[date, Decimal] = {}
    for row in told.truth["expenses"]:
        month = row["spent_on"]
        rate = rates.get((row["currency"], month), Decimal(1))
        if row["department"] in ("marketing", "sales"):
            wanted[month] = wanted.get(month, Decimal(0)) + round(row["amount"] * rate, 2)
    booked = {row["spent_on"] for row in told.truth["expenses"] if row["kind"] == "media"}
    assert len(booked) == 3
    for row in told.truth["marketing_spend"]:
        if row["month"] in wanted and row["month"] not in booked:
            wanted[row["month"]] += row["amount"]
    found = told.rows(
        "SELECT c.month, v.numerator FROM metrics.metric_values AS v JOIN ("
        "  SELECT DISTINCT counted_on, date_trunc('month', spent_on)::DATE AS month"
        "  FROM metrics.cac) AS c ON c.counted_on = v.period_start_on "
        "WHERE v.metric = 'cac' AND v.grain = 'month' AND v.dimensions::VARCHAR = '{}'"
    )
    shown = {row["month"]: row["numerator"] for row in found if row["numerator"] is not None}
    assert len(shown) >= 20
    for month, amount in shown.items():
        assert abs(amount - wanted[month]) <= Decimal("0.05"), month


def test_the_scorecard_has_cost_and_worth_of_a_customer(night):
    shown = {
        row["metric"]
        for row in night(7).rows(
            "SELECT DISTINCT metric FROM metrics.metric_values WHERE is_mature "
            "AND value IS NOT NULL AND dimensions::VARCHAR = '{}'"
        )
    }
    assert {"cac", "cac_paid", "cac_payback", "ltv", "ltv_to_cac"} <= shown


def test_blank_sheets_have_the_headings_of_those_written(night):
    settings = night(7).settings
    for name in WRITTEN:
        written = (settings.home / "sheets" / f"{name}.csv").read_text(encoding="utf-8")
        blank = (BLANK_SHEETS / f"{name}.csv").read_text(encoding="utf-8")
        assert written.startswith(blank)
        assert len(written.splitlines()) > 1


def test_sheets_come_along_before_any_sandbox_runs(night):
    systems = {system.name: system for system in systems_of(night(7).settings)}
    assert [stream.name for stream in systems[SHEETS].streams] == list(WRITTEN)
