"""cohort_retention: what is left of the customers who started in a month, by their age."""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import CUSTOMER_INPUTS, CUSTOMERS
from revops_pipelines.engine.metrics.declaration import (
    Fragment,
    Identity,
    Metric,
    Ratio,
    Series,
)

# One row per customer and month from its first paying month to the present one. A customer belongs
# to the month in which it first paid at the month's end, for ever: who comes back is kept again,
# never a new cohort.
COHORTS = Fragment(
    "cohorts",
    """
WITH stock AS (
  SELECT
    customer_id,
    period_start_on,
    SUM(COALESCE(amount, 0)) AS amount,
    MAX(CASE WHEN amount IS NULL THEN 1 ELSE 0 END) AS is_unvalued
  FROM metrics.mrr
  GROUP BY customer_id, period_start_on
), numbered AS (
  SELECT
    period_start_on,
    is_closed,
    ROW_NUMBER() OVER (ORDER BY period_start_on) AS place
  FROM ops.periods
  WHERE grain = 'month'
), starts AS (
  SELECT customer_id, MIN(period_start_on) AS started_on
  FROM stock
  GROUP BY customer_id
), months AS (
  SELECT
    starts.customer_id,
    starts.started_on,
    numbered.period_start_on,
    numbered.is_closed,
    numbered.place - first_month.place AS age_months
  FROM starts
  CROSS JOIN ops.parameters AS parameters
  JOIN numbered AS first_month ON first_month.period_start_on = starts.started_on
  JOIN numbered
    ON numbered.period_start_on >= starts.started_on
    AND numbered.period_start_on <= parameters.as_of_utc_on
)
SELECT
  'month' AS grain,
  months.started_on AS period_start_on,
  CASE WHEN COALESCE(present.is_unvalued, 0) + initial.is_unvalued > 0
    THEN 'missing_rate' END AS excluded,
  months.customer_id,
  months.age_months,
  months.is_closed,
  customers.segment,
  initial.amount AS amount_then,
  COALESCE(present.amount, 0) AS amount_now
FROM months
JOIN stock AS initial
  ON initial.customer_id = months.customer_id AND initial.period_start_on = months.started_on
LEFT JOIN stock AS present
  ON present.customer_id = months.customer_id
  AND present.period_start_on = months.period_start_on
LEFT JOIN paying_customers AS customers ON customers.customer_id = months.customer_id
""",
)


def _series(metric: str, title: str, rollup: Ratio) -> Series:
    return Series(
        metric=metric,
        title=title,
        unit="share",
        facts="SELECT * FROM cohorts",
        subject="customer_id",
        fragments=(CUSTOMERS, COHORTS),
        rollup=rollup,
        grains=("month",),
        # The pair comes first: a group is named after the first of these columns that it has.
        dimensions=(("segment", "age_months"), ("age_months",)),
        is_placed=True,
        has_total=False,
        settled="MIN(CASE WHEN is_closed THEN 1 ELSE 0 END) = 1",
    )


METRIC = Metric(
    name="cohort_retention",
    title="Revenue kept by start month",
    stage="expand",
    owner="customer-success",
    format="percent",
    better="higher",
    formula="MRR of a cohort n months after its first / its MRR in the first month",
    meaning=(
        "Of the customers who first paid in a month, what they pay n months later as a share of "
        "what they started with; growth counts, so a cohort may exceed 100 %. Beside it the share "
        "of those customers who pay at all. The period is the start month, `age_months` the age; "
        "the cell of a month that is still running is immature."
    ),
    excludes=(
        "customers who never paid at the end of a month",
        "customers whose revenue could not be valued at either end for want of a rate of exchange",
    ),
    differs=(
        "ChartMogul groups customers by the interval in which their first subscription began, as "
        "here, and shows every column as soon as it has begun "
        "(https://help.chartmogul.com/hc/en-us/articles/213789989); here the running month is "
        "marked as immature and never judged.",
        "A retention curve averaged over cohorts mixes ages that few cohorts have reached; cells "
        "keep their numerator and denominator instead, so that any average can be made of them.",
    ),
    inputs=(*CUSTOMER_INPUTS, "metrics.mrr", "ops.parameters", "ops.periods"),
    series=(
        _series(
            "cohort_retention",
            "Revenue kept by start month",
            Ratio(numerator="SUM(amount_now)", denominator="SUM(amount_then)"),
        ),
        _series(
            "cohort_retention_logo",
            "Customers kept by start month",
            Ratio(
                numerator="SUM(CASE WHEN amount_now > 0 THEN 1 ELSE 0 END)",
                denominator="COUNT(*)",
                interval="wilson",
            ),
        ),
    ),
    identities=(
        Identity(
            "cohorts_begin_whole",
            "At the age of no months every cohort has all of its customers and revenue.",
            """
            SELECT * FROM metrics.metric_values
            WHERE metric IN ('cohort_retention', 'cohort_retention_logo')
              AND json_extract_string(dimensions, '$.age_months') = '0'
              AND numerator <> denominator
            """,
        ),
    ),
)
