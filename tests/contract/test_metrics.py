"""The standard suite over every metric plug-in, found by the registry.

A new metric is under it without a line changed here: its header says everything, its text is
portable and runs by hand, its inputs are those that it names, its values keep the contract of
`metrics.metric_values`. What a metric means is tested in `tests/metrics`.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest

from revops_pipelines.engine.metrics.declaration import Metric, Ratio
from revops_pipelines.engine.metrics.explain_rows import SUBJECTS
from revops_pipelines.engine.metrics.render import render_detail, render_facts, render_series
from revops_pipelines.engine.metrics.tables import VALUE_COLUMNS

sys.path.append(str(Path(__file__).parents[1] / "metrics"))
from metric_warehouse import METRICS, Warehouse, in_order, plain
from random_company import company_of, filled

each_metric = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS.keys())

# The catalogue's metrics that the product has from the start.
ESSENTIAL = """
speed_to_lead sla_attainment lead_contact_rate lead_to_opportunity win_rate sales_cycle
average_selling_price pipeline_velocity closed_value_velocity stage_conversion stage_duration mrr
arr mrr_movements logo_churn gross_mrr_churn net_mrr_churn net_revenue_retention
gross_revenue_retention revenue_after_churn
""".split()

# Tables that others read by name: columns and order are promised.
PROMISED = {
    "mrr_movements": "period_start_on customer_id movement amount opening_mrr closing_mrr",
    "speed_to_lead": (
        "lead_id raised_at first_touch_at first_touch_activity_id calendar_minutes "
        "business_minutes target_minutes state"
    ),
}

# What another engine does not have or does otherwise, and what would make a result depend on the
# moment or the session.
UNPORTABLE = (
    r"\basof\b",
    r"\btimezone\s*\(",
    r"\bat time zone\b",
    r"\bnow\s*\(",
    r"\bcurrent_(date|time|timestamp)\b",
    r"\bdate_diff\s*\(",
    r"\bdatediff\s*\(",
    r"\bdate_trunc\s*\(",
    r"\bgroup by all\b",
    r"\border by all\b",
    r"\bqualify\b",
    r"::",
    r"\?",
    r"\$\w",
)

FORMATS = {
    "minutes": {"duration"},
    "days": {"number", "duration"},
    "months": {"number"},
    "ratio": {"number"},
    "times": {"multiple"},
    "points": {"number"},
    "share": {"percent"},
    "money": {"money"},
    "money_per_day": {"money"},
    "count": {"number"},
}


@cache
def built() -> Warehouse:
    """A random company with every metric built."""
    warehouse = filled(2, company_of(2))
    warehouse.build(*in_order())
    return warehouse


def statements(metric: Metric) -> Iterator[str]:
    """Every SELECT of a metric."""
    if metric.detail is not None:
        yield render_detail(metric.detail)
    for series in metric.series:
        yield render_series(series)


def test_the_essential_metrics_exist() -> None:
    assert set(ESSENTIAL) <= set(METRICS)


def test_no_two_metrics_publish_under_one_name() -> None:
    names = Counter(name for metric in METRICS.values() for name in metric.published)
    tables = Counter(metric.detail.table for metric in METRICS.values() if metric.detail)
    assert [name for name, times in (names + tables).items() if times > 2] == []
    assert [name for name, times in names.items() if times > 1] == []
    assert [name for name, times in tables.items() if times > 1] == []


@each_metric
def test_the_header_says_everything(metric: Metric) -> None:
    assert metric.title
    assert len(metric.meaning) > 40
    assert metric.meaning.endswith(".")
    assert metric.excludes
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", metric.owner)
    assert metric.format in FORMATS[metric.unit]
    if metric.benchmark is not None:
        assert metric.benchmark.text
        assert metric.benchmark.source


@each_metric
def test_every_series_of_it_is_named_after_it(metric: Metric) -> None:
    for name in metric.published:
        assert name == metric.name or name.startswith(f"{metric.name}_")


@each_metric
def test_its_facts_say_what_they_are_about(metric: Metric) -> None:
    """So that `revops explain` can name the records behind a value: set `Series.subject`."""
    for series in metric.series:
        assert series.subject in SUBJECTS
        columns = empty().connection.execute(render_facts(series)).description or ()
        assert series.subject in [column[0] for column in columns]


@each_metric
def test_the_detail_table_is_described(metric: Metric) -> None:
    if metric.detail is None:
        return
    columns = [column.name for column in metric.detail.columns]
    assert metric.detail.table == metric.name
    assert set(metric.detail.key) <= set(columns)
    assert all(column.description.endswith(".") for column in metric.detail.columns)
    if metric.name in PROMISED:
        assert columns == PROMISED[metric.name].split()


@each_metric
def test_inputs_are_the_tables_that_the_text_names(metric: Metric) -> None:
    named = {table for text in statements(metric) for table in tables_of(text)}
    assert sorted(metric.inputs) == sorted(named)


def tables_of(text: str) -> set[str]:
    """`schema.table` of every table in a statement, as DuckDB's own parser reads it."""
    row = duckdb.execute("SELECT json_serialize_sql(?)", [text]).fetchone()
    assert row is not None
    tree = json.loads(row[0])
    assert not tree["error"], tree
    return {
        f"{node['schema_name']}.{node['table_name']}"
        for node in nodes_of(tree)
        if node.get("type") == "BASE_TABLE" and node["schema_name"]
    }


