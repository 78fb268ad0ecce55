"""What Marketo gives to the conformed entities.

Belongs here: SQL over the raw tables. Does not: pulling; matching people with other systems.

Marketing's mails and clicks are nobody's human touch. A person raises a hand by a form whose name
says so (`raising_forms`); a lead that is only a copy of the CRM's raises none. Merged leads live on
in the winner of the merge: every offer follows merges first.
"""

from __future__ import annotations

from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.marketo.options import MarketoOptions

# Activity types, as every subscription numbers them.
VISIT, FORM, CLICK_LINK, SEND, BOUNCED, UNSUBSCRIBED, OPEN, CLICK = 1, 2, 3, 6, 8, 9, 10, 11
SOFT_BOUNCED, MERGED, PROGRESSION = 27, 32, 104
# Marketo takes more than two clicks of one lead on one mail in one second for a bot's.
MOST_CLICKS_A_SECOND = 2
# More merges in a row than anybody has seen; the bound keeps a loop from running for ever.
_MERGES_IN_A_ROW = 20
# Fields that every subscription has; all others are the company's own.
STANDARD_FIELDS = (
    "acquisitionDate acquisitionProgramId acquisitionProgram address annualRevenue anonymousIP "
    "billingCity billingCountry billingPostalCode billingState billingStreet blackListed "
    "blackListedCause city company contactCompany cookies country createdAt dateOfBirth "
    "department doNotCall doNotCallReason email emailInvalid emailInvalidCause emailSuspended "
    "emailSuspendedAt emailSuspendedCause externalCompanyId externalSalesPersonId fax firstName "
    "gender id industry inferredCity inferredCompany inferredCountry inferredMetropolitanArea "
    "inferredPhoneAreaCode inferredPostalCode inferredStateRegion isAnonymous isLead lastName "
    "leadPartitionId leadPerson leadRevenueCycleModelId leadRevenueStageId leadRole leadScore "
    "leadSource leadStatus mainPhone marketingSuspended marketingSuspendedCause middleName "
    "mktoAcquisitionDate mktoCompanyNotes mktoDoNotCallCause mktoIsCustomer mktoIsPartner mktoName "
    "mktoPersonNotes mobilePhone numberOfEmployees originalReferrer originalSearchEngine "
    "originalSearchPhrase originalSourceInfo originalSourceType personPrimaryLeadInterest "
    "personTimeZone personType phone postalCode priority rating registrationSourceInfo "
    "registrationSourceType relativeScore relativeUrgency salutation sicCode site state title "
    "unsubscribed unsubscribedReason updatedAt urgency website"
).split()


