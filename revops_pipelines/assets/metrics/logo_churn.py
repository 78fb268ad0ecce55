"""logo_churn: the share of customers lost in a month."""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import CUSTOMER_DIMENSIONS, CUSTOMER_FRAGMENTS
from revops_pipelines.assets.metrics._lost_customers import ANNUAL, LOST_CUSTOMERS, LOST_INPUTS
from revops_pipelines.engine.metrics.declaration import Example, Metric, Ratio, Series


def _series(metric: str, title: str, numerator: str, value: str | None = None) -> Series:
    return Series(
        metric=metric,
        title=title,
        unit="share",
        facts="SELECT * FROM lost_customers",
        subject="customer_id",
        fragments=(*CUSTOMER_FRAGMENTS, LOST_CUSTOMERS),
        rollup=Ratio(
            numerator=f"SUM(CASE WHEN {numerator} THEN 1 ELSE 0 END)",
            denominator="COUNT(*)",
            interval=None if value else "wilson",
            value=value,
        ),
        grains=("month",),
        dimensions=CUSTOMER_DIMENSIONS,
    )


METRIC = Metric(
    name="logo_churn",
    title="Customer churn",
    stage="expand",
    owner="customer-success",
    format="percent",
    better="lower",
    formula="customers lost in the month / customers who paid at its start",
    meaning=(
        "Customers who paid at the start of the month and pay nothing at its end, of all who paid "
        "at its start. Beside it those who left of their own will and those whose payment failed, "
        "and the same rate kept up for a year, 1 - (1 - m)^12."
    ),
    excludes=(
        "customers who came in the month",
        "customers whose revenue could not be valued for want of a rate of exchange",
    ),
    differs=(
        "Stripe divides those lost in 30 days by the customers of 30 days ago and the new ones "
        "of those days, and counts who came and left in between "
        "(support.stripe.com/questions/calculating-churn-rate-in-billing); here both sides are "
        "the customers of the month's start.",
        "ChartMogul offers a second formula that sums the rates of single days "
        "(help.chartmogul.com/hc/en-us/articles/207340419); a month of daily rates is another "
        "number.",
    ),
    example=Example(
        story=(
            "Three customers pay at the start of May and one of them leaves: 1 of 3. The "
            "customer who comes in May is not among them."
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
        results=(("logo_churn", "2026-05-01", "0.3333"),),
    ),
    inputs=LOST_INPUTS,
    series=(
        _series("logo_churn", "Customer churn", "is_lost"),
        _series("logo_churn_voluntary", "Customer churn, voluntary", "reason = 'voluntary'"),
        _series("logo_churn_involuntary", "Customer churn, involuntary", "reason = 'involuntary'"),
        _series(
            "logo_churn_annual",
            "Customer churn, a year at this rate",
            "is_lost",
            ANNUAL,
        ),
    ),
)
