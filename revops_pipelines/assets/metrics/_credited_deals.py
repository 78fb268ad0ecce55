"""Which amounts marketing's touches share in, and until when: won, billed and pipeline.

Belongs here: fragments that `attribution` is made of. Does not: how an amount is shared out.
"""

from __future__ import annotations

from revops_pipelines.assets.metrics._deals import DEAL_FRAGMENTS, DEAL_INPUTS
from revops_pipelines.engine.metrics.declaration import Fragment

# The people of a deal: its contacts, and the one it names itself.
DEAL_PEOPLE = Fragment(
    "deal_people",
    """
SELECT contacts.opportunity_id, contacts.lead_id
FROM conformed.opportunity_contacts AS contacts
CROSS JOIN ops.parameters AS parameters
WHERE contacts._deleted_at IS NULL OR contacts._deleted_at > parameters.as_of_at
UNION
SELECT opportunities.opportunity_id, opportunities.lead_id
FROM conformed.opportunities AS opportunities
WHERE opportunities.lead_id IS NOT NULL
""",
)

# What the customers of a company were billed belongs to the deal that was won last, on the bill's
# day or before (by days, because the two systems' clocks differ); bills from before its first deal
# belong to that one. A renewal takes nothing over: what marketing brought goes on being billed.
# Without tax, less what was written off and less credit notes, which count on their own day, like
# the negative bills that other systems write instead; at the rate of the month.
BILLED = Fragment(
    "billed",
    """
WITH turns AS (
  SELECT
    deals.opportunity_id,
    opportunities.account_id,
    CASE WHEN ROW_NUMBER() OVER line > 1 THEN deals.closed_on END AS since_on,
    LEAD(deals.closed_on) OVER line AS until_on
  FROM deals
  JOIN conformed.opportunities AS opportunities
    ON opportunities.opportunity_id = deals.opportunity_id
  WHERE deals.is_won AND deals.excluded IS NULL AND opportunities.account_id IS NOT NULL
  WINDOW line AS (
    PARTITION BY opportunities.account_id
    ORDER BY deals.closed_on, deals.closed_at, deals.opportunity_id
  )
), bills AS (
  SELECT
    invoices.invoice_id,
    invoices.customer_id,
    invoices.issued_at,
    invoices.currency,
    invoices.total,
    invoices.total - COALESCE(invoices.tax, 0) AS amount
  FROM conformed.invoices AS invoices
  CROSS JOIN ops.parameters AS parameters
  WHERE invoices.issued_at <= parameters.as_of_at
    AND invoices.status <> 'draft'
    AND invoices.total <> 0
    AND (invoices.status <> 'uncollectible' OR invoices.uncollectible_at > parameters.as_of_at)
    AND (invoices.status <> 'void' OR invoices.voided_at > parameters.as_of_at)
    AND (invoices._deleted_at IS NULL OR invoices._deleted_at > parameters.as_of_at)
), corrected AS (
  SELECT customer_id, issued_at, currency, amount
  FROM bills
  UNION ALL
  SELECT
    bills.customer_id,
    notes.issued_at,
    bills.currency,
    -ROUND(
      CAST(notes.amount AS DOUBLE) * CAST(bills.amount AS DOUBLE) / CAST(bills.total AS DOUBLE), 2
    )
  FROM conformed.credit_notes AS notes
  CROSS JOIN ops.parameters AS parameters
  JOIN bills ON bills.invoice_id = notes.invoice_id
  WHERE notes.issued_at <= parameters.as_of_at
    AND COALESCE(LOWER(notes.status), '') <> 'void'
    AND (notes._deleted_at IS NULL OR notes._deleted_at > parameters.as_of_at)
), dated AS (
  SELECT
    corrected.*,
    CASE WHEN corrected.issued_at >= day.changes_at THEN day.on_after ELSE day.on_before END
      AS issued_on
  FROM corrected
  JOIN ops.reporting_days AS day ON day.utc_on = CAST(corrected.issued_at AS DATE)
), valued AS (
  SELECT
    dated.customer_id,
    dated.issued_on,
    CAST(ROUND(CAST(dated.amount AS DECIMAL(18,2)) * rates.rate, 2) AS DECIMAL(18,2)) AS amount
  FROM dated
  JOIN ops.calendar AS calendar ON calendar.day = dated.issued_on
  LEFT JOIN rates
    ON rates.currency = dated.currency AND rates.month_start_on = calendar.month_start_on
)
SELECT
  turns.opportunity_id,
  CAST(SUM(valued.amount) AS DECIMAL(18,2)) AS amount,
  COUNT(*) - COUNT(valued.amount) AS unvalued
FROM valued
JOIN conformed.customers AS customers ON customers.customer_id = valued.customer_id
JOIN turns
  ON turns.account_id = customers.account_id
  AND (turns.since_on IS NULL OR turns.since_on <= valued.issued_on)
  AND (turns.until_on IS NULL OR turns.until_on > valued.issued_on)
GROUP BY turns.opportunity_id
""",
)

