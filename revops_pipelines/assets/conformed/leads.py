"""People: one row per person across systems; the earliest hand raise counts, wherever it was.

Belongs here: how lead records merge and what a lead inherits from its company. Does not: matching
(`engine.conform.identity`).
"""

from __future__ import annotations

import duckdb

from revops_pipelines.contracts.leads import Leads
from revops_pipelines.engine.conform.addresses import judge_addresses
from revops_pipelines.engine.conform.declaration import Entity
from revops_pipelines.engine.conform.domains import domain_of
from revops_pipelines.engine.conform.golden import golden_rows
from revops_pipelines.engine.conform.identity import link_leads
from revops_pipelines.engine.conform.regions import region_of
from revops_pipelines.settings import Settings

# A person who raised a hand anywhere is inbound, at the earliest time any record knows. A record
# that says test, spam, internal or bad address condemns the person; "imported" is only believed
# where no record of the person raised a hand.
_MERGING = {
    "is_inbound": "bool_or({})",
    "raised_at": "min({})",
    "assigned_at": "min({})",
    "qualified_at": "min({})",
    "created_at": "min({})",
    "excluded_reason": (
        "coalesce(min({0}) FILTER (WHERE {0} <> 'imported'), "
        "CASE WHEN NOT bool_or(is_inbound AND {0} IS NULL) THEN min({0}) END)"
    ),
}


def _link(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    judge_addresses(connection)
    link_leads(connection, settings)


# What a source says of a lead comes first, then whose people they are, then what the address itself
# says: some sources tell of bad addresses only after a mail bounced, others never.
ENTITY = Entity(
    name="leads",
    contract=Leads,
    owner="marketing",
    link=_link,
    resolved=f"""
        WITH people AS ({golden_rows(Leads, "leads", _MERGING)})
        SELECT p.* REPLACE (
                   a.account_id AS account_id,
                   coalesce(p.industry, a.industry) AS industry,
                   coalesce(p.segment, a.segment) AS segment,
                   coalesce(p.country, a.country) AS country,
                   coalesce(p.region, {region_of("coalesce(p.country, a.country)")}, a.region)
                       AS region,
                   CASE WHEN p.excluded_reason IS NOT NULL THEN p.excluded_reason
                        WHEN {domain_of("p.email")} IN (SELECT domain FROM ops.internal_domains)
                        THEN 'internal' ELSE u.reason END AS excluded_reason)
        FROM people p
        LEFT JOIN ops.unusable_addresses u ON u.email = p.email
        LEFT JOIN conformed.identity_links l
          ON l.entity = 'accounts' AND l.record_id = p.account_id
        LEFT JOIN conformed.identity_links d
          ON d.entity = 'lead_accounts' AND d.record_id = p.lead_id
        LEFT JOIN conformed.accounts a
          ON a.account_id = coalesce(l.canonical_id, p.account_id, d.canonical_id)
    """,
    reads=("accounts",),
)
