"""What HubSpot's engagements say about touches between us and people.

Belongs here: one SELECT per type of engagement into common columns, and one row per engagement and
contact. Does not: which touch counts as an answer (the metrics).

Direction `internal` stands for what reached nobody: tasks, notes, mails not sent, calls that failed
to dial, meetings called off or missed.
"""

from __future__ import annotations

from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.hubspot import sql
from revops_pipelines.resources.sources.hubspot.options import HubSpotOptions

_STREAMS = ("calls", "emails", "meetings", "tasks", "notes", "communications")


def activities(options: HubSpotOptions) -> Offer:
    """One row per engagement and contact; without any contact one row without a person."""
    engaged = " UNION ALL BY NAME ".join(
        (
            _calls(options),
            _emails(options),
            _meetings(options),
            _tasks(options),
            _NOTES,
            _communications(options),
        )
    )
    text = f"""
    WITH RECURSIVE {sql.merged("contacts", "merged_vids")}, {sql.merged("companies")},
    {sql.merged("deals")},
    engaged AS ({engaged}),
    people AS (
        SELECT DISTINCT e.key, coalesce(m.winner, e.contact.id) AS contact_id
        FROM (SELECT key, unnest(contacts) AS contact FROM engaged) e
        LEFT JOIN contacts_merged m ON m.loser = e.contact.id
        WHERE coalesce(m.winner, e.contact.id) NOT IN (SELECT id FROM contacts_gone)
    ),
    firms AS (
        SELECT e.key, min(coalesce(m.winner, e.company.id)) AS company_id
        FROM (SELECT key, unnest(companies) AS company FROM engaged) e
        LEFT JOIN companies_merged m ON m.loser = e.company.id
        WHERE coalesce(m.winner, e.company.id) NOT IN (SELECT id FROM companies_gone)
        GROUP BY e.key
    ),
    sold AS (
        SELECT e.key, min(coalesce(m.winner, e.deal.id)) AS deal_id
        FROM (SELECT key, unnest(deals) AS deal FROM engaged) e
        LEFT JOIN deals_merged m ON m.loser = e.deal.id
        WHERE coalesce(m.winner, e.deal.id) NOT IN (SELECT id FROM deals_gone)
        GROUP BY e.key
    )
    SELECT {sql.named("e.key")} AS activity_id,
           {sql.named("p.contact_id")} AS lead_id,
           {sql.named("f.company_id")} AS account_id,
           {sql.named("s.deal_id")} AS opportunity_id,
           {sql.named(sql.filled("e.owner_id"))} AS user_id,
           e.kind, e.direction,
           coalesce(e.is_human, false) AS is_human,
           coalesce(e.is_two_way, false) AS is_two_way,
           e.outcome, e.occurred_at,
           {sql.link("account", "contacts", "p.contact_id")} || '/?engagement=' || e.id AS url,
           concat_ws(':', e.key, p.contact_id) AS source_id, e._updated_at, e._deleted_at
    FROM engaged e
    {sql.ACCOUNT}
    LEFT JOIN people p ON p.key = e.key
    LEFT JOIN firms f ON f.key = e.key
    LEFT JOIN sold s ON s.key = e.key
    """
    return Offer("activities", text, (*_STREAMS, "contacts", "companies", "deals", "account"))


def _engagement(stream: str, kind: str, columns: str, occurred_at: str = "e.occurred_at") -> str:
    """What all types have in common, around a type's own columns."""
    return f"""
        SELECT '{stream.removesuffix("s")}:' || e.id AS key, e.id, '{kind}' AS kind, {columns},
               coalesce({occurred_at}, e.created_at) AS occurred_at, e.owner_id,
               e.linked_contacts AS contacts,
               e.linked_companies AS companies,
               e.linked_deals AS deals,
               e._updated_at, e._deleted_at
        FROM raw.@source__{stream} e"""


def _by_machine(options: HubSpotOptions) -> str:
    return f"coalesce(upper(e.object_source) IN {sql.listed(options.automated_sources)}, false)"