# The day that a journey ends with: winning for what was won and billed, creation for pipeline.
MILESTONES = Fragment(
    "milestones",
    """
WITH created AS (
  SELECT
    deals.opportunity_id,
    CAST(ROUND(deals.local_amount * rates.rate, 2) AS DECIMAL(18,2)) AS amount,
    CASE
      WHEN deals.local_amount IS NULL THEN 'no_amount'
      WHEN deals.currency IS NULL THEN 'no_currency'
      WHEN rates.rate IS NULL THEN 'missing_rate'
    END AS excluded
  FROM deals
  JOIN ops.calendar AS calendar ON calendar.day = deals.created_on
  LEFT JOIN rates
    ON rates.currency = deals.currency AND rates.month_start_on = calendar.month_start_on
), people AS (
  SELECT
    deal_people.opportunity_id,
    MIN(COALESCE(leads.raised_at, leads.created_at)) AS lead_created_at
  FROM deal_people
  JOIN conformed.leads AS leads ON leads.lead_id = deal_people.lead_id
  GROUP BY deal_people.opportunity_id
), bases AS (
  SELECT
    'won' AS basis,
    deals.opportunity_id,
    deals.closed_on AS credited_on,
    deals.closed_at AS milestone_at,
    deals.amount,
    COALESCE(deals.excluded, deals.excluded_money) AS excluded
  FROM deals
  WHERE deals.is_won
  UNION ALL
  SELECT
    'billed',
    deals.opportunity_id,
    deals.closed_on,
    deals.closed_at,
    billed.amount,
    COALESCE(
      deals.excluded,
      CASE
        WHEN billed.opportunity_id IS NULL THEN 'not_billed'
        WHEN billed.unvalued > 0 THEN 'missing_rate'
      END
    )
  FROM deals
  LEFT JOIN billed ON billed.opportunity_id = deals.opportunity_id
  WHERE deals.is_won
  UNION ALL
  SELECT
    'pipeline',
    deals.opportunity_id,
    deals.created_on,
    deals.created_at,
    created.amount,
    COALESCE(deals.excluded, created.excluded)
  FROM deals
  JOIN created ON created.opportunity_id = deals.opportunity_id
)
SELECT
  bases.basis,
  bases.opportunity_id,
  bases.credited_on,
  bases.milestone_at,
  bases.amount,
  bases.excluded,
  COALESCE(people.lead_created_at, bases.milestone_at) AS lead_created_at,
  deals.created_at AS opportunity_created_at,
  deals.segment,
  deals.industry,
  deals.region,
  deals.owner,
  deals.team,
  deals.channel,
  deals.kind,
  deals.currency
FROM bases
JOIN deals ON deals.opportunity_id = bases.opportunity_id
LEFT JOIN people ON people.opportunity_id = bases.opportunity_id
""",
)

CREDITED_FRAGMENTS = (*DEAL_FRAGMENTS, DEAL_PEOPLE, BILLED, MILESTONES)
CREDITED_INPUTS = (
    *DEAL_INPUTS,
    "conformed.credit_notes",
    "conformed.customers",
    "conformed.invoices",
    "conformed.opportunity_contacts",
)
