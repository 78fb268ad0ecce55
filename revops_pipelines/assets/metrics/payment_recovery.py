"""payment_recovery: how much of the payments that failed was collected after all."""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import (
    CUSTOMER_DIMENSIONS,
    CUSTOMER_FRAGMENTS,
    CUSTOMERS,
)
from revops_pipelines.assets.metrics._lost_customers import LOST_CUSTOMERS, LOST_INPUTS
from revops_pipelines.assets.metrics._rates import RATES
from revops_pipelines.engine.metrics.declaration import (
    Detail,
    DetailColumn,
    Example,
    Identity,
    Metric,
    Ratio,
    Series,
)

# A bill fails once, on the day of its first failed attempt, however often it is tried again. What
# came in for it within the window is recovered, up to what failed: attempts that succeeded, or the
# whole where the bill was paid otherwise (a transfer, a balance).
FAILURES = """
WITH attempts AS (
  SELECT
    payments.payment_id,
    payments.invoice_id,
    COALESCE(payments.customer_id, invoices.customer_id) AS customer_id,
    payments.status,
    payments.currency,
    payments.amount,
    payments.occurred_at,
    COALESCE(payments.invoice_id, payments.payment_id) AS failure_id,
    COALESCE(invoices._deleted_at <= parameters.as_of_at, FALSE) AS is_deleted,
    COALESCE(invoices.voided_at <= parameters.as_of_at, FALSE) AS is_voided,
    CASE WHEN invoices.paid_at <= parameters.as_of_at THEN invoices.paid_at END AS paid_at
  FROM conformed.payments AS payments
  CROSS JOIN ops.parameters AS parameters
  LEFT JOIN conformed.invoices AS invoices ON invoices.invoice_id = payments.invoice_id
  WHERE payments.occurred_at <= parameters.as_of_at
    AND (payments._deleted_at IS NULL OR payments._deleted_at > parameters.as_of_at)
), numbered AS (
  SELECT
    attempts.*,
    ROW_NUMBER() OVER (PARTITION BY failure_id ORDER BY occurred_at, payment_id) AS place
  FROM attempts
  WHERE status = 'failed'
), received AS (
  SELECT
    first_failure.failure_id,
    SUM(attempts.amount) AS amount,
    MIN(attempts.occurred_at) AS received_at
  FROM numbered AS first_failure
  CROSS JOIN ops.parameters AS parameters
  JOIN attempts
    ON attempts.failure_id = first_failure.failure_id
    AND attempts.status = 'succeeded'
    AND attempts.occurred_at >= first_failure.occurred_at
    AND EPOCH(attempts.occurred_at) - EPOCH(first_failure.occurred_at)
      <= parameters.recovery_days * 86400
  WHERE first_failure.place = 1
  GROUP BY first_failure.failure_id
), dated AS (
  SELECT
    failures.*,
    CASE WHEN failures.occurred_at >= day.changes_at THEN day.on_after ELSE day.on_before END
      AS failed_on,
    received.amount AS received_amount,
    received.received_at,
    COALESCE(
      failures.paid_at >= failures.occurred_at
      AND EPOCH(failures.paid_at) - EPOCH(failures.occurred_at) <= parameters.recovery_days * 86400,
      FALSE
    ) AS is_paid
  FROM numbered AS failures
  CROSS JOIN ops.parameters AS parameters
  JOIN ops.reporting_days AS day ON day.utc_on = CAST(failures.occurred_at AS DATE)
  LEFT JOIN received ON received.failure_id = failures.failure_id
  WHERE failures.place = 1
), valued AS (
  SELECT
    dated.*,
    rates.rate,
    CASE WHEN dated.is_paid THEN dated.amount
      ELSE LEAST(dated.amount, COALESCE(dated.received_amount, 0)) END AS recovered
  FROM dated
  JOIN ops.calendar AS calendar ON calendar.day = dated.failed_on
  LEFT JOIN rates
    ON rates.currency = dated.currency AND rates.month_start_on = calendar.month_start_on
)
SELECT
  valued.failure_id,
  valued.invoice_id,
  valued.customer_id,
  valued.occurred_at AS failed_at,
  valued.failed_on,
  CASE WHEN valued.recovered > 0 THEN COALESCE(valued.received_at, valued.paid_at) END
    AS recovered_at,
  valued.currency,
  ROUND(valued.amount * valued.rate, 2) AS failed_amount,
  ROUND(valued.recovered * valued.rate, 2) AS recovered_amount,
  CASE
    WHEN valued.invoice_id IS NULL THEN 'no_invoice'
    WHEN valued.is_deleted THEN 'deleted'
    WHEN valued.is_voided THEN 'voided'
    WHEN valued.amount <= 0 THEN 'no_amount'
    WHEN valued.rate IS NULL THEN 'missing_rate'
  END AS excluded
FROM valued
"""

FACTS = """
SELECT
  failures.failed_on AS fact_on,
  failures.excluded,
  failures.invoice_id,
  customers.segment,
  customers.industry,
  customers.region,
  customers.owner,
  customers.team,
  failures.currency,
  failures.failed_amount,
  failures.recovered_amount
FROM metrics.payment_recovery AS failures
LEFT JOIN paying_customers AS customers ON customers.customer_id = failures.customer_id
"""

LOST = """
SELECT
  fact_on,
  COALESCE(excluded, CASE WHEN reason IS NULL THEN 'unknown_reason' END) AS excluded,
  customer_id,
  segment, industry, region, owner, team,
  reason
FROM lost_customers
WHERE is_lost
"""


