"""cac_payback: how long a customer pays back what it cost to win."""

from __future__ import annotations

from revops_pipelines.assets.metrics._costs import LOADED_COSTS, NEW_CUSTOMERS
from revops_pipelines.engine.metrics.declaration import Example, Metric, Ratio, Series

# What customers pay is the stock at the end of each closed month, as in `mrr`.
FACTS = """
WITH stock AS (
  SELECT customer_id, period_start_on, SUM(amount) AS amount, NULL AS excluded
  FROM metrics.mrr
  WHERE amount IS NOT NULL
  GROUP BY customer_id, period_start_on
  UNION ALL
  SELECT customer_id, period_start_on, NULL, 'missing_rate'
  FROM metrics.mrr
  WHERE amount IS NULL
), facts_of_all AS (
  SELECT counted_on, excluded, cost_id AS customer_id, amount AS cost, 0 AS is_new,
    0 AS new_amount, 0 AS is_paying, 0 AS paid_amount
  FROM loaded_costs
  UNION ALL
  SELECT counted_on, NULL, customer_id, NULL, 1, amount, 0, 0
  FROM new_customers
  UNION ALL
  SELECT stock.period_start_on, stock.excluded, stock.customer_id, NULL, 0, 0, 1, stock.amount
  FROM stock
  JOIN ops.periods AS periods
    ON periods.grain = 'month'
    AND periods.is_closed
    AND periods.period_start_on = stock.period_start_on
)
SELECT
  facts_of_all.counted_on AS fact_on,
  facts_of_all.*,
  CAST(parameters.gross_margin_share AS DOUBLE) AS margin
FROM facts_of_all
CROSS JOIN ops.parameters AS parameters
"""

MARGIN_OF_ALL = """
CAST(SUM(paid_amount) AS DOUBLE) * MAX(margin) / NULLIF(CAST(SUM(is_paying) AS DOUBLE), 0)
"""


def _series(metric: str, title: str, numerator: str, denominator: str) -> Series:
    return Series(
        metric=metric,
        title=title,
        unit="months",
        facts=FACTS,
        subject="customer_id",
        fragments=(LOADED_COSTS, NEW_CUSTOMERS),
        rollup=Ratio(numerator=numerator, denominator=denominator, n="COALESCE(SUM(is_new), 0)"),
        grains=("month", "quarter"),
    )


METRIC = Metric(
    name="cac_payback",
    title="Payback of customer acquisition",
    stage="expand",
    owner="finance",
    format="number",
    better="lower",
    meaning=(
        "Months until the gross profit of an average customer makes up for what it cost to win "
        "one: CAC divided by the revenue per account and month that the gross margin leaves. "
        "Beside it the same with what the new customers themselves pay, who may be smaller or "
        "larger than those of before."
    ),
    formula="cac / (MRR per paying customer x gross margin)",
    differs=(
        "The formula is the usual one, CAC / (ARPA x gross margin) "
        "(https://metrickittools.com/guides/blended-cac-guide), which leaves open whose revenue "
        "per account is meant: here it is that of all paying customers, and that of the new ones "
        "stands beside it as cac_payback_new.",
    ),
    excludes=(
        "months without fully loaded cost or without new customers, which have no value",
        "amounts without a rate of exchange",
        "the running month",
    ),
    inputs=(
        "metrics.cac",
        "metrics.mrr",
        "metrics.mrr_movements",
        "ops.parameters",
        "ops.period_days",
        "ops.periods",
    ),
    series=(
        _series(
            "cac_payback",
            "Payback of customer acquisition",
            "CAST(SUM(cost) AS DOUBLE) / NULLIF(SUM(is_new), 0)",
            MARGIN_OF_ALL.strip(),
        ),
        _series(
            "cac_payback_new",
            "Payback by what new customers pay",
            "SUM(cost)",
            "CAST(SUM(new_amount) AS DOUBLE) * MAX(margin)",
        ),
    ),
    example=Example(
        story=(
            "In April marketing and sales cost 12,000. In May two customers pay for the first "
            "time, 400 and 600 a month, beside an old one at 2,000. CAC is 6,000; an average "
            "customer pays 1,000, of which the gross margin of 80 % leaves 800: 7.5 months. By "
            "what the new ones pay it is 12,000 / (1,000 x 0.8) = 15 months."
        ),
        tables={
            "expenses": (
                "expense_id | department | kind | spent_on | amount | currency\n"
                "e1 | sales | salaries | 2026-04-01 | 12000 | USD"
            ),
            "customers": "customer_id\nc0\nc1\nc2",
            "subscription_periods": (
                "subscription_id | customer_id | item_id | monthly_amount | valid_from_on\n"
                "s0 | c0 | i0 | 2000 | 2025-01-01\n"
                "s1 | c1 | i1 | 400 | 2026-05-04\n"
                "s2 | c2 | i2 | 600 | 2026-05-20"
            ),
        },
        results=(
            ("cac_payback", "2026-05-01", "7.5"),
            ("cac_payback_new", "2026-05-01", "15"),
        ),
    ),
)
