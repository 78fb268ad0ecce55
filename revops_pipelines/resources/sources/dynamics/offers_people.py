"""What Dynamics' accounts, leads and contacts say about companies and people.

Belongs here: companies; people, each once, whether lead, contact or both. Does not: users
(`offers.py`).
"""

from __future__ import annotations

from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.dynamics import sql
from revops_pipelines.resources.sources.dynamics.countries import country_of
from revops_pipelines.resources.sources.dynamics.options import DynamicsOptions


def accounts(options: DynamicsOptions) -> Offer:
    """Companies."""
    domain = "regexp_extract(lower(trim(a.websiteurl)), '^(?:https?://)?(?:www\\.)?([^/?#:]+)', 1)"
    text = f"""
    WITH RECURSIVE {sql.merged("accounts")}, {sql.own_columns("account")}, {sql.STAFF}
    SELECT {sql.named("a.id")} AS account_id,
           {sql.filled("a.name")} AS name,
           {sql.filled(domain)} AS domain,
           {sql.filled("a.industrycode_label")} AS industry,
           a.numberofemployees AS employees,
           {sql.segment_of("a.numberofemployees", options)} AS segment,
           {country_of("a.address1_country", options.countries)} AS country,
           {_region("a", options)} AS region,
           {sql.owner()} AS owner_id,
           {sql.named("p.id")} AS parent_account_id,
           a.created_at,
           {sql.link(options, "'account'", "a.id")} AS url,
           {sql.custom("a")} AS custom,
           a.id AS source_id, a._updated_at, a._deleted_at
    FROM raw.@source__accounts a
    CROSS JOIN own
    {sql.join_owner("a")}
    LEFT JOIN accounts_merged m ON m.loser = a.parentaccountid_id
    LEFT JOIN raw.@source__accounts p
      ON p.id = coalesce(m.winner, a.parentaccountid_id) AND p._deleted_at IS NULL
    WHERE a.id NOT IN (SELECT loser FROM accounts_merged)
    """
    return Offer("accounts", text, ("accounts", "systemusers", "columns"))


def _region(record: str, options: DynamicsOptions) -> str:
    name = options.region_column
    if not name:
        return "CAST(NULL AS VARCHAR)"
    return f"coalesce({sql.filled(f'{record}.{name}_label')}, {sql.filled(f'{record}.{name}')})"


def leads(options: DynamicsOptions) -> Offer:
    """People: one row for a lead, a contact, or both where the lead was qualified.

    What is known of the contact goes before what is known of the lead.
    """
    newest = "arg_min({0}, (r.is_gone, r.kind, r.created_at, r.id)) FILTER (WHERE {0} IS NOT NULL)"
    text = f"""
    WITH RECURSIVE {sql.people()}, {sql.merged("accounts")}, {sql.STAFF}, {sql.CHANGES},
    {sql.DELETED}, {_OWN},
    first_owned AS (
        SELECT c.id, min(c.moment) AS moment FROM changes c
        JOIN staff o ON c.after = 'systemuser,' || o.id
        WHERE c.name = 'ownerid' GROUP BY c.id
    ),
    first_qualified AS (
        SELECT id, min(moment) AS moment FROM changes
        WHERE entity = 'lead' AND name = 'statecode' AND after = '1' GROUP BY id
    ),
    raised AS (
        SELECT p.person_id, min(x.created_at) AS moment
        FROM (
            SELECT l.id, l.created_at FROM raw.@source__leads l
            WHERE {sql.any_of("l", options.inbound_when)}
            UNION ALL
            SELECT c.id, c.created_at FROM raw.@source__contacts c
            WHERE c.originatingleadid_id IS NULL AND {sql.any_of("c", options.inbound_when)}
        ) x
        JOIN persons p ON p.id = x.id
        GROUP BY p.person_id
    ),
    records AS (
        {_record("leads", options)}
        UNION ALL BY NAME
        {_record("contacts", options)}
    ),
    parts AS (
        SELECT m.person_id, m.kind, m.is_gone, r.* EXCLUDE (_deleted_at),
               CASE WHEN r._deleted_at IS NULL THEN NULL
                    WHEN d.moment <= r._deleted_at THEN d.moment ELSE r._deleted_at END
                   AS _deleted_at,
               b.moment AS owned_at, q.moment AS accepted_at
        FROM members m
        JOIN records r ON r.id = m.id
        LEFT JOIN first_owned b ON b.id = m.id
        LEFT JOIN first_qualified q ON q.id = m.id
        LEFT JOIN deleted d ON d.id = m.id
    ),
    whole AS (
        SELECT r.person_id,
               {", ".join(f"{newest.format(f'r.{name}')} AS {name}" for name in _NEWEST)},
               arg_min(r.owner, (r.is_gone, r.kind, r.created_at, r.id)) AS owner,
               min(r.owned_at) AS assigned_at,
               min(least(r.accepted_at, r.qualified_at)) AS qualified_at,
               min(r.excluded) AS excluded,
               bool_or(r.was_imported) AS was_imported,
               min(r.created_at) AS created_at,
               max(r._updated_at) AS _updated_at,
               CASE WHEN bool_and(r._deleted_at IS NOT NULL) THEN max(r._deleted_at) END
                   AS _deleted_at,
               any_value(r.kind) FILTER (WHERE r.id = r.person_id) AS kind
        FROM parts r
        GROUP BY r.person_id
    )
    SELECT {sql.named("w.person_id")} AS lead_id,
           {sql.named("a.id")} AS account_id,
           {sql.named("w.owner")} AS owner_id,
           lower(w.email) AS email,
           w.full_name, w.country, w.region,
           {sql.channel_of("w.source_label", options)} AS channel,
           w.stage AS lifecycle_stage,
           r.moment IS NOT NULL AS is_inbound,
           r.moment AS raised_at,
           w.assigned_at, w.qualified_at,
           CASE WHEN w.excluded IS NOT NULL THEN substr(w.excluded, 4)
                WHEN r.moment IS NULL AND w.was_imported THEN 'imported' END AS excluded_reason,
           w.created_at,
           {sql.link(options, "w.kind", "w.person_id")} AS url,
           w.custom,
           w.person_id AS source_id, w._updated_at, w._deleted_at
    FROM whole w
    LEFT JOIN raised r ON r.person_id = w.person_id
    LEFT JOIN accounts_merged m ON m.loser = w.company_id
    LEFT JOIN raw.@source__accounts a
      ON a.id = coalesce(m.winner, w.company_id) AND a._deleted_at IS NULL
    """
    streams = ("leads", "contacts", "accounts", "systemusers", "audits", "columns")
    return Offer("leads", text, streams)


