"""The standard suite over every rule plug-in, found by itself."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

import revops_pipelines.assets.metrics
from revops_pipelines.contracts import CONTRACTS
from revops_pipelines.contracts.contract import columns_of
from revops_pipelines.engine.alerts.declaration import SEVERITIES, Rule, RuleOptions
from revops_pipelines.engine.alerts.evaluate import RULE_KEY, evaluate_rule
from revops_pipelines.engine.alerts.tables import ensure_alert_tables
from revops_pipelines.engine.alerts.thresholds import ThresholdOptions
from revops_pipelines.engine.metrics.build import build_metric
from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.metrics.parameters import prepare
from revops_pipelines.engine.metrics.restate import COLUMNS as RESTATED
from revops_pipelines.engine.registry import discover
from revops_pipelines.engine.warehouse.publish import PRIVATE_TABLES
from revops_pipelines.engine.warehouse.schema import ensure_schema
from revops_pipelines.sensors import rules
from revops_pipelines.settings import Settings

RULES = discover(rules, Rule)
ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
_TABLE = re.compile(r"\b(?:raw|conformed|metrics|ops)\.[a-z_]+\b")


@pytest.fixture(scope="module")
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """Every table that a rule may read, all of them empty but the settings and calendars."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        ensure_schema(connection)
        ensure_alert_tables(connection)
        for entity, contract in CONTRACTS.items():
            listed = ", ".join(f'"{name}" {kind}' for name, kind in columns_of(contract).items())
            connection.execute(f"CREATE TABLE conformed.{entity} ({listed})")
        prepare(connection, Settings(home=Path("unused")), NOW)
        metrics = discover(revops_pipelines.assets.metrics, Metric)
        build_metric(connection, metrics["speed_to_lead"])
        for detail in (metric.detail for metric in metrics.values()):
            if detail is not None:
                listed = ", ".join(f'"{each.name}" {each.type}' for each in detail.columns)
                connection.execute(
                    f'CREATE TABLE IF NOT EXISTS metrics."{detail.table}" ({listed})'
                )
        listed = ", ".join(f"{name} {kind}" for name, (kind, _) in RESTATED.items())
        connection.execute(f"CREATE TABLE metrics.restatements ({listed})")
        yield connection


@pytest.fixture(params=sorted(RULES))
def rule(request: pytest.FixtureRequest) -> Rule:
    return RULES[request.param]


