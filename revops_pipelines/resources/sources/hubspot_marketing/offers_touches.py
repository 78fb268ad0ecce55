"""What HubSpot's forms, mails and lists say that people did.

Belongs here: activities and touchpoints. Does not: people and campaigns (`offers.py`).

Marketing's mails and clicks are nobody's human touch. Submissions and events name an address, not a
contact: the contact that has it, or had it before a merge, is meant. What happened to contacts that
are gone is left out. A submission belongs to the campaign whose `hs_utm` is in its page's address,
else to the only campaign that has its form.
"""

from __future__ import annotations

from collections.abc import Mapping

from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.hubspot import sql
from revops_pipelines.resources.sources.hubspot_marketing.options import HubSpotMarketingOptions

# More than two clicks of one reader on one mail in one second are a scanner's, whatever it says.
MOST_CLICKS_A_SECOND = 2

# CTE `addresses(address, id)`: which living contact has an address; needs `sql.merged("contacts")`.
# An address of its own counts before one that came by a merge.
ADDRESSES = """
    addresses AS (
        SELECT address, arg_min(id, (is_other, length(id), id)) AS id
        FROM (
            SELECT lower(trim(c.email)) AS address, coalesce(m.winner, c.id) AS id,
                   m.winner IS NOT NULL AS is_other
            FROM raw.@source__contacts c LEFT JOIN contacts_merged m ON m.loser = c.id
            UNION ALL
            SELECT lower(trim(unnest(string_split(c.other_emails, ';')))),
                   coalesce(m.winner, c.id), true
            FROM raw.@source__contacts c LEFT JOIN contacts_merged m ON m.loser = c.id
        )
        WHERE address <> ''
          AND id IN (SELECT id FROM raw.@source__contacts WHERE _deleted_at IS NULL)
        GROUP BY address
    )"""

_SENT_IN = """
    sent_in AS (
        SELECT s.form_id, s.submission_id, s.page_url, a.id AS contact_id,
               make_timestamp(s.submitted_ms * 1000) AS at, s._updated_at, s._deleted_at
        FROM raw.@source__form_submissions s
        JOIN addresses a ON a.address =
             lower(trim(list_filter(s."values", lambda v: v.name = 'email')[1].value))
    )"""

_READ = """
    read AS (
        SELECT e.*, a.id AS contact_id, make_timestamp(e.created_ms * 1000) AS at
        FROM raw.@source__email_events e
        JOIN addresses a ON a.address = lower(trim(e.recipient))
    )"""


def word(column: str, words: Mapping[str, str]) -> str:
    """SQL for a channel: the settings' word, else lower case with underscores."""
    arms = "".join(
        f" WHEN {sql.quoted(theirs.lower())} THEN {sql.quoted(ours)}"
        for theirs, ours in words.items()
    )
    plain = f"nullif(regexp_replace(lower(trim({column})), '[^a-z0-9]+', '_', 'g'), '')"
    return f"CASE lower(trim({column})){arms} ELSE {plain} END" if arms else plain


def activities(options: HubSpotMarketingOptions) -> Offer:
    """Forms sent in, and mails with what became of them."""
    forms = f"""
    SELECT {sql.named("'form:' || s.submission_id")} AS activity_id,
           {sql.named("s.contact_id")} AS lead_id,
           'form' AS kind, 'inbound' AS direction,
           false AS is_human, false AS is_two_way,
           CAST(NULL AS VARCHAR) AS outcome,
           s.at AS occurred_at,
           'form:' || s.submission_id AS source_id, s._updated_at, s._deleted_at
    FROM sent_in s
    """
    if not options.with_email_events:
        text = f"WITH RECURSIVE {_CONTACTS}, {_SENT_IN} {forms}"
        return Offer("activities", text, ("contacts", "form_submissions"))
    text = f"""
    WITH RECURSIVE {_CONTACTS}, {_SENT_IN}, {_READ},
    returned AS (
        SELECT DISTINCT sent_id, recipient, email_campaign_id FROM read WHERE type = 'BOUNCE'
    )
    {forms}
    UNION ALL
    SELECT {sql.named("'mail:' || e.id")}, {sql.named("e.contact_id")},
           'email', CASE WHEN e.type = 'SENT' THEN 'outbound' ELSE 'inbound' END,
           false, false,
           CASE e.type
                WHEN 'SENT' THEN CASE WHEN EXISTS (
                    SELECT 1 FROM returned b
                    WHERE b.sent_id = e.id
                       OR (b.sent_id IS NULL AND b.recipient = e.recipient
                           AND b.email_campaign_id = e.email_campaign_id))
                    THEN 'bounced' ELSE 'sent' END
                WHEN 'OPEN' THEN 'opened'
                WHEN 'CLICK' THEN 'clicked'
                ELSE 'unsubscribed' END,
           e.at, 'mail:' || e.id, e._updated_at, e._deleted_at
    FROM read e
    WHERE e.type IN ('SENT', 'OPEN', 'CLICK') OR {_UNSUBSCRIBED}
    """
    return Offer("activities", text, ("contacts", "form_submissions", "email_events"))


