"""What HubSpot's deals say about opportunities and their way through the stages.

Belongs here: deals, their contacts, the stays in stages. Does not: metrics on them.

A stage's identifier alone does not say which pipeline it belongs to; the pipeline's own history
does, and where the two changed a moment apart, the pipeline that has the stage.
"""

from __future__ import annotations

from collections.abc import Callable

from revops_pipelines.engine.conform.deal_days import forecast_category
from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.hubspot import sql
from revops_pipelines.resources.sources.hubspot.histories import before
from revops_pipelines.resources.sources.hubspot.options import HubSpotOptions

_STREAMS = ("deals", "pipelines", "contacts", "companies", "properties", "account")

# The primary company's association bears the plain name; others are `..._unlabeled` or labelled.
_PRIMARY_COMPANY = "deal_to_company"


def opportunities(options: HubSpotOptions, channel_of: Callable[[str], str]) -> Offer:
    """Deals as they stand now."""
    text = f"""
    WITH RECURSIVE {sql.merged("contacts", "merged_vids")}, {sql.merged("companies")},
    {sql.merged("deals")}, {sql.own_fields("deals")}, {stages(options)}, {stays(options)},
    {_BUYERS},
    milestones AS (
        SELECT id, min(entered_at) FILTER (WHERE is_qualified) AS qualified_at,
               max(entered_at) FILTER (WHERE left_at IS NULL AND is_closed) AS closed_at
        FROM stays GROUP BY id
    ),
    firms AS (
        SELECT d.id, arg_min(coalesce(m.winner, d.company.id),
                             (d.company.type <> '{_PRIMARY_COMPANY}', length(d.company.id),
                              d.company.id)) AS company_id
        FROM (SELECT id, unnest(linked_companies) AS company
              FROM raw.@source__deals) d
        LEFT JOIN companies_merged m ON m.loser = d.company.id
        WHERE coalesce(m.winner, d.company.id) NOT IN (SELECT id FROM companies_gone)
        GROUP BY d.id
    )
    SELECT {sql.named("d.id")} AS opportunity_id,
           {sql.named("f.company_id")} AS account_id,
           {sql.named("b.contact_id")} AS lead_id,
           {sql.named(sql.filled("d.owner_id"))} AS owner_id,
           {sql.filled("d.name")} AS name,
           {_kind(options)} AS kind,
           {channel_of("d.analytics_source")} AS channel,
           d.pipeline_id AS pipeline, d.stage_id AS stage,
           {sql.filled("d.amount")} AS amount,
           upper(coalesce({sql.filled("d.currency")}, account.currency)) AS currency,
           coalesce(d.created_on_record_at, d.created_at) AS created_at,
           t.qualified_at,
           CAST(d.close_at AS DATE) AS close_on,
           CASE WHEN s.is_closed THEN coalesce(t.closed_at, d.close_at) END AS closed_at,
           coalesce(s.is_closed, false) AS is_closed,
           coalesce(s.is_won, false) AS is_won,
           {sql.filled("d.lost_reason")} AS lost_reason,
           {_category(options)} AS forecast_category,
           {sql.link("account", "deals", "d.id")} AS url,
           {sql.custom("d")} AS custom,
           d.id AS source_id, d._updated_at, d._deleted_at
    FROM raw.@source__deals d
    CROSS JOIN own
    {sql.ACCOUNT}
    LEFT JOIN stages s ON s.pipeline_id = d.pipeline_id AND s.stage_id = d.stage_id
    LEFT JOIN milestones t ON t.id = d.id
    LEFT JOIN firms f ON f.id = d.id
    LEFT JOIN buyers b ON b.deal_id = d.id AND b.is_primary
    WHERE d.id NOT IN (SELECT loser FROM deals_merged)
    """
    return Offer("opportunities", text, _STREAMS)


def opportunity_contacts() -> Offer:
    """Which people belong to which deal."""
    text = f"""
    WITH RECURSIVE {sql.merged("contacts", "merged_vids")}, {sql.merged("deals")}, {_BUYERS}
    SELECT {sql.named("b.deal_id")} AS opportunity_id, {sql.named("b.contact_id")} AS lead_id,
           b.is_primary, b.deal_id || ':' || b.contact_id AS source_id,
           d._updated_at, d._deleted_at
    FROM buyers b JOIN raw.@source__deals d ON d.id = b.deal_id
    WHERE d.id NOT IN (SELECT loser FROM deals_merged)
    """
    return Offer("opportunity_contacts", text, ("deals", "contacts"))


