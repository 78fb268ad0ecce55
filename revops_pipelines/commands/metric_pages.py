"""`revops docs metrics`: a page for every metric and a table of all, made from the declarations.

Belongs here: turning what a metric's file says into Markdown. Does not: saying any of it.

The text depends on the declarations alone: the same files every time, whoever makes them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from textwrap import dedent

import revops_pipelines.assets.metrics
from revops_pipelines.engine.metrics.declaration import (
    Example,
    Metric,
    Ratio,
    Series,
)
from revops_pipelines.engine.metrics.render import render_detail, render_facts
from revops_pipelines.engine.registry import discover

FOLDER = "docs/metrics"
INDEX = "README.md"

STAGES = {
    "engage": "Engage: marketing to sales",
    "execute": "Execute: sales",
    "expand": "Expand and keep: revenue",
    "trust": "Trust",
}
UNITS = {"money_per_day": "money per day", "times": "multiple"}

# Columns of ops.parameters -> the setting in revops.toml behind them.
SETTINGS = {
    "base_currency": "company.base_currency",
    "time_zone": "company.time_zone",
    "response_target_minutes": "response.target_minutes",
    "response_clock": "response.clock",
    "past_due_days": "billing.past_due_days",
    "lead_to_opportunity_days": "pipeline.lead_to_opportunity_days",
    "contact_days": "pipeline.contact_days",
    "created_cohort_days": "pipeline.created_cohort_days",
    "forecast_horizon_days": "forecasting.horizon_days",
    "history_days": "forecasting.history_days",
    "ramp_months": "forecasting.ramp_months",
    "engagement_days": "engagement.window_days",
    "engaged_contacts": "engagement.min_contacts",
    "attribution_days": "engagement.lookback_days",
    "half_life_days": "engagement.half_life_days",
    "gross_margin_share": "economics.gross_margin_share",
    "cac_lag_months": "economics.cac_lag_months",
    "leakage_grace_days": "economics.leakage_grace_days",
    "leakage_tolerance_share": "economics.leakage_tolerance_share",
    "renewal_window_days": "economics.renewal_window_days",
    "recovery_days": "economics.recovery_days",
    "min_n": "statistics.min_n",
    "z": "statistics.confidence",
}
# Tables that settings go into before any metric reads them.
SETTINGS_OF_TABLES = {
    "ops.reporting_days": ("company.time_zone",),
    "ops.period_days": ("company.week_starts_on", "company.fiscal_year_starts_in"),
    "ops.periods": ("company.week_starts_on", "company.fiscal_year_starts_in"),
    "ops.business_days": ("calendars",),
    "ops.business_calendars": ("calendars",),
    "ops.business_windows": ("calendars",),
}


def write_pages(folder: Path) -> list[Path]:
    """Write all pages into a folder, and remove those of metrics that are no more."""
    wanted = pages()
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("*.md"):
        if left.name not in wanted:
            left.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in wanted]


def pages(metrics: Mapping[str, Metric] | None = None) -> dict[str, str]:
    """File name -> text, of every metric, the shipped ones by default."""
    if metrics is None:
        metrics = discover(revops_pipelines.assets.metrics, Metric)
    found = {INDEX: _index(metrics)}
    for name in sorted(metrics):
        found[f"{name}.md"] = page(metrics[name], metrics)
    return found


def page(metric: Metric, metrics: Mapping[str, Metric]) -> str:
    """The page of one metric."""
    parts = [f"# {metric.title}", _at_a_glance(metric), metric.meaning]
    sections: tuple[tuple[str, Callable[[], str]], ...] = (
        ("Formula", lambda: metric.formula and f"> {metric.formula}"),
        ("Left out", lambda: _bullets(metric.excludes)),
        ("What others call by this name", lambda: _bullets(metric.differs)),
        ("Benchmark", lambda: _benchmark(metric)),
        ("Worked example", lambda: _example(metric.example)),
        ("Published values", lambda: _published(metric)),
        ("Settings", lambda: _bullets(f"`{key}`" for key in settings_of(metric))),
        ("Lineage", lambda: _lineage(metric, metrics)),
        ("What is checked in every run", lambda: _identities(metric)),
        (f"Table `metrics.{metric.name}`", lambda: _detail(metric)),
        ("SQL", lambda: _sql(metric)),
    )
    for title, told in sections:
        text = told()
        if text:
            parts += [f"## {title}", text]
    return "\n\n".join(parts) + "\n"


def settings_of(metric: Metric) -> tuple[str, ...]:
    """Keys of revops.toml on which the metric's values depend."""
    text = metric.rendered_sql
    read = {key for name, key in SETTINGS.items() if re.search(rf"\b{name}\b", text)}
    for table in metric.inputs:
        read |= set(SETTINGS_OF_TABLES.get(table, ()))
    return tuple(sorted(read))


