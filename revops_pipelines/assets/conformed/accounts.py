"""Companies: one row per company across systems, with the sales region its country lies in.

Belongs here: how company records merge. Does not: matching (`engine.conform.identity`).
"""

from __future__ import annotations

from revops_pipelines.contracts.accounts import Accounts
from revops_pipelines.engine.conform.declaration import Entity
from revops_pipelines.engine.conform.golden import golden_rows
from revops_pipelines.engine.conform.identity import link_accounts
from revops_pipelines.engine.conform.regions import region_of

ENTITY = Entity(
    name="accounts",
    contract=Accounts,
    owner="sales",
    link=link_accounts,
    resolved=f"""
        SELECT * REPLACE (coalesce(region, {region_of("country")}) AS region)
        FROM ({golden_rows(Accounts, "accounts")})
    """,
)