def stage_history(options: HubSpotOptions) -> Offer:
    """Every stay of a deal in a stage."""
    text = f"""
    WITH RECURSIVE {sql.merged("deals")}, {stages(options)}, {stays(options)},
    priced AS (
        SELECT s.id, s.place,
               last(a.price.value ORDER BY a.price.timestamp, -a.age) AS amount
        FROM stays s
        JOIN (SELECT id, unnest(prices) AS price, generate_subscripts(prices, 1) AS age
              FROM (SELECT id, amount_history AS prices FROM raw.@source__deals)) a
          ON a.id = s.id AND TRY_CAST(a.price.timestamp AS TIMESTAMP) <= s.entered_at
        GROUP BY s.id, s.place
    )
    SELECT {sql.named("s.id")} AS opportunity_id,
           s.pipeline_id AS pipeline, s.stage_id AS stage, s.label AS stage_label,
           s.position AS stage_order,
           coalesce(s.is_qualified, false) AS is_qualified,
           coalesce(s.is_closed, false) AS is_closed,
           coalesce(s.is_won, false) AS is_won,
           s.entered_at, s.left_at, {sql.filled("p.amount")} AS amount,
           concat_ws(':', s.id, s.stage_id, epoch_ms(s.entered_at)) AS source_id,
           d._updated_at, d._deleted_at
    FROM stays s
    JOIN raw.@source__deals d ON d.id = s.id
    LEFT JOIN priced p ON p.id = s.id AND p.place = s.place
    WHERE d.id NOT IN (SELECT loser FROM deals_merged)
    """
    return Offer("opportunity_stage_history", text, ("deals", "pipelines"))


def _kind(options: HubSpotOptions) -> str:
    """The kind of business; an existing customer's deal in a renewal pipeline is a renewal."""
    arms = " ".join(
        f"WHEN {sql.quoted(theirs.lower())} THEN {sql.quoted(ours)}"
        for theirs, ours in options.deal_kinds.items()
    )
    named = sql.listed(options.renewal_pipelines)
    kind = f"CASE lower({sql.filled('d.deal_type')}) {arms} END"
    return (
        f"CASE WHEN (s.pipeline_label IN {named} OR d.pipeline_id IN {named}) "
        f"AND coalesce({kind}, 'expansion') = 'expansion' THEN 'renewal' "
        f"WHEN {sql.filled('d.deal_type')} IS NULL THEN {sql.quoted(options.default_deal_kind)} "
        f"ELSE coalesce({kind}, 'other') END"
    )


def _category(options: HubSpotOptions) -> str:
    return forecast_category(
        "d.forecast_category",
        options.forecast_categories,
        is_won="s.is_won",
        is_closed="s.is_closed",
    )


def stages(options: HubSpotOptions) -> str:
    """CTE `stages`: every stage there is or was, as last seen, and whether it is qualified.

    Removed stages vanish from HubSpot's answer, but old deals went through them.
    """
    named = sql.listed(options.qualified_stages)
    return f"""
    seen_stages AS (
        SELECT p.id AS pipeline_id, p.label AS pipeline_label, p._extracted_at,
               unnest(from_json(p.stages, '[{{"id":"VARCHAR","label":"VARCHAR",
                   "displayOrder":"INTEGER",
                   "metadata":{{"isClosed":"VARCHAR","probability":"VARCHAR"}}}}]')) AS stage
        FROM raw.@source__pipelines__versions p
    ),
    known_stages AS (
        SELECT pipeline_id, pipeline_label, stage.id AS stage_id, stage.label AS label,
               TRY_CAST(stage.metadata.probability AS DOUBLE) AS probability,
               coalesce(lower(stage.metadata.isClosed) = 'true', false) AS is_closed,
               row_number() OVER (PARTITION BY pipeline_id
                                  ORDER BY stage.displayOrder, stage.label, stage.id) - 1
                   AS position
        FROM (SELECT * FROM seen_stages
              QUALIFY row_number() OVER (PARTITION BY pipeline_id, stage.id
                                         ORDER BY _extracted_at DESC) = 1)
    ),
    thresholds AS (
        SELECT pipeline_id,
               coalesce(min(position) FILTER (WHERE label IN {named} OR stage_id IN {named}),
                        min(position) FILTER (WHERE NOT is_closed
                                              AND probability >= {options.qualified_probability}))
                   AS qualified_from
        FROM known_stages GROUP BY pipeline_id
    ),
    stages AS (
        SELECT k.*, k.is_closed AND k.probability >= 1 AS is_won,
               (k.is_closed AND k.probability >= 1)
               OR (NOT k.is_closed AND coalesce(k.position >= t.qualified_from, false))
                   AS is_qualified
        FROM known_stages k JOIN thresholds t USING (pipeline_id)
    )"""


