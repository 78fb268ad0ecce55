"""What Dynamics 365 gives to the conformed entities.

Belongs here: the list of offers, and the small ones. Does not: people (`offers_people.py`),
activities (`offers_activities.py`), deals (`offers_deals.py`, `offers_snapshots.py`).
"""

from __future__ import annotations

from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.dynamics import sql
from revops_pipelines.resources.sources.dynamics.offers_activities import activities, touchpoints
from revops_pipelines.resources.sources.dynamics.offers_deals import (
    opportunities,
    opportunity_contacts,
    stage_history,
)
from revops_pipelines.resources.sources.dynamics.offers_people import accounts, leads, merges
from revops_pipelines.resources.sources.dynamics.offers_snapshots import snapshots
from revops_pipelines.resources.sources.dynamics.options import DynamicsOptions


def offers(options: DynamicsOptions) -> tuple[Offer, ...]:
    """Every offer, its SQL written by the options."""
    return (
        Offer("users", _USERS, ("systemusers", "teams", "teammemberships")),
        accounts(options),
        leads(options),
        activities(options),
        Offer("campaigns", _CAMPAIGNS, ("campaigns", "transactioncurrencies")),
        touchpoints(),
        opportunities(options),
        opportunity_contacts(),
        stage_history(options),
        snapshots(options),
        Offer("quotas", _QUOTAS, ("goals", "systemusers", "transactioncurrencies")),
        Offer("fx_rates", _FX_RATES, ("transactioncurrencies", "organizations", "audits")),
        merges(),
    )


# A user may be in many teams; the first that owns records and is no business unit's own counts.
_USERS = f"""
    WITH {sql.STAFF},
    homes AS (
        SELECT m.systemuserid, min(t.name) AS team
        FROM raw.@source__teammemberships m
        JOIN raw.@source__teams t ON t.id = m.teamid
        WHERE m._deleted_at IS NULL AND t._deleted_at IS NULL
          AND t.teamtype = '0' AND NOT coalesce(t.isdefault, false)
        GROUP BY m.systemuserid
    )
    SELECT {sql.named("u.id")} AS user_id,
           {sql.filled("u.fullname")} AS name,
           lower({sql.filled("u.internalemailaddress")}) AS email,
           coalesce(h.team, u.businessunitid_name) AS team,
           NOT coalesce(u.isdisabled, false) AS is_active,
           u.id AS source_id, u._updated_at, u._deleted_at
    FROM raw.@source__systemusers u
    JOIN staff s ON s.id = u.id
    LEFT JOIN homes h ON h.systemuserid = u.id
"""

_CAMPAIGNS = f"""
    SELECT {sql.named("c.id")} AS campaign_id,
           {sql.filled("c.name")} AS name,
           regexp_replace(lower({sql.filled("c.typecode_label")}), '[^a-z0-9]+', '_', 'g')
               AS channel,
           {sql.filled("c.typecode_label")} AS kind,
           {sql.filled("c.statuscode_label")} AS status,
           CAST(coalesce(c.actualstart_at, c.proposedstart_at) AS DATE) AS started_on,
           CAST(coalesce(c.actualend_at, c.proposedend_at) AS DATE) AS ended_on,
           c.budgetedcost AS budget,
           CASE WHEN c.budgetedcost IS NOT NULL THEN upper(m.isocurrencycode) END AS currency,
           c.created_at,
           c.id AS source_id, c._updated_at, c._deleted_at
    FROM raw.@source__campaigns c
    LEFT JOIN raw.@source__transactioncurrencies m ON m.id = c.transactioncurrencyid_id
"""

# A goal's last day belongs to it; discarded ones (status 2) never were.
_QUOTAS = f"""
    SELECT {sql.named("g.id")} AS quota_id,
           {sql.named("u.id")} AS user_id,
           CASE WHEN g.goalownerid_table = 'team' THEN g.goalownerid_name END AS team,
           CAST(g.goalstartdate_at AS DATE) AS period_start_on,
           CAST(g.goalenddate_at AS DATE) + 1 AS period_end_on,
           g.targetmoney AS amount, upper(m.isocurrencycode) AS currency,
           g.id AS source_id, g._updated_at, g._deleted_at
    FROM raw.@source__goals g
    LEFT JOIN raw.@source__systemusers u ON u.id = g.goalownerid_id
    LEFT JOIN raw.@source__transactioncurrencies m ON m.id = g.transactioncurrencyid_id
    WHERE {sql.filled("g.targetmoney")} IS NOT NULL AND coalesce(g.statuscode, '0') <> '2'
"""

# Dynamics keeps units of a currency for one of the base currency, to ten digits behind the point,
# and only the one that holds now: earlier ones are in the audits and in what we saw before. The
# inverse is exact to eight digits, which is more than anybody enters.
_FX_RATES = f"""
    WITH {sql.CHANGES},
    seen AS (
        SELECT v.id, v._updated_at AS moment, v.exchangerate AS units
        FROM raw.@source__transactioncurrencies__versions v
        UNION ALL
        SELECT id, moment, after FROM changes
        WHERE entity = 'transactioncurrency' AND name = 'exchangerate'
    )
    SELECT upper(c.isocurrencycode) AS currency, upper(b.isocurrencycode) AS base_currency,
           CAST(round(1 / CAST(s.units AS DOUBLE), 8) AS DECIMAL(24, 8)) AS rate,
           CAST(s.moment AS DATE) AS valid_on,
           c.id || ':' || CAST(CAST(s.moment AS DATE) AS VARCHAR) AS source_id,
           c._updated_at, c._deleted_at
    FROM seen s
    JOIN raw.@source__transactioncurrencies c ON c.id = s.id
    CROSS JOIN (SELECT any_value(basecurrencyid_id) AS id FROM raw.@source__organizations) o
    JOIN raw.@source__transactioncurrencies b ON b.id = o.id
    WHERE c.id <> b.id AND TRY_CAST(s.units AS DOUBLE) > 0
    -- A day's last word counts.
    QUALIFY row_number() OVER (
        PARTITION BY c.isocurrencycode, CAST(s.moment AS DATE) ORDER BY s.moment DESC, s.units) = 1
"""
