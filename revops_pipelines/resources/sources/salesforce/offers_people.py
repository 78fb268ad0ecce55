"""What Salesforce's leads and contacts say about people.

Belongs here: one row per person, whatever records there are of them. Does not: how records are
found to be one person (`sql.PEOPLE`), or what was done with them (`offers_activities.py`).

A person's row shows what the last record says (the contact, once a lead was converted), and dates
from all of them: the earliest raised hand and the earliest owner count.
"""

from __future__ import annotations

from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.salesforce import sql
from revops_pipelines.resources.sources.salesforce.options import SalesforceOptions

_STREAMS = ("leads", "contacts", "lead_history", "contact_history", "accounts", "users")
# Histories write an owner's name in one row and the identifier in another.
_OWNER_ID = "'^(005|00G)[A-Za-z0-9]{12}([A-Za-z0-9]{3})?$'"


def leads(options: SalesforceOptions) -> Offer:
    """One row per person."""
    first_owner_is_ours = sql.is_person("coalesce(o.first_owner, r.owner_id)")
    text = f"""
    WITH RECURSIVE {sql.PEOPLE}, {sql.COMPANIES}, {sql.MACHINES},
    records AS ({_records(options)}),
    owner_changes AS (
        SELECT lead_id AS id, old_value, new_value, created_at, id AS place
        FROM raw.@source__lead_history WHERE field = 'Owner'
        UNION ALL
        SELECT contact_id, old_value, new_value, created_at, id
        FROM raw.@source__contact_history WHERE field = 'Owner'
    ),
    owners AS (
        SELECT id,
               arg_min(old_value, (created_at, place)) FILTER (
                   WHERE regexp_matches(old_value, {_OWNER_ID})) AS first_owner,
               min(created_at) FILTER (WHERE {sql.is_person("new_value")}) AS assigned_at
        FROM owner_changes GROUP BY id
    ),
    members AS (
        SELECT p.person, p.survivor, r.* EXCLUDE (converted_to),
               CASE WHEN {first_owner_is_ours} THEN r.created_at
                    ELSE o.assigned_at END AS assigned_at,
               -- A conversion makes the contact.
               (SELECT min(c.created_at) FROM raw.@source__contacts c
                WHERE c.id = r.converted_to AND c.created_at >= r.created_at) AS converted_at,
               (r.id <> p.survivor, r.master_id IS NOT NULL, r.is_contact IS NOT TRUE,
                r.created_at, r.id) AS place
        FROM people p
        JOIN records r ON r.id = p.id
        LEFT JOIN owners o ON o.id = r.id
    ),
    persons AS (
        SELECT person, any_value(survivor) AS survivor,
               {_latest("front", "id")}, {_latest("email")}, {_latest("full_name")},
               {_latest("company_id")}, {_latest("country")}, {_latest("region")},
               {_latest("industry")}, {_latest("status")}, {_latest("custom")},
               arg_min(owner_id, place) AS owner_id,
               arg_min(lead_source, (id <> person, place)) FILTER (
                   WHERE lead_source IS NOT NULL) AS lead_source,
               min(raised_at) AS raised_at, min(assigned_at) AS assigned_at,
               min({_qualified(options)}) AS qualified_at,
               arg_min(judged, place) FILTER (WHERE judged IS NOT NULL) AS judged,
               min(bounced_at) AS bounced_at,
               arg_min(created_at, (id <> person, created_at)) AS created_at,
               max(_updated_at) AS _updated_at,
               arg_min(coalesce(_deleted_at, TIMESTAMP 'infinity'), place) AS deleted_at
        FROM members GROUP BY person
    )
    SELECT {sql.named("p.person")} AS lead_id,
           {sql.named("f.account_id")} AS account_id,
           CASE WHEN {sql.is_person("p.owner_id")} THEN {sql.named("p.owner_id")} END AS owner_id,
           p.email, p.full_name, p.country, p.region, p.industry,
           {sql.channel_of("p.lead_source", options)} AS channel,
           p.status AS lifecycle_stage,
           p.raised_at IS NOT NULL AS is_inbound,
           p.raised_at, p.assigned_at, p.qualified_at,
           {_excluded(options)} AS excluded_reason,
           p.created_at,
           {sql.url(options, "p.front")} AS url,
           p.custom,
           p.person AS source_id, p._updated_at,
           CASE WHEN p.deleted_at < TIMESTAMP 'infinity' THEN p.deleted_at END AS _deleted_at
    FROM persons p
    LEFT JOIN companies f ON f.id = p.company_id
    """
    return Offer("leads", text, _STREAMS)


