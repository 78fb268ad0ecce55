"""Every metric that a whole night publishes, against plain Python on the same conformed rows.

The oracles of `tests/metrics` know neither the SQL nor the sandbox. That the rows themselves are
true is `test_truth`'s matter.
"""

from __future__ import annotations

import sys
from datetime import UTC
from functools import cache
from pathlib import Path

import pytest

from revops_pipelines.assets import metrics as metric_plugins
from revops_pipelines.contracts import CONTRACTS
from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.registry import discover

sys.path.append(str(Path(__file__).parents[1] / "metrics"))
import oracles
from oracle_compare import differences
from oracle_rollup import Times

SEEDS = (7, 11, 23)
METRICS = discover(metric_plugins, Metric).values()
OPS = ("ops.loads", "ops.quarantine_counts")
PUBLISHED = sorted(name for metric in METRICS for name in metric.published)


@pytest.fixture(scope="module")
def wanted(night):
    """Seed -> what the oracles say of that night's rows."""

    @cache
    def of(seed):
        told = night(seed)
        rows = {
            entity: told.rows(f"SELECT * EXCLUDE (source, source_id) FROM conformed.{entity}")
            for entity in CONTRACTS
        }
        rows |= {name: told.rows(f"SELECT * FROM {name}") for name in OPS}
        as_of = told.rows("SELECT as_of_at FROM ops.parameters")[0]["as_of_at"]
        times = Times(told.settings, as_of.replace(tzinfo=UTC))
        return oracles.expected(rows, times)

    return of


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("metric", PUBLISHED)
def test_what_a_night_publishes_is_what_the_oracle_says(metric, seed, night, wanted):
    expected = wanted(seed)[metric]
    assert expected
    assert differences(night(seed).published, metric, expected) == {}
