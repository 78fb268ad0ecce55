"""Terms of agreements, and what their subscriptions were worth when.

Belongs here: fragments over `conformed.contracts` and the ledger. Does not: any metric.
"""

from __future__ import annotations

from revops_pipelines.engine.metrics.declaration import Fragment

# Whoever is bound for less than this is as good as bound by the month: the shortest quarter has
# 89 days.
SHORTEST_TERM_DAYS = 84

# Terms that began by now. An agreement that the billing system does not know (a contract in the
# CRM) names no subscription; where its company's bills have terms as well, these say the same
# promise twice, and the signed one counts. `party` is who agreed: the company where it is known,
# else the customer.
TERMS = Fragment(
    "terms",
    f"""
WITH known AS (
  SELECT
    contracts.contract_id,
    contracts.subscription_id,
    contracts.customer_id,
    COALESCE(contracts.account_id, customers.account_id) AS account_id,
    COALESCE(contracts.account_id, customers.account_id, contracts.customer_id) AS party,
    contracts.starts_on,
    contracts.ends_on,
    CASE WHEN contracts.ended_on <= parameters.as_of_utc_on THEN contracts.ended_on END AS ended_on,
    contracts.renewal_on,
    contracts.notice_on,
    contracts.annual_amount,
    contracts.currency,
    contracts.auto_renews,
    contracts.ends_on - contracts.starts_on < {SHORTEST_TERM_DAYS} AS is_evergreen,
    COALESCE(customers.segment, accounts.segment) AS segment,
    COALESCE(customers.industry, accounts.industry) AS industry,
    COALESCE(customers.region, accounts.region) AS region,
    accounts.owner_id AS owner,
    users.team
  FROM conformed.contracts AS contracts
  CROSS JOIN ops.parameters AS parameters
  LEFT JOIN conformed.customers AS customers ON customers.customer_id = contracts.customer_id
  LEFT JOIN conformed.accounts AS accounts
    ON accounts.account_id = COALESCE(contracts.account_id, customers.account_id)
  LEFT JOIN conformed.users AS users ON users.user_id = accounts.owner_id
  WHERE contracts.starts_on <= parameters.as_of_utc_on
    AND contracts.ends_on > contracts.starts_on
    AND (contracts._deleted_at IS NULL OR contracts._deleted_at > parameters.as_of_at)
), signed_elsewhere AS (
  SELECT DISTINCT billed.contract_id
  FROM known AS billed
  JOIN known AS signed
    ON signed.party = billed.party
    AND signed.subscription_id IS NULL
    AND signed.starts_on < billed.ends_on
    AND COALESCE(signed.ended_on, signed.ends_on) >= billed.ends_on
  WHERE billed.subscription_id IS NOT NULL
)
SELECT known.*, signed_elsewhere.contract_id IS NOT NULL AS is_signed_elsewhere
FROM known
LEFT JOIN signed_elsewhere ON signed_elsewhere.contract_id = known.contract_id
""",
)

# What each subscription was worth a month, as days from `from_on` to before `to_on` (null: now).
SPANS = Fragment(
    "spans",
    """
WITH daily AS (
  SELECT subscription_id, customer_id, currency, changes_on, SUM(change) AS change
  FROM ledger
  GROUP BY subscription_id, customer_id, currency, changes_on
), running AS (
  SELECT
    subscription_id,
    customer_id,
    currency,
    changes_on AS from_on,
    LEAD(changes_on) OVER line AS to_on,
    CAST(SUM(change) OVER (
      PARTITION BY subscription_id, customer_id, currency ORDER BY changes_on
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS DECIMAL(18,2)) AS monthly_amount
  FROM daily
  WINDOW line AS (PARTITION BY subscription_id, customer_id, currency ORDER BY changes_on)
)
SELECT subscription_id, customer_id, currency, from_on, to_on, monthly_amount
FROM running
WHERE monthly_amount > 0
""",
)

TERM_INPUTS = (
    "conformed.accounts",
    "conformed.contracts",
    "conformed.customers",
    "conformed.users",
    "ops.parameters",
)
