"""net_new_arr: annual recurring revenue added in a period, less what was lost."""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import (
    CUSTOMER_DIMENSIONS,
    CUSTOMER_INPUTS,
    CUSTOMERS,
)
from revops_pipelines.engine.metrics.declaration import (
    Example,
    Identity,
    Metric,
    Ratio,
    Series,
)

FACTS = """
SELECT
  movements.period_start_on AS fact_on,
  CASE WHEN movements.movement = 'restatement' THEN 'missing_rate' END AS excluded,
  movements.customer_id,
  movements.movement,
  customers.segment,
  customers.industry,
  customers.region,
  customers.owner,
  customers.team,
  movements.amount
FROM metrics.mrr_movements AS movements
LEFT JOIN paying_customers AS customers ON customers.customer_id = movements.customer_id
WHERE movements.movement NOT IN ('none', 'fx')
"""

METRIC = Metric(
    name="net_new_arr",
    title="Net new ARR",
    stage="execute",
    owner="sales",
    format="money",
    better="higher",
    formula="12 x (new + expansion + reactivation - contraction - churn)",
    meaning=(
        "Annual recurring revenue that the period added: twelve times its new, expansion and "
        "reactivated monthly revenue, less contraction and churn. It counts on the day on which "
        "revenue began or ended, not when it was signed (that is `bookings`) nor when it was "
        "billed. The breakdown by movement is the bridge from one ARR to the next."
    ),
    excludes=(
        "the effect of rates of exchange, so that a moving rate is no success",
        "customers whose revenue could not be valued for want of a rate of exchange",
    ),
    differs=(
        "Bookings are what was signed, whole contracts with their years and fees "
        "(https://churnzero.com/churnopedia/bookings-billings-revenue/); this is one year of "
        "recurring revenue, from its start, less what ended.",
    ),
    inputs=(
        *CUSTOMER_INPUTS,
        "metrics.mrr_movements",
        "ops.parameters",
        "ops.period_days",
        "ops.periods",
    ),
    series=(
        Series(
            metric="net_new_arr",
            title="Net new ARR",
            unit="money",
            facts=FACTS,
            subject="customer_id",
            fragments=(CUSTOMERS,),
            rollup=Ratio(numerator="12 * SUM(amount)"),
            grains=("month", "quarter"),
            dimensions=(("movement",), *CUSTOMER_DIMENSIONS),
        ),
    ),
    identities=(
        Identity(
            "arr_is_bridged",
            "ARR at the end of a month is the one before it, net new ARR, what rates of exchange "
            "did and what could not be valued.",
            """
            WITH arr AS (
              SELECT period_start_on, 12 * SUM(amount) AS amount
              FROM metrics.mrr GROUP BY period_start_on
            ), added AS (
              SELECT period_start_on, value FROM metrics.metric_values
              WHERE metric = 'net_new_arr' AND grain = 'month'
                AND CAST(dimensions AS VARCHAR) = '{}'
            ), other AS (
              SELECT period_start_on, 12 * SUM(amount) AS amount
              FROM metrics.mrr_movements WHERE movement IN ('fx', 'restatement')
              GROUP BY period_start_on
            )
            SELECT periods.period_start_on
            FROM ops.periods AS periods
            LEFT JOIN arr ON arr.period_start_on = periods.period_start_on
            LEFT JOIN arr AS before ON before.period_start_on = periods.previous_start_on
            LEFT JOIN added ON added.period_start_on = periods.period_start_on
            LEFT JOIN other ON other.period_start_on = periods.period_start_on
            WHERE periods.grain = 'month' AND periods.is_closed
              AND COALESCE(before.amount, 0) + COALESCE(added.value, 0)
                + COALESCE(other.amount, 0) <> COALESCE(arr.amount, 0)
            """,
        ),
    ),
    example=Example(
        story=(
            "In May Ada grows from 100 to 160 a month, Ben comes for 30 and Cem, who paid 50, "
            "leaves: 12 x (30 + 60 - 50) = 480."
        ),
        tables={
            "subscription_periods": """
            subscription_id | customer_id | item_id | monthly_amount | valid_from_on | valid_to_on
            s1 | ada | i1 | 100 | 2026-04-03 | 2026-05-03
            s1 | ada | i1 | 160 | 2026-05-03 |
            s2 | ben | i2 | 30  | 2026-05-07 |
            s3 | cem | i3 | 50  | 2026-04-01 | 2026-05-09
            """,
        },
        results=(("net_new_arr", "2026-04-01", "1800"), ("net_new_arr", "2026-05-01", "480")),
    ),
)
