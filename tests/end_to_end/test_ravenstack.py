"""RavenStack, real files that nobody here wrote, through the nightly job.

The oracle is plain pandas over the same CSV files and shares no code with the pipelines.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import duckdb
import pandas as pd
import pytest
from whole_nights import StoppedClock

from revops_pipelines.definitions import build_defs
from revops_pipelines.installation import plugin_kinds
from revops_pipelines.settings import Settings, load_settings

PROJECT = Path(__file__).parents[2]
DATA = PROJECT / "../shared/data/ravenstack"
EXAMPLE = PROJECT / "examples/ravenstack/revops.toml"
# Two nights after the last day of the data: December 2024 is closed.
NOW = datetime(2025, 1, 2, 2, 30, tzinfo=UTC)
MONTHS = pd.period_range("2023-01", "2024-12", freq="M")

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="needs the published data sets in ../shared"
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("home")
    environment = {"REVOPS_CONFIG": str(EXAMPLE), "REVOPS_HOME": str(home)}
    return load_settings(environment, PROJECT, plugin_kinds())


@pytest.fixture(scope="module")
def published(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse after one night."""
    definitions = build_defs(settings, resources={"clock": StoppedClock(at=NOW.isoformat())})
    with dg.DagsterInstance.ephemeral() as instance:
        night = definitions.resolve_job_def("nightly").execute_in_process(instance=instance)
    assert night.success
    connection = duckdb.connect(str(settings.warehouse_path), read_only=True)
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def worth() -> pd.DataFrame:
    """MRR by account (rows) and month (columns), on the month's last day."""
    rows = pd.read_csv(DATA / "subscriptions.csv", parse_dates=["start_date", "end_date"])
    # A trial is worth nothing, and a subscription that ends on its first day was never in force.
    rows = rows[~rows["is_trial"] & ~(rows["end_date"] <= rows["start_date"])]
    by_month = {}
    for month in MONTHS:
        last = month.end_time.normalize()
        in_force = rows[
            (rows["start_date"] <= last) & (rows["end_date"].isna() | (rows["end_date"] > last))
        ]
        by_month[month] = in_force.groupby("account_id")["mrr_amount"].sum()
    return pd.DataFrame(by_month).fillna(0).astype("int64")


def first_day(month: pd.Period) -> date:
    return month.start_time.date()


def test_mrr_of_every_account_and_month(
    published: duckdb.DuckDBPyConnection, worth: pd.DataFrame
) -> None:
    found = {
        (customer.removeprefix("files:"), month): amount
        for customer, month, amount in published.execute(
            "SELECT customer_id, period_start_on, amount FROM metrics.mrr "
            "WHERE period_start_on < DATE '2025-01-01'"
        ).fetchall()
    }
    expected = {
        (account, first_day(month)): amount
        for (account, month), amount in worth.stack().items()
        if amount
    }
    assert found == expected


def test_mrr_by_month(published: duckdb.DuckDBPyConnection, worth: pd.DataFrame) -> None:
    found = dict(
        published.execute(
            "SELECT period_start_on, value FROM metrics.metric_values WHERE metric = 'mrr' "
            "AND grain = 'month' AND CAST(dimensions AS VARCHAR) = '{}' AND is_mature"
        ).fetchall()
    )
    expected = {first_day(month): total for month, total in worth.sum().items() if total}
    assert found == expected


def movements_of(worth: pd.DataFrame) -> dict[tuple[date, str], int]:
    """Total by month and movement; a return from nothing is no expansion."""
    totals: dict[tuple[date, str], int] = {}
    for _, account in worth.iterrows():
        has_paid = False
        opening = 0
        for month, closing in account.items():
            change = closing - opening
            if change and opening == 0:
                kind = "reactivation" if has_paid else "new"
            elif change and closing == 0:
                kind = "churn"
            else:
                kind = "expansion" if change > 0 else "contraction"
            if change:
                key = (first_day(month), kind)
                totals[key] = totals.get(key, 0) + change
            has_paid = has_paid or closing > 0
            opening = closing
    return totals


def test_movements_by_month(published: duckdb.DuckDBPyConnection, worth: pd.DataFrame) -> None:
    found = {
        (month, movement): amount
        for month, movement, amount in published.execute(
            "SELECT period_start_on, movement, sum(amount) FROM metrics.mrr_movements "
            "WHERE period_start_on < DATE '2025-01-01' GROUP BY ALL HAVING sum(amount) <> 0"
        ).fetchall()
    }
    assert {movement for _, movement in found} >= {"new", "expansion", "contraction"}
    assert found == movements_of(worth)


def test_logo_churn_by_month(published: duckdb.DuckDBPyConnection, worth: pd.DataFrame) -> None:
    found = {
        month: (int(lost), int(opening))
        for month, lost, opening in published.execute(
            "SELECT period_start_on, numerator, denominator FROM metrics.metric_values "
            "WHERE metric = 'logo_churn' AND grain = 'month' AND is_mature "
            "AND CAST(dimensions AS VARCHAR) = '{}' AND denominator > 0"
        ).fetchall()
    }
    expected = {}
    for before, month in itertools.pairwise(MONTHS):
        opening = worth[before] > 0
        lost = opening & (worth[month] == 0)
        if opening.any():
            expected[first_day(month)] = (int(lost.sum()), int(opening.sum()))
    assert found == expected


def test_what_the_files_violate_is_set_aside_and_counted(
    published: duckdb.DuckDBPyConnection,
) -> None:
    rows = pd.read_csv(DATA / "subscriptions.csv")
    expected = set(rows[rows["end_date"] <= rows["start_date"]]["subscription_id"])
    found = published.execute(
        "SELECT source_id, rule FROM ops.quarantine WHERE entity = 'subscription_periods'"
    ).fetchall()
    assert {(name, "ends_after_it_starts") for name in expected} == set(found)
    assert expected
    (kept,) = published.execute(
        "SELECT count(*) FROM conformed.subscription_periods"
    ).fetchone() or (0,)
    assert kept == len(rows) - len(expected)


def test_nothing_of_the_other_entities_is_lost(published: duckdb.DuckDBPyConnection) -> None:
    counts = {
        table: (published.execute(f"SELECT count(*) FROM conformed.{table}").fetchone() or (0,))[0]
        for table in ("accounts", "customers", "subscriptions")
    }
    assert counts == {"accounts": 500, "customers": 500, "subscriptions": 5000}
    countries = published.execute("SELECT DISTINCT country FROM conformed.accounts").fetchall()
    assert ("GB",) in countries
    assert ("UK",) not in countries


def test_the_check_tells_of_overlaps(settings: Settings) -> None:
    from revops_pipelines.engine.declarations import Connection
    from revops_pipelines.resources.sources.files import SOURCE

    options = settings.sources["files"].options
    folder = SOURCE.connect(Connection("files", options, {}, lambda: NOW))
    found = SOURCE.check(folder)
    assert all(reach.ok for reach in found)
    assert any("overlap another of the same customer" in reach.detail for reach in found)
    assert any("end on or before their first day" in reach.detail for reach in found)