def offers(options: MarketoOptions) -> tuple[Offer, ...]:
    """Every offer, its SQL written by the options."""
    both = ("activities", "leads")
    return (
        Offer("leads", _leads(options), both),
        Offer("activities", _ACTIVITIES, both),
        Offer("campaigns", _campaigns(options), ("programs",)),
        Offer("touchpoints", _touchpoints(options), (*both, "programs")),
        Offer("marketing_spend", _marketing_spend(options), ("programs",)),
        Offer("merges", _MERGES, ("activities",)),
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _word(column: str, options: MarketoOptions) -> str:
    """SQL for a channel: the settings' word, else lower case with underscores."""
    arms = "".join(
        f" WHEN {_literal(theirs.lower())} THEN {_literal(ours)}"
        for theirs, ours in options.channels.items()
    )
    plain = f"nullif(regexp_replace(lower(trim({column})), '[^a-z0-9]+', '_', 'g'), '')"
    return f"CASE lower(trim({column})){arms} ELSE {plain} END" if arms else plain


def _instant(column: str) -> str:
    """SQL for an asset's instant, which ends in `Z+0000`."""
    return f"CAST(TRY_CAST(replace({column}, 'Z+0000', 'Z') AS TIMESTAMPTZ) AS TIMESTAMP)"


_MERGED = f"""
    edges AS (
        SELECT DISTINCT loser, winner
        FROM (SELECT lead_id AS winner,
                     unnest(regexp_extract_all(merged_ids, '[0-9]+')) AS loser
              FROM raw.@source__activities
              WHERE type_id = {MERGED} AND merged_ids IS NOT NULL)
        WHERE loser <> winner
    ),
    steps AS (
        SELECT loser, winner, 1 AS merges FROM edges
        UNION ALL
        SELECT s.loser, e.winner, s.merges + 1
        FROM steps s JOIN edges e ON e.loser = s.winner
        WHERE s.merges < {_MERGES_IN_A_ROW}
    ),
    merged AS (SELECT loser, max(winner ORDER BY merges) AS winner FROM steps GROUP BY loser)"""

# Activities of people who are there, each under the lead that its own was merged into.
_LIVING = f"""{_MERGED},
    living AS (
        SELECT a.* REPLACE (coalesce(m.winner, a.lead_id) AS lead_id)
        FROM raw.@source__activities a
        LEFT JOIN merged m ON m.loser = a.lead_id
        JOIN raw.@source__leads l ON l.id = coalesce(m.winner, a.lead_id)
        WHERE l._deleted_at IS NULL
    )"""

_MERGES = f"""
    WITH RECURSIVE {_MERGED}
    SELECT 'leads' AS entity, '@source:' || loser AS record_id, '@source:' || winner AS canonical_id
    FROM merged
"""

_ACTIVITIES = f"""
    WITH RECURSIVE {_LIVING},
    bounced AS (
        SELECT DISTINCT lead_id, asset_id, run_id FROM living
        WHERE type_id IN ({BOUNCED}, {SOFT_BOUNCED})
    )
    SELECT '@source:' || a.marketo_guid AS activity_id,
           '@source:' || a.lead_id AS lead_id,
           CASE WHEN a.type_id = {FORM} THEN 'form'
                WHEN a.type_id IN ({VISIT}, {CLICK_LINK}) THEN 'web'
                ELSE 'email' END AS kind,
           CASE WHEN a.type_id = {SEND} THEN 'outbound' ELSE 'inbound' END AS direction,
           false AS is_human,
           false AS is_two_way,
           CASE a.type_id
                WHEN {SEND} THEN CASE WHEN b.lead_id IS NULL THEN 'sent' ELSE 'bounced' END
                WHEN {OPEN} THEN 'opened'
                WHEN {CLICK} THEN 'clicked'
                WHEN {UNSUBSCRIBED} THEN 'unsubscribed' END AS outcome,
           a.occurred_at,
           a.marketo_guid AS source_id, a._updated_at, a._deleted_at
    FROM living a
    LEFT JOIN bounced b ON a.type_id = {SEND} AND b.lead_id = a.lead_id
     AND b.asset_id = a.asset_id AND b.run_id IS NOT DISTINCT FROM a.run_id
    WHERE a.type_id IN ({VISIT}, {FORM}, {CLICK_LINK}, {SEND}, {UNSUBSCRIBED}, {OPEN}, {CLICK})
"""


def _leads(options: MarketoOptions) -> str:
    form = "lower(regexp_extract(a.asset, '[^.]*$'))"
    standard = ", ".join(_literal(name) for name in STANDARD_FIELDS)
    app = options.app_url.rstrip("/")
    url = f"{_literal(app + '/leadDatabase/loadLeadDetail?leadId=')} || l.id" if app else "NULL"
    return f"""
    WITH RECURSIVE {_MERGED},
    raised AS (
        SELECT coalesce(m.winner, a.lead_id) AS id, min(a.occurred_at) AS at
        FROM raw.@source__activities a LEFT JOIN merged m ON m.loser = a.lead_id
        WHERE a.type_id = {FORM} AND regexp_matches({form}, {_literal(options.raising_forms)})
        GROUP BY ALL
    ),
    -- Every lead is landed with all fields, so the last one that was read knows them.
    own AS (
        SELECT list_sort(list_filter(
                   json_keys(arg_max(payload, _extracted_at)),
                   lambda name: name NOT IN ({standard}))) AS fields
        FROM raw.@source__leads
    )
    SELECT '@source:' || l.id AS lead_id,
           nullif(lower(trim(l.email)), '') AS email,
           nullif(trim(concat_ws(' ', l.first_name, l.last_name)), '') AS full_name,
           CASE WHEN regexp_matches(trim(l.country), '^[A-Za-z][A-Za-z]$')
                THEN upper(trim(l.country)) END AS country,
           nullif(trim(l.industry), '') AS industry,
           {_word("l.lead_source", options)} AS channel,
           l.lead_status AS lifecycle_stage,
           r.at IS NOT NULL AS is_inbound,
           r.at AS raised_at,
           CASE WHEN l.email_invalid THEN 'invalid_email' END AS excluded_reason,
           l.created_at,
           CAST({url} AS VARCHAR) AS url,
           nullif(CAST(to_json(map_from_entries(list_filter(
               list_transform(own.fields, lambda name: struct_pack(
                   name := name, value := json_extract_string(l.payload, '/' || name))),
               lambda field: field.value IS NOT NULL))) AS VARCHAR), '{{}}') AS custom,
           l.id AS source_id, l._updated_at, l._deleted_at
    FROM raw.@source__leads l
    CROSS JOIN own
    LEFT JOIN raised r ON r.id = l.id
    WHERE l.id NOT IN (SELECT loser FROM merged)
    """


def _campaigns(options: MarketoOptions) -> str:
    return f"""
    SELECT '@source:' || p.id AS campaign_id,
           p.name,
           {_word("p.channel", options)} AS channel,
           p.kind,
           nullif(p.status, '') AS status,
           CAST(coalesce({_instant("p.starts")}, {_instant("p.created")}) AS DATE) AS started_on,
           CAST({_instant("p.ends")} AS DATE) AS ended_on,
           {_instant("p.created")} AS created_at,
           p.id AS source_id, p._updated_at, p._deleted_at
    FROM raw.@source__programs p
    """


def _touchpoints(options: MarketoOptions) -> str:
    return f"""
    WITH RECURSIVE {_LIVING},
    touches AS (
        SELECT a.*,
               count(*) OVER (PARTITION BY a.lead_id, a.type_id, a.asset_id, a.occurred_at)
                   AS in_this_second
        FROM living a
        WHERE a.type_id IN ({FORM}, {CLICK}, {PROGRESSION})
    ),
    -- Assets inside a program bear its name before a dot.
    named AS (
        SELECT asset, arg_max(id, length(name)) AS program_id
        FROM (SELECT DISTINCT asset FROM touches WHERE type_id <> {PROGRESSION}) t
        JOIN raw.@source__programs p ON starts_with(t.asset, p.name || '.')
        GROUP BY asset
    )
    SELECT '@source:' || t.marketo_guid AS touchpoint_id,
           '@source:' || t.lead_id AS lead_id,
           '@source:' || p.id AS campaign_id,
           CASE WHEN t.type_id = {CLICK} THEN 'email'
                ELSE coalesce({_word("p.channel", options)}, 'web') END AS channel,
           CASE t.type_id WHEN {FORM} THEN 'form_fill' WHEN {CLICK} THEN 'email_click'
                ELSE 'program_status' END AS kind,
           t.occurred_at,
           t.marketo_guid AS source_id, t._updated_at, t._deleted_at
    FROM touches t
    LEFT JOIN named n ON t.type_id <> {PROGRESSION} AND n.asset = t.asset
    LEFT JOIN raw.@source__programs p
      ON p.id = CASE WHEN t.type_id = {PROGRESSION} THEN t.asset_id ELSE n.program_id END
    WHERE coalesce(t.bot, '') <> 'true'
      AND (t.type_id <> {CLICK} OR t.in_this_second <= {MOST_CLICKS_A_SECOND})
    """


def _marketing_spend(options: MarketoOptions) -> str:
    return f"""
    SELECT '@source:' || program_id || ':' || strftime(month, '%Y-%m') AS spend_id,
           '@source:' || program_id AS campaign_id,
           channel,
           month AS spent_on,
           sum(amount) AS amount,
           {_literal(options.currency)} AS currency,
           program_id || ':' || strftime(month, '%Y-%m') AS source_id,
           max(updated_at) AS _updated_at,
           max(deleted_at) AS _deleted_at
    FROM (
        SELECT p.id AS program_id,
               {_word("p.channel", options)} AS channel,
               CAST(date_trunc('month', {_instant("c.cost->>'startDate'")}) AS DATE) AS month,
               CAST(c.cost->>'cost' AS DECIMAL(18,2)) AS amount,
               p._updated_at AS updated_at, p._deleted_at AS deleted_at
        FROM raw.@source__programs p,
             unnest(from_json(coalesce(p.costs, '[]'), '["JSON"]')) AS c(cost)
    )
    GROUP BY program_id, channel, month
    """
