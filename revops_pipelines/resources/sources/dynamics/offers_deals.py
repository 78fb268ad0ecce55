"""What Dynamics' opportunities and their audits say about deals and their way through the stages.

Belongs here: deals, their people, the stays in stages. Does not: metrics on them.

Dynamics has no closed stages: an opportunity is open, won or lost, and its stage stays what it was.
Here a won or lost one is in the stage `won` or `lost`. What is not audited is taken from the
closing activities and from the opportunity as it stands.
"""

from __future__ import annotations

from revops_pipelines.engine.conform.deal_days import EMPTY, forecast_category
from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.dynamics import sql
from revops_pipelines.resources.sources.dynamics.options import DynamicsOptions

_HISTORY = ("opportunities", "opportunitycloses", "audits")


def opportunities(options: DynamicsOptions) -> Offer:
    """Deals as they stand now."""
    pipeline = _pipeline("d", options)
    text = f"""
    WITH RECURSIVE {sql.people()}, {sql.merged("accounts")}, {sql.own_columns("opportunity")},
    {sql.STAFF}, {sql.CHANGES}, {sql.DELETED}, {stays(options)},
    milestones AS (
        SELECT id, min(entered_at) FILTER (WHERE is_qualified) AS qualified_at,
               max(entered_at) FILTER (WHERE left_at IS NULL AND is_closed) AS closed_at
        FROM stays GROUP BY id
    )
    SELECT {sql.named("d.id")} AS opportunity_id,
           {sql.named("a.id")} AS account_id,
           {sql.named("coalesce(p.person_id, l.person_id)")} AS lead_id,
           {sql.owner()} AS owner_id,
           {sql.filled("d.name")} AS name,
           {_kind(options)} AS kind,
           {sql.channel_of("coalesce(f.leadsourcecode_label, c.leadsourcecode_label)", options)}
               AS channel,
           {pipeline} AS pipeline,
           {_stage("d.statecode", f"d.{options.stage_column}")} AS stage,
           CASE WHEN d.statecode = '1'
                THEN coalesce({sql.filled("d.actualvalue")}, {sql.filled("d.estimatedvalue")})
                ELSE {sql.filled("d.estimatedvalue")} END AS amount,
           upper(coalesce(y.isocurrencycode, b.isocurrencycode)) AS currency,
           d.created_at,
           t.qualified_at,
           CASE WHEN d.statecode IN ('1', '2')
                THEN coalesce(d.actualclosedate, d.estimatedclosedate)
                ELSE d.estimatedclosedate END AS close_on,
           CASE WHEN d.statecode IN ('1', '2')
                THEN coalesce(t.closed_at, CAST(d.actualclosedate AS TIMESTAMP)) END AS closed_at,
           coalesce(d.statecode IN ('1', '2'), false) AS is_closed,
           coalesce(d.statecode = '1', false) AS is_won,
           CASE WHEN d.statecode = '2' THEN {sql.filled("d.statuscode_label")} END AS lost_reason,
           {_category(options)} AS forecast_category,
           {sql.link(options, "'opportunity'", "d.id")} AS url,
           {sql.custom("d")} AS custom,
           d.id AS source_id, d._updated_at, {DELETED_AT} AS _deleted_at
    FROM raw.@source__opportunities d
    CROSS JOIN own
    LEFT JOIN (SELECT any_value(basecurrencyid_id) AS id FROM raw.@source__organizations) o_base
      ON true
    LEFT JOIN raw.@source__transactioncurrencies b ON b.id = o_base.id
    LEFT JOIN raw.@source__transactioncurrencies y ON y.id = d.transactioncurrencyid_id
    {sql.join_owner("d")}
    LEFT JOIN deleted g ON g.id = d.id
    LEFT JOIN milestones t ON t.id = d.id
    LEFT JOIN persons p ON p.id = coalesce(
        d.parentcontactid_id, CASE WHEN d.customerid_table = 'contact' THEN d.customerid_id END)
    LEFT JOIN persons l ON l.id = d.originatingleadid_id
    LEFT JOIN raw.@source__leads f ON f.id = d.originatingleadid_id
    LEFT JOIN raw.@source__contacts c ON c.id = d.parentcontactid_id
    LEFT JOIN accounts_merged m ON m.loser = {_COMPANY}
    LEFT JOIN raw.@source__accounts a
      ON a.id = coalesce(m.winner, {_COMPANY}) AND a._deleted_at IS NULL
    """
    streams = (
        *_HISTORY,
        "leads",
        "contacts",
        "accounts",
        "systemusers",
        "columns",
        "transactioncurrencies",
        "organizations",
    )
    return Offer("opportunities", text, streams)


