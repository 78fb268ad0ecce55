"""What Salesforce's campaigns say about marketing.

Belongs here: campaigns, and members as touchpoints. Does not: what they cost; marketing systems and
sheets tell that by the day.
"""

from __future__ import annotations

from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.salesforce import sql
from revops_pipelines.resources.sources.salesforce.options import SalesforceOptions


def campaigns(options: SalesforceOptions) -> Offer:
    """Campaigns."""
    text = f"""
    SELECT {sql.named("c.id")} AS campaign_id,
           {sql.filled("c.name")} AS name,
           {sql.channel_of("c.type", options)} AS channel,
           {sql.filled("c.type")} AS kind,
           {sql.filled("c.status")} AS status,
           c.starts_on AS started_on, c.ends_on AS ended_on,
           {sql.filled("c.budget")} AS budget,
           upper(coalesce({sql.filled("c.currency")}, '{options.currency}')) AS currency,
           c.created_at,
           c.id AS source_id, c._updated_at, c._deleted_at
    FROM raw.@source__campaigns c
    """
    return Offer("campaigns", text, ("campaigns",))


def touchpoints(options: SalesforceOptions) -> Offer:
    """Members of campaigns: met when they responded (a day), else when they were added."""
    text = f"""
    WITH RECURSIVE {sql.PEOPLE}
    SELECT {sql.named("m.id")} AS touchpoint_id,
           {sql.named("p.person")} AS lead_id,
           {sql.named(sql.filled("m.campaign_id"))} AS campaign_id,
           {sql.channel_of("c.type", options)} AS channel,
           coalesce({sql.plain("m.status")}, 'member') AS kind,
           CASE WHEN m.has_responded AND m.responded_on > CAST(m.created_at AS DATE)
                THEN CAST(m.responded_on AS TIMESTAMP) ELSE m.created_at END AS occurred_at,
           m.id AS source_id, m._updated_at, m._deleted_at
    FROM raw.@source__campaign_members m
    LEFT JOIN raw.@source__campaigns c ON c.id = m.campaign_id
    LEFT JOIN people_there p
      ON p.id = coalesce({sql.filled("m.contact_id")}, {sql.filled("m.lead_id")})
    """
    return Offer("touchpoints", text, ("campaign_members", "campaigns", "leads", "contacts"))
