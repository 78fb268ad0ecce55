"""revenue_predictability: how well revenue can be told ahead."""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import (
    CUSTOMER_DIMENSIONS,
    CUSTOMER_INPUTS,
    CUSTOMERS,
)
from revops_pipelines.assets.metrics._ledger import LEDGER
from revops_pipelines.assets.metrics._rates import RATES
from revops_pipelines.assets.metrics._terms import SPANS, TERMS
from revops_pipelines.engine.metrics.declaration import (
    Dimension,
    Example,
    Fragment,
    Identity,
    Metric,
    Ratio,
    Series,
)

# Recurring revenue at the end of each closed month, and what was in force `forecast_horizon_days`
# before: both at the month's rate, so that rates of exchange are no surprise here.
FORECASTS = Fragment(
    "forecasts",
    """
WITH daily AS (
  SELECT customers.segment, ledger.currency, ledger.changes_on, SUM(ledger.change) AS change
  FROM ledger
  LEFT JOIN paying_customers AS customers ON customers.customer_id = ledger.customer_id
  GROUP BY customers.segment, ledger.currency, ledger.changes_on
), months AS (
  SELECT
    periods.period_start_on,
    ROW_NUMBER() OVER (ORDER BY periods.period_start_on) AS place,
    periods.period_end_on - 1 AS last_on,
    periods.period_end_on - 1 - parameters.forecast_horizon_days AS told_on
  FROM ops.periods AS periods
  CROSS JOIN ops.parameters AS parameters
  WHERE periods.grain = 'month' AND periods.is_closed
)
SELECT
  months.period_start_on,
  months.place,
  daily.segment,
  SUM(CASE WHEN daily.changes_on <= months.told_on THEN daily.change * rates.rate ELSE 0 END)
    AS forecast,
  SUM(daily.change * rates.rate) AS actual
FROM months
JOIN daily ON daily.changes_on <= months.last_on
JOIN rates
  ON rates.currency = daily.currency AND rates.month_start_on = months.period_start_on
GROUP BY months.period_start_on, months.place, daily.segment
""",
)

# Each month with the eleven before it. There is nobody to name: a forecast is of everybody.
FACTS = """
WITH told AS (
  SELECT period_start_on, place, {segment} AS segment, SUM(forecast) AS forecast,
    SUM(actual) AS actual
  FROM forecasts
  GROUP BY {group}
)
SELECT
  'month' AS grain,
  judged.period_start_on,
  CASE WHEN told.forecast <= 0 THEN 'nothing_in_force' END AS excluded,
  CAST(NULL AS VARCHAR) AS customer_id,
  told.segment,
  CAST(told.actual AS DOUBLE) / NULLIF(CAST(told.forecast AS DOUBLE), 0) AS reached
FROM (SELECT DISTINCT period_start_on, place FROM forecasts) AS judged
JOIN told ON told.place > judged.place - 12 AND told.place <= judged.place
"""

BILLED = """
WITH billed AS (
  SELECT
    lines.invoice_id,
    lines.subscription_id,
    invoices.customer_id,
    lines.currency,
    lines.amount - COALESCE(lines.discount_amount, 0) AS local_amount,
    CASE WHEN invoices.issued_at >= day.changes_at THEN day.on_after ELSE day.on_before END
      AS fact_on,
    CASE
      WHEN COALESCE(invoices._deleted_at <= parameters.as_of_at, FALSE) THEN 'deleted'
      WHEN COALESCE(invoices.voided_at <= parameters.as_of_at, FALSE) THEN 'voided'
    END AS excluded
  FROM conformed.invoice_lines AS lines
  CROSS JOIN ops.parameters AS parameters
  JOIN conformed.invoices AS invoices ON invoices.invoice_id = lines.invoice_id
  JOIN ops.reporting_days AS day ON day.utc_on = CAST(invoices.issued_at AS DATE)
  WHERE invoices.issued_at <= parameters.as_of_at
)
SELECT
  billed.fact_on,
  COALESCE(billed.excluded, CASE WHEN rates.rate IS NULL THEN 'missing_rate' END) AS excluded,
  billed.invoice_id,
  customers.segment,
  customers.industry,
  customers.region,
  customers.owner,
  customers.team,
  ROUND(billed.local_amount * rates.rate, 2) AS amount,
  billed.subscription_id IS NOT NULL AS is_recurring
FROM billed
JOIN ops.calendar AS calendar ON calendar.day = billed.fact_on
LEFT JOIN rates
  ON rates.currency = billed.currency AND rates.month_start_on = calendar.month_start_on
LEFT JOIN paying_customers AS customers ON customers.customer_id = billed.customer_id
"""