_COMPANY = (
    "coalesce(CASE WHEN d.customerid_table = 'account' THEN d.customerid_id END, "
    "d.parentaccountid_id)"
)
# The delta does not say when; an audit does.
DELETED_AT = (
    "CASE WHEN d._deleted_at IS NULL THEN NULL "
    "WHEN g.moment <= d._deleted_at THEN g.moment ELSE d._deleted_at END"
)


def opportunity_contacts() -> Offer:
    """People of deals: the primary contact, and stakeholders by their connections.

    Dataverse keeps each connection twice; the one that starts at the deal counts.
    """
    text = f"""
    WITH RECURSIVE {sql.people()},
    buyers AS (
        SELECT id AS deal_id, parentcontactid_id AS contact_id, true AS is_primary,
               _updated_at
        FROM raw.@source__opportunities
        UNION ALL
        SELECT record1id_id, record2id_id, false, _updated_at
        FROM raw.@source__connections
        WHERE _deleted_at IS NULL AND record1id_table = 'opportunity'
          AND record2id_table IN ('contact', 'lead') AND coalesce(statecode, '0') = '0'
    )
    SELECT {sql.named("b.deal_id")} AS opportunity_id, {sql.named("p.person_id")} AS lead_id,
           bool_or(b.is_primary) AS is_primary,
           b.deal_id || ':' || p.person_id AS source_id,
           max(b._updated_at) AS _updated_at, any_value(d._deleted_at) AS _deleted_at
    FROM buyers b
    JOIN raw.@source__opportunities d ON d.id = b.deal_id
    JOIN persons p ON p.id = b.contact_id
    GROUP BY b.deal_id, p.person_id
    """
    return Offer(
        "opportunity_contacts", text, ("opportunities", "connections", "leads", "contacts")
    )


def stage_history(options: DynamicsOptions) -> Offer:
    """Every stay of a deal in a stage."""
    text = f"""
    WITH {sql.CHANGES}, {sql.DELETED}, {stays(options)}
    SELECT {sql.named("s.id")} AS opportunity_id,
           s.pipeline, s.stage, s.label AS stage_label, s.position AS stage_order,
           s.is_qualified, s.is_closed, s.is_won,
           s.entered_at, s.left_at, s.amount,
           concat_ws(':', s.id, s.stage, epoch_ms(s.entered_at)) AS source_id,
           d._updated_at, {DELETED_AT} AS _deleted_at
    FROM stays s
    JOIN raw.@source__opportunities d ON d.id = s.id
    LEFT JOIN deleted g ON g.id = d.id
    """
    return Offer("opportunity_stage_history", text, _HISTORY)


def _pipeline(record: str, options: DynamicsOptions) -> str:
    if not options.pipeline_column:
        return "'default'"
    return f"coalesce({sql.filled(f'{record}.{options.pipeline_column}')}, 'default')"


def _stage(state: str, stage: str) -> str:
    return (
        f"CASE {state} WHEN '1' THEN 'won' WHEN '2' THEN 'lost' "
        f"ELSE coalesce({sql.filled(stage)}, 'none') END"
    )


def _category(options: DynamicsOptions) -> str:
    """By the label, or by the number where labels are in another language."""
    names = options.forecast_categories
    number, label = (
        forecast_category(
            f"d.msdyn_forecastcategory{suffix}",
            names,
            is_won="d.statecode = '1'",
            is_closed="d.statecode = '2'",
        )
        for suffix in ("", "_label")
    )
    return f"coalesce({label}, {number})"


