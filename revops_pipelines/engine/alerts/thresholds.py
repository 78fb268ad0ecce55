"""Thresholds on any published metric, set in revops.toml alone: `[rules.NAME]`, kind = "threshold".

Belongs here: their options, the rule that each becomes, and what the catalogue must know of them.
Does not: judging (`series`), or rules that need rows of their own (`sensors/rules`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Literal, Self

from pydantic import Field, model_validator

from revops_pipelines.engine.alerts.declaration import Finding, Row, Rule
from revops_pipelines.engine.alerts.series import (
    INPUTS,
    NEVER_EMPTY,
    SeriesOptions,
    judge_series,
    values_sql,
)
from revops_pipelines.engine.alerts.series_numbers import Check, Limit
from revops_pipelines.engine.alerts.series_words import Wording
from revops_pipelines.engine.metrics.declaration import Grain, Metric, Series
from revops_pipelines.engine.plugin_tables import ConfigurationError, PluginTable, nearest

KIND = "threshold"
# A season of one's own needs as many years as it has values.
_LEAST = {"trailing": 6, "year": 3}


class ThresholdOptions(SeriesOptions):
    """`[rules.NAME]` with `kind = "threshold"`: one limit on one metric."""

    metric: str = Field(
        default="", description="The published metric, as `revops metrics` lists it. Required."
    )
    check: Check = Field(
        default="level",
        description="level: the value; change: against an earlier period; zscore: in standard "
        "deviations from its own season.",
    )
    above: Decimal | None = Field(
        default=None,
        description="Told when it lies above: in the metric's unit (0.03 is 3 %), for a relative "
        "change as a share, for zscore in standard deviations.",
    )
    below: Decimal | None = Field(
        default=None, description="Told when it lies below. One of above and below is required."
    )
    recovers_at: Decimal | None = Field(
        default=None, description="Recovered once back beyond this; the limit itself if not set."
    )
    grain: Grain = Field(default="month", description="Period: week, month or quarter.")
    period: Literal["closed", "running"] = Field(
        default="closed",
        description="Judge the latest closed and mature period, or the running one: for metrics "
        "that tell how things stand today.",
    )
    where: Mapping[str, str] = Field(
        default_factory=dict,
        description='One breakdown instead of the total, for example { segment = "SMB" }.',
    )
    judge: Literal["bound", "value"] = Field(
        default="bound",
        description="bound: only what is surely beyond, by the metric's 95 % interval where it "
        "has one; value: the number itself.",
    )
    change: Literal["relative", "absolute"] = Field(
        default="relative", description="A change as a share of the earlier value, or in its unit."
    )
    against: Literal["previous", "year_ago"] = Field(
        default="previous", description="A change against the period before, or a year earlier."
    )
    season: Literal["trailing", "year"] = Field(
        default="trailing",
        description="zscore among the periods before, or the same month, week or quarter of "
        "earlier years.",
    )
    window: int = Field(default=12, ge=3, description="zscore: how many earlier values at most.")
    min_history: int | None = Field(
        default=None,
        ge=3,
        description="zscore: how many at least; 6 of the periods before, 3 of earlier years.",
    )
    title: str | None = Field(
        default=None, max_length=60, description="What it is called; the metric's title if not set."
    )
    what_to_do: str | None = Field(default=None, description="What its readers should do.")

    @model_validator(mode="after")
    def _has_one_limit(self) -> Self:
        if self.metric and (self.above is None) == (self.below is None):
            raise ValueError("set one of above and below")
        limit = self.above if self.below is None else self.below
        if limit is None or self.recovers_at is None:
            return self
        inward = self.recovers_at - limit if self.below is not None else limit - self.recovers_at
        if inward < 0:
            raise ValueError(f"recovers_at = {self.recovers_at} lies beyond the limit {limit}")
        return self


def threshold_rules(
    tables: Mapping[str, PluginTable], metrics: Iterable[Metric]
) -> dict[str, Rule]:
    """The rule of every threshold among the tables of `[rules]`, by name.

    Raises ConfigurationError for a metric, grain or breakdown that is not published.
    """
    catalogue = tuple(metrics)
    rules: dict[str, Rule] = {}
    for name, table in tables.items():
        if table.kind == KIND:
            rules[name] = _rule(name, table.options, catalogue)
    return rules


def _rule(name: str, options: ThresholdOptions, metrics: Sequence[Metric]) -> Rule:
    metric, series = _published(name, options, metrics)
    title = options.title or series.title
    what_to_do = options.what_to_do or (
        f"See what moved it: `revops explain {options.metric} --grain {options.grain}`; what the "
        f"number means is in docs/metrics/{metric.name}.md."
    )
    wording = Wording(title, metric.owner, what_to_do)
    return Rule(
        name=name,
        title=title[:60],
        owner=metric.owner,
        severity="warning",
        meaning=_meaning(options, series),
        what_to_do=what_to_do,
        options=ThresholdOptions,
        inputs=INPUTS,
        never_empty=NEVER_EMPTY,
        sql=values_sql(name, (options.metric,), options.grain),
        detect=partial(_detect, wording),
        metrics=(options.metric,),
        runbook=f"docs/runbooks/{KIND}.md",
    )


def _detect(
    wording: Wording, rows: Sequence[Row], options: ThresholdOptions, now: datetime
) -> list[Finding]:
    return judge_series(
        rows, options, {options.metric: wording}, _limit, where=options.where or None
    )


def _limit(options: ThresholdOptions, metric: str) -> Limit | None:
    at = options.above if options.below is None else options.below
    if at is None:
        return None
    return Limit(
        side="above" if options.below is None else "below",
        at=at,
        recovers_at=options.recovers_at,
        check=options.check,
        is_bound=options.judge == "bound",
        is_relative=options.change == "relative",
        against=options.against,
        season=options.season,
        window=options.window,
        min_history=options.min_history or _LEAST[options.season],
        is_running=options.period == "running",
    )


def _published(
    name: str, options: ThresholdOptions, metrics: Sequence[Metric]
) -> tuple[Metric, Series]:
    """The metric and its series. Raises ConfigurationError naming the nearest that there is."""
    at = ("rules", name)
    found = [
        (metric, series)
        for metric in metrics
        for series in metric.series
        if options.metric in series.metrics
    ]
    if not found:
        said = f"{options.metric!r} is not a published metric" if options.metric else "is required"
        known = [each for metric in metrics for each in metric.published]
        remedy = nearest(options.metric, known) if options.metric else "see `revops metrics`"
        raise ConfigurationError(f"rules.{name}.metric: {said}; {remedy}", (*at, "metric"))
    grains = sorted({grain for _, series in found for grain in series.grains})
    if options.grain not in grains:
        raise ConfigurationError(
            f"rules.{name}.grain: {options.metric} is published by {' and '.join(grains)}",
            (*at, "grain"),
        )
    breakdowns = {
        frozenset(each)
        for _, series in found
        for each in series.dimensions
        if options.grain in series.grains
    }
    _check_breakdowns(name, options, breakdowns)
    return found[0]


def _check_breakdowns(name: str, options: ThresholdOptions, known: set[frozenset[str]]) -> None:
    words = ["+".join(sorted(each)) for each in known]
    asked = {"by": list(options.by), "where": ["+".join(sorted(options.where))]}
    if options.by and options.where:
        raise ConfigurationError(
            f"rules.{name}: by and where exclude each other; write a rule for each",
            ("rules", name, "where"),
        )
    for key, names in asked.items():
        for each in filter(None, names):
            if frozenset(each.split("+")) not in known:
                raise ConfigurationError(
                    f"rules.{name}.{key}: {options.metric} is not published by {each!r}; "
                    f"{nearest(each, words)}",
                    ("rules", name, key),
                )


def _meaning(options: ThresholdOptions, series: Series) -> str:
    side, at = ("above", options.above) if options.below is None else ("below", options.below)
    what = {
        "level": f"{series.title} lies {side} {at}",
        "change": f"The {options.change} change of {series.title} against the "
        f"{'period before' if options.against == 'previous' else 'year before'} is {side} {at}",
        "zscore": f"{series.title} lies {at} standard deviations or more from its own season",
    }[options.check]
    which = "running" if options.period == "running" else "latest closed and mature"
    return f"{what}, in the {which} {options.grain}; set in revops.toml."
