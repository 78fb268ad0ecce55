"""gross_revenue_retention: what last year's customers still pay, without their growth."""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import (
    CUSTOMER_DIMENSIONS,
    CUSTOMER_FRAGMENTS,
    MONTH_INPUTS,
    YEAR_PAIRS,
)
from revops_pipelines.engine.metrics.declaration import Metric, Ratio, Series

FACTS = """
SELECT *
FROM year_pairs
"""

METRIC = Metric(
    name="gross_revenue_retention",
    title="Gross revenue retention",
    stage="expand",
    owner="customer-success",
    format="percent",
    better="higher",
    meaning=(
        "Recurring revenue, at the end of the month, of the customers who paid twelve months "
        "before, each counted at most with what it paid then, divided by what they paid then. "
        "One customer's growth never hides another's loss."
    ),
    excludes=(
        "customers who were not paying twelve months before",
        "customers whose revenue could not be valued for want of a rate of exchange",
    ),
    inputs=MONTH_INPUTS,
    series=(
        Series(
            metric="gross_revenue_retention",
            title="Gross revenue retention",
            unit="share",
            facts=FACTS,
            subject="customer_id",
            fragments=(*CUSTOMER_FRAGMENTS, YEAR_PAIRS),
            rollup=Ratio(
                numerator="SUM(LEAST(amount_then, amount_now))", denominator="SUM(amount_then)"
            ),
            grains=("month",),
            dimensions=CUSTOMER_DIMENSIONS,
        ),
    ),
)
