"""net_revenue_retention: what last year's customers pay now, of what they paid then."""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import (
    CUSTOMER_DIMENSIONS,
    CUSTOMER_FRAGMENTS,
    MONTH_INPUTS,
    YEAR_PAIRS,
)
from revops_pipelines.engine.metrics.declaration import Benchmark, Metric, Ratio, Series

FACTS = """
SELECT *
FROM year_pairs
"""

METRIC = Metric(
    name="net_revenue_retention",
    title="Net revenue retention",
    stage="expand",
    owner="customer-success",
    format="percent",
    better="higher",
    meaning=(
        "Recurring revenue, at the end of the month, of the customers who paid twelve months "
        "before, divided by what they paid then."
    ),
    excludes=(
        "customers who were not paying twelve months before",
        "customers whose revenue could not be valued for want of a rate of exchange",
    ),
    benchmark=Benchmark(text="102 %", source="metric catalogue", value=1.02),
    inputs=MONTH_INPUTS,
    series=(
        Series(
            metric="net_revenue_retention",
            title="Net revenue retention",
            unit="share",
            facts=FACTS,
            subject="customer_id",
            fragments=(*CUSTOMER_FRAGMENTS, YEAR_PAIRS),
            rollup=Ratio(numerator="SUM(amount_now)", denominator="SUM(amount_then)"),
            grains=("month",),
            dimensions=CUSTOMER_DIMENSIONS,
        ),
    ),
)
