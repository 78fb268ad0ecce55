"""net_mrr_churn: the share of opening recurring revenue lost in a month, less expansion."""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import (
    CUSTOMER_DIMENSIONS,
    CUSTOMER_FRAGMENTS,
    MONTH_INPUTS,
)
from revops_pipelines.assets.metrics._lost_customers import ANNUAL
from revops_pipelines.engine.metrics.declaration import Example, Metric, Ratio, Series

FACTS = """
SELECT
  period_start_on AS fact_on,
  excluded,
  customer_id,
  segment, industry, region, owner, team,
  opening, expansion, contraction, churn
FROM customer_months
WHERE opening > 0
"""

# Who more than doubled in a month will not do so twelve times: of such a month no year can be told.
YEAR = f"CASE WHEN numerator >= -denominator THEN {ANNUAL} END"


def _series(metric: str, title: str, value: str | None = None) -> Series:
    return Series(
        metric=metric,
        title=title,
        unit="share",
        facts=FACTS,
        subject="customer_id",
        fragments=CUSTOMER_FRAGMENTS,
        rollup=Ratio(
            numerator="SUM(churn + contraction - expansion)",
            denominator="SUM(opening)",
            value=value,
        ),
        grains=("month",),
        dimensions=CUSTOMER_DIMENSIONS,
    )


METRIC = Metric(
    name="net_mrr_churn",
    title="Net revenue churn",
    stage="expand",
    owner="customer-success",
    format="percent",
    better="lower",
    formula="(churn + contraction - expansion) / MRR at the start of the month",
    meaning=(
        "Churn and contraction less expansion of the month, of the recurring revenue at its start; "
        "negative where present customers grew by more than was lost. Beside it the same rate kept "
        "up for a year, 1 - (1 - m)^12."
    ),
    excludes=(
        "new and reactivated revenue, the effect of rates of exchange",
        "customers whose revenue could not be valued for want of a rate of exchange",
        "from the annual rate: months in which present customers more than doubled",
    ),
    differs=(
        "ChartMogul takes off reactivation as well "
        "(help.chartmogul.com/hc/en-us/articles/203359341); here who comes back was not among "
        "the opening revenue and is in neither part.",
    ),
    example=Example(
        story=(
            "Of 250 at the start of May 60 are lost, 20 given up and 50 added: (60 + 20 - 50) "
            "/ 250 = 12 %."
        ),
        tables={
            "subscription_periods": """
            subscription_id | customer_id | item_id | monthly_amount | valid_from_on | valid_to_on
            s1 | c1 | i1 | 100.00 | 2026-01-01 | 2026-05-10
            s1 | c1 | i1 | 150.00 | 2026-05-10 |
            s2 | c2 | i2 | 80.00 | 2026-05-05 |
            s3 | c3 | i3 | 60.00 | 2026-01-01 | 2026-05-20
            s4 | c4 | i4 | 90.00 | 2026-01-01 | 2026-05-25
            s4 | c4 | i4 | 70.00 | 2026-05-25 |
            """,
        },
        results=(("net_mrr_churn", "2026-05-01", "0.12"),),
    ),
    inputs=MONTH_INPUTS,
    series=(
        _series("net_mrr_churn", "Net revenue churn"),
        _series("net_mrr_churn_annual", "Net revenue churn, a year at this rate", YEAR),
    ),
)
