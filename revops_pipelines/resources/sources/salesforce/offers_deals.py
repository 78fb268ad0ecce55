"""What Salesforce's opportunities say about deals and their way through the stages.

Belongs here: opportunities, their people, the stays in stages. Does not: metrics on them.

A pipeline is a record type (`default` in an org without). Stages are shared by all sales processes
and known by name, also in histories.
"""

from __future__ import annotations

from revops_pipelines.engine.conform.deal_days import forecast_category
from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.salesforce import sql
from revops_pipelines.resources.sources.salesforce.options import SalesforceOptions

_HISTORY = (
    "opportunities",
    "opportunity_history",
    "opportunity_field_history",
    "opportunity_stages",
)
_RECORD_TYPE_ID = "'^012[A-Za-z0-9]{12}([A-Za-z0-9]{3})?$'"


def opportunities(options: SalesforceOptions) -> Offer:
    """Opportunities as they stand now."""
    text = f"""
    WITH RECURSIVE {sql.PEOPLE}, {sql.COMPANIES}, {sql.MACHINES}, {stages(options)}, {STAYS},
    {_BUYERS},
    milestones AS (
        SELECT id, min(entered_at) FILTER (WHERE is_qualified) AS qualified_at,
               max(entered_at) FILTER (WHERE left_at IS NULL AND is_closed) AS closed_at
        FROM stays GROUP BY id
    )
    SELECT {sql.named("o.id")} AS opportunity_id,
           {sql.named("f.account_id")} AS account_id,
           {sql.named("b.person")} AS lead_id,
           CASE WHEN {sql.is_person("o.owner_id")} THEN {sql.named("o.owner_id")} END AS owner_id,
           {sql.filled("o.name")} AS name,
           {_kind(options)} AS kind,
           {sql.channel_of("o.lead_source", options)} AS channel,
           coalesce({sql.filled("o.record_type_id")}, 'default') AS pipeline,
           o.stage,
           {sql.filled("o.amount")} AS amount,
           upper(coalesce({sql.filled("o.currency")}, '{options.currency}')) AS currency,
           o.created_at,
           t.qualified_at,
           o.close_on,
           CASE WHEN {_is_closed("o", "s")}
                THEN coalesce(t.closed_at, CAST(o.close_on AS TIMESTAMP)) END AS closed_at,
           {_is_closed("o", "s")} AS is_closed,
           coalesce(o.is_won, s.is_won, false) AS is_won,
           {sql.field_of("o", options.lost_reason_field)} AS lost_reason,
           {_category(options)} AS forecast_category,
           {sql.url(options, "o.id")} AS url,
           {sql.custom("o")} AS custom,
           o.id AS source_id, o._updated_at, o._deleted_at
    FROM raw.@source__opportunities o
    LEFT JOIN stages s ON s.name = o.stage
    LEFT JOIN raw.@source__record_types r ON r.id = o.record_type_id
    LEFT JOIN milestones t ON t.id = o.id
    LEFT JOIN companies f ON f.id = {sql.filled("o.account_id")}
    LEFT JOIN buyers b ON b.opportunity_id = o.id AND b.is_primary
    """
    return Offer(
        "opportunities",
        text,
        (
            *_HISTORY,
            "opportunity_contact_roles",
            "record_types",
            "leads",
            "contacts",
            "accounts",
            "users",
        ),
    )


def opportunity_contacts() -> Offer:
    """Which people belong to which opportunity."""
    text = f"""
    WITH RECURSIVE {sql.PEOPLE}, {_BUYERS}
    SELECT {sql.named("b.opportunity_id")} AS opportunity_id, {sql.named("b.person")} AS lead_id,
           b.is_primary, b.opportunity_id || ':' || b.person AS source_id,
           o._updated_at, o._deleted_at
    FROM buyers b JOIN raw.@source__opportunities o ON o.id = b.opportunity_id
    """
    streams = ("opportunities", "opportunity_contact_roles", "leads", "contacts")
    return Offer("opportunity_contacts", text, streams)


def stage_history(options: SalesforceOptions) -> Offer:
    """Every stay of an opportunity in a stage."""
    text = f"""
    WITH {stages(options)}, {STAYS}
    SELECT {sql.named("s.id")} AS opportunity_id,
           s.pipeline, s.stage, coalesce(s.label, s.stage) AS stage_label,
           s.position AS stage_order,
           coalesce(s.is_qualified, false) AS is_qualified,
           s.is_closed, s.is_won, s.entered_at, s.left_at,
           {sql.filled("s.amount")} AS amount,
           concat_ws(':', s.id, s.stage, epoch_ms(s.entered_at)) AS source_id,
           o._updated_at, o._deleted_at
    FROM stays s JOIN raw.@source__opportunities o ON o.id = s.id
    """
    return Offer("opportunity_stage_history", text, _HISTORY)


def _is_closed(opportunity: str, stage: str) -> str:
    return f"coalesce({opportunity}.is_closed, {stage}.is_closed, false)"


