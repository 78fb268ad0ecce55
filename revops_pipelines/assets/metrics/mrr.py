"""mrr: monthly recurring revenue in force at the end of a period."""

from __future__ import annotations

from revops_pipelines.assets.metrics._ledger import LEDGER
from revops_pipelines.assets.metrics._rates import RATES
from revops_pipelines.assets.metrics._stock import STOCK_INPUTS, stock_series
from revops_pipelines.assets.metrics._stocks import stock_of
from revops_pipelines.engine.metrics.declaration import (
    Detail,
    DetailColumn,
    Example,
    Metric,
)

METRIC = Metric(
    name="mrr",
    title="Monthly recurring revenue",
    stage="expand",
    owner="finance",
    format="money",
    better="higher",
    meaning=(
        "Monthly value of all subscription items in force on the last day of the period, after "
        "discounts and before tax, in the base currency at the rate of that month. Past-due "
        "subscriptions count for `past_due_days`. The running month is valued as of now. This is "
        "our own policy; with another `billing.policy` its rules hold (see `mrr_by_policy`)."
    ),
    excludes=(
        "trials, free plans, paused and unpaid subscriptions, metered items",
        "amounts in a currency without a rate of exchange, which are listed in metrics.mrr "
        "without an amount",
    ),
    formula=(
        "sum of the monthly value of all paid subscription items in force at the end of the period"
    ),
    differs=(
        "Stripe counts active and past-due subscriptions without limit until they are "
        "cancelled or marked unpaid "
        "(docs.stripe.com/billing/subscriptions/analytics/glossary); here a past-due one "
        "counts for `past_due_days`.",
        "Stripe takes off coupons that last forever and leaves others out "
        "(support.stripe.com/questions/billing-analytics); here every discount counts while it "
        "is in force.",
        "Both leave out taxes, trials, free plans and metered items.",
    ),
    example=Example(
        story=(
            "At the end of May one customer pays 100 a month, one 1,200 a year, which is 100 a "
            "month, and one 50 euros at a rate of 1.10. A trial is worth nothing, and who left "
            "on the 15th is gone: 100 + 100 + 55 = 255."
        ),
        tables={
            "subscription_periods": """
    subscription_id | customer_id | status | monthly_amount | currency | valid_from_on | valid_to_on
    s1 | c1 | active | 100.00 | USD | 2026-01-01 |
    s2 | c2 | active | 100.00 | USD | 2026-02-10 |
    s3 | c3 | active | 50.00 | EUR | 2026-03-01 |
    s4 | c4 | trialing | 0.00 | USD | 2026-05-20 |
    s5 | c5 | active | 70.00 | USD | 2026-01-01 | 2026-05-15
            """,
            "fx_rates": """
    currency | rate | valid_on
    EUR | 1.10 | 2026-05-01
            """,
        },
        results=(("mrr", "2026-05-01", "255"),),
    ),
    inputs=(
        *STOCK_INPUTS,
        "conformed.fx_rates",
        "conformed.subscription_periods",
        "ops.policies",
        "conformed.subscriptions",
    ),
    series=stock_series("mrr", "Monthly recurring revenue", "SUM(amount)"),
    detail=Detail(
        table="mrr",
        description="One row per customer, currency and month with recurring revenue at its end.",
        key=("period_start_on", "customer_id", "currency"),
        columns=(
            DetailColumn("period_start_on", "DATE", "First day of the month."),
            DetailColumn("customer_id", "VARCHAR", "Customer."),
            DetailColumn("currency", "VARCHAR", "Currency of the subscriptions."),
            DetailColumn("local_amount", "DECIMAL(18,2)", "Monthly value in that currency."),
            DetailColumn(
                "rate",
                "DECIMAL(24,10)",
                "Base currency for one unit; null if missing, the mean of several months' where "
                "the policy says so.",
            ),
            DetailColumn("amount", "DECIMAL(18,2)", "In base currency; null where no rate holds."),
        ),
        sql=stock_of("ledger"),
        fragments=(RATES, LEDGER),
    ),
)
