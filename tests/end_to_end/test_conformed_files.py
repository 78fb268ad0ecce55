"""A folder of conformed files is a company too: every metric is what the systems' own rows gave.

The night's conformed tables are written as CSV, one file per entity and nothing else configured,
and go through the nightly job of another installation at the same instant.
"""

from __future__ import annotations

import dataclasses
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from whole_nights import QUIET, Night, StoppedClock

from revops_pipelines.contracts import CONTRACTS
from revops_pipelines.definitions import build_defs
from revops_pipelines.engine.metrics.build import build_metric
from revops_pipelines.engine.warehouse.open import in_utc
from revops_pipelines.installation import plugin_kinds
from revops_pipelines.settings import Settings, load_settings

sys.path.append(str(Path(__file__).parents[1] / "metrics"))
from metric_warehouse import METRICS, in_order

pytestmark = pytest.mark.thorough

# An id is unique in its system; here all come from one more. How good the rows are, and what is
# there twice within a system or across, is told of the systems and not of the company.
VALUES = """
SELECT
  metric, grain, period_start_on, replace(dimensions::VARCHAR, 'files:', '') AS dimensions,
  value, numerator, denominator, n, lower, upper
FROM metrics.metric_values
WHERE metric NOT LIKE 'data_quality%' AND metric NOT LIKE 'duplicates%'
"""


@pytest.fixture(scope="module")
def told(night) -> Night:
    return night(7)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files_only")


@pytest.fixture(scope="module")
def systems(told: Night, home: Path) -> Path:
    """What the systems gave, built anew without the rows that were deleted, and its exports."""
    path = home / "systems.duckdb"
    shutil.copyfile(told.settings.warehouse_path, path)
    (home / "exports").mkdir()
    with in_utc(duckdb.connect(str(path))) as connection:
        for entity in CONTRACTS:
            connection.execute(f"DELETE FROM conformed.{entity} WHERE _deleted_at IS NOT NULL")
            if connection.execute(f"SELECT 1 FROM conformed.{entity} LIMIT 1").fetchall():
                connection.execute(
                    "COPY (SELECT * EXCLUDE (source, source_id, _updated_at, _deleted_at) "
                    f"FROM conformed.{entity}) TO '{home / 'exports' / entity}.csv'"
                )
        for name in in_order():
            build_metric(connection, METRICS[name])
    return path


@pytest.fixture(scope="module")
def settings(told: Night, systems: Path, home: Path) -> Settings:
    """The same company's settings, with a folder of its conformed rows as the only source."""
    (home / "revops.toml").write_text('[sources.files]\npath = "exports"\n', encoding="utf-8")
    own = load_settings({"REVOPS_HOME": str(home / "state")}, home, plugin_kinds())
    return dataclasses.replace(told.settings, home=own.home, path=own.path, sources=own.sources)


@pytest.fixture(scope="module")
def result(told: Night, settings: Settings) -> dg.ExecuteInProcessResult:
    defs = build_defs(settings, resources={"clock": StoppedClock(at=told.now.isoformat())})
    with dg.DagsterInstance.ephemeral() as instance:
        return defs.resolve_job_def("nightly").execute_in_process(
            instance=instance, raise_on_error=False, run_config=QUIET
        )


@pytest.fixture(scope="module")
def both(
    systems: Path, settings: Settings, result: dg.ExecuteInProcessResult
) -> Iterator[duckdb.DuckDBPyConnection]:
    """What either gave: `systems` and `files`."""
    with in_utc(duckdb.connect()) as connection:
        connection.execute(f"ATTACH '{systems}' AS systems (READ_ONLY)")
        connection.execute(f"ATTACH '{settings.published_path}' AS files (READ_ONLY)")
        yield connection


def test_the_night_succeeds_and_sets_nothing_aside(result, settings):
    assert result.success
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as kept:
        assert kept.execute("SELECT count(*) FROM ops.quarantine").fetchall() == [(0,)]


def test_every_value_is_that_of_the_systems(both):
    found = both.execute(
        f"""
        SELECT metric, count(*) FROM (
          (FROM ({of("systems")}) EXCEPT ALL FROM ({of("files")}))
          UNION ALL (FROM ({of("files")}) EXCEPT ALL FROM ({of("systems")}))
        ) GROUP BY metric ORDER BY metric"""
    ).fetchall()
    assert found == []
    compared = both.execute(f"SELECT count(DISTINCT metric) FROM ({of('files')})").fetchall()
    assert compared > [(120,)]


def of(database: str) -> str:
    return VALUES.replace("metrics.metric_values", f"{database}.metrics.metric_values")