def nodes_of(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for each in tree:
            yield from nodes_of(each)


@each_metric
def test_the_text_is_portable(metric: Metric) -> None:
    text = metric.rendered_sql.lower()
    assert [pattern for pattern in UNPORTABLE if re.search(pattern, text)] == []


@each_metric
def test_what_is_run_by_hand_is_what_was_built(metric: Metric) -> None:
    warehouse = built()
    by_hand: list[tuple[Any, ...]] = []
    for text in metric.rendered_sql.split("\n;\n"):
        cursor = warehouse.connection.execute(text)
        rows = cursor.fetchall()
        names = tuple(column[0] for column in cursor.description)
        if names == VALUE_COLUMNS:
            by_hand += rows
        elif metric.detail is not None and metric.detail.model is None:
            table = warehouse.rows(f"SELECT * FROM metrics.{metric.detail.table}")
            assert sorted(map(repr, rows)) == sorted(map(repr, table))
    published = ", ".join(f"'{name}'" for name in metric.published)
    stored = warehouse.rows(
        f"SELECT {', '.join(VALUE_COLUMNS)} FROM metrics.metric_values "
        f"WHERE metric IN ({published})"
    )
    assert sorted(map(repr, by_hand)) == sorted(map(repr, stored))
    assert {row[0] for row in stored} == set(metric.published)


@each_metric
def test_building_again_changes_nothing(metric: Metric) -> None:
    warehouse = built()
    before = warehouse.rows("SELECT COUNT(*), SUM(hash(t)) FROM metrics.metric_values AS t")
    warehouse.build(metric.name)
    assert warehouse.rows("SELECT COUNT(*), SUM(hash(t)) FROM metrics.metric_values AS t") == before


@each_metric
def test_an_empty_company_has_no_values_and_no_errors(metric: Metric) -> None:
    warehouse = empty()
    outcome = warehouse.build(metric.name)
    assert (outcome.rows, outcome.detail_rows, outcome.headline_on) == (0, 0, None)
    assert set(outcome.headline.values()) == {None}


@cache
def empty() -> Warehouse:
    """A company without a single row, its metrics built."""
    warehouse = Warehouse()
    warehouse.build(*in_order())
    return warehouse


BROKEN_PROMISES = {
    "a value has no period, unit or policy": """
        metric IS NULL OR grain IS NULL OR period_start_on IS NULL OR period_end_on IS NULL
        OR dimensions IS NULL OR n IS NULL OR n_excluded IS NULL OR is_mature IS NULL
        OR unit IS NULL OR policy IS NULL OR as_of_at IS NULL OR computed_at IS NULL
        OR excluded IS NULL""",
    "a period is empty": "period_end_on <= period_start_on",
    "a mature period is still running": """
        is_mature AND period_end_on > (SELECT as_of_on FROM ops.parameters)""",
    "a period lies in the future": "period_start_on > (SELECT as_of_on FROM ops.parameters)",
    "fewer than nobody is counted": "n < 0 OR n_excluded < 0",
    "a bound is on the wrong side": "lower > value OR upper < value",
    "a share of counts is no share": """
        unit = 'share' AND lower IS NOT NULL
        AND (value < 0 OR value > 1 OR lower < 0 OR upper > 1)""",
    "nothing was divided by": "denominator = 0 AND value IS NOT NULL",
    "the value is not its parts": """
        denominator > 0 AND metric NOT LIKE '%!_annual' ESCAPE '!'
        AND ABS(CAST(value AS DOUBLE) - CAST(numerator AS DOUBLE) / CAST(denominator AS DOUBLE))
          > 1e-6 * GREATEST(1, ABS(CAST(value AS DOUBLE)))""",
}


@pytest.mark.parametrize("promise", BROKEN_PROMISES)
def test_every_value_keeps_its_promises(promise: str) -> None:
    broken = built().rows(
        f"SELECT * FROM metrics.metric_values WHERE {BROKEN_PROMISES[promise]} LIMIT 3"
    )
    assert broken == []


def test_a_value_is_named_by_metric_period_and_dimensions() -> None:
    doubled = built().rows(
        "SELECT metric, grain, period_start_on, CAST(dimensions AS VARCHAR) "
        "FROM metrics.metric_values GROUP BY ALL HAVING COUNT(*) > 1"
    )
    assert doubled == []


@each_metric
def test_a_row_of_the_detail_is_named_by_its_key(metric: Metric) -> None:
    if metric.detail is None:
        return
    key = ", ".join(metric.detail.key)
    doubled = built().rows(
        f"SELECT {key} FROM metrics.{metric.detail.table} GROUP BY {key} HAVING COUNT(*) > 1"
    )
    assert doubled == []


@each_metric
def test_breakdowns_add_up_to_the_total(metric: Metric) -> None:
    for series in metric.series:
        summed = isinstance(series.rollup, Ratio) and series.rollup.denominator is None
        if not summed or not series.has_total:
            continue
        for dimension in series.dimensions:
            differing = built().rows(f"""
                SELECT total.period_start_on FROM metrics.metric_values AS total
                JOIN metrics.metric_values AS part USING (metric, grain, period_start_on)
                WHERE metric = '{series.metric}' AND CAST(total.dimensions AS VARCHAR) = '{{}}'
                AND json_extract(part.dimensions, '$.{dimension[0]}') IS NOT NULL
                GROUP BY grain, total.period_start_on, total.numerator
                HAVING SUM(part.numerator) <> total.numerator""")
            assert differing == [], dimension


@each_metric
def test_its_identities_hold(metric: Metric) -> None:
    for identity in metric.identities:
        assert built().rows(identity.broken) == [], identity.name
        assert identity.holds.endswith(".")


@cache
def bare() -> Warehouse:
    """One for all examples: writing its calendars takes longer than they do."""
    return Warehouse()


@each_metric
def test_its_worked_example_is_right(metric: Metric) -> None:
    example = metric.example
    if example is None:
        return
    warehouse = bare().emptied()
    for entity, text in example.tables.items():
        warehouse.put_table(entity, text.strip())
    needed = needs_of(metric)
    warehouse.build(*(name for name in in_order() if name in needed))
    for name, period, value in example.results:
        shown = warehouse.value(name, period)
        assert shown is not None, name
        assert plain(Decimal(value)) == plain(round(shown, len(value.partition(".")[2]))), name


def needs_of(metric: Metric) -> set[str]:
    """The metric and all whose tables it reads, directly or not."""
    found = {metric.name}
    for table in metric.inputs:
        name = table.removeprefix("metrics.")
        if name in METRICS and name not in found:
            found |= needs_of(METRICS[name])
    return found
