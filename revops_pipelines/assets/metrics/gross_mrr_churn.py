"""gross_mrr_churn: the share of opening recurring revenue lost in a month."""

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
        rollup=Ratio(numerator=numerator, denominator="SUM(opening)", value=value),
        grains=("month",),
        dimensions=CUSTOMER_DIMENSIONS,
    )


METRIC = Metric(
    name="gross_mrr_churn",
    title="Gross revenue churn",
    stage="expand",
    owner="customer-success",
    format="percent",
    better="lower",
    formula="(churn + contraction) / MRR at the start of the month",
    meaning=(
        "Churn and contraction of the month, of the recurring revenue at its start. What other "
        "customers gained does not count against it. Beside it what was lost by the customers' "
        "own will (contraction, and churn of those who cancelled), what was lost because payment "
        "failed, and the same rate kept up for a year, 1 - (1 - m)^12."
    ),
    excludes=(
        "expansion, new and reactivated revenue, the effect of rates of exchange",
        "customers whose revenue could not be valued for want of a rate of exchange",
        "from the two parts, but not from the whole: churn of which nobody says why",
    ),
    differs=(
        "ChartMogul's standard formula is the same; its other one sums the losses of single "
        "days (help.chartmogul.com/hc/en-us/articles/203359341).",
        "Stripe's churned revenue is that of customers who left altogether "
        "(support.stripe.com/questions/calculating-churn-rate-in-billing); here what others "
        "gave up counts too.",
    ),
    example=Example(
        story=(
            "Of 250 at the start of May one customer's 60 are lost and another gives up 20: 80 "
            "/ 250 = 32 %. What a third one added does not help."
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
        results=(("gross_mrr_churn", "2026-05-01", "0.32"),),
    ),
    inputs=LOST_INPUTS,
    series=(
        _series("gross_mrr_churn", "Gross revenue churn", "SUM(churn + contraction)"),
        _series(
            "gross_mrr_churn_voluntary",
            "Gross revenue churn, voluntary",
            "SUM(contraction + CASE WHEN reason = 'voluntary' THEN churn ELSE 0 END)",
        ),
        _series(
            "gross_mrr_churn_involuntary",
            "Gross revenue churn, involuntary",
            "SUM(CASE WHEN reason = 'involuntary' THEN churn ELSE 0 END)",
        ),
        _series(
            "gross_mrr_churn_annual",
            "Gross revenue churn, a year at this rate",
            "SUM(churn + contraction)",
            ANNUAL,
        ),
    ),
)