def _series(metric: str, title: str, rollup: Ratio) -> Series:
    return Series(
        metric=metric,
        title=title,
        unit="share",
        facts=FACTS,
        subject="invoice_id",
        fragments=(CUSTOMERS,),
        rollup=rollup,
        dimensions=(*CUSTOMER_DIMENSIONS, ("currency",)),
        mature_after_days="parameters.recovery_days",
    )


METRIC = Metric(
    name="payment_recovery",
    title="Recovered payments",
    stage="expand",
    owner="finance",
    format="percent",
    better="higher",
    formula="amount collected within recovery_days of the first failure / amount that failed",
    meaning=(
        "Of the amounts whose payment failed first in the period, the share that was collected "
        "within `recovery_days` of that failure, by whatever means. A bill that is tried again "
        "and again has failed once. Beside it the same by number of bills, and the share of "
        "customers lost in the month who were lost because payment failed."
    ),
    excludes=(
        "payments that belong to no bill, so that nobody can tell a second attempt from another "
        "purchase",
        "bills that were voided or deleted, and amounts of nothing",
        "amounts in a currency without a rate of exchange",
        "from the share of lost customers: those of whom nobody says why they left",
    ),
    differs=(
        "Dashboards of payment processors count attempts: a bill that fails four times and is "
        "then paid is five attempts with one success, here one failure that was recovered.",
        "Primer calls recovery rate the successful recoveries by the attempted ones "
        "(https://primer.io/docs/observability/dashboards/sales-recovery); here failures that "
        "nobody tried to recover count as well.",
    ),
    inputs=(
        *LOST_INPUTS,
        "conformed.fx_rates",
        "conformed.invoices",
        "conformed.payments",
        "metrics.payment_recovery",
        "ops.reporting_days",
    ),
    series=(
        _series(
            "payment_recovery",
            "Recovered payments, by value",
            Ratio(numerator="SUM(recovered_amount)", denominator="SUM(failed_amount)"),
        ),
        _series(
            "payment_recovery_count",
            "Recovered payments, by number",
            Ratio(
                numerator="SUM(CASE WHEN recovered_amount >= failed_amount THEN 1 ELSE 0 END)",
                denominator="COUNT(*)",
                interval="wilson",
            ),
        ),
        Series(
            metric="payment_recovery_involuntary_churn",
            title="Lost customers whose payment failed",
            unit="share",
            facts=LOST,
            subject="customer_id",
            fragments=(*CUSTOMER_FRAGMENTS, LOST_CUSTOMERS),
            rollup=Ratio(
                numerator="SUM(CASE WHEN reason = 'involuntary' THEN 1 ELSE 0 END)",
                denominator="COUNT(*)",
                interval="wilson",
            ),
            grains=("month", "quarter"),
            dimensions=CUSTOMER_DIMENSIONS,
        ),
    ),
    detail=Detail(
        table="payment_recovery",
        description="One row per bill (or payment without one) whose payment failed.",
        key=("failure_id",),
        columns=(
            DetailColumn("failure_id", "VARCHAR", "Bill, or payment where it has none."),
            DetailColumn("invoice_id", "VARCHAR", "Bill."),
            DetailColumn("customer_id", "VARCHAR", "Customer."),
            DetailColumn("failed_at", "TIMESTAMP", "First failed attempt (UTC)."),
            DetailColumn("failed_on", "DATE", "Its reporting day."),
            DetailColumn("recovered_at", "TIMESTAMP", "First money after it, within the window."),
            DetailColumn("currency", "VARCHAR", "Currency of the bill."),
            DetailColumn("failed_amount", "DECIMAL(18,2)", "Amount that failed, base currency."),
            DetailColumn("recovered_amount", "DECIMAL(18,2)", "Of it collected, base currency."),
            DetailColumn("excluded", "VARCHAR", "Why it does not count; null when it does."),
        ),
        sql=FAILURES,
        fragments=(RATES,),
    ),
    identities=(
        Identity(
            "no_more_than_failed",
            "No bill recovers more than what failed of it, or less than nothing.",
            """
            SELECT * FROM metrics.payment_recovery
            WHERE recovered_amount > failed_amount OR recovered_amount < 0
            """,
        ),
    ),
    example=Example(
        story=(
            "In April three bills fail: 100, tried three times and paid after nine days; 200, "
            "never paid; 50, paid after forty days, which is too late: 100 / 350, one of three."
        ),
        tables={
            "invoices": """
            invoice_id | customer_id | status | currency | total
            a | ada | paid | USD | 100
            b | ben | open | USD | 200
            c | cem | paid | USD | 50
            """,
            "payments": """
            payment_id | customer_id | invoice_id | status | currency | amount | occurred_at
            1 | ada | a | failed    | USD | 100 | 2026-04-02 10:00
            2 | ada | a | failed    | USD | 100 | 2026-04-05 10:00
            3 | ada | a | succeeded | USD | 100 | 2026-04-11 10:00
            4 | ben | b | failed    | USD | 200 | 2026-04-02 10:00
            5 | cem | c | failed    | USD | 50  | 2026-04-02 10:00
            6 | cem | c | succeeded | USD | 50  | 2026-05-12 10:00
            """,
        },
        results=(
            ("payment_recovery", "2026-04-01", "0.285714"),
            ("payment_recovery_count", "2026-04-01", "0.333333"),
        ),
    ),
)
