"""A rule judged on history as it was known: what it would have told, with nothing sent or written.

The night is shared with the other tests of whole nights: read only.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from rich.console import Console

from revops_pipelines.assets import metrics as metric_plugins
from revops_pipelines.commands.alerts_backtest import run_backtest
from revops_pipelines.engine.alerts.backtest import Backtest
from revops_pipelines.engine.alerts.declaration import Rule
from revops_pipelines.engine.alerts.in_force import rules_in_force
from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.registry import discover
from revops_pipelines.resources.systems import System, Systems, known_sources
from revops_pipelines.sensors import rules as rule_plugins


@pytest.fixture(scope="module")
def tried(night) -> tuple[Backtest, bytes, bytes, list[dict]]:
    """large_loss two months before the night and at it; the warehouse before and after."""
    done = night(7)
    settings = done.settings
    known = known_sources()
    systems = Systems(
        tuple(
            System(name, known[name], known[name].options(), {})
            for name in ("hubspot", "marketo", "stripe")
        ),
        sandbox=True,
    )
    metrics = discover(metric_plugins, Metric)
    judged = rules_in_force(discover(rule_plugins, Rule), {}, metrics.values())["large_loss"]
    before = settings.warehouse_path.read_bytes()
    moments = [done.now - timedelta(days=days) for days in (63, 0)]
    found = run_backtest(
        Console(stderr=True, quiet=True), settings, systems, judged, metrics, moments
    )
    told = done.rows("SELECT * FROM ops.alert_events WHERE rule = 'large_loss'")
    return found, before, settings.warehouse_path.read_bytes(), told


def test_the_last_step_tells_what_the_night_told(tried):
    found, _, _, told = tried
    assert found.unjudged == 0
    open_now = {episode.key for episode in found.episodes if episode.ended_at is None}
    assert open_now == {event["alert_key"] for event in told}


def test_each_alert_is_told_when_it_could_be_known(tried):
    found = tried[0]
    assert found.steps == 2
    [left] = found.episodes
    assert left.key.endswith("/2026-05")
    assert left.headline.endswith("a month lost in May 2026")
    assert left.fired_at.date() > found.first
    assert left.came_true is True
    assert (found.known, found.precision) == (1, 1)
    assert sum(found.per_week().values()) == 1
    assert list(found.per_receiver()) == [left.receiver]


def test_nothing_is_written(tried):
    _, before, after, _ = tried
    assert before == after