def _kind(options: SalesforceOptions) -> str:
    """The kind of business; a renewal process holds renewals, whatever their type says."""
    kind = sql.choice("o.type", options.deal_kinds.items())
    renewing = sql.listed(options.renewal_record_types)
    return (
        f"CASE WHEN (r.name IN {renewing} OR r.developer_name IN {renewing} OR r.id IN {renewing}) "
        f"AND coalesce({kind}, 'expansion') = 'expansion' THEN 'renewal' "
        f"WHEN {sql.filled('o.type')} IS NULL THEN {sql.quoted(options.default_deal_kind)} "
        f"ELSE coalesce({kind}, 'other') END"
    )


def _category(options: SalesforceOptions) -> str:
    return forecast_category(
        "o.forecast_category",
        options.forecast_categories,
        is_won="coalesce(o.is_won, s.is_won, false)",
        is_closed=_is_closed("o", "s"),
    )


def stages(options: SalesforceOptions) -> str:
    """CTE `stages`: every stage there is or was, and whether it is qualified."""
    named = sql.lowered(options.qualified_stages)
    return f"""
    known_stages AS (
        SELECT coalesce({sql.filled("name")}, label) AS name, label, probability,
               coalesce(is_closed, false) AS is_closed, coalesce(is_won, false) AS is_won,
               row_number() OVER (ORDER BY position, label, id) - 1 AS position
        FROM raw.@source__opportunity_stages
        QUALIFY row_number() OVER (
            PARTITION BY coalesce({sql.filled("name")}, label)
            ORDER BY _deleted_at IS NOT NULL, id) = 1
    ),
    thresholds AS (
        SELECT coalesce(
                   min(probability) FILTER (
                       WHERE lower(name) IN {named} OR lower(label) IN {named}),
                   {options.qualified_probability}) AS qualified_from
        FROM known_stages
    ),
    stages AS (
        SELECT k.*, k.is_won OR (NOT k.is_closed
                                 AND coalesce(k.probability >= t.qualified_from, false))
                   AS is_qualified
        FROM known_stages k CROSS JOIN thresholds t
    )"""


# CTE `stays`: stays in stages, in order. The history has a row for every change of amount or close
# date too; rows of the same stage are one stay. Where there is no history, the opportunity has been
# in its stage since it was made. Record types change in the other history, if it is tracked.
STAYS = f"""
    history AS (
        SELECT h.opportunity_id AS id, h.id AS place, h.stage, h.amount, h.created_at,
               h.forecast_category
        FROM raw.@source__opportunity_history h
        UNION ALL
        SELECT o.id, '', o.stage, o.amount, o.created_at, NULL
        FROM raw.@source__opportunities o
        WHERE o.id NOT IN (SELECT opportunity_id FROM raw.@source__opportunity_history
                           WHERE opportunity_id IS NOT NULL)
    ),
    record_type_changes AS (
        SELECT opportunity_id AS id, old_value, new_value, created_at, id AS place
        FROM raw.@source__opportunity_field_history
        WHERE field = 'RecordType' AND regexp_matches(new_value, {_RECORD_TYPE_ID})
    ),
    first_record_types AS (
        SELECT id, arg_min(old_value, (created_at, place)) AS record_type_id
        FROM record_type_changes GROUP BY id
    ),
    placed AS (
        SELECT h.*,
               coalesce(
                   (SELECT arg_max(c.new_value, (c.created_at, c.place))
                    FROM record_type_changes c
                    WHERE c.id = h.id AND c.created_at <= h.created_at),
                   f.record_type_id, {sql.filled("o.record_type_id")}, 'default') AS pipeline
        FROM history h
        JOIN raw.@source__opportunities o ON o.id = h.id
        LEFT JOIN first_record_types f ON f.id = h.id
        WHERE h.stage IS NOT NULL
    ),
    moves AS (
        SELECT * FROM placed
        QUALIFY (pipeline, stage) IS DISTINCT FROM
                lag((pipeline, stage)) OVER (PARTITION BY id ORDER BY created_at, place)
    ),
    stays AS (
        SELECT m.id, m.pipeline, m.stage, m.amount, m.created_at AS entered_at,
               lead(m.created_at) OVER deal AS left_at, row_number() OVER deal AS step,
               s.label, s.position, s.is_qualified,
               coalesce(s.is_closed, m.forecast_category = 'Closed', false) AS is_closed,
               coalesce(s.is_won, m.forecast_category = 'Closed', false) AS is_won
        FROM moves m LEFT JOIN stages s ON s.name = m.stage
        WINDOW deal AS (PARTITION BY m.id ORDER BY m.created_at, m.place)
    )"""

# CTE `buyers`: people of opportunities. Without a primary one, the first that was added.
_BUYERS = """
    buyers AS (
        SELECT opportunity_id, person,
               row_number() OVER (PARTITION BY opportunity_id
                                  ORDER BY is_marked DESC, added_at, first_id) = 1 AS is_primary
        FROM (
            SELECT c.opportunity_id, p.person, bool_or(coalesce(c.is_primary, false)) AS is_marked,
                   min(c.created_at) AS added_at, min(c.id) AS first_id
            FROM raw.@source__opportunity_contact_roles c
            JOIN people_there p ON p.id = c.contact_id
            WHERE c._deleted_at IS NULL AND c.opportunity_id IS NOT NULL
            GROUP BY ALL
        )
    )"""