def stays(options: HubSpotOptions) -> str:
    """CTE `stays`: a deal's stays in stages, in order.

    HubSpot writes an entry whenever the property is set, also to the value it had; such entries are
    one stay. A history lists the newest first, which decides the order of entries with the same
    time.
    """
    return f"{before('dealstage', options)}, {_STAYS}"


_STAYS = """
    entries AS (
        SELECT id, TRY_CAST(e.timestamp AS TIMESTAMP) AS begun_at, age, e.value AS stage_id,
               pipelines, current_pipeline
        FROM (
            SELECT id, unnest(steps) AS e, generate_subscripts(steps, 1) AS age, pipelines,
                   current_pipeline
            FROM (
                SELECT d.id, d.pipeline_id AS current_pipeline,
                       d.pipeline_history AS pipelines,
                       CASE WHEN len(d.dealstage_history) > 0
                            THEN list_concat(d.dealstage_history, b.entries)
                            ELSE [{'value': d.stage_id,
                                   'timestamp': CAST(d.created_at AS VARCHAR)}]
                       END AS steps
                FROM raw.@source__deals d
                LEFT JOIN dealstage_before b ON b.id = d.id
            )
        )
        WHERE coalesce(e.value, '') <> ''
    ),
    located AS (
        SELECT id, begun_at, age, stage_id,
               coalesce(
                   list_filter(pipelines, lambda p: TRY_CAST(p.timestamp AS TIMESTAMP) <= begun_at
                                                    AND coalesce(p.value, '') <> '')[1].value,
                   list_filter(pipelines, lambda p: coalesce(p.value, '') <> '')[-1].value,
                   current_pipeline) AS pipeline_id
        FROM entries
    ),
    homes AS (
        SELECT stage_id, min(pipeline_id) AS pipeline_id FROM stages
        GROUP BY stage_id HAVING count(*) = 1
    ),
    placed AS (
        SELECT l.id, l.begun_at, l.age, l.stage_id,
               CASE WHEN s.stage_id IS NULL THEN coalesce(h.pipeline_id, l.pipeline_id)
                    ELSE l.pipeline_id END AS pipeline_id
        FROM located l
        LEFT JOIN stages s ON s.pipeline_id = l.pipeline_id AND s.stage_id = l.stage_id
        LEFT JOIN homes h ON h.stage_id = l.stage_id
        -- Set twice within one instant: once is enough.
        QUALIFY row_number() OVER (PARTITION BY l.id, l.begun_at, l.stage_id ORDER BY l.age) = 1
    ),
    moves AS (
        SELECT * FROM placed
        QUALIFY (pipeline_id, stage_id) IS DISTINCT FROM
                lag((pipeline_id, stage_id)) OVER (PARTITION BY id ORDER BY begun_at, age DESC)
    ),
    stays AS (
        SELECT m.id, m.pipeline_id, m.stage_id, m.begun_at AS entered_at,
               lead(m.begun_at) OVER deal AS left_at, row_number() OVER deal AS place,
               s.label, s.position, s.is_closed, s.is_won, s.is_qualified
        FROM moves m
        LEFT JOIN stages s ON s.pipeline_id = m.pipeline_id AND s.stage_id = m.stage_id
        WINDOW deal AS (PARTITION BY m.id ORDER BY m.begun_at, m.age DESC)
    )"""

# CTE `buyers`: people of deals. HubSpot knows no primary contact: one labelled so, else the first
# that was known to the CRM (identifiers rise with time).
_BUYERS = """
    buyers AS (
        SELECT deal_id, contact_id,
               row_number() OVER (PARTITION BY deal_id
                                  ORDER BY is_labelled DESC, length(contact_id), contact_id) = 1
                   AS is_primary
        FROM (
            SELECT d.id AS deal_id, coalesce(m.winner, d.contact.id) AS contact_id,
                   bool_or(contains(d.contact.type, 'primary')) AS is_labelled
            FROM (SELECT id, unnest(linked_contacts) AS contact FROM raw.@source__deals) d
            LEFT JOIN contacts_merged m ON m.loser = d.contact.id
            WHERE coalesce(m.winner, d.contact.id) NOT IN (SELECT id FROM contacts_gone)
            GROUP BY ALL
        )
    )"""
