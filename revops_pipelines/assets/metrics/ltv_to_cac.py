"""ltv_to_cac: how often a customer earns back what it cost to win."""

from __future__ import annotations

from revops_pipelines.assets.metrics._costs import LOADED_COSTS, NEW_CUSTOMERS
from revops_pipelines.assets.metrics._customers import MONTH_INPUTS
from revops_pipelines.assets.metrics._lifetimes import LIFETIME_FRAGMENTS
from revops_pipelines.assets.metrics.ltv import CHURN, LOWER, MARGIN, UPPER
from revops_pipelines.engine.metrics.declaration import Benchmark, Example, Metric, Ratio, Series

FRAGMENTS = (*LIFETIME_FRAGMENTS, LOADED_COSTS, NEW_CUSTOMERS)

# Costs and new customers beside the customers whose lives are valued: a fact is one or the other.
_COSTS = """
SELECT counted_on AS fact_on, excluded, cost_id AS customer_id, amount AS cost, 0 AS is_new,
  {nothing}
FROM loaded_costs
UNION ALL
SELECT counted_on, NULL, customer_id, NULL, 1, {nothing}
FROM new_customers
UNION ALL
"""

BY_CHURN = _COSTS.format(
    nothing="NULL AS closing, NULL AS is_paying, NULL AS at_risk, NULL AS lost, NULL AS margin, "
    "NULL AS z"
) + (
    "SELECT period_start_on, excluded, customer_id, NULL, 0, closing, is_paying, at_risk, lost, "
    "margin, z\nFROM customer_years"
)

BY_FIT = _COSTS.format(
    nothing="NULL AS closing, NULL AS is_paying, NULL AS margin, NULL AS expected_months, "
    "NULL AS lower_months, NULL AS upper_months"
) + (
    """SELECT years.period_start_on,
  COALESCE(
    years.excluded,
    CASE WHEN lifetimes.upper_months IS NULL THEN 'too_few_customers' END
  ),
  years.customer_id, NULL, 0, years.closing, years.is_paying, years.margin,
  lifetimes.expected_months, lifetimes.lower_months, lifetimes.upper_months
FROM customer_years AS years
LEFT JOIN metrics.ltv AS lifetimes
  ON lifetimes.period_start_on = years.period_start_on AND lifetimes.segment = '(all)'
WHERE years.is_paying = 1 OR years.excluded IS NOT NULL"""
)

CAC = "CAST(SUM(cost) AS DOUBLE) / NULLIF(SUM(is_new), 0)"


def _over_cac(worth: str) -> str:
    """An end of the interval: the cost is what the books say, only the lives vary."""
    return f"CASE WHEN SUM(cost) > 0 THEN {worth} / ({CAC}) END"


def _months(which: str) -> str:
    return f"{MARGIN} * MAX({which})"


METRIC = Metric(
    name="ltv_to_cac",
    title="Lifetime value to acquisition cost",
    stage="expand",
    owner="finance",
    format="multiple",
    better="higher",
    meaning=(
        "Lifetime value of an average customer divided by what it cost to win one, both as they "
        "are published in ltv and cac, in the same month. Undefined where nobody left in twelve "
        "months, the lower bound then says what it is at least, and where nobody was won or the "
        "books hold no cost. Beside it the same with the five years of ltv_cohort."
    ),
    formula="ltv / cac",
    differs=(
        "The rule of three is commonly said of revenue or of gross profit without telling which "
        "(https://help.chartmogul.com/hc/en-us/articles/"
        "203359061-Chart-Customer-Lifetime-Value-LTV sets it beside an LTV of revenue); here the "
        "value is gross profit and the cost is fully loaded, which makes the ratio smaller.",
    ),
    excludes=(
        "what cac and ltv leave out",
        "with the fit: months with fewer than min_n customers who came to a first renewal",
        "the running month",
    ),
    benchmark=Benchmark(
        text="lifetime value at least three times the cost of acquisition",
        source=(
            "ChartMogul, https://help.chartmogul.com/hc/en-us/articles/"
            "203359061-Chart-Customer-Lifetime-Value-LTV"
        ),
        value=3,
    ),
    inputs=(*MONTH_INPUTS, "metrics.cac", "metrics.ltv"),
    series=(
        Series(
            metric="ltv_to_cac",
            title="Lifetime value to acquisition cost",
            unit="times",
            facts=BY_CHURN,
            subject="customer_id",
            fragments=FRAGMENTS,
            rollup=Ratio(
                numerator=f"({MARGIN}) / NULLIF({CHURN}, 0)",
                denominator=CAC,
                n="COALESCE(SUM(is_new), 0)",
                bounds=(_over_cac(f"({LOWER})"), _over_cac(f"({UPPER})")),
            ),
            grains=("month",),
        ),
        Series(
            metric="ltv_to_cac_cohort",
            title="Lifetime value of five years to acquisition cost",
            unit="times",
            facts=BY_FIT,
            subject="customer_id",
            fragments=FRAGMENTS,
            rollup=Ratio(
                numerator=_months("expected_months"),
                denominator=CAC,
                n="COALESCE(SUM(is_new), 0)",
                bounds=(
                    _over_cac(f"({_months('lower_months')})"),
                    _over_cac(f"({_months('upper_months')})"),
                ),
            ),
            grains=("month",),
        ),
    ),
    example=Example(
        story=(
            "Four customers pay 100 a month from January and one leaves in May, so that a "
            "lifetime is worth 100 x 0.8 / (1 / 16) = 1,280, as in ltv. A fifth, at 100 a month, "
            "comes in May, won by the 640 that sales cost in April: 1,280 / 640 = 2.0."
        ),
        tables={
            "expenses": (
                "expense_id | department | kind | spent_on | amount | currency\n"
                "e1 | sales | salaries | 2026-04-01 | 640 | USD"
            ),
            "customers": "customer_id\nc1\nc2\nc3\nc4\nc5",
            "subscription_periods": (
                "subscription_id | customer_id | item_id | monthly_amount | valid_from_on "
                "| valid_to_on\n"
                "s1 | c1 | i1 | 100 | 2026-01-04 |\n"
                "s2 | c2 | i2 | 100 | 2026-01-05 |\n"
                "s3 | c3 | i3 | 100 | 2026-01-06 |\n"
                "s4 | c4 | i4 | 100 | 2026-01-07 | 2026-05-10\n"
                "s5 | c5 | i5 | 100 | 2026-05-07 |"
            ),
        },
        results=(("ltv_to_cac", "2026-05-01", "2.0"),),
    ),
)
