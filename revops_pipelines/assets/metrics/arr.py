"""arr: annual recurring revenue, twelve times the monthly."""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import CUSTOMER_DIMENSIONS, CUSTOMERS
from revops_pipelines.assets.metrics._stock import STOCK_FACTS, STOCK_INPUTS
from revops_pipelines.engine.metrics.declaration import Metric, Ratio, Series

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
    series=(
        Series(
            metric="arr",
            title="Annual recurring revenue",
            unit="money",
            facts=STOCK_FACTS,
            fragments=(CUSTOMERS,),
            rollup=Ratio(numerator="12 * SUM(amount)", n="COUNT(DISTINCT customer_id)"),
            grains=("month", "quarter"),
            dimensions=(*CUSTOMER_DIMENSIONS, ("currency",)),
            is_placed=True,
        ),
    ),
)
