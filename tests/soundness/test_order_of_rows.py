"""A number is the same in whatever order its rows came in.

A sum of floating-point numbers is not: its last digits follow the order of the rows, and a figure
that lies on the edge is then rounded one way tonight and the other way tomorrow. So what is summed
or averaged is exact.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from revops_pipelines.engine.metrics.declaration import Ratio, Series
from revops_pipelines.engine.metrics.render import cte, render_fragment, with_clause

sys.path.append(str(Path(__file__).parents[1] / "metrics"))
from metric_warehouse import METRICS, Warehouse

# A mean of twelve ratios of about one: what their order changes is a ten-millionth of the last
# digit that is published.
FEW = {"revenue_predictability": {"reached"}}


def summed(ratio: Ratio) -> Iterator[str]:
    """What the roll-up adds up, as SQL over the facts."""
    for text in (ratio.numerator, ratio.denominator, *(ratio.bounds or ())):
        for found in re.finditer(r"\b(?:SUM|AVG)\(", text or ""):
            yield in_brackets(str(text)[found.end() :])


def in_brackets(text: str) -> str:
    """The text up to the bracket that closes it."""
    depth = 1
    for place, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth == 0:
            return text[:place]
    raise AssertionError(f"no bracket closes {text!r}")


def inexact(warehouse: Warehouse, series: Series) -> set[str]:
    assert isinstance(series.rollup, Ratio)
    terms = sorted(set(summed(series.rollup)))
    if not terms:
        return set()
    parts = [cte(each.name, render_fragment(each)) for each in series.fragments]
    sql = (
        f"{with_clause([*parts, cte('facts', series.facts)])} SELECT {', '.join(terms)} FROM facts"
    )
    kinds = [row[1] for row in warehouse.rows(f"DESCRIBE {sql}")]
    return {
        term for term, kind in zip(terms, kinds, strict=True) if kind in ("DOUBLE", "FLOAT")
    } - FEW.get(series.metric, set())


def test_what_is_summed_is_exact() -> None:
    warehouse = Warehouse()
    for metric in METRICS.values():
        if metric.detail is not None:
            columns = ", ".join(f'"{each.name}" {each.type}' for each in metric.detail.columns)
            warehouse.rows(f"CREATE TABLE metrics.{metric.detail.table} ({columns})")
    found = {
        series.metric: inexact(warehouse, series)
        for metric in METRICS.values()
        for series in metric.series
        if isinstance(series.rollup, Ratio)
    }
    assert {name: terms for name, terms in found.items() if terms} == {}
