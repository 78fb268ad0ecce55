"""revenue_growth: how much recurring revenue grew from one period to the next."""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import (
    CUSTOMER_DIMENSIONS,
    CUSTOMER_INPUTS,
    CUSTOMERS,
)
from revops_pipelines.engine.metrics.declaration import Example, Metric, Ratio, Series

GLOSSARY = "https://docs.stripe.com/billing/subscriptions/analytics/glossary"

# A period grows from the stock with which the one before it ended to its own last one; both are
# stocks of a month. `before_on` and `last_on` are those months.
PERIOD = """
SELECT
  'month' AS grain,
  periods.period_start_on,
  periods.previous_start_on AS before_on,
  periods.period_start_on AS last_on
FROM ops.periods AS periods
WHERE periods.grain = 'month' AND periods.is_closed
UNION ALL
SELECT
  'quarter',
  quarters.period_start_on,
  MAX(CASE WHEN months.period_start_on = quarters.period_start_on
    THEN months.previous_start_on END),
  MAX(months.period_start_on)
FROM ops.periods AS quarters
JOIN ops.periods AS months
  ON months.grain = 'month'
  AND months.period_start_on >= quarters.period_start_on
  AND months.period_start_on < quarters.period_end_on
WHERE quarters.grain = 'quarter' AND quarters.is_closed
GROUP BY quarters.period_start_on
"""

YEAR = """
SELECT
  'month' AS grain,
  periods.period_start_on,
  periods.year_before_start_on AS before_on,
  periods.period_start_on AS last_on
FROM ops.periods AS periods
WHERE periods.grain = 'month' AND periods.is_closed
"""

FACTS = """
WITH spans AS (
{spans}), stock AS (
  SELECT
    customer_id,
    period_start_on,
    SUM(COALESCE(amount, 0)) AS amount,
    MAX(CASE WHEN amount IS NULL THEN 1 ELSE 0 END) AS is_unvalued
  FROM metrics.mrr
  GROUP BY customer_id, period_start_on
), both_ends AS (
  SELECT
    spans.grain,
    spans.period_start_on,
    stock.customer_id,
    stock.amount AS amount_then,
    0 AS amount_now,
    stock.is_unvalued
  FROM spans
  JOIN stock ON stock.period_start_on = spans.before_on
  UNION ALL
  SELECT
    spans.grain,
    spans.period_start_on,
    stock.customer_id,
    0,
    stock.amount,
    stock.is_unvalued
  FROM spans
  JOIN stock ON stock.period_start_on = spans.last_on
), grown AS (
  SELECT
    grain,
    period_start_on,
    customer_id,
    SUM(amount_then) AS amount_then,
    SUM(amount_now) AS amount_now,
    MAX(is_unvalued) AS is_unvalued
  FROM both_ends
  GROUP BY grain, period_start_on, customer_id
)
SELECT
  grown.grain,
  grown.period_start_on,
  CASE WHEN grown.is_unvalued = 1 THEN 'missing_rate' END AS excluded,
  grown.customer_id,
  customers.segment,
  customers.industry,
  customers.region,
  customers.owner,
  customers.team,
  grown.amount_then,
  grown.amount_now
FROM grown
LEFT JOIN paying_customers AS customers ON customers.customer_id = grown.customer_id
"""


def _series(metric: str, title: str, spans: str, *grains: str) -> Series:
    return Series(
        metric=metric,
        title=title,
        unit="share",
        facts=FACTS.replace("{spans}", spans.lstrip("\n")),
        subject="customer_id",
        fragments=(CUSTOMERS,),
        rollup=Ratio(
            numerator="SUM(amount_now) - SUM(amount_then)", denominator="SUM(amount_then)"
        ),
        grains=("month", "quarter") if "quarter" in grains else ("month",),
        dimensions=CUSTOMER_DIMENSIONS,
        is_placed=True,
    )


METRIC = Metric(
    name="revenue_growth",
    title="Growth of recurring revenue",
    stage="expand",
    owner="finance",
    format="percent",
    better="higher",
    formula="(MRR at the end - MRR at the end of the period before) / MRR at that end",
    meaning=(
        "Recurring revenue at the end of the period against that at the end of the period before, "
        "as a share of the latter; new customers count, since it is the company that grows. "
        "Beside it the same against twelve months before, which seasons do not sway."
    ),
    excludes=(
        "periods that are still running",
        "customers whose revenue could not be valued at both ends for want of a rate of exchange",
        "one-off sales and metered use, which are no recurring revenue",
    ),
    differs=(
        "Stripe's MRR growth is an amount, all movements of the period with the effect of rates "
        f"of exchange ({GLOSSARY}); here it is that amount as a share of the MRR before it.",
        "Growth of recognised or of billed revenue moves with invoice dates and one-off sales; "
        "this is growth of what is in force on the last day.",
        "A growth rate of a month is not turned into a year's here by compounding: the year is "
        "measured (`revenue_growth_yearly`).",
    ),
    inputs=(*CUSTOMER_INPUTS, "metrics.mrr", "ops.parameters", "ops.periods"),
    series=(
        _series("revenue_growth", "Growth of recurring revenue", PERIOD, "month", "quarter"),
        _series("revenue_growth_yearly", "Growth of recurring revenue over a year", YEAR),
    ),
    example=Example(
        story=(
            "MRR is 100 at the end of May 2025, 200 at the end of April and 250 at the end of May "
            "2026: May grew by 50 / 200 = 25 %, the year by 150 / 100 = 150 %."
        ),
        tables={
            "subscription_periods": """
            subscription_id | customer_id | item_id | monthly_amount | valid_from_on | valid_to_on
            s1 | ada | i1 | 100 | 2025-05-03 |
            s2 | ben | i2 | 100 | 2026-04-07 | 2026-05-07
            s2 | ben | i2 | 150 | 2026-05-07 |
            """,
        },
        results=(
            ("revenue_growth", "2026-05-01", "0.25"),
            ("revenue_growth_yearly", "2026-05-01", "1.50"),
        ),
    ),
)
