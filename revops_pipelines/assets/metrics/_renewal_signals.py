"""What may be seen of a customer before its renewal.

Belongs here: fragments of signals, each by the key that it is known for. Does not: which renewals
are listed (`renewals_calendar`).

A signal is true only where something says so; where nothing could say it (no activities are read,
no company is known) it is null, which is not the same as all being well.
"""

from __future__ import annotations

from revops_pipelines.engine.metrics.declaration import Fragment

# How far back activity and seats are looked at, and how far ahead renewals are due soon.
QUIET_DAYS = 90
SOON_DAYS = 90

PAYMENT_SIGNALS = Fragment(
    "payment_signals",
    """
SELECT periods.customer_id
FROM conformed.subscription_periods AS periods
CROSS JOIN ops.parameters AS parameters
WHERE periods.status IN ('past_due', 'unpaid')
  AND periods.valid_from_on <= parameters.as_of_utc_on
  AND (periods.valid_to_on IS NULL OR periods.valid_to_on > parameters.as_of_utc_on)
  AND (periods._deleted_at IS NULL OR periods._deleted_at > parameters.as_of_at)
UNION
SELECT invoices.customer_id
FROM conformed.invoices AS invoices
CROSS JOIN ops.parameters AS parameters
WHERE invoices.issued_at <= parameters.as_of_at
  AND COALESCE(invoices.due_at, invoices.issued_at) <= parameters.as_of_at
  AND invoices.total > 0
  AND (invoices.paid_at IS NULL OR invoices.paid_at > parameters.as_of_at)
  AND (invoices.voided_at IS NULL OR invoices.voided_at > parameters.as_of_at)
  AND (invoices._deleted_at IS NULL OR invoices._deleted_at > parameters.as_of_at)
""",
)

# Seats of a subscription now and then, in whatever it pays for.
SEAT_SIGNALS = Fragment(
    "seat_signals",
    f"""
SELECT
  periods.subscription_id,
  SUM(CASE WHEN periods.valid_from_on <= parameters.as_of_utc_on
    AND (periods.valid_to_on IS NULL OR periods.valid_to_on > parameters.as_of_utc_on)
    THEN periods.quantity ELSE 0 END) AS seats,
  SUM(CASE WHEN periods.valid_from_on <= parameters.as_of_utc_on - {QUIET_DAYS}
    AND (periods.valid_to_on IS NULL
      OR periods.valid_to_on > parameters.as_of_utc_on - {QUIET_DAYS})
    THEN periods.quantity ELSE 0 END) AS seats_before
FROM conformed.subscription_periods AS periods
CROSS JOIN ops.parameters AS parameters
WHERE periods.status IN ('active', 'past_due')
  AND (periods._deleted_at IS NULL OR periods._deleted_at > parameters.as_of_at)
GROUP BY periods.subscription_id
""",
)

# The last human activity with each company, by anybody of it.
ACTIVITY_SIGNALS = Fragment(
    "activity_signals",
    """
SELECT
  COALESCE(activities.account_id, leads.account_id) AS account_id,
  MAX(activities.occurred_at) AS last_activity_at
FROM conformed.activities AS activities
CROSS JOIN ops.parameters AS parameters
LEFT JOIN conformed.leads AS leads ON leads.lead_id = activities.lead_id
WHERE activities.is_human
  AND activities.kind IN ('call', 'email', 'meeting', 'message')
  AND activities.occurred_at <= parameters.as_of_at
  AND (activities._deleted_at IS NULL OR activities._deleted_at > parameters.as_of_at)
GROUP BY COALESCE(activities.account_id, leads.account_id)
""",
)

# The open renewal deal of each company; of several the one that closes first.
DEAL_SIGNALS = Fragment(
    "deal_signals",
    """
SELECT account_id, opportunity_id
FROM (
  SELECT
    opportunities.account_id,
    opportunities.opportunity_id,
    ROW_NUMBER() OVER (
      PARTITION BY opportunities.account_id
      ORDER BY COALESCE(opportunities.close_on, DATE '9999-12-31'), opportunities.opportunity_id
    ) AS place
  FROM conformed.opportunities AS opportunities
  CROSS JOIN ops.parameters AS parameters
  WHERE opportunities.kind = 'renewal'
    AND opportunities.account_id IS NOT NULL
    AND opportunities.created_at <= parameters.as_of_at
    AND NOT COALESCE(
      opportunities.is_closed AND opportunities.closed_at <= parameters.as_of_at, FALSE
    )
    AND (opportunities._deleted_at IS NULL OR opportunities._deleted_at > parameters.as_of_at)
) AS ranked
WHERE place = 1
""",
)

CANCEL_SIGNALS = Fragment(
    "cancel_signals",
    """
SELECT subscriptions.subscription_id, MIN(subscriptions.cancel_requested_at) AS requested_at
FROM conformed.subscriptions AS subscriptions
CROSS JOIN ops.parameters AS parameters
WHERE subscriptions.cancel_requested_at <= parameters.as_of_at
GROUP BY subscriptions.subscription_id
""",
)

SIGNALS = (PAYMENT_SIGNALS, SEAT_SIGNALS, ACTIVITY_SIGNALS, DEAL_SIGNALS, CANCEL_SIGNALS)
SIGNAL_INPUTS = (
    "conformed.activities",
    "conformed.invoices",
    "conformed.leads",
    "conformed.opportunities",
    "conformed.subscriptions",
)
