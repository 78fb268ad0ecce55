"""The two sides of revenue leakage: what was sold, what was billed, for the same families of
companies.

Belongs here: fragments over deals, bills and payments. Does not: what the difference means
(`revenue_leakage`).

Both sides are the worth of service in the 365 days before the instant of knowledge, so that a bill
for a year and twelve for a month are the same; and both are at the present month's rate of
exchange, so that a currency's way leaks nothing.
"""

from __future__ import annotations

from revops_pipelines.engine.metrics.declaration import Fragment

# A parent may pay for its children: the family, three levels up, is who bought and who is billed.
FAMILIES = Fragment(
    "families",
    """
SELECT
  accounts.account_id,
  COALESCE(great.account_id, grand.account_id, parent.account_id, accounts.account_id) AS party_id
FROM conformed.accounts AS accounts
LEFT JOIN conformed.accounts AS parent ON parent.account_id = accounts.parent_account_id
LEFT JOIN conformed.accounts AS grand ON grand.account_id = parent.parent_account_id
LEFT JOIN conformed.accounts AS great ON great.account_id = grand.parent_account_id
""",
)

# Customers of no known company are a family of their own.
PAYERS = Fragment(
    "payers",
    """
SELECT
  customers.customer_id,
  COALESCE(families.party_id, customers.customer_id) AS party_id
FROM conformed.customers AS customers
LEFT JOIN families ON families.account_id = customers.account_id
""",
)

# A won deal is worth its amount a year, from its closing until a later renewal of the family takes
# its place, or until the family's last subscription ended.
SOLD = Fragment(
    "sold",
    """
WITH known AS (
  SELECT
    opportunities.opportunity_id,
    families.party_id,
    opportunities.kind,
    CAST(opportunities.closed_at AS DATE) AS closed_on,
    opportunities.closed_at,
    CAST(ROUND(opportunities.amount * rates.rate, 2) AS DECIMAL(18,2)) AS annual_amount,
    CASE
      WHEN opportunities.amount IS NULL THEN 'no_amount'
      WHEN opportunities.currency IS NULL THEN 'no_currency'
      WHEN rates.rate IS NULL THEN 'missing_rate'
    END AS unpriced,
    parameters.as_of_utc_on
  FROM conformed.opportunities AS opportunities
  CROSS JOIN ops.parameters AS parameters
  JOIN ops.calendar AS calendar ON calendar.day = parameters.as_of_utc_on
  JOIN families ON families.account_id = opportunities.account_id
  LEFT JOIN rates
    ON rates.currency = opportunities.currency AND rates.month_start_on = calendar.month_start_on
  WHERE opportunities.is_won
    AND opportunities.closed_at <= parameters.as_of_at
    AND opportunities.kind IN ('new', 'expansion', 'renewal')
    AND NOT COALESCE(opportunities._deleted_at <= parameters.as_of_at, FALSE)
), renewed AS (
  SELECT known.opportunity_id, MIN(renewals.closed_on) AS renewed_on
  FROM known
  JOIN known AS renewals
    ON renewals.party_id = known.party_id
    AND renewals.kind = 'renewal'
    AND renewals.closed_at > known.closed_at
  GROUP BY known.opportunity_id
), runs AS (
  SELECT
    payers.party_id,
    MAX(CASE
      WHEN subscriptions.ended_on <= parameters.as_of_utc_on THEN subscriptions.ended_on
      ELSE DATE '9999-12-31'
    END) AS ended_on
  FROM conformed.subscriptions AS subscriptions
  CROSS JOIN ops.parameters AS parameters
  JOIN payers ON payers.customer_id = subscriptions.customer_id
  WHERE subscriptions.started_on <= parameters.as_of_utc_on
  GROUP BY payers.party_id
), ended AS (
  SELECT
    known.*,
    LEAST(
      COALESCE(renewed.renewed_on, DATE '9999-12-31'),
      CASE WHEN runs.ended_on > known.closed_on THEN runs.ended_on ELSE DATE '9999-12-31' END
    ) AS ends_on
  FROM known
  LEFT JOIN renewed ON renewed.opportunity_id = known.opportunity_id
  LEFT JOIN runs ON runs.party_id = known.party_id
)
SELECT
  opportunity_id,
  party_id,
  closed_on,
  unpriced,
  CASE WHEN ends_on > as_of_utc_on THEN annual_amount END AS running_amount,
  CAST(
    ROUND(
      CAST(annual_amount AS DOUBLE)
      * GREATEST(LEAST(ends_on, as_of_utc_on) - GREATEST(closed_on, as_of_utc_on - 365), 0) / 365,
      2
    ) AS DECIMAL(18,2)
  ) AS contracted
FROM ended
""",
)