# Of these the contact's value counts before the lead's.
_NEWEST = (
    "email",
    "full_name",
    "country",
    "region",
    "source_label",
    "stage",
    "company_id",
    "custom",
)

_OWN = """
    lead_own AS (
        SELECT list(struct_pack(name := name, key := key, is_choice := type = 'Picklist')
                    ORDER BY name) AS fields
        FROM raw.@source__columns WHERE table_name = 'lead' AND is_custom AND _deleted_at IS NULL
    ),
    contact_own AS (
        SELECT list(struct_pack(name := name, key := key, is_choice := type = 'Picklist')
                    ORDER BY name) AS fields
        FROM raw.@source__columns WHERE table_name = 'contact' AND is_custom AND _deleted_at IS NULL
    )"""


def _record(stream: str, options: DynamicsOptions) -> str:
    """What leads and contacts have in common, in the same words."""
    if stream == "leads":
        own, stage = "lead_own", "r.statuscode_label"
        company, made = "r.parentaccountid_id", "CAST(NULL AS TIMESTAMP)"
    else:
        own, stage = "contact_own", "'Contact'"
        company = "CASE WHEN r.parentcustomerid_table = 'account' THEN r.parentcustomerid_id END"
        # Qualifying a lead makes the contact.
        made = "CASE WHEN r.originatingleadid_id IS NOT NULL THEN r.created_at END"
    told = [f"TRY_CAST(r.{name} AS TIMESTAMPTZ)::TIMESTAMP" for name in options.qualified_columns]
    accepted = f"least({', '.join((made, *told))})" if told else made
    return f"""
        SELECT r.id, r.created_at, {sql.filled("r.emailaddress1")} AS email,
               coalesce({sql.filled("r.fullname")},
                        {sql.filled("concat_ws(' ', r.firstname, r.lastname)")}) AS full_name,
               {country_of("r.address1_country", options.countries)} AS country,
               {_region("r", options)} AS region,
               {sql.filled("r.leadsourcecode_label")} AS source_label,
               {stage} AS stage, {company} AS company_id, o.id AS owner,
               {accepted} AS qualified_at,
               {_excluded(options)} AS excluded,
               {sql.filled("r.importsequencenumber")} IS NOT NULL AS was_imported,
               {sql.custom("r").replace("own.fields", "own_fields.fields")} AS custom,
               r._updated_at, r._deleted_at
        FROM raw.@source__{stream} r
        CROSS JOIN {own} own_fields
        {sql.join_owner("r")}"""


def _excluded(options: DynamicsOptions) -> str:
    """Why a row is no lead, behind a number: what condemns it most comes first."""
    address = "lower(r.emailaddress1)"
    tests = [
        (f"regexp_matches({address}, {sql.quoted(options.test_pattern)})", "test"),
        (f"split_part({address}, '@', 2) IN {sql.listed(options.internal_domains)}", "internal"),
    ]
    tests += [(sql.any_of("r", wanted), reason) for reason, wanted in options.excluded_when.items()]
    arms = " ".join(
        f"WHEN {test} THEN {sql.quoted(f'{place:02d}:{reason}')}"
        for place, (test, reason) in enumerate(tests)
    )
    return f"CASE {arms} END"


def merges() -> Offer:
    """Rows that are one: merged ones, and leads with the contacts that they became."""
    text = f"""
    WITH RECURSIVE {sql.people()}, {sql.merged("accounts")}
    SELECT 'leads' AS entity, {sql.named("p.id")} AS record_id,
           {sql.named("p.person_id")} AS canonical_id
    FROM persons p WHERE p.id <> p.person_id
    UNION ALL
    SELECT 'accounts', {sql.named("loser")}, {sql.named("winner")} FROM accounts_merged
    """
    return Offer("merges", text, ("leads", "contacts", "accounts"))