# The next twelve months after a month's end are covered as far as a term that runs then reaches:
# the subscription's own, or one that its company signed.
COVER = """
WITH month_ends AS (
  SELECT
    periods.period_start_on,
    LEAST(periods.period_end_on - 1, parameters.as_of_utc_on) AS last_on
  FROM ops.periods AS periods
  CROSS JOIN ops.parameters AS parameters
  WHERE periods.grain = 'month' AND periods.period_start_on <= parameters.as_of_utc_on
), in_force AS (
  SELECT
    month_ends.period_start_on,
    month_ends.last_on,
    spans.subscription_id,
    spans.customer_id,
    spans.currency,
    spans.monthly_amount
  FROM month_ends
  JOIN spans
    ON spans.from_on <= month_ends.last_on
    AND COALESCE(spans.to_on, DATE '9999-12-31') > month_ends.last_on
), running AS (
  SELECT month_ends.period_start_on, terms.subscription_id, terms.party, terms.ends_on
  FROM month_ends
  JOIN terms
    ON terms.starts_on <= month_ends.last_on
    AND COALESCE(terms.ended_on, terms.ends_on) > month_ends.last_on
), own AS (
  SELECT period_start_on, subscription_id, MAX(ends_on) AS ends_on
  FROM running
  WHERE subscription_id IS NOT NULL
  GROUP BY period_start_on, subscription_id
), signed AS (
  SELECT period_start_on, party, MAX(ends_on) AS ends_on
  FROM running
  WHERE subscription_id IS NULL
  GROUP BY period_start_on, party
), covered AS (
  SELECT
    in_force.*,
    GREATEST(
      COALESCE(own.ends_on, DATE '1990-01-01'), COALESCE(signed.ends_on, DATE '1990-01-01')
    ) AS ends_on
  FROM in_force
  LEFT JOIN conformed.customers AS customers ON customers.customer_id = in_force.customer_id
  LEFT JOIN own
    ON own.period_start_on = in_force.period_start_on
    AND own.subscription_id = in_force.subscription_id
  LEFT JOIN signed
    ON signed.period_start_on = in_force.period_start_on
    AND signed.party = COALESCE(customers.account_id, in_force.customer_id)
)
SELECT
  'month' AS grain,
  covered.period_start_on,
  CASE WHEN rates.rate IS NULL THEN 'missing_rate' END AS excluded,
  covered.customer_id,
  customers.segment,
  customers.industry,
  customers.region,
  customers.owner,
  customers.team,
  ROUND(covered.monthly_amount * rates.rate, 2) AS amount,
  LEAST(365, GREATEST(0, covered.ends_on - covered.last_on - 1)) AS covered_days
FROM covered
LEFT JOIN rates
  ON rates.currency = covered.currency AND rates.month_start_on = covered.period_start_on
LEFT JOIN paying_customers AS customers ON customers.customer_id = covered.customer_id
"""


def _told_ahead(segment: str, group: str, dimensions: tuple[Dimension, ...]) -> Series:
    return Series(
        metric="revenue_predictability",
        title="Revenue predictability",
        unit="share",
        facts=FACTS.format(segment=segment, group=group),
        subject="customer_id",
        fragments=(CUSTOMERS, RATES, LEDGER, FORECASTS),
        rollup=Ratio(numerator="AVG(reached) - STDDEV_SAMP(reached)", denominator="AVG(reached)"),
        grains=("month",),
        dimensions=dimensions,
        is_placed=True,
        has_total=not dimensions,
        settled="COUNT(*) = 12",
    )


