"""Billed parties, each with the company behind it and what that company is.

Belongs here: how parties of several systems merge, and what a customer inherits from its company.
Does not: matching (`engine.conform.identity`).
"""

from __future__ import annotations

from revops_pipelines.contracts.customers import Customers
from revops_pipelines.engine.conform.declaration import Entity
from revops_pipelines.engine.conform.golden import golden_rows
from revops_pipelines.engine.conform.identity import link_customers
from revops_pipelines.engine.conform.regions import region_of

ENTITY = Entity(
    name="customers",
    contract=Customers,
    owner="finance",
    link=link_customers,
    resolved=f"""
        WITH billed AS ({golden_rows(Customers, "customers", {"created_at": "min({})"})})
        SELECT r.* REPLACE (
                   coalesce(l.canonical_id, r.account_id) AS account_id,
                   coalesce(r.industry, a.industry) AS industry,
                   coalesce(r.segment, a.segment) AS segment,
                   coalesce(r.country, a.country) AS country,
                   coalesce(r.region, a.region, {region_of("coalesce(r.country, a.country)")})
                       AS region)
        FROM billed r
        LEFT JOIN conformed.identity_links l
          ON l.entity = 'customer_accounts' AND l.record_id = r.customer_id
        LEFT JOIN conformed.accounts a ON a.account_id = coalesce(l.canonical_id, r.account_id)
    """,
    reads=("accounts", "leads"),
)
