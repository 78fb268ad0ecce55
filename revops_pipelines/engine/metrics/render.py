"""Turns a declaration into the SQL text that computes it.

Belongs here: placing facts in periods, rolling them up by dimension, intervals, maturity. Does not:
what a fact is (the metric's file). The text is plain DuckDB SQL without parameters, so that it can
be read, reviewed and run by hand on the published file.
"""

from __future__ import annotations

from revops_pipelines.engine.metrics.declaration import Detail, Series


def render_detail(detail: Detail) -> str:
    """The SELECT that fills a detail table."""
    raise NotImplementedError


def render_series(series: Series) -> str:
    """The SELECT that yields the columns of `metrics.metric_values`."""
    raise NotImplementedError