def test_header_says_what_a_reader_needs(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", rule.name)
    assert len(rule.title) <= 60 and rule.title[0].isupper()
    assert rule.owner and rule.severity in SEVERITIES
    assert len(rule.meaning) >= 60 and rule.meaning.endswith(".")
    assert len(rule.what_to_do) >= 30 and rule.what_to_do.endswith(".")


def test_options_are_documented_frozen_and_have_defaults(rule: Rule) -> None:
    assert issubclass(rule.options, RuleOptions)
    rule.options()
    assert rule.options.model_config["frozen"] and rule.options.model_config["extra"] == "forbid"
    for name, field in rule.options.model_fields.items():
        assert field.description, f"{name} has no description"


def test_inputs_are_those_that_the_sql_names(rule: Rule) -> None:
    assert set(rule.inputs) == set(_TABLE.findall(rule.sql))
    assert set(rule.never_empty) <= set(rule.inputs)


def test_deadlines_read_published_tables_only(rule: Rule) -> None:
    if rule.deadlines is None:
        return
    named = set(_TABLE.findall(rule.deadlines))
    assert named <= set(rule.inputs)
    assert not named & set(PRIVATE_TABLES)


def test_sql_runs_by_hand_and_depends_on_no_clock(
    rule: Rule, warehouse: duckdb.DuckDBPyConnection
) -> None:
    for sql in filter(None, (rule.sql, rule.deadlines)):
        warehouse.execute(sql)
        assert not re.search(r"\b(now|current_\w+|today|random)\b", sql.lower())
        assert "?" not in re.sub(r"'[^']*'", "", sql) and "$" not in sql


def test_deadlines_have_their_columns(rule: Rule, warehouse: duckdb.DuckDBPyConnection) -> None:
    if rule.deadlines is None:
        return
    described = warehouse.execute(rule.deadlines).description or []
    assert [column[0] for column in described] == ["alert_key", "deadline_at", "judged_at"]


def test_nothing_is_found_in_nothing(rule: Rule, warehouse: duckdb.DuckDBPyConnection) -> None:
    findings = rule.detect([], rule.options(), NOW)
    assert all(finding.verdict.value == "unknown" for finding in findings)


def test_empty_inputs_are_no_data_and_never_a_verdict(
    rule: Rule, warehouse: duckdb.DuckDBPyConnection
) -> None:
    evaluation = evaluate_rule(warehouse, rule, rule.options(), NOW, "run")
    # Parameters are there in any run; a system that is not connected is nothing to be told of.
    assert bool(evaluation.problem) == bool(set(rule.never_empty) - {"ops.parameters"})
    rows = warehouse.execute(
        "SELECT alert_key FROM ops.alert_events WHERE rule = ?", [rule.name]
    ).fetchall()
    assert {key for (key,) in rows} <= {RULE_KEY}


def test_open_alerts_are_watched(rule: Rule) -> None:
    # What is absent counts as ended: a rule must look at the subjects that have an open alert.
    assert "ops.alert_states" in rule.inputs
    assert f"rule = '{rule.name}'" in rule.sql


HEADINGS = ("What it means", "Why it fired", "What to check", "What to do", "How to tune")
PAGES = [*sorted(RULES), "threshold"]


def page_of(name: str) -> str:
    return (ROOT / f"docs/runbooks/{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_every_rule_has_a_runbook_that_names_its_options(name: str) -> None:
    text = page_of(name)
    assert [each for each in HEADINGS if f"## {each}" not in text and name in RULES] == []
    options = RULES[name].options if name in RULES else ThresholdOptions
    own = {
        key
        for key, field in options.model_fields.items()
        if RuleOptions.model_fields.get(key) is None
        or RuleOptions.model_fields[key].default != field.default
    }
    assert {key for key in own if f"| `{key}` |" not in text} == set()
    if name in RULES:
        assert RULES[name].runbook == f"docs/runbooks/{name}.md"
        assert f"[{name}]({name}.md)" in page_of("README")


def test_the_overview_names_what_every_rule_takes() -> None:
    text = page_of("README")
    assert {key for key in RuleOptions.model_fields if f"| `{key}` |" not in text} == set()


@pytest.mark.parametrize("name", PAGES)
def test_what_a_runbook_tells_to_check_runs(
    name: str, warehouse: duckdb.DuckDBPyConnection
) -> None:
    queries = re.findall(r"```sql\n(.*?)```", page_of(name), re.DOTALL)
    assert queries
    for sql in queries:
        warehouse.execute(sql)


@pytest.mark.parametrize("name", [*PAGES, "README"])
def test_what_a_runbook_sets_can_be_set(name: str) -> None:
    for text in re.findall(r"```toml\n(.*?)```", page_of(name), re.DOTALL):
        tables = tomllib.loads(text)["rules"]
        for rule, table in tables.items():
            kind = table.pop("kind", rule)
            options = ThresholdOptions if kind == "threshold" else RULES[rule].options
            options.model_validate(table)


def test_outcomes_have_their_columns(rule: Rule, warehouse: duckdb.DuckDBPyConnection) -> None:
    if rule.outcome is None:
        return
    described = warehouse.execute(rule.outcome).description or []
    assert [column[0] for column in described] == ["alert_key", "came_true"]
    assert not set(_TABLE.findall(rule.outcome)) & set(PRIVATE_TABLES)


def test_metrics_are_published(rule: Rule) -> None:
    published = {
        each
        for metric in discover(revops_pipelines.assets.metrics, Metric).values()
        for each in metric.published
    }
    assert set(rule.metrics) <= published
