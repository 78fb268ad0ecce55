"""What HubSpot gives to the conformed entities.

Belongs here: the list of offers, and those of people and companies. Does not: activities
(`offers_activities.py`), deals (`offers_deals.py`, `offers_snapshots.py`) and quotas
(`offers_targets.py`).
"""

from __future__ import annotations

from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.hubspot import sql
from revops_pipelines.resources.sources.hubspot.offers_activities import activities
from revops_pipelines.resources.sources.hubspot.offers_deals import (
    opportunities,
    opportunity_contacts,
    stage_history,
)
from revops_pipelines.resources.sources.hubspot.offers_snapshots import snapshots
from revops_pipelines.resources.sources.hubspot.offers_targets import quotas, target_accounts
from revops_pipelines.resources.sources.hubspot.options import HubSpotOptions

# HubSpot's names of a contact's first source, in the words that all systems share.
CHANNELS = {
    "SOCIAL_MEDIA": "organic_social",
    "REFERRALS": "referral",
    "DIRECT_TRAFFIC": "direct",
}


def offers(options: HubSpotOptions) -> tuple[Offer, ...]:
    """Every offer, its SQL written by the options."""
    return (
        Offer("users", _USERS, ("owners",)),
        Offer("accounts", _accounts(options), ("companies", "properties", "account")),
        Offer("leads", _leads(options), ("contacts", "companies", "properties", "account")),
        activities(options),
        opportunities(options, channel_of),
        opportunity_contacts(),
        stage_history(options),
        snapshots(options),
        quotas(options),
        target_accounts(),
        Offer("fx_rates", _FX_RATES, ("exchange_rates",)),
        Offer("merges", _MERGES, ("contacts", "companies", "deals")),
    )


def channel_of(column: str) -> str:
    """SQL for the channel by which somebody came: lower case, common words."""
    arms = " ".join(f"WHEN '{theirs}' THEN '{ours}'" for theirs, ours in CHANNELS.items())
    return f"CASE upper({sql.filled(column)}) {arms} ELSE lower({sql.filled(column)}) END"


_USERS = f"""
    SELECT {sql.named("o.id")} AS user_id,
           {sql.filled("concat_ws(' ', o.firstname, o.lastname)")} AS name,
           lower({sql.filled("o.email")}) AS email,
           list_filter(
               from_json(
                   json_extract(o.payload, '$.teams'),
                   '[{{"name":"VARCHAR","primary":"BOOLEAN"}}]'),
               lambda team: team."primary")[1].name AS team,
           NOT coalesce(o.archived, false) AS is_active,
           o.id AS source_id, o._updated_at, o._deleted_at
    FROM raw.@source__owners o
"""

_FX_RATES = """
    SELECT upper(r.from_currency) AS currency, upper(r.to_currency) AS base_currency,
           r.rate, CAST(r.effective_at AS DATE) AS valid_on,
           r.id AS source_id, r._updated_at, r._deleted_at
    FROM raw.@source__exchange_rates r
    WHERE r.from_currency <> r.to_currency
    -- A day's last word counts.
    QUALIFY row_number() OVER (
        PARTITION BY r.from_currency, r.to_currency, CAST(r.effective_at AS DATE)
        ORDER BY r.effective_at DESC, r.updated_at DESC, r.id DESC) = 1
"""

_MERGES = f"""
    WITH RECURSIVE {sql.merged("contacts", "merged_vids")}, {sql.merged("companies")},
    {sql.merged("deals")}
    SELECT 'leads' AS entity, {sql.named("loser")} AS record_id,
           {sql.named("winner")} AS canonical_id
    FROM contacts_merged
    UNION ALL
    SELECT 'accounts', {sql.named("loser")}, {sql.named("winner")} FROM companies_merged
    UNION ALL
    SELECT 'opportunities', {sql.named("loser")}, {sql.named("winner")} FROM deals_merged
"""


def _accounts(options: HubSpotOptions) -> str:
    employees = "TRY_CAST(c.employees AS BIGINT)"
    return f"""
    WITH RECURSIVE {sql.merged("companies")}, {sql.own_fields("companies")}
    SELECT {sql.named("c.id")} AS account_id,
           {sql.filled("c.name")} AS name,
           regexp_replace(lower({sql.filled("c.domain")}), '^www\\.', '') AS domain,
           {sql.filled("c.industry")} AS industry,
           c.employees,
           {sql.segment_of(employees, options)} AS segment,
           {sql.country_of("c.country_code", "c.country")} AS country,
           {_region(options)} AS region,
           {sql.named(sql.filled("c.owner_id"))} AS owner_id,
           CASE WHEN gone.id IS NULL
                THEN {sql.named("coalesce(m.winner, " + sql.filled("c.parent_id") + ")")}
           END AS parent_account_id,
           coalesce(c.created_on_record_at, c.created_at) AS created_at,
           {sql.link("account", "companies", "c.id")} AS url,
           {sql.custom("c")} AS custom,
           c.id AS source_id, c._updated_at, c._deleted_at
    FROM raw.@source__companies c
    CROSS JOIN own
    {sql.ACCOUNT}
    LEFT JOIN companies_merged m ON m.loser = c.parent_id
    LEFT JOIN companies_gone gone ON gone.id = coalesce(m.winner, c.parent_id)
    WHERE c.id NOT IN (SELECT loser FROM companies_merged)
    """