def _kind(options: DynamicsOptions) -> str:
    """The kind of business, by its label or value."""
    default = sql.quoted(options.default_deal_kind)
    if not options.kind_column:
        return default
    arms = " ".join(
        f"WHEN {sql.quoted(theirs.lower())} THEN {sql.quoted(ours)}"
        for theirs, ours in options.deal_kinds.items()
    )
    column = f"d.{options.kind_column}"
    label = f"lower(coalesce({sql.filled(f'{column}_label')}, {sql.filled(column)}))"
    kind = f"CASE {label} {arms} ELSE 'other' END" if arms else "'other'"
    return f"CASE WHEN {label} IS NULL THEN {default} ELSE {kind} END"


def stays(options: DynamicsOptions) -> str:
    """CTE `stays`: a deal's stays in stages, in order. Needs `changes`.

    The beginning of a column's history is what its first audit says was there before, without any
    audit what stands there now; the closing activities tell of states, and the row as it stands
    ends it.
    """
    stage, pipeline = options.stage_column, options.pipeline_column
    names = {"stage": stage, "state": "statecode", "amount": "estimatedvalue"}
    if pipeline:
        names["pipeline"] = pipeline
    begun = ", ".join(
        f"coalesce(max(t.after) FILTER (WHERE t.name = '{column}' AND t.operation = '1'), "
        f"arg_min(t.before, t.moment) FILTER (WHERE t.name = '{column}' AND t.operation <> '1'), "
        f"{_now(name, column)}) AS {name}"
        for name, column in names.items()
    )
    moved = ", ".join(
        f"max(after) FILTER (WHERE name = '{column}') AS {name}" for name, column in names.items()
    )
    now = ", ".join(
        f"coalesce(nullif(CAST(d.{column} AS VARCHAR), ''), {EMPTY}) AS {name}"
        for name, column in names.items()
    )
    carried = ", ".join(
        f"nullif(last_value({name} IGNORE NULLS) OVER told_so_far, {EMPTY}) AS {name}"
        for name in names
    )
    line = "coalesce(pipeline, 'default')" if pipeline else "'default'"
    return f"""
    told AS (
        SELECT id, moment, operation, name,
               coalesce(nullif(before, ''), {EMPTY}) AS before,
               coalesce(nullif(after, ''), {EMPTY}) AS after
        FROM changes
        WHERE entity = 'opportunity' AND name IN {sql.listed(names.values())}
    ),
    closed AS (
        SELECT opportunityid_id AS id, coalesce(actualend_at, created_at) AS moment,
               opportunitystatecode AS state
        FROM raw.@source__opportunitycloses
        WHERE _deleted_at IS NULL AND opportunitystatecode IN ('1', '2')
    ),
    events AS (
        SELECT d.id, d.created_at AS moment, 0 AS place, {begun}
        FROM raw.@source__opportunities d
        LEFT JOIN told t ON t.id = d.id
        LEFT JOIN (SELECT DISTINCT id FROM closed) k ON k.id = d.id
        GROUP BY ALL
        UNION ALL BY NAME
        SELECT id, moment, 1 AS place, state FROM closed
        WHERE id NOT IN (SELECT id FROM told WHERE name = 'statecode')
        UNION ALL BY NAME
        SELECT id, moment, 2 AS place, {moved} FROM told WHERE operation <> '1' GROUP BY id, moment
        UNION ALL BY NAME
        SELECT d.id, greatest(d.modified_at, d.created_at, x.moment) AS moment, 3 AS place, {now}
        FROM raw.@source__opportunities d
        LEFT JOIN (SELECT id, max(moment) AS moment FROM told GROUP BY id) x ON x.id = d.id
    ),
    carried AS (
        SELECT id, moment, place, {carried}
        FROM events
        WINDOW told_so_far AS (PARTITION BY id ORDER BY moment, place ROWS UNBOUNDED PRECEDING)
    ),
    standing AS (
        SELECT id, moment, {line} AS pipeline, {_stage("state", "stage")} AS stage, amount
        FROM carried
        -- What changed within one second is one change.
        QUALIFY row_number() OVER (PARTITION BY id, moment ORDER BY place DESC) = 1
    ),
    moves AS (
        SELECT * FROM standing
        QUALIFY (pipeline, stage) IS DISTINCT FROM
                lag((pipeline, stage)) OVER (PARTITION BY id ORDER BY moment)
    ),
    {_positions(options)},
    stays AS (
        SELECT m.id, m.pipeline, m.stage, m.moment AS entered_at,
               lead(m.moment) OVER (PARTITION BY m.id ORDER BY m.moment) AS left_at,
               p.label, p.position, m.stage IN ('won', 'lost') AS is_closed,
               m.stage = 'won' AS is_won,
               m.stage = 'won'
               OR (m.stage <> 'lost' AND coalesce(p.position >= p.qualified_from, false))
                   AS is_qualified,
               m.amount
        FROM moves m
        LEFT JOIN positions p ON p.pipeline = m.pipeline AND p.stage = m.stage
    )"""