METRIC = Metric(
    name="revenue_predictability",
    title="Revenue predictability",
    stage="expand",
    owner="finance",
    format="percent",
    better="higher",
    formula="1 - standard deviation / mean of (actual / forecast) over twelve months",
    meaning=(
        "How steadily recurring revenue at a month's end follows from what was in force "
        "`forecast_horizon_days` before: one less the coefficient of variation of actual by "
        "forecast over the last twelve closed months. Growth at an even pace is as predictable as "
        "none. Beside it the share of billed revenue that recurs, and the share of the next "
        "twelve months of present revenue that customers are bound to by their terms."
    ),
    excludes=(
        "months before there was anything in force; fewer than twelve months are immature",
        "amounts in a currency without a rate of exchange",
        "from the recurring share: drafts, voided and deleted bills",
        "from the cover: what is paid for without a term, by the month, which covers nothing",
    ),
    differs=(
        "Forecast accuracy compares what sellers said with what they closed "
        "(`forecast_accuracy`); this compares the book of subscriptions with itself and needs "
        "nobody's opinion.",
    ),
    inputs=(
        *CUSTOMER_INPUTS,
        "conformed.contracts",
        "conformed.fx_rates",
        "conformed.invoice_lines",
        "conformed.invoices",
        "conformed.subscription_periods",
        "ops.calendar",
        "ops.parameters",
        "ops.period_days",
        "ops.periods",
        "ops.reporting_days",
        "ops.policies",
        "conformed.subscriptions",
    ),
    series=(
        _told_ahead("CAST(NULL AS VARCHAR)", "period_start_on, place", ()),
        _told_ahead("segment", "period_start_on, place, segment", (("segment",),)),
        Series(
            metric="revenue_predictability_recurring",
            title="Recurring share of billed revenue",
            unit="share",
            facts=BILLED,
            subject="invoice_id",
            fragments=(CUSTOMERS, RATES),
            rollup=Ratio(
                numerator="SUM(CASE WHEN is_recurring THEN amount ELSE 0 END)",
                denominator="SUM(amount)",
            ),
            grains=("month", "quarter"),
            dimensions=CUSTOMER_DIMENSIONS,
        ),
        Series(
            metric="revenue_predictability_cover",
            title="Contracted cover of the next twelve months",
            unit="share",
            facts=COVER,
            subject="customer_id",
            fragments=(CUSTOMERS, RATES, LEDGER, SPANS, TERMS),
            rollup=Ratio(
                numerator="SUM(CAST(amount AS DECIMAL(18,2)) * covered_days)",
                denominator="SUM(CAST(amount AS DECIMAL(18,2)) * 365)",
            ),
            grains=("month",),
            dimensions=CUSTOMER_DIMENSIONS,
            is_placed=True,
        ),
    ),
    identities=(
        Identity(
            "no_more_than_covered",
            "No more than the next twelve months is covered, and no less than nothing.",
            """
            SELECT value FROM metrics.metric_values
            WHERE metric = 'revenue_predictability_cover' AND (value < 0 OR value > 1)
            """,
        ),
    ),
    example=Example(
        story=(
            "At the end of May Ada pays 100 a month, bound until 29 November, and Ben 100 without "
            "a term. Of the year from 1 June on 182 of 365 days are covered, of half the revenue: "
            "24.9 %. Two bills in May are for 300 of subscriptions and 100 of training: 75 % "
            "recurs."
        ),
        tables={
            "subscription_periods": """
            subscription_id | customer_id | item_id | monthly_amount | valid_from_on
            s1 | ada | i1 | 100 | 2025-11-30
            s2 | ben | i2 | 100 | 2026-03-05
            """,
            "contracts": """
            contract_id | customer_id | subscription_id | starts_on | ends_on
            1 | ada | s1 | 2025-11-30 | 2026-11-30
            """,
            "invoices": """
            invoice_id | customer_id | status | currency | total | issued_at
            a | ada | paid | USD | 300 | 2026-05-02 10:00
            b | ben | paid | USD | 100 | 2026-05-03 10:00
            """,
            "invoice_lines": """
            line_id | invoice_id | subscription_id | amount | currency | is_proration
            1 | a | s1 | 300 | USD | false
            2 | b |    | 100 | USD | false
            """,
        },
        results=(
            ("revenue_predictability_cover", "2026-05-01", "0.249315"),
            ("revenue_predictability_recurring", "2026-05-01", "0.75"),
        ),
    ),
)