_CONTACTS = f"{sql.merged('contacts', 'merged_vids')}, {ADDRESSES}"

# A change of status may also be a subscription; older events tell of the whole account only.
_UNSUBSCRIBED = (
    "(e.type = 'STATUSCHANGE' AND (e.status = 'UNSUBSCRIBED' "
    "OR contains(CAST(e.subscriptions AS VARCHAR), '\"UNSUBSCRIBED\"')))"
)


def touchpoints(options: HubSpotMarketingOptions) -> Offer:
    """Forms sent in, links clicked in mails, and campaigns joined."""
    channel = options.channel_property
    own = f"json_extract_string(c.payload, '$.properties.{channel}')" if channel else "NULL"
    of_campaign = word(f"CAST({own} AS VARCHAR)", options.channels)
    mails = _CLICKS if options.with_email_events else ""
    more = "UNION ALL SELECT * FROM clicked" if options.with_email_events else ""
    text = f"""
    WITH RECURSIVE {_CONTACTS}, {_SENT_IN},
    -- Of campaigns with the same tag the first one.
    tagged AS (
        SELECT lower(utm) AS utm, arg_min(id, (created_at, id)) AS campaign_id
        FROM raw.@source__campaigns WHERE trim(utm) <> '' AND _deleted_at IS NULL GROUP BY ALL
    ),
    only_home AS (
        SELECT asset_id AS form_id, min(campaign_id) AS campaign_id
        FROM raw.@source__campaign_assets
        WHERE asset_type = 'FORM' AND _deleted_at IS NULL
        GROUP BY asset_id HAVING count(*) = 1
    ),
    filled AS (
        SELECT 'form:' || s.submission_id AS id, s.contact_id,
               coalesce(t.campaign_id, h.campaign_id) AS campaign_id,
               'form_fill' AS kind, s.at, s._updated_at, s._deleted_at
        FROM sent_in s
        LEFT JOIN tagged t ON t.utm = lower(url_decode(
            regexp_extract(s.page_url, '[?&]utm_campaign=([^&#]*)', 1)))
        LEFT JOIN only_home h ON h.form_id = s.form_id
    ),
    joined AS (
        -- A list may belong to several campaigns.
        SELECT concat_ws(':', 'list', l.list_id, coalesce(m.winner, l.contact_id), a.campaign_id)
                   AS id,
               coalesce(m.winner, l.contact_id) AS contact_id,
               a.campaign_id, 'program_status' AS kind, min(l.since) AS at,
               max(l._updated_at) AS _updated_at, CAST(NULL AS TIMESTAMP) AS _deleted_at
        FROM raw.@source__list_members l
        JOIN raw.@source__campaign_assets a
          ON a.asset_type = 'OBJECT_LIST' AND a.asset_id = l.list_id AND a._deleted_at IS NULL
        LEFT JOIN contacts_merged m ON m.loser = l.contact_id
        WHERE l._deleted_at IS NULL OR m.winner IS NOT NULL
        GROUP BY ALL
    ){mails},
    touches AS (SELECT * FROM filled UNION ALL SELECT * FROM joined {more})
    SELECT {sql.named("t.id")} AS touchpoint_id,
           {sql.named("t.contact_id")} AS lead_id,
           {sql.named("c.id")} AS campaign_id,
           CASE WHEN t.kind = 'email_click' THEN 'email'
                ELSE coalesce({of_campaign}, 'web') END AS channel,
           t.kind, t.at AS occurred_at,
           t.id AS source_id, t._updated_at, t._deleted_at
    FROM touches t
    LEFT JOIN raw.@source__campaigns c ON c.id = t.campaign_id
    WHERE t.contact_id IN (SELECT id FROM raw.@source__contacts WHERE _deleted_at IS NULL)
    """
    streams = ("contacts", "campaigns", "campaign_assets", "form_submissions", "list_members")
    events = ("emails", "email_events") if options.with_email_events else ()
    return Offer("touchpoints", text, (*streams, *events))


_CLICKS = f""",
    {_READ.strip()},
    clicks AS (
        SELECT e.*, count(*) OVER (PARTITION BY e.recipient, e.email_campaign_id,
                                                e.created_ms // 1000) AS in_this_second
        FROM read e WHERE e.type = 'CLICK'
    ),
    numbered AS (
        SELECT unnest(email_campaign_ids) AS number, campaign_id FROM raw.@source__emails
    ),
    mails AS (SELECT number, min(campaign_id) AS campaign_id FROM numbered GROUP BY number),
    clicked AS (
        SELECT 'click:' || e.id AS id, e.contact_id, m.campaign_id, 'email_click' AS kind, e.at,
               e._updated_at, e._deleted_at
        FROM clicks e LEFT JOIN mails m ON m.number = e.email_campaign_id
        WHERE NOT coalesce(e.filtered, false) AND e.in_this_second <= {MOST_CLICKS_A_SECOND}
    )"""