def _region(options: HubSpotOptions) -> str:
    name = options.region_property
    return sql.property_of("c", name) if name else "CAST(NULL AS VARCHAR)"


def _leads(options: HubSpotOptions) -> str:
    inbound = sql.listed(options.inbound_record_sources)
    qualified = sql.listed(options.qualified_lifecycle_stages)
    # All at once: a record is parsed anew for each call.
    judged_by = ", ".join(f"'$.properties.{name}'" for name in _judged_by(options) or ["id"])
    return f"""
    WITH RECURSIVE {sql.merged("contacts", "merged_vids")}, {sql.merged("companies")},
    {sql.own_fields("contacts")},
    -- A form, a booking or a chat is a raised hand; HubSpot dates the first submission, and a
    -- chat only by the contact that it made. Of merged contacts the earliest counts.
    raised AS (
        SELECT coalesce(m.winner, c.id) AS id,
               min(least(c.first_conversion_at,
                         CASE WHEN upper(c.object_source) IN {inbound}
                              THEN coalesce(c.created_on_record_at, c.created_at) END)) AS at
        FROM raw.@source__contacts c
        LEFT JOIN contacts_merged m ON m.loser = c.id
        GROUP BY ALL
    ),
    person AS (
        SELECT c.*,
               lower(coalesce({sql.filled("c.email")}, {sql.filled("c.work_email")})) AS address,
               r.at AS raised_at,
               json_extract_string(c.payload, [{judged_by}]) AS judged_by,
               list_min([TRY_CAST(v.timestamp AS TIMESTAMP)
                         FOR v IN c.hubspot_owner_id_history
                         IF coalesce(v.value, '') <> '']) AS first_owned_at,
               list_min([TRY_CAST(v.timestamp AS TIMESTAMP)
                         FOR v IN c.lifecyclestage_history
                         IF v.value IN {qualified}]) AS first_qualified_at
        FROM raw.@source__contacts c
        LEFT JOIN raised r ON r.id = c.id
        WHERE c.id NOT IN (SELECT loser FROM contacts_merged)
    )
    SELECT {sql.named("c.id")} AS lead_id,
           CASE WHEN gone.id IS NULL
                THEN {sql.named("coalesce(m.winner, " + sql.filled("c.company_id") + ")")}
           END AS account_id,
           {sql.named(sql.filled("c.owner_id"))} AS owner_id,
           c.address AS email,
           {sql.filled("concat_ws(' ', c.firstname, c.lastname)")} AS full_name,
           {sql.country_of("c.country_code", "c.country")} AS country,
           {_region(options)} AS region,
           {sql.filled("c.industry")} AS industry,
           {channel_of("c.analytics_source")} AS channel,
           {sql.filled("c.lifecyclestage")} AS lifecycle_stage,
           c.raised_at IS NOT NULL AS is_inbound,
           c.raised_at,
           coalesce(c.first_owned_at, c.owner_assigned_at) AS assigned_at,
           coalesce(c.first_qualified_at,
                    least(c.sales_qualified_at, c.opportunity_at, c.customer_at)) AS qualified_at,
           {_excluded(options)} AS excluded_reason,
           coalesce(c.created_on_record_at, c.created_at) AS created_at,
           {sql.link("account", "contacts", "c.id")} AS url,
           {sql.custom("c")} AS custom,
           c.id AS source_id, c._updated_at, c._deleted_at
    FROM person c
    CROSS JOIN own
    {sql.ACCOUNT}
    LEFT JOIN companies_merged m ON m.loser = c.company_id
    LEFT JOIN companies_gone gone ON gone.id = coalesce(m.winner, c.company_id)
    """


def _judged_by(options: HubSpotOptions) -> list[str]:
    """Properties that exclude a contact."""
    return list(dict.fromkeys(name for wanted in options.excluded_when.values() for name in wanted))


def _excluded(options: HubSpotOptions) -> str:
    """Why a contact is no lead; what condemns it most comes first."""
    places = {name: place for place, name in enumerate(_judged_by(options), start=1)}
    arms = [
        (f"regexp_matches(c.address, {sql.quoted(options.test_pattern)})", "test"),
        (f"split_part(c.address, '@', 2) IN {sql.listed(options.internal_domains)}", "internal"),
    ]
    for reason, wanted in options.excluded_when.items():
        for name, values in wanted.items():
            lowered = sql.listed(value.lower() for value in values)
            arms.append((f"lower(c.judged_by[{places[name]}]) IN {lowered}", reason))
    arms += [
        ("lower(c.bad_address) = 'true' OR upper(c.hard_bounce) = 'UNKNOWN_USER'", "invalid_email"),
        ("c.raised_at IS NULL AND upper(c.object_source) = 'IMPORT'", "imported"),
    ]
    return f"CASE {' '.join(f'WHEN {test} THEN {sql.quoted(why)}' for test, why in arms)} END"