def merges() -> Offer:
    """Records that stand for somebody or something else: merged away, or converted."""
    text = f"""
    WITH RECURSIVE {sql.PEOPLE}, {sql.COMPANIES}
    SELECT 'leads' AS entity, {sql.named("id")} AS record_id, {sql.named("person")} AS canonical_id
    FROM people WHERE id <> person
    UNION ALL
    SELECT 'accounts', {sql.named("loser")}, {sql.named("winner")} FROM companies_merged
    """
    return Offer("merges", text, ("leads", "contacts", "accounts"))


def _latest(name: str, column: str = "") -> str:
    """What the record in front says, else the one behind it."""
    value = column or name
    return f"arg_min({value}, place) FILTER (WHERE {value} IS NOT NULL) AS {name}"


def _records(options: SalesforceOptions) -> str:
    """Leads and contacts in the same columns."""
    common = f"""
               lower({sql.filled("r.email")}) AS email,
               {sql.filled("concat_ws(' ', r.first_name, r.last_name)")} AS full_name,
               {sql.country_of("r.country_code", "r.country")} AS country,
               {sql.field_of("r", options.region_field)} AS region,
               {sql.filled("r.lead_source")} AS lead_source,
               {sql.filled("r.owner_id")} AS owner_id,
               {sql.filled("r.master_id")} AS master_id,
               {_raised(options)} AS raised_at,
               {sql.instant_of("r", options.qualified_field)} AS qualified_at,
               {_judged(options)} AS judged,
               {sql.custom("r")} AS custom,
               r.bounced_at, r.created_at, r._updated_at, r._deleted_at"""
    return f"""
        SELECT r.id, false AS is_contact, {common},
               {sql.field_of("r", options.account_field)} AS company_id,
               {sql.filled("r.industry")} AS industry, {sql.filled("r.status")} AS status,
               {sql.filled("r.converted_contact_id")} AS converted_to
        FROM raw.@source__leads r
        UNION ALL BY NAME
        SELECT r.id, true AS is_contact, {common},
               {sql.filled("r.account_id")} AS company_id
        FROM raw.@source__contacts r"""


def _raised(options: SalesforceOptions) -> str:
    """When the person raised a hand: the org's own field, else when an inbound record was made."""
    if options.raised_field:
        return sql.instant_of("r", options.raised_field)
    inbound = sql.lowered(options.inbound_sources)
    return f"CASE WHEN lower({sql.filled('r.lead_source')}) IN {inbound} THEN r.created_at END"


def _qualified(options: SalesforceOptions) -> str:
    """When sales accepted the person: the org's own field, else the conversion."""
    return "qualified_at" if options.qualified_field else "converted_at"


def _judged(options: SalesforceOptions) -> str:
    """The reason by which a record says itself that it is no lead; the first one named counts."""
    arms = [
        f"WHEN lower({sql.field_of('r', name)}) IN {sql.lowered(values)} THEN {sql.quoted(reason)}"
        for reason, wanted in options.excluded_when.items()
        for name, values in wanted.items()
    ]
    return f"CASE {' '.join(arms)} END" if arms else "CAST(NULL AS VARCHAR)"


def _excluded(options: SalesforceOptions) -> str:
    """Why a person is no lead; what condemns it most comes first."""
    imported = sql.lowered(options.imported_sources)
    return f"""CASE WHEN regexp_matches(p.email, {sql.quoted(options.test_pattern)}) THEN 'test'
                WHEN split_part(p.email, '@', 2) IN {sql.listed(options.internal_domains)}
                THEN 'internal'
                WHEN p.judged IS NOT NULL THEN p.judged
                WHEN p.bounced_at IS NOT NULL THEN 'invalid_email'
                WHEN p.raised_at IS NULL AND lower(p.lead_source) IN {imported}
                THEN 'imported' END"""
