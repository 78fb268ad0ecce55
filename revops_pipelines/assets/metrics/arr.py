"""arr: annual recurring revenue, twelve times the monthly."""

from __future__ import annotations

from revops_pipelines.assets.metrics._stock import STOCK_INPUTS, stock_series
from revops_pipelines.engine.metrics.declaration import Metric

METRIC = Metric(
    name="arr",
    title="Annual recurring revenue",
    stage="expand",
    owner="finance",
    format="money",
    better="higher",
    meaning="Twelve times the monthly recurring revenue in force on the last day of the period.",
    excludes=(
        "trials, free plans, paused and unpaid subscriptions, metered items",
        "amounts in a currency without a rate of exchange",
    ),
    inputs=STOCK_INPUTS,
    series=stock_series("arr", "Annual recurring revenue", "12 * SUM(amount)"),
)
