"""Published values against a limit: which period is judged, on which number, with what verdict.

Belongs here: the SQL that selects a metric's values and the verdict on one series. Does not: which
limits there are (`thresholds`, `sensors/rules`), the arithmetic (`series_numbers`), or the words
(`series_words`).

Small numbers are judged by the bound of their interval: a share is over its limit once its lower
bound is, and below it once its upper bound is. Where a metric has no interval, by the value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, ClassVar

from pydantic import Field

from revops_pipelines.engine.alerts.declaration import Finding, Row, RuleOptions, Verdict
from revops_pipelines.engine.alerts.figures import breakdown_name
from revops_pipelines.engine.alerts.series_numbers import Limit, is_beyond, judged_places, number
from revops_pipelines.engine.alerts.series_words import Wording, named, notice, shown

INPUTS = (
    "conformed.users",
    "metrics.metric_standing",
    "metrics.metric_values",
    "ops.alert_states",
    "ops.parameters",
)
NEVER_EMPTY = ("metrics.metric_values", "ops.parameters")


def values_sql(rule: str, metrics: Collection[str], grain: str) -> str:
    """All values of some metrics at one grain, what they lack, and the rule's open alerts."""
    listed = ", ".join(f"'{name}'" for name in sorted(metrics))
    return f"""
SELECT
  published.metric,
  published.grain,
  published.period_start_on,
  published.period_end_on,
  CAST(published.dimensions AS VARCHAR) AS breakdown,
  published.value,
  published.numerator,
  published.denominator,
  published.n,
  published.lower,
  published.upper,
  published.unit,
  published.is_mature,
  published.computed_at,
  users.name AS owner_name,
  users.email AS owner_email,
  users.team AS owner_team,
  users.is_active AS owner_is_active,
  parameters.as_of_on,
  parameters.base_currency,
  COALESCE(standing.is_stale, FALSE) AS is_stale
FROM metrics.metric_values AS published
CROSS JOIN ops.parameters AS parameters
LEFT JOIN metrics.metric_standing AS standing ON standing.metric = published.metric
LEFT JOIN conformed.users AS users ON users.user_id = (published.dimensions ->> 'owner')
WHERE published.metric IN ({listed}) AND published.grain = '{grain}'
UNION ALL BY NAME
-- What no source fills is nothing to be told of.
SELECT metric, TRUE AS is_lacking
FROM metrics.metric_standing
WHERE metric IN ({listed}) AND NOT has_values AND CAST(missing_inputs AS VARCHAR) <> '[]'
UNION ALL BY NAME
SELECT alert_key AS watched_key
FROM ops.alert_states
WHERE rule = '{rule}' AND status <> 'ok' AND alert_key <> '(rule)'
ORDER BY metric, breakdown, period_start_on, watched_key
"""


class SeriesOptions(RuleOptions):
    """What every rule over published values may say."""

    dimensions: ClassVar[tuple[str, ...]] = (
        "region",
        "industry",
        "currency",
        "kind",
        "type",
        "movement",
        "entity",
        "pipeline",
        "stage",
        "model",
        "channel",
        "campaign",
        "segment",
        "team",
        "owner",
    )

    by: tuple[str, ...] = Field(
        default=(),
        description="Dimensions to judge beside the total, for example segment; several at once "
        "as channel+model.",
    )
    min_n: int = Field(
        default=20, ge=0, description="Periods that rest on fewer cases start no alert."
    )
    periods: int = Field(
        default=1, ge=1, description="How many periods in a row must lie beyond the limit."
    )


def judge_series(
    rows: Sequence[Row],
    options: SeriesOptions,
    metrics: Mapping[str, Wording],
    limit_of: Callable[[Any, str], Limit | None],
    *,
    where: Mapping[str, str] | None = None,
) -> list[Finding]:
    """One finding per series that is judged, and one per open alert that no longer is.

    `limit_of(options, metric)` gives the limit of a metric under the options that hold for a
    series. With `where`, that breakdown alone is judged instead of the total.
    """
    wanted = _wanted(options.by, where)
    lacking = {row["metric"] for row in rows if row.get("is_lacking")}
    watched = {row["watched_key"] for row in rows if row.get("watched_key")}
    found: dict[str, Finding] = {}
    for (metric, _), series in _grouped(rows, metrics).items():
        dimensions = json.loads(series[0]["breakdown"])
        if not _is_wanted(dimensions, wanted, where):
            continue
        own = options.of({**series[0], **dimensions})
        limit = limit_of(own, metric)
        if limit is not None:
            finding = _finding(series, dimensions, own, limit, metrics[metric])
            found[finding.key] = finding
    present = {row["metric"] for row in rows if row.get("grain")}
    for metric in sorted(set(metrics) - present - lacking):
        if limit_of(options, metric) is not None:
            found[metric] = Finding(metric, Verdict.UNKNOWN, reason="it has no value")
    for key in sorted(watched - set(found)):
        found[key] = _ended(key, metrics, wanted, where)
    return list(found.values())


