"""The catalogue's identities on whole companies: two nights, two rebuilds, rows in another order.

`make identities` runs this at ten times the sandbox's usual size, on three companies; `make
thorough` on a small one of each. What is compared is summed up in the database: there are millions
of rows.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from whole_nights import ANCHOR, run_job, simulated_settings, simulated_systems

from revops_pipelines.contracts import CONTRACTS
from revops_pipelines.engine.metrics.build import build_metric
from revops_pipelines.engine.warehouse.open import in_utc
from revops_pipelines.rebuild import rebuild
from revops_pipelines.resources.systems import Systems
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.server import running
from revops_pipelines.sandbox.world.world import build_world
from revops_pipelines.settings import Settings

sys.path.append(str(Path(__file__).parents[1] / "metrics"))
sys.path.append(str(Path(__file__).parents[1] / "soundness"))
from metric_warehouse import METRICS, in_order
from test_identities import BROKEN

pytestmark = pytest.mark.thorough

SEEDS = (7, 11, 23)
SCALE = float(os.environ.get("REVOPS_SCALE", "0.02"))

# What is told of nights is no part of a rebuild.
OF_NIGHTS = ("metric_standing", "quality_effects", "restatements", "data_quality")
VALUES = "metrics.metric_values"


@dataclass(frozen=True)
class Company:
    """What two nights published, in files that nobody writes, and how to make them again."""

    settings: Settings
    systems: Systems
    first: Path
    second: Path
    failed_checks: Mapping[str, list[str]]

    def again(self, night: Path) -> Path:
        """The same from the raw versions, as it was known that night."""
        path = night.with_name(f"{night.stem}_again.duckdb")
        if not path.exists():
            with opened(path, read_only=False) as connection:
                rebuild(
                    connection,
                    self.settings.warehouse_path,
                    self.settings,
                    self.systems,
                    as_of(night),
                )
        return path


@pytest.fixture(scope="module", params=SEEDS, ids=lambda seed: f"seed {seed}")
def company(request, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    settings = simulated_settings(tmp_path_factory.mktemp("large"))
    world = build_world(request.param, ANCHOR, SCALE)
    failed = {}
    with running(
        world=world, anchor=ANCHOR, options=Options(limits=False, bulk_seconds=0.0)
    ) as sandbox:
        nights = []
        for name in ("first", "second"):
            result = run_job(settings, sandbox, "nightly")
            assert result.success
            failed[name] = [
                f"{each.asset_key.to_user_string()} {each.check_name}"
                for each in result.get_asset_check_evaluations()
                if each.asset_key.path[0] == "metrics"
                and not each.passed
                # That a closed month was restated is a fact about the company, no broken identity.
                and each.asset_key.path[1] != "restatements"
            ]
            nights.append(settings.home / f"{name}.duckdb")
            shutil.copyfile(settings.published_path, nights[-1])
            sandbox.clock.advance(timedelta(days=2, hours=3))
        yield Company(settings, simulated_systems(sandbox), nights[0], nights[1], failed)
    shutil.rmtree(settings.home)


def opened(path: Path, *, read_only: bool = True) -> duckdb.DuckDBPyConnection:
    connection = in_utc(duckdb.connect(str(path), read_only=read_only))
    return connection.execute("SET memory_limit = '5GB'").execute("SET threads = 2")


def as_of(path: Path) -> datetime:
    with opened(path) as connection:
        ((at,),) = connection.execute("SELECT as_of_at FROM ops.parameters").fetchall()
    return at.replace(tzinfo=UTC)


def contents(path: Path) -> dict[str, tuple[int, int]]:
    """Table -> how many rows, and a sum over them that does not depend on their order."""
    with opened(path) as connection:
        measured = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'metrics'"
        ).fetchall()
        tables = [f"conformed.{entity}" for entity in CONTRACTS]
        tables += [f"metrics.{name}" for (name,) in measured if name not in OF_NIGHTS]
        found = {}
        for table in sorted(tables):
            select = f"SELECT * FROM {table}"
            if table == VALUES:
                select = (
                    f"SELECT * EXCLUDE (computed_at) FROM {table} "
                    "WHERE metric NOT LIKE 'data_quality%'"
                )
            (row,) = connection.execute(
                f"SELECT count(*), sum(CAST(hash(held) AS HUGEINT)) FROM ({select}) AS held"
            ).fetchall()
            found[table] = row
    return found


def differing(one: Path, other: Path) -> dict[str, tuple[int, int]]:
    """Table -> how many rows there are in each, of those that are not the same."""
    mine, theirs = contents(one), contents(other)
    assert mine.keys() == theirs.keys()
    return {
        table: (mine[table][0], theirs[table][0]) for table in mine if mine[table] != theirs[table]
    }


@pytest.mark.parametrize("night", ["first", "second"])
def test_1_to_4_no_row_breaks_an_identity(company: Company, night: str) -> None:
    broken = {
        f"{name} {identity.name}": identity.broken
        for name, metric in METRICS.items()
        for identity in metric.identities
    } | BROKEN
    with opened(getattr(company, night)) as connection:
        counts = {
            name: connection.execute(f"SELECT count(*) FROM ({sql}) AS rows").fetchall()
            for name, sql in broken.items()
        }
    assert {name: count for name, count in counts.items() if count != [(0,)]} == {}
    assert company.failed_checks[night] == []


def test_there_was_something_to_hold_it_on(company: Company) -> None:
    changed = differing(company.first, company.second)
    assert {"conformed.activities", VALUES} <= changed.keys()


def test_5_a_full_rebuild_is_what_the_nights_made(company: Company) -> None:
    assert differing(company.second, company.again(company.second)) == {}


def test_5_the_order_of_rows_changes_nothing(company: Company) -> None:
    shuffled = company.settings.home / "shuffled.duckdb"
    shutil.copyfile(company.again(company.second), shuffled)
    with opened(shuffled, read_only=False) as connection:
        for entity in CONTRACTS:
            connection.execute(
                f"CREATE TEMP TABLE held AS SELECT * FROM conformed.{entity} "
                f"ORDER BY hash(source, source_id)"
            )
            connection.execute(f"DELETE FROM conformed.{entity}")
            connection.execute(f"INSERT INTO conformed.{entity} SELECT * FROM held")
            connection.execute("DROP TABLE held")
        for name in in_order():
            build_metric(connection, METRICS[name])
    assert differing(company.again(company.second), shuffled) == {}


def test_6_as_of_the_first_night_is_what_it_said(company: Company) -> None:
    assert differing(company.first, company.again(company.first)) == {}