def _index(metrics: Mapping[str, Metric]) -> str:
    parts = [
        "# Metrics",
        "Every number has one definition. The pages are made from the files in "
        "`revops_pipelines/assets/metrics` by `revops docs metrics`; their worked examples are "
        "computed by the tests.",
    ]
    for stage, title in STAGES.items():
        ours = [metrics[name] for name in sorted(metrics) if metrics[name].stage == stage]
        if ours:
            rows = [
                (
                    f"[{metric.title}]({metric.name}.md)",
                    f"`{metric.name}`",
                    UNITS.get(metric.unit, metric.unit),
                    metric.formula or _first_sentence(metric.meaning),
                )
                for metric in ours
            ]
            parts += [f"## {title}", _table(("metric", "id", "unit", "in short"), rows)]
    return "\n\n".join(parts) + "\n"


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=\.)\s", text, maxsplit=1)[0]


def _at_a_glance(metric: Metric) -> str:
    unit = UNITS.get(metric.unit, metric.unit)
    return (
        f"`{metric.name}` · {STAGES[metric.stage]} · {unit}, {metric.better} is better · "
        f"owned by {metric.owner}"
    )


def _benchmark(metric: Metric) -> str:
    if metric.benchmark is None:
        return ""
    return f"{metric.benchmark.text} ({metric.benchmark.source})"


def _example(example: Example | None) -> str:
    if example is None:
        return ""
    parts = [example.story]
    for entity, text in example.tables.items():
        head, *rows = (_cells(line) for line in dedent(text).strip().split("\n"))
        parts += [f"`conformed.{entity}`", _table(head, rows)]
    parts += [
        "Known on 2026-06-30 at noon, UTC, with the settings' defaults:",
        _table(("value", "month", "result"), [_result(*each) for each in example.results]),
    ]
    return "\n\n".join(parts)


def _result(name: str, month: str, value: str) -> tuple[str, str, str]:
    return f"`{name}`", month[:7], value


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.split("|"))


def _published(metric: Metric) -> str:
    rows = [
        (
            f"`{name}`",
            series.title + _quantile(series, name),
            UNITS.get(series.unit, series.unit),
            ", ".join(series.grains),
            ", ".join(" and ".join(each) for each in series.dimensions) or "none",
            "95 %" if _has_interval(series) else "none",
        )
        for series in metric.series
        for name in series.metrics
    ]
    return _table(("id", "what", "unit", "periods", "by", "interval"), rows)


def _quantile(series: Series, name: str) -> str:
    if isinstance(series.rollup, Ratio):
        return ""
    share = dict(series.rollup.quantiles)[name.removeprefix(series.metric)]
    return ", median" if share == 0.5 else f", {share * 100:.0f}th percentile"


def _has_interval(series: Series) -> bool:
    return not isinstance(series.rollup, Ratio) or series.rollup.interval is not None


def _lineage(metric: Metric, metrics: Mapping[str, Metric]) -> str:
    readers = [
        other
        for other in sorted(metrics)
        if f"metrics.{metric.name}" in metrics[other].inputs and other != metric.name
    ]
    inputs = sorted(set(metric.inputs) - {f"metrics.{metric.name}"})
    read = ", ".join(_linked(table, metrics) for table in inputs)
    lines = [f"Reads {read}."]
    if readers:
        lines.append("Read by " + ", ".join(f"[`{name}`]({name}.md)" for name in readers) + ".")
    return "\n\n".join(lines)


def _linked(table: str, metrics: Mapping[str, Metric]) -> str:
    schema, _, name = table.partition(".")
    if schema == "metrics" and name in metrics:
        return f"[`{table}`]({name}.md)"
    return f"`{table}`"


def _identities(metric: Metric) -> str:
    return _bullets(f"`{each.name}`: {each.holds}" for each in metric.identities)


def _detail(metric: Metric) -> str:
    if metric.detail is None:
        return ""
    rows = [
        (f"`{column.name}`", column.type, column.description) for column in metric.detail.columns
    ]
    named = ", ".join(f"`{column}`" for column in metric.detail.key)
    return "\n\n".join(
        (
            metric.detail.description,
            f"A row is named by {named}.",
            _table(("column", "type", "meaning"), rows),
        )
    )


def _sql(metric: Metric) -> str:
    parts = [
        f"The facts of `{metric.main.metrics[0]}`, a row for each thing counted, runnable by hand "
        "on the published file; how facts become values is in "
        "[decision 007](../decisions/007-facts-then-one-roll-up.md).",
        f"```sql\n{render_facts(metric.main)}\n```",
    ]
    if metric.detail is not None:
        parts.append(
            f"`metrics.{metric.name}`:"
            if metric.detail.model is None
            else f"What `{metric.detail.model.__name__}` makes `metrics.{metric.name}` of:"
        )
        parts.append(f"```sql\n{render_detail(metric.detail)}\n```")
    if len(metric.series) > 1:
        parts.append("The other values have facts of the same kind; all SQL is with the asset.")
    return "\n\n".join(parts)


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
