"""What HubSpot's marketing gives to the conformed entities.

Belongs here: the list of offers, and those of people, campaigns and money. Does not: what people
did (`offers_touches.py`).

A person raises a hand by a form whose name says so (`raising_forms`), by booking a meeting or in a
chat; other forms are only touches. Contacts that were merged live on in the winner: every offer
follows merges.
"""

from __future__ import annotations

from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.hubspot import sql
from revops_pipelines.resources.sources.hubspot.offers import channel_of
from revops_pipelines.resources.sources.hubspot_marketing.offers_touches import (
    ADDRESSES,
    activities,
    touchpoints,
    word,
)
from revops_pipelines.resources.sources.hubspot_marketing.options import HubSpotMarketingOptions


def offers(options: HubSpotMarketingOptions) -> tuple[Offer, ...]:
    """Every offer, its SQL written by the options."""
    leads = ("contacts", "properties", "account", "forms", "form_submissions")
    return (
        Offer("leads", _leads(options), leads),
        activities(options),
        Offer("campaigns", _campaigns(options), ("campaigns",)),
        touchpoints(options),
        Offer("marketing_spend", _spend(options), ("campaign_money", "campaigns")),
        Offer("merges", _MERGES, ("contacts",)),
    )


_MERGES = f"""
    WITH RECURSIVE {sql.merged("contacts", "merged_vids")}
    SELECT 'leads' AS entity, {sql.named("loser")} AS record_id,
           {sql.named("winner")} AS canonical_id
    FROM contacts_merged
"""


def _leads(options: HubSpotMarketingOptions) -> str:
    raising = sql.quoted(options.raising_forms)
    return f"""
    WITH RECURSIVE {sql.merged("contacts", "merged_vids")}, {sql.own_fields("contacts")},
    {ADDRESSES},
    -- A contact keeps its first and its last conversion, by name; submissions tell all others, and
    -- a chat is dated by the contact that it made.
    hands AS (
        SELECT coalesce(m.winner, c.id) AS id, raised_at
        FROM (
            SELECT id, first_conversion_at AS raised_at, first_conversion AS form
            FROM raw.@source__contacts
            UNION ALL
            SELECT id, recent_conversion_at, recent_conversion FROM raw.@source__contacts
        ) c
        LEFT JOIN contacts_merged m ON m.loser = c.id
        WHERE regexp_matches(lower(c.form), {raising})
        UNION ALL
        SELECT coalesce(m.winner, c.id), coalesce(c.created_on_record_at, c.created_at)
        FROM raw.@source__contacts c
        LEFT JOIN contacts_merged m ON m.loser = c.id
        WHERE upper(c.object_source) IN {sql.listed(options.inbound_record_sources)}
        UNION ALL
        SELECT a.id, make_timestamp(s.submitted_ms * 1000)
        FROM raw.@source__form_submissions s
        JOIN raw.@source__forms f ON f.id = s.form_id
        JOIN addresses a ON a.address = {_EMAIL_SENT_IN}
        WHERE regexp_matches(lower(f.name), {raising})
    ),
    raised AS (SELECT id, min(raised_at) AS at FROM hands GROUP BY id)
    SELECT {sql.named("c.id")} AS lead_id,
           lower(coalesce({sql.filled("c.email")}, {sql.filled("c.work_email")})) AS email,
           {sql.filled("concat_ws(' ', c.firstname, c.lastname)")} AS full_name,
           {sql.country_of("c.country_code", "c.country")} AS country,
           {sql.filled("c.industry")} AS industry,
           {channel_of("c.analytics_source")} AS channel,
           {sql.filled("c.lifecyclestage")} AS lifecycle_stage,
           r.at IS NOT NULL AS is_inbound,
           r.at AS raised_at,
           CASE WHEN lower(c.bad_address) = 'true' OR upper(c.hard_bounce) = 'UNKNOWN_USER'
                THEN 'invalid_email' END AS excluded_reason,
           coalesce(c.created_on_record_at, c.created_at) AS created_at,
           {sql.link("account", "contacts", "c.id")} AS url,
           {sql.custom("c")} AS custom,
           c.id AS source_id, c._updated_at, c._deleted_at
    FROM raw.@source__contacts c
    CROSS JOIN own
    {sql.ACCOUNT}
    LEFT JOIN raised r ON r.id = c.id
    WHERE c.id NOT IN (SELECT loser FROM contacts_merged)
    """


# The address in what was sent in by a form.
_EMAIL_SENT_IN = """lower(trim(list_filter(s."values", lambda v: v.name = 'email')[1].value))"""


def _campaigns(options: HubSpotMarketingOptions) -> str:
    return f"""
    SELECT {sql.named("c.id")} AS campaign_id,
           {sql.filled("c.name")} AS name,
           {campaign_channel(options)} AS channel,
           {sql.filled("c.status")} AS status,
           coalesce(c.starts_on, CAST(c.created_at AS DATE)) AS started_on,
           c.ends_on AS ended_on,
           {sql.filled("c.budget")} AS budget,
           upper(coalesce({sql.filled("c.currency")}, {sql.quoted(options.currency)})) AS currency,
           c.created_at,
           c.id AS source_id, c._updated_at, c._deleted_at
    FROM raw.@source__campaigns c
    """


def campaign_channel(options: HubSpotMarketingOptions) -> str:
    """SQL for a campaign's channel, in `c`; null where the account keeps none."""
    name = options.channel_property
    if not name:
        return "CAST(NULL AS VARCHAR)"
    return word(f"json_extract_string(c.payload, '$.properties.{name}')", options.channels)


def _spend(options: HubSpotMarketingOptions) -> str:
    pattern = sql.quoted(options.spend_month_pattern)
    return f"""
    WITH items AS (
        SELECT m.campaign_id, m.currency, m._updated_at AS updated_at, m._deleted_at AS deleted_at,
               CAST(item->>'amount' AS DECIMAL(18,2)) AS amount,
               CAST(item->>'createdAt' AS BIGINT) AS entered_ms,
               regexp_extract(concat_ws(' ', item->>'name', item->>'description'),
                              {pattern}, ['year', 'month']) AS named
        FROM raw.@source__campaign_money m,
             unnest(from_json(coalesce(m.spend_items, '[]'), '["JSON"]')) AS each(item)
    ),
    dated AS (
        SELECT *, coalesce(
                   TRY_CAST(named.year || '-' || named.month || '-01' AS DATE),
                   CAST(date_trunc('month', make_timestamp(entered_ms * 1000)) AS DATE)) AS month
        FROM items
    )
    SELECT {sql.named("d.campaign_id || ':' || strftime(d.month, '%Y-%m')")} AS spend_id,
           {sql.named("d.campaign_id")} AS campaign_id,
           any_value({campaign_channel(options)}) AS channel,
           d.month AS spent_on,
           sum(d.amount) AS amount,
           upper(coalesce(any_value(d.currency), {sql.quoted(options.currency)})) AS currency,
           d.campaign_id || ':' || strftime(d.month, '%Y-%m') AS source_id,
           max(d.updated_at) AS _updated_at,
           max(d.deleted_at) AS _deleted_at
    FROM dated d
    LEFT JOIN raw.@source__campaigns c ON c.id = d.campaign_id
    GROUP BY d.campaign_id, d.month
    """