def _now(name: str, column: str) -> str:
    """What stands there now; a deal that was closed by an activity began open."""
    now = f"nullif(CAST(d.{column} AS VARCHAR), '')"
    if name == "state":
        now = f"CASE WHEN k.id IS NULL THEN {now} ELSE '0' END"
    return f"coalesce(any_value({now}), {EMPTY})"


def _positions(options: DynamicsOptions) -> str:
    """CTE `positions(pipeline, stage, label, position, qualified_from)` of every stage seen."""
    stage, pipeline = options.stage_column, options.pipeline_column
    lines = f"d.{pipeline}_label" if pipeline else "CAST(NULL AS VARCHAR)"
    line = f"d.{pipeline}" if pipeline else "'default'"
    listed = [
        f"({sql.quoted(name)}, {sql.quoted(label)}, {place})"
        for name, stages in options.pipelines.items()
        for place, label in enumerate(stages)
    ] or ["(NULL, NULL, NULL)"]
    named = sql.listed(options.qualified_stages)
    return f"""
    given(pipeline, stage, place) AS (VALUES {", ".join(listed)}),
    stage_names AS (
        SELECT d.{stage} AS stage, any_value(d.{stage}_label) AS label
        FROM raw.@source__opportunities__versions d GROUP BY d.{stage}
    ),
    pipeline_names AS (
        SELECT {line} AS pipeline, any_value({lines}) AS label
        FROM raw.@source__opportunities__versions d GROUP BY ALL
    ),
    seen AS (
        SELECT DISTINCT m.pipeline, m.stage,
               coalesce(s.label, regexp_replace(m.stage, '^[0-9]+-', '')) AS label,
               coalesce(g.place, 1000 + coalesce(
                   TRY_CAST(regexp_extract(m.stage, '^([0-9]+)-', 1) AS INTEGER), 0)) AS place
        FROM moves m
        LEFT JOIN stage_names s ON s.stage = m.stage
        LEFT JOIN pipeline_names n ON n.pipeline = m.pipeline
        LEFT JOIN given g ON g.pipeline IN (m.pipeline, n.label)
                         AND g.stage IN (m.stage, s.label)
        WHERE m.stage NOT IN ('won', 'lost')
    ),
    lengths AS (
        SELECT n.pipeline, greatest(count(g.stage), coalesce(max(k.count), 0)) AS length
        FROM (SELECT DISTINCT pipeline FROM moves) n
        LEFT JOIN pipeline_names x ON x.pipeline = n.pipeline
        LEFT JOIN given g ON g.pipeline IN (n.pipeline, x.label)
        LEFT JOIN (SELECT pipeline, count(*) AS count FROM seen GROUP BY pipeline) k
          ON k.pipeline = n.pipeline
        GROUP BY n.pipeline
    ),
    ordered AS (
        SELECT pipeline, stage, label,
               CASE WHEN place < 1000 THEN place
                    ELSE row_number() OVER (PARTITION BY pipeline ORDER BY place, stage) - 1 END
                   AS position
        FROM seen
    ),
    positions AS (
        SELECT o.pipeline, o.stage, o.label, o.position,
               coalesce(min(o.position) FILTER (WHERE o.label IN {named} OR o.stage IN {named})
                            OVER (PARTITION BY o.pipeline), 1) AS qualified_from
        FROM ordered o
        UNION ALL
        SELECT pipeline, 'won', 'Won', length, NULL FROM lengths
        UNION ALL
        SELECT pipeline, 'lost', 'Lost', length + 1, NULL FROM lengths
    )"""
