"""Published values against a limit: which period is judged, on which number, with what verdict.

Belongs here: the SQL that selects a metric's values and the pure judgement of one series. Does not:
which limits there are (`thresholds`, `sensors/rules`), or the words of a particular rule.

Small numbers are judged by the bound of their interval: a share is over its limit once its lower
bound is, and below it once its upper bound is. Where a metric has no interval, by the value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from statistics import median
from typing import Any, ClassVar, Literal

from pydantic import Field

from revops_pipelines.engine.alerts.declaration import Finding, Notice, Row, RuleOptions, Verdict
from revops_pipelines.engine.alerts.figures import (
    breakdown_name,
    breakdown_text,
    figure,
    midnight,
    period_name,
)

Side = Literal["above", "below"]
Check = Literal["level", "change", "zscore"]
INPUTS = (
    "conformed.users",
    "metrics.metric_standing",
    "metrics.metric_values",
    "ops.alert_states",
    "ops.parameters",
)
NEVER_EMPTY = ("metrics.metric_values", "ops.parameters")
# A MAD of normal numbers is that part of their standard deviation.
_MAD = Decimal("1.4826")
_MEAN = Decimal("1.2533")


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


@dataclass(frozen=True, slots=True)
class Limit:
    """What a value is held against.

    `check` is the number looked at: the `level` itself, its `change` against `against`, or its
    `zscore` among `window` earlier values (its own season: the same month or quarter of earlier
    years where `season` is `year`). `at` is the limit, `recovers_at` where it counts as recovered.
    `is_relative` changes are shares of the earlier value. `is_bound` judges by the interval.
    """

    side: Side
    at: Decimal
    recovers_at: Decimal | None = None
    check: Check = "level"
    is_bound: bool = True
    is_relative: bool = True
    against: Literal["previous", "year_ago"] = "previous"
    season: Literal["trailing", "year"] = "trailing"
    window: int = 12
    min_history: int = 6
    is_running: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """The number that was judged, as it is and as it surely is at least (or at most)."""

    value: Decimal
    surely: Decimal
    beside: str = ""


@dataclass(frozen=True, slots=True)
class Wording:
    """What a rule says of its series; `title` names the number."""

    title: str
    owner: str
    what_to_do: str = ""


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
    places = _judged_places(series, limit)
    if not places:
        return Finding(key, Verdict.HOLD, reason="no period can be judged yet")
    row = series[places[-1]]
    if row["is_stale"]:
        return Finding(key, Verdict.HOLD, reason="what it reads is stale")
    judged = _number(series, places[-1], limit)
    if judged is None:
        return Finding(key, Verdict.HOLD, reason="it cannot be compared")
    recovers_at = limit.at if limit.recovers_at is None else limit.recovers_at
    if not _is_beyond(judged.value, recovers_at, limit.side):
        shown = _shown(judged.value, row, limit)
        reason = f"{shown} in {period_name(row['grain'], row['period_start_on'])}"
        return Finding(key, Verdict.CLEAR, reason=reason)
    since = _since(series, places, options, limit)
    if since is None:
        return Finding(key, Verdict.HOLD)
    notice = _notice(row, since, dimensions, judged, options, limit, wording)
    return Finding(key, Verdict.BREACH, notice, severity=options.severity)


def _judged_places(series: Sequence[Row], limit: Limit) -> list[int]:
    """Where the periods are that may be judged, oldest first: those closed and grown up."""
    if limit.is_running:
        return [
            place for place, row in enumerate(series) if row["period_start_on"] <= row["as_of_on"]
        ]
    return [place for place, row in enumerate(series) if row["is_mature"]]


def _since(
    series: Sequence[Row], places: Sequence[int], options: SeriesOptions, limit: Limit
) -> date | None:
    """The first day of the run of periods beyond the limit; None while it is too short."""
    first: int | None = None
    run = 0
    for place in reversed(places):
        judged = _number(series, place, limit)
        is_over = (
            judged is not None
            and series[place]["n"] >= options.min_n
            and _is_beyond(judged.surely, limit.at, limit.side)
        )
        if not is_over:
            break
        first, run = place, run + 1
    if first is None or run < options.periods:
        return None
    row = series[first]
    day: date = row["period_start_on"] if limit.is_running else row["period_end_on"]
    return day


def _is_beyond(value: Decimal, at: Decimal, side: Side) -> bool:
    return value > at if side == "above" else value < at


def _number(series: Sequence[Row], place: int, limit: Limit) -> Judged | None:
    """The number of that period that is held against the limit; None where there is none."""
    row = series[place]
    if row["value"] is None:
        return None
    value, surely = Decimal(row["value"]), _surely(row, limit)
    if limit.check == "level":
        return Judged(value, surely)
    if limit.check == "change":
        return _change(series, place, limit, value, surely)
    return _zscore(series, place, limit, value, surely)


def _surely(row: Row, limit: Limit) -> Decimal:
    bound = row["lower"] if limit.side == "above" else row["upper"]
    return Decimal(row["value"] if bound is None or not limit.is_bound else bound)


def _change(
    series: Sequence[Row], place: int, limit: Limit, value: Decimal, surely: Decimal
) -> Judged | None:
    base = _base(series, place, limit)
    if base is None or base["value"] is None:
        return None
    before = Decimal(base["value"])
    opposite = base["upper"] if limit.side == "above" else base["lower"]
    firm = before if opposite is None or not limit.is_bound else Decimal(opposite)
    moved, surely_moved = value - before, surely - firm
    if limit.is_relative:
        if not before:
            return None
        moved, surely_moved = moved / abs(before), surely_moved / abs(before)
    shown = figure(before, series[place]["unit"], series[place]["base_currency"])
    return Judged(moved, surely_moved, f"after {shown} in {_named(base)}")


def _base(series: Sequence[Row], place: int, limit: Limit) -> Row | None:
    start: date = series[place]["period_start_on"]
    if limit.against == "previous":
        found = [row for row in series[:place] if row["period_end_on"] == start]
    else:
        found = [row for row in series[:place] if _is_year_ago(row["period_start_on"], start)]
    return found[-1] if found else None


def _is_year_ago(earlier: date, start: date) -> bool:
    """The same month or quarter of the year before; of weeks the one 52 weeks ago."""
    return (earlier.year, earlier.month, earlier.day) == (
        start.year - 1,
        start.month,
        start.day,
    ) or (start - earlier).days == 364


def _zscore(
    series: Sequence[Row], place: int, limit: Limit, value: Decimal, surely: Decimal
) -> Judged | None:
    """How many robust standard deviations the value lies from the middle of earlier ones."""
    row = series[place]
    earlier = [each for each in series[:place] if each["value"] is not None]
    if limit.season == "year":
        start = row["period_start_on"]
        earlier = [each for each in earlier if _is_same_season(each["period_start_on"], start)]
    values = [Decimal(each["value"]) for each in earlier[-limit.window :]]
    if len(values) < limit.min_history:
        return None
    middle = median(values)
    spread = _spread(values, middle)
    if not spread:
        # Numbers that have never moved say nothing about how far they may.
        return None
    usual = figure(middle, row["unit"], row["base_currency"])
    return Judged(
        (value - middle) / spread,
        (surely - middle) / spread,
        f"usually {usual}, the median of {len(values)} periods",
    )


def _is_same_season(earlier: date, start: date) -> bool:
    if earlier.day == start.day == 1:
        return earlier.month == start.month
    return earlier.isocalendar().week == start.isocalendar().week


def _spread(values: Sequence[Decimal], middle: Decimal) -> Decimal:
    apart = [abs(value - middle) for value in values]
    return median(apart) * _MAD or sum(apart, Decimal(0)) / len(apart) * _MEAN


def _named(row: Row) -> str:
    return period_name(row["grain"], row["period_start_on"])


def _shown(number: Decimal, row: Row, limit: Limit) -> str:
    if limit.check == "zscore":
        return f"{number:+.1f} standard deviations"
    if limit.check == "change" and limit.is_relative:
        return f"{number * 100:+.1f} %"
    text = figure(number, row["unit"], row["base_currency"])
    return f"{'+' if number > 0 else ''}{text}" if limit.check == "change" else text


def _notice(
    row: Row,
    since: date,
    dimensions: Mapping[str, str],
    judged: Judged,
    options: SeriesOptions,
    limit: Limit,
    wording: Wording,
) -> Notice:
    part = breakdown_text(dimensions, row["owner_name"])
    value = figure(row["value"], row["unit"], row["base_currency"])
    moved = "" if limit.check == "level" else f" ({_shown(judged.value, row, limit)})"
    return Notice(
        headline=f"{wording.title} in {_named(row)}{part}: {value}{moved}",
        subject=f"{row['metric']}, {_named(row)}{part}",
        since=midnight(since),
        observed=_observed(row, value, judged, limit),
        limit=_said_limit(row, limit),
        owner=options.owner or row["owner_name"] or wording.owner,
        owner_email=row["owner_email"],
        team=dimensions.get("team") or row["owner_team"],
        is_owner_gone=row["owner_is_active"] is False,
        what_to_do=wording.what_to_do,
        facts=_facts(row, options, limit),
    )


def _observed(row: Row, value: str, judged: Judged, limit: Limit) -> str:
    said = [f"{row['n']:,} cases"]
    if row["lower"] is not None and row["upper"] is not None:
        low, high = (figure(row[name], row["unit"], row["base_currency"]) for name in _BOUNDS)
        said.append(f"between {low} and {high} with 95 %")
    if judged.beside:
        said.append(judged.beside)
    return f"{value} ({'; '.join(said)})"


_BOUNDS = ("lower", "upper")


def _said_limit(row: Row, limit: Limit) -> str:
    word = "at most" if limit.side == "above" else "at least"
    what = {"level": "", "change": "a change of ", "zscore": ""}[limit.check]
    against = ""
    if limit.check == "change":
        earlier = "the period before" if limit.against == "previous" else "a year ago"
        against = f" against {earlier}"
    return f"{what}{word} {_shown(limit.at, row, limit)}{against}"


def _facts(row: Row, options: SeriesOptions, limit: Limit) -> dict[str, Any]:
    has_bound = (row["lower"] if limit.side == "above" else row["upper"]) is not None
    side = "lower" if limit.side == "above" else "upper"
    judged = f"the {side} bound of the interval" if has_bound and limit.is_bound else "the value"
    facts = {"Judged by": judged}
    if options.periods > 1:
        facts["Periods in a row"] = f"{options.periods} or more"
    return facts