def _calls(options: HubSpotOptions) -> str:
    """Calls: a voicemail or no answer is an attempt of ours, a conversation only if both talked."""
    known = " ".join(
        f"WHEN {sql.quoted(key)} THEN {sql.quoted(name)}"
        for key, name in options.call_outcomes.items()
    )
    outcome = f"CASE e.disposition {known} ELSE lower({sql.filled('e.status')}) END"
    talked = f"coalesce({outcome} IN {sql.listed(options.conversations)}, false)"
    inbound = "upper(e.direction) = 'INBOUND'"
    columns = f"""
               CASE WHEN {inbound} THEN 'inbound'
                    WHEN upper(e.status) IN ('FAILED', 'CANCELED', 'QUEUED') THEN 'internal'
                    ELSE 'outbound' END AS direction,
               CASE WHEN {inbound} THEN {talked} ELSE NOT {_by_machine(options)} END AS is_human,
               {talked} AS is_two_way,
               {outcome} AS outcome"""
    return _engagement("calls", "call", columns)


def _emails(options: HubSpotOptions) -> str:
    """One-to-one mails: sequences, workflows and absence notices are no person's doing.

    INCOMING_EMAIL is an answer to us, FORWARDED_EMAIL one that somebody forwarded into the CRM.
    """
    pattern = sql.quoted(options.auto_reply_subject)
    notice = (
        "(coalesce(lower(e.out_of_office) = 'true', false) OR "
        f"coalesce(regexp_matches(lower(e.subject), {pattern}), false))"
    )
    bounced = (
        f"(coalesce(upper(e.status) = 'BOUNCED', false) OR {sql.filled('e.bounce_code')} "
        f"IS NOT NULL OR {sql.filled('e.bounce_message')} IS NOT NULL)"
    )
    machine = f"({sql.filled('e.sequence_id')} IS NOT NULL OR {_by_machine(options)} OR {notice})"
    inbound = "upper(e.direction) IN ('INCOMING_EMAIL', 'FORWARDED_EMAIL')"
    columns = f"""
               CASE WHEN {inbound} THEN 'inbound'
                    WHEN upper(e.status) IN ('FAILED', 'SCHEDULED', 'SENDING') THEN 'internal'
                    ELSE 'outbound' END AS direction,
               NOT coalesce({inbound}, false) AND NOT {machine} AND NOT {bounced} AS is_human,
               coalesce({inbound}, false) AND NOT {notice} AND NOT {bounced} AS is_two_way,
               CASE WHEN {bounced} THEN 'bounced'
                    WHEN {notice} THEN 'auto_reply'
                    WHEN {inbound} THEN 'received'
                    ELSE lower(coalesce({sql.filled("e.status")}, 'SENT')) END AS outcome"""
    return _engagement("emails", "email", columns)


def _meetings(options: HubSpotOptions) -> str:
    """Meetings: one that the prospect booked came to us; only a held one is a conversation."""
    inbound = f"upper(e.booked_through) IN {sql.listed(options.booking_sources)}"
    held = "coalesce(upper(e.outcome) = 'COMPLETED', false)"
    columns = f"""
               CASE WHEN {inbound} THEN 'inbound'
                    WHEN upper(e.outcome) IN ('CANCELED', 'RESCHEDULED', 'NO_SHOW') THEN 'internal'
                    ELSE 'outbound' END AS direction,
               CASE WHEN {inbound} THEN {held} ELSE NOT {_by_machine(options)} END AS is_human,
               {held} AS is_two_way,
               lower(coalesce({sql.filled("e.outcome")}, 'SCHEDULED')) AS outcome"""
    return _engagement("meetings", "meeting", columns, "coalesce(e.occurred_at, e.starts_at)")


def _tasks(options: HubSpotOptions) -> str:
    """Tasks reach nobody."""
    columns = f"""
               'internal' AS direction, NOT {_by_machine(options)} AS is_human,
               false AS is_two_way, lower({sql.filled("e.status")}) AS outcome"""
    return _engagement("tasks", "task", columns)


_NOTES = _engagement(
    "notes",
    "note",
    "'internal' AS direction, true AS is_human, false AS is_two_way, "
    "CAST(NULL AS VARCHAR) AS outcome",
)


def _communications(options: HubSpotOptions) -> str:
    """Messages that somebody logged; HubSpot has no direction of its own for them."""
    inbound = "coalesce(upper(e.direction) = 'INBOUND', false)"
    columns = f"""
               CASE WHEN {inbound} THEN 'inbound' ELSE 'outbound' END AS direction,
               NOT {inbound} AND NOT {_by_machine(options)} AS is_human,
               {inbound} AS is_two_way,
               CASE WHEN {inbound} THEN 'received' ELSE 'sent' END AS outcome"""
    return _engagement("communications", "message", columns)
