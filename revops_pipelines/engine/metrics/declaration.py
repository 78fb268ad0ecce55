"""What a metric file declares: its header, the SQL of its facts, how they are rolled up.

Belongs here: the frozen shapes that files in `assets/metrics` fill in. Does not: how they become
SQL text (`render`), rows (`build`) or what they may read of settings (`parameters`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, TypeVar

if TYPE_CHECKING:
    import pandas as pd

Stage = Literal["engage", "execute", "expand", "trust"]
Unit = Literal[
    "minutes",
    "days",
    "months",
    "share",
    "ratio",
    "times",
    "money",
    "money_per_day",
    "count",
    "points",
]
Format = Literal["duration", "percent", "money", "number", "multiple"]
Grain = Literal["week", "month", "quarter"]
Better = Literal["higher", "lower", "nearer zero"]
Value = TypeVar("Value", Decimal, Fraction)
Dimension = tuple[str, ...]

NO_DIMENSION: Dimension = ()


def each(*columns: str) -> tuple[Dimension, ...]:
    """One breakdown per column: `each("segment", "region")` is `(("segment",), ("region",))`."""
    return tuple((column,) for column in columns)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What others reach; `value` in the metric's unit where the source gives one number."""

    text: str
    source: str
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Fragment:
    """A common table expression shared by several metrics, rendered into the text of each.

    `written_from` is the number of a metric's statements from which it costs less to write its
    rows down once than to compute them in each: more than two for what is little else than a join
    and has columns that most statements do not read. It changes the time only (`engine/metrics/
    build.py`); `make bench` measures it.
    """

    name: str
    sql: str
    written_from: int = 2


@dataclass(frozen=True, slots=True)
class Ratio:
    """Sums over facts: value = numerator / denominator, or the numerator alone.

    The three are SQL aggregates over the facts' columns. `interval` "wilson" suits shares of
    counts (95 %); `bounds` are the SQL aggregates of another interval's two ends. `value` replaces
    the quotient by another expression of `numerator` and `denominator`, for example an annual rate.
    """

    numerator: str
    denominator: str | None = None
    n: str = "COUNT(*)"
    interval: Literal["wilson"] | None = None
    value: str | None = None
    bounds: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Survival:
    """Kaplan-Meier quantiles of a duration, some of which are still running.

    Facts carry `duration` (in the series' unit) and `is_observed` (false: it lasted at least so
    long). `quantiles` maps the suffix of the metric's id to the quantile: `{"": 0.5}` is the
    median. With nothing censored they are the plain sample quantiles, the median of an even
    number of rows being the middle of the two middle ones.
    """

    quantiles: tuple[tuple[str, float], ...] = (("", 0.5),)


@dataclass(frozen=True, slots=True)
class Series:
    """One published series (or one per quantile): facts, placed in periods, rolled up.

    `facts` selects one row per thing counted with
    - `fact_on` DATE, the day (reporting time zone) that puts it into a period; or, where
      `is_placed`, `grain` and `period_start_on` themselves;
    - `excluded` VARCHAR, why it does not count, null when it does;
    - the columns named in `dimensions` (null is shown as `unknown`);
    - what the roll-up names;
    - `subject`, a conformed entity's key: what is counted, so that a value can be taken apart.
    `settled` is an aggregate that is true once nothing in the group can still change by waiting;
    `has_total` is false where another series of the same metric gives the total.
    `mature_after_days` an SQL number: a cohort is judged that many days after its period's end.
    """

    metric: str
    title: str
    unit: Unit
    facts: str
    rollup: Ratio | Survival
    subject: str = ""
    grains: tuple[Grain, ...] = ("month", "week", "quarter")
    dimensions: tuple[Dimension, ...] = ()
    fragments: tuple[Fragment, ...] = ()
    is_placed: bool = False
    has_total: bool = True
    settled: str = "TRUE"
    mature_after_days: str = "0"

    @property
    def metrics(self) -> tuple[str, ...]:
        """The ids under which the series' values are published."""
        if isinstance(self.rollup, Survival):
            return tuple(f"{self.metric}{suffix}" for suffix, _ in self.rollup.quantiles)
        return (self.metric,)