# Lines of bills for subscriptions, their part of service that lies in the year. Cents are whole
# numbers until they are divided, so that halves are rounded up and nothing else.
BILLED = Fragment(
    "billed",
    """
WITH lines AS (
  SELECT
    payers.party_id,
    payers.customer_id,
    lines.subscription_id,
    COALESCE(lines.period_start_on, CAST(invoices.issued_at AS DATE)) AS starts_on,
    CASE
      WHEN lines.period_end_on > lines.period_start_on THEN lines.period_end_on
      ELSE COALESCE(lines.period_start_on, CAST(invoices.issued_at AS DATE)) + 1
    END AS ends_on,
    CAST(100 * ROUND((lines.amount - COALESCE(lines.discount_amount, 0)) * rates.rate, 2) AS BIGINT)
      AS net_cents,
    CAST(100 * ROUND(COALESCE(lines.discount_amount, 0) * rates.rate, 2) AS BIGINT)
      AS discount_cents,
    parameters.as_of_utc_on
  FROM conformed.invoice_lines AS lines
  CROSS JOIN ops.parameters AS parameters
  JOIN ops.calendar AS calendar ON calendar.day = parameters.as_of_utc_on
  JOIN conformed.invoices AS invoices ON invoices.invoice_id = lines.invoice_id
  JOIN payers ON payers.customer_id = invoices.customer_id
  LEFT JOIN rates
    ON rates.currency = lines.currency AND rates.month_start_on = calendar.month_start_on
  WHERE lines.subscription_id IS NOT NULL
    AND invoices.issued_at <= parameters.as_of_at
    AND invoices.status <> 'draft'
    AND NOT COALESCE(
      invoices.voided_at <= parameters.as_of_at,
      invoices.status = 'void' AND invoices.voided_at IS NULL
    )
    AND NOT COALESCE(invoices._deleted_at <= parameters.as_of_at, FALSE)
    AND NOT COALESCE(lines._deleted_at <= parameters.as_of_at, FALSE)
), granted AS (
  SELECT subscription_id, MIN(starts_on) AS granted_on
  FROM lines
  WHERE discount_cents > 0
  GROUP BY subscription_id
), terms AS (
  SELECT granted.subscription_id, MAX(contracts.ends_on) AS ends_on
  FROM granted
  JOIN conformed.contracts AS contracts
    ON contracts.subscription_id = granted.subscription_id
    AND contracts.starts_on <= granted.granted_on
    AND contracts.ends_on > granted.granted_on
  GROUP BY granted.subscription_id
), overlapping AS (
  SELECT
    lines.*,
    GREATEST(
      LEAST(lines.ends_on, lines.as_of_utc_on)
      - GREATEST(lines.starts_on, lines.as_of_utc_on - 365),
      0
    ) AS served_days,
    GREATEST(granted.granted_on + 365, COALESCE(terms.ends_on, granted.granted_on))
      AS discount_ends_on
  FROM lines
  LEFT JOIN granted ON granted.subscription_id = lines.subscription_id
  LEFT JOIN terms ON terms.subscription_id = lines.subscription_id
)
SELECT
  party_id,
  customer_id,
  subscription_id,
  starts_on,
  discount_ends_on,
  net_cents IS NULL AS is_unvalued,
  CAST(ROUND(CAST(net_cents * served_days AS DOUBLE) / (ends_on - starts_on)) AS BIGINT)
    AS net_cents,
  CASE WHEN starts_on >= discount_ends_on
    THEN CAST(ROUND(CAST(discount_cents * served_days AS DOUBLE) / (ends_on - starts_on)) AS BIGINT)
    ELSE 0 END AS late_discount_cents
FROM overlapping
""",
)

# Bills that a payment failed for and that are not paid, once the grace is over.
UNPAID = Fragment(
    "unpaid",
    """
WITH attempts AS (
  SELECT
    payments.invoice_id,
    MAX(CASE WHEN payments.status = 'failed' THEN CAST(payments.occurred_at AS DATE) END)
      AS failed_on,
    SUM(CASE WHEN payments.status = 'succeeded' THEN payments.amount ELSE 0 END) AS paid_amount
  FROM conformed.payments AS payments
  CROSS JOIN ops.parameters AS parameters
  WHERE payments.occurred_at <= parameters.as_of_at
    AND NOT COALESCE(payments._deleted_at <= parameters.as_of_at, FALSE)
  GROUP BY payments.invoice_id
)
SELECT
  invoices.invoice_id,
  payers.party_id,
  payers.customer_id,
  attempts.failed_on,
  CAST(ROUND((invoices.total - attempts.paid_amount) * rates.rate, 2) AS DECIMAL(18,2)) AS amount
FROM attempts
CROSS JOIN ops.parameters AS parameters
JOIN ops.calendar AS calendar ON calendar.day = parameters.as_of_utc_on
JOIN conformed.invoices AS invoices ON invoices.invoice_id = attempts.invoice_id
JOIN payers ON payers.customer_id = invoices.customer_id
LEFT JOIN rates
  ON rates.currency = invoices.currency AND rates.month_start_on = calendar.month_start_on
WHERE attempts.failed_on <= parameters.as_of_utc_on - parameters.leakage_grace_days
  AND invoices.total > attempts.paid_amount
  AND NOT COALESCE(invoices.paid_at <= parameters.as_of_at, FALSE)
  AND NOT COALESCE(
    invoices.voided_at <= parameters.as_of_at,
    invoices.status = 'void' AND invoices.voided_at IS NULL
  )
  AND NOT COALESCE(invoices._deleted_at <= parameters.as_of_at, FALSE)
""",
)
