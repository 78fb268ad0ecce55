"""Which deals count and what they are worth, shared by the metrics of the second stage.

Belongs here: fragments over `conformed.opportunities`. Does not: any metric.
"""

from __future__ import annotations

from revops_pipelines.assets.metrics._rates import RATES
from revops_pipelines.engine.metrics.declaration import Fragment, each

DEAL_DIMENSIONS = each("segment", "industry", "region", "owner", "team", "channel", "kind")
MONEY_DIMENSIONS = (*DEAL_DIMENSIONS, ("currency",))

# One row per deal as it stands now, so a reopened deal counts once, by how it ended last. Amounts
# are in the base currency at the rate of the month of closing, or of the present month while open.
# (Materialized: planners otherwise put every deal beside every day of the calendar.)
# Renewals are another business and are kept out; a deal of exactly zero is no decision to buy.
DEALS = Fragment(
    "deals",
    """
WITH known AS (
  SELECT
    opportunities.*,
    COALESCE(opportunities.is_closed AND opportunities.closed_at <= parameters.as_of_at, FALSE)
      AS is_decided,
    COALESCE(opportunities._deleted_at <= parameters.as_of_at, FALSE) AS is_deleted,
    parameters.as_of_on
  FROM conformed.opportunities AS opportunities
  CROSS JOIN ops.parameters AS parameters
  WHERE opportunities.created_at <= parameters.as_of_at
), dated AS MATERIALIZED (
  SELECT
    known.*,
    CASE WHEN known.created_at >= created_day.changes_at
      THEN created_day.on_after ELSE created_day.on_before END AS created_on,
    CASE WHEN NOT known.is_decided THEN NULL
      WHEN known.closed_at >= closed_day.changes_at
      THEN closed_day.on_after ELSE closed_day.on_before END AS closed_on
  FROM known
  JOIN ops.reporting_days AS created_day
    ON created_day.utc_on = CAST(known.created_at AS DATE)
  LEFT JOIN ops.reporting_days AS closed_day
    ON closed_day.utc_on = CAST(known.closed_at AS DATE)
), valued AS (
  SELECT dated.*, calendar.month_start_on AS valued_on
  FROM dated
  JOIN ops.calendar AS calendar ON calendar.day = COALESCE(dated.closed_on, dated.as_of_on)
)
SELECT
  dated.opportunity_id,
  dated.pipeline,
  dated.kind,
  dated.created_at,
  dated.created_on,
  dated.qualified_at,
  dated.is_decided,
  dated.is_decided AND dated.is_won AS is_won,
  CASE WHEN dated.is_decided THEN dated.closed_at END AS closed_at,
  dated.closed_on,
  dated.lost_reason,
  LOWER(REPLACE(REPLACE(COALESCE(dated.lost_reason, ''), '_', ' '), '-', ' '))
    LIKE '%no decision%' AS is_no_decision,
  dated.currency,
  dated.amount AS local_amount,
  CAST(ROUND(dated.amount * rates.rate, 2) AS DECIMAL(18,2)) AS amount,
  dated.owner_id AS owner,
  users.team,
  COALESCE(dated.channel, leads.channel) AS channel,
  accounts.segment,
  accounts.industry,
  accounts.region,
  dated.is_deleted,
  CASE
    WHEN dated.is_deleted THEN 'deleted'
    WHEN dated.kind = 'renewal' THEN 'renewal'
    WHEN dated.amount = 0 THEN 'zero_amount'
  END AS excluded,
  CASE
    WHEN dated.amount IS NULL THEN 'no_amount'
    WHEN dated.currency IS NULL THEN 'no_currency'
    WHEN rates.rate IS NULL THEN 'missing_rate'
  END AS excluded_money
FROM valued AS dated
LEFT JOIN rates
  ON rates.currency = dated.currency AND rates.month_start_on = dated.valued_on
LEFT JOIN conformed.accounts AS accounts ON accounts.account_id = dated.account_id
LEFT JOIN conformed.users AS users ON users.user_id = dated.owner_id
LEFT JOIN conformed.leads AS leads ON leads.lead_id = dated.lead_id
""",
    written_from=3,
)

DEAL_FRAGMENTS = (RATES, DEALS)


def summed_days(days: str) -> str:
    """SQL: the sum of a column of days, by whole microseconds.

    A sum of fractions depends on the order in which rows come; this one does not.
    """
    return f"CAST(SUM(CAST({days} * 86400 AS DECIMAL(18,6))) AS DOUBLE) / 86400"


DEAL_INPUTS = (
    "conformed.accounts",
    "conformed.fx_rates",
    "conformed.leads",
    "conformed.opportunities",
    "conformed.users",
    "ops.calendar",
    "ops.parameters",
    "ops.period_days",
    "ops.periods",
    "ops.reporting_days",
)