@dataclass(frozen=True, slots=True)
class DetailColumn:
    """A column of a detail table: DuckDB type and meaning."""

    name: str
    type: str
    description: str


@dataclass(frozen=True, slots=True)
class Detail:
    """A table `metrics.<table>` with a row per thing measured; built before the series.

    `key` names the columns that identify a row. `model` makes the table's rows of those that `sql`
    selects, where SQL cannot say it (a fit, a match): a pure function, the same rows in any order
    of its input.
    """

    table: str
    description: str
    key: tuple[str, ...]
    columns: tuple[DetailColumn, ...]
    sql: str
    fragments: tuple[Fragment, ...] = ()
    model: Callable[[pd.DataFrame], pd.DataFrame] | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """What must hold of a metric's tables on any data; checked in the run that builds them.

    `broken` is SQL whose rows break it.
    """

    name: str
    holds: str
    broken: str


@dataclass(frozen=True, slots=True)
class Example:
    """A worked example for the catalogue, which the tests compute.

    `story` tells it in words and numbers. `tables` are conformed tables as text, a line per row,
    cells between bars, the first line naming the columns; an empty cell is null. `results` are
    (id, first day of the month, value) of totals by month, known on 2026-06-30 at noon, UTC, with
    default settings.
    """

    story: str
    tables: Mapping[str, str]
    results: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, in a file of its name: what it means, what it leaves out, how it is computed.

    `series[0]` is the metric itself and bears its name; others stand beside it (another quantile,
    another cohort) and never under its name. `inputs` are the tables that the SQL reads, as
    `schema.table`; a test compares them with the text. `better` says which way is good ("nearer
    zero": a deviation in either direction is worse the larger it is). `formula` is one line of
    words and signs; `differs` says how it differs from what a vendor or an article calls by the
    same name, each with its source.
    """

    name: str
    title: str
    stage: Stage
    owner: str
    format: Format
    better: Better
    meaning: str
    excludes: tuple[str, ...]
    inputs: tuple[str, ...]
    series: tuple[Series, ...]
    detail: Detail | None = None
    benchmark: Benchmark | None = None
    identities: tuple[Identity, ...] = ()
    formula: str = ""
    differs: tuple[str, ...] = ()
    example: Example | None = None

    def __post_init__(self) -> None:
        if not self.series or self.series[0].metrics[0] != self.name:
            raise ValueError(f"the first series of metric {self.name!r} must bear its name")

    def is_better(self, one: Value, other: Value) -> bool:
        """Whether the first value is the better one; equal ones are not."""
        if self.better == "nearer zero":
            return abs(one) < abs(other)
        return one > other if self.better == "higher" else one < other

    @property
    def main(self) -> Series:
        """The series that the metric is named after."""
        return self.series[0]

    @property
    def unit(self) -> Unit:
        """Unit of the metric's own value."""
        return self.main.unit

    @property
    def grains(self) -> tuple[Grain, ...]:
        """Periods that it is published for."""
        return self.main.grains

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """Breakdowns beside the total."""
        return self.main.dimensions

    @property
    def published(self) -> tuple[str, ...]:
        """Every id that it writes into `metrics.metric_values`."""
        ids = (metric for series in self.series for metric in series.metrics)
        return tuple(dict.fromkeys(ids))

    @property
    def rendered_sql(self) -> str:
        """All statements, runnable by hand on the published file, in the order of the build."""
        from revops_pipelines.engine.metrics.render import render_detail, render_series

        parts = [] if self.detail is None else [render_detail(self.detail)]
        parts += [render_series(series) for series in self.series]
        return "\n;\n".join(parts) + "\n"