def series_key(metric: str, grain: str, dimensions: Mapping[str, str]) -> str:
    """The key of a series: `mrr/month/total`. Its alert lives on from period to period."""
    return f"{metric}/{grain}/{breakdown_name(dimensions)}"


def _wanted(by: Iterable[str], where: Mapping[str, str] | None) -> set[frozenset[str]]:
    named = {frozenset(part.split("+")) for part in by}
    return named | ({frozenset(where)} if where else {frozenset()})


def _is_wanted(
    dimensions: Mapping[str, str],
    wanted: Collection[frozenset[str]],
    where: Mapping[str, str] | None,
) -> bool:
    if frozenset(dimensions) not in wanted:
        return False
    exact = where and set(where) == set(dimensions)
    return not exact or all(dimensions[name] == value for name, value in (where or {}).items())


def _grouped(rows: Iterable[Row], metrics: Collection[str]) -> dict[tuple[str, str], list[Row]]:
    grouped: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.get("grain") and row["metric"] in metrics:
            grouped.setdefault((row["metric"], row["breakdown"]), []).append(row)
    return grouped


def _ended(
    key: str,
    metrics: Collection[str],
    wanted: Collection[frozenset[str]],
    where: Mapping[str, str] | None,
) -> Finding:
    """The verdict on an open alert whose series was not judged."""
    metric, _, rest = key.partition("/")
    name = rest.partition("/")[2]
    pairs = dict(part.split(":", 1) for part in name.split(",") if ":" in part)
    if metric in metrics and _is_wanted(pairs, wanted, where):
        # What was told once is never taken back for want of data.
        return Finding(key, Verdict.UNKNOWN, reason="it has no value any more")
    return Finding(key, Verdict.CLEAR, reason="no longer watched")


def _finding(
    series: Sequence[Row],
    dimensions: Mapping[str, str],
    options: SeriesOptions,
    limit: Limit,
    wording: Wording,
) -> Finding:
    key = series_key(series[0]["metric"], series[0]["grain"], dimensions)
    places = judged_places(series, limit)
    if not places:
        return Finding(key, Verdict.HOLD, reason="no period can be judged yet")
    row = series[places[-1]]
    if row["is_stale"]:
        return Finding(key, Verdict.HOLD, reason="what it reads is stale")
    judged = number(series, places[-1], limit)
    if judged is None:
        return Finding(key, Verdict.HOLD, reason="it cannot be compared")
    recovers_at = limit.at if limit.recovers_at is None else limit.recovers_at
    if not is_beyond(judged.value, recovers_at, limit.side):
        reason = f"{shown(judged.value, row, limit)} in {named(row)}"
        return Finding(key, Verdict.CLEAR, reason=reason)
    since = _since(series, places, options, limit)
    if since is None:
        return Finding(key, Verdict.HOLD)
    told = notice(row, since, dimensions, judged, options, limit, wording)
    return Finding(key, Verdict.BREACH, told, severity=options.severity)


def _since(
    series: Sequence[Row], places: Sequence[int], options: SeriesOptions, limit: Limit
) -> date | None:
    """The first day of the run of periods beyond the limit; None while it is too short."""
    first: int | None = None
    run = 0
    for place in reversed(places):
        judged = number(series, place, limit)
        is_over = (
            judged is not None
            and series[place]["n"] >= options.min_n
            and is_beyond(judged.surely, limit.at, limit.side)
        )
        if not is_over:
            break
        first, run = place, run + 1
    if first is None or run < options.periods:
        return None
    row = series[first]
    day: date = row["period_start_on"] if limit.is_running else row["period_end_on"]
    return day
