"""Limits on any metric, out of revops.toml alone: what can be said, and what is refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from revops_pipelines.engine.alerts.declaration import Rule
from revops_pipelines.engine.alerts.evaluate import evaluate_rule
from revops_pipelines.engine.alerts.in_force import rules_in_force
from revops_pipelines.engine.alerts.rule_settings import (
    is_shadowed,
    record_settings,
    versions,
)
from revops_pipelines.engine.alerts.tables import ensure_alert_tables
from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.metrics.tables import ensure_metric_tables
from revops_pipelines.engine.plugin_tables import ConfigurationError
from revops_pipelines.engine.registry import discover
from revops_pipelines.installation import installed_settings
from revops_pipelines.sensors import rules as rule_plugins
from revops_pipelines.settings import Settings

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


def load(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "revops.toml"
    path.write_text(text, encoding="utf-8")
    return installed_settings({"REVOPS_CONFIG": str(path), "REVOPS_HOME": str(tmp_path)})


def in_force(settings: Settings):
    from revops_pipelines.assets import metrics as metric_plugins

    metrics = discover(metric_plugins, Metric)
    return rules_in_force(discover(rule_plugins, Rule), settings.rules, metrics.values())


LOW = '[rules.low]\nkind = "threshold"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            LOW + 'metric = "win_rat"\nbelow = 0.2',
            r":3: .*'win_rat' is not .*did you mean 'win_rate'",
        ),
        (LOW + "below = 0.2", r":1: rules.low.metric: is required; see `revops metrics`"),
        (LOW + 'metric = "win_rate"', r":1: rules.low: set one of above and below"),
        (LOW + 'metric = "win_rate"\nabove = 1\nbelow = 0', r":1: rules.low: set one of"),
        (
            LOW + 'metric = "win_rate"\nbelow = 0.2\nrecovers_at = 0.1',
            r"recovers_at = 0.1 lies beyond the limit 0.2",
        ),
        (LOW + 'metric = "logo_churn"\ngrain = "week"\nabove = 1', r":4: .*by month"),
        (
            LOW + 'metric = "win_rate"\nbelow = 0.2\nby = ["segmnt"]',
            r":5: rules.low.by: win_rate is not published by 'segmnt'; did you mean 'segment'",
        ),
        (
            LOW + 'metric = "win_rate"\nbelow = 0.2\nwhere = { tema = "East" }',
            r":5: .*not published by 'tema'; did you mean 'team'",
        ),
        (LOW + 'metric = "win_rate"\nbelow = 0.2\ncheck = "chnge"', r":5: .*'change'"),
        ('[rules.mine]\nkind = "churn_threshold"', r":2: .*there is one churn_threshold"),
        ('[rules.large_loss]\nkind = "threshold"\nmetric = "mrr"\nabove = 1', r"is a rule already"),
        (
            "[rules.large_loss.overrides.tema.East]\nshare = 0.1",
            r"no overrides by 'tema' here; did you mean 'team'",
        ),
        (
            "[rules.large_loss.overrides.team.East]\nshar = 0.1",
            r"unknown key overrides.team.East.shar; did you mean 'share'",
        ),
        (
            "[rules.large_loss.overrides.team.East]\nshare = 7",
            r"overrides.team.East.share = 7: .*less than or equal to 1",
        ),
        (
            "[rules.large_loss.overrides.team.East]\nenabled = false",
            r"unknown key overrides.team.East.enabled",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line_and_remedy(tmp_path, text, said):
    with pytest.raises(ConfigurationError) as wrong:
        load(tmp_path, text)
    assert re.search(said, str(wrong.value)), str(wrong.value)


@pytest.fixture
def warehouse():
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        ensure_alert_tables(connection)
        ensure_metric_tables(connection)
        connection.execute(
            "CREATE TABLE ops.parameters AS SELECT DATE '2026-06-30' AS as_of_on, "
            "'USD' AS base_currency"
        )
        connection.execute("CREATE SCHEMA conformed")
        connection.execute(
            "CREATE TABLE conformed.users (user_id VARCHAR, name VARCHAR, email VARCHAR, "
            "team VARCHAR, is_active BOOLEAN)"
        )
        yield connection


def publish(connection: duckdb.DuckDBPyConnection, value: str, dimensions: str = "{}") -> None:
    connection.execute("DELETE FROM metrics.metric_values")
    connection.execute(
        "INSERT INTO metrics.metric_values BY NAME SELECT 'win_rate' AS metric, 'month' AS grain, "
        "DATE '2026-05-01' AS period_start_on, DATE '2026-06-01' AS period_end_on, "
        "?::JSON AS dimensions, ?::DECIMAL(28,8) AS value, 100 AS n, TRUE AS is_mature, "
        "'share' AS unit",
        [dimensions, value],
    )


def test_a_limit_on_any_metric_fires_and_resolves(tmp_path, warehouse):
    text = LOW + 'metric = "win_rate"\nbelow = 0.2\nrecovers_at = 0.25\nkeep_minutes = 0\n'
    low = in_force(load(tmp_path, text + 'title = "Too few won"\nowner = "sales"'))["low"]
    assert (low.rule.title, low.rule.runbook) == ("Too few won", "docs/runbooks/threshold.md")
    for value, fired, resolved in (("0.3", 0, 0), ("0.1", 1, 0), ("0.22", 0, 0), ("0.3", 0, 1)):
        publish(warehouse, value)
        evaluation = evaluate_rule(warehouse, low.rule, low.options, NOON, "run")
        assert (evaluation.fired, evaluation.resolved, evaluation.problem) == (fired, resolved, "")
    [(key, headline, owner)] = warehouse.execute(
        "SELECT alert_key, notice ->> 'headline', notice ->> 'owner' FROM ops.alert_events "
        "WHERE kind = 'fired'"
    ).fetchall()
    assert key == "win_rate/month/total"
    assert (headline, owner) == ("Too few won in May 2026: 10.0 %", "sales")


def test_one_breakdown_instead_of_the_total(tmp_path, warehouse):
    text = LOW + 'metric = "win_rate"\nbelow = 0.2\nwhere = { team = "East" }'
    low = in_force(load(tmp_path, text))["low"]
    publish(warehouse, "0.1", '{"team":"West"}')
    assert evaluate_rule(warehouse, low.rule, low.options, NOON, "run").fired == 0
    publish(warehouse, "0.1", '{"team":"East"}')
    assert evaluate_rule(warehouse, low.rule, low.options, NOON, "run").fired == 1


def test_every_change_of_the_settings_is_kept(tmp_path, warehouse):
    days = [datetime(2026, 6, day, tzinfo=UTC) for day in (1, 2, 3)]
    for day, limit in zip(days, ("0.2", "0.2", "0.3"), strict=True):
        each = in_force(load(tmp_path, LOW + f'metric = "win_rate"\nbelow = {limit}'))["low"]
        record_settings(warehouse, each.rule, each.options, day, f"run-{day.day}")
    first, second = versions(warehouse, "low")
    assert (first.valid_from_at, second.valid_from_at) == (days[0], days[2])
    assert (first.settings["below"], second.settings["below"]) == ("0.2", "0.3")
    assert second.settings["severity"] == "warning"
    assert second.run_id == "run-3"


def test_a_new_rule_is_shadowed_and_then_told(tmp_path, warehouse):
    text = LOW + 'metric = "win_rate"\nbelow = 0.2\nshadow_days = 14'
    low = in_force(load(tmp_path, text))["low"]
    publish(warehouse, "0.1")
    for day, shadowed, fired in ((1, True, 1), (10, True, 0), (16, False, 1), (17, False, 0)):
        now = datetime(2026, 6, day, tzinfo=UTC)
        record_settings(warehouse, low.rule, low.options, now, "run")
        is_shadow = is_shadowed(warehouse, low.rule, low.options, now)
        assert is_shadow is shadowed
        done = evaluate_rule(warehouse, low.rule, low.options, now, "run", is_shadow=is_shadow)
        assert done.fired == fired
    rows = warehouse.execute(
        "SELECT episode, is_shadow FROM ops.alert_events ORDER BY event_seq"
    ).fetchall()
    assert rows == [(1, True), (2, False)]
