"""Who counts as a lead, shared by the metrics of the first stage.

Belongs here: fragments over `conformed.leads`. Does not: any metric.
"""

from __future__ import annotations

from revops_pipelines.engine.metrics.declaration import Fragment, each

LEAD_DIMENSIONS = each("segment", "industry", "region", "owner", "team", "channel")

# A lead that its source deleted stays in the table, marked, so that nothing vanishes uncounted.
COUNTED_LEADS = Fragment(
    "counted_leads",
    """
SELECT
  leads.lead_id,
  leads.is_inbound,
  leads.raised_at,
  leads.qualified_at,
  COALESCE(leads.raised_at, leads.created_at) AS arrived_at,
  leads.owner_id AS owner,
  users.team,
  leads.channel,
  COALESCE(leads.segment, accounts.segment) AS segment,
  COALESCE(leads.industry, accounts.industry) AS industry,
  COALESCE(leads.region, accounts.region) AS region,
  CASE
    WHEN leads.excluded_reason IS NOT NULL THEN leads.excluded_reason
    WHEN leads._deleted_at <= parameters.as_of_at THEN 'deleted'
  END AS excluded
FROM conformed.leads AS leads
CROSS JOIN ops.parameters AS parameters
LEFT JOIN conformed.accounts AS accounts ON accounts.account_id = leads.account_id
LEFT JOIN conformed.users AS users ON users.user_id = leads.owner_id
""",
    written_from=6,
)

LEAD_INPUTS = ("conformed.leads", "conformed.accounts", "conformed.users")
