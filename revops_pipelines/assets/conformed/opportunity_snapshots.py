"""Deals as they stood at the end of each day, and whose history cannot be trusted.

A deal's history is what its system wrote down as it went; its record is what the system says now.
Where they disagree, one of them is wrong or incomplete: a history that was cut off, imported or
switched on late, an amount that was corrected without a trace.
"""

from __future__ import annotations

from revops_pipelines.contracts.opportunity_snapshots import OpportunitySnapshots
from revops_pipelines.engine.conform.declaration import Entity, Examination
from revops_pipelines.engine.conform.identity import OF_LEADING_DEALS

# Reasons, as `ops.untrusted_deals` words them, and when they hold: of the deal `o`, its first day
# and its last row `s`.
_REASONS = {
    "no_history": "s.opportunity_id IS NULL",
    "begins_another_day": "s.first_on <> CAST(o.created_at AS DATE)",
    "other_stage_now": "(s.last.pipeline, s.last.stage) IS DISTINCT FROM (o.pipeline, o.stage)",
    "other_amount_now": "(s.last.amount, s.last.currency) IS DISTINCT FROM (o.amount, o.currency)",
    "other_close_date_now": "s.last.close_on IS DISTINCT FROM o.close_on",
    "other_outcome_now": "(s.last.is_closed, s.last.is_won) <> (o.is_closed, o.is_won)",
    "other_owner_now": "s.last.owner_id IS DISTINCT FROM o.owner_id",
}
_ARMS = ", ".join(
    f"CASE WHEN {'' if reason == 'no_history' else 's.opportunity_id IS NOT NULL AND '}{holds} "
    f"THEN '{reason}' END"
    for reason, holds in _REASONS.items()
)

# Where a deal has stays in stages, its days must have been in the stage of each day's last stay.
_BROKEN = f"""
    WITH histories AS (
        SELECT opportunity_id, min(snapshot_on) AS first_on,
               arg_max(struct_pack(pipeline, stage, amount, currency, close_on, is_closed, is_won,
                                   owner_id), snapshot_on) AS last
        FROM conformed.opportunity_snapshots GROUP BY opportunity_id
    ),
    stays AS (
        SELECT h.opportunity_id, h.pipeline, h.stage,
               CAST(greatest(h.entered_at, o.created_at) AS DATE) AS since_on
        FROM conformed.opportunity_stage_history h
        JOIN conformed.opportunities o ON o.opportunity_id = h.opportunity_id
        WHERE coalesce(h.entered_at <= o._deleted_at, true)
        QUALIFY row_number() OVER (
            PARTITION BY h.opportunity_id, CAST(greatest(h.entered_at, o.created_at) AS DATE)
            ORDER BY h.entered_at DESC, h.left_at DESC NULLS FIRST) = 1
    ),
    stays_of_days AS (
        SELECT * FROM stays
        QUALIFY (pipeline, stage) IS DISTINCT FROM
                lag((pipeline, stage)) OVER (PARTITION BY opportunity_id ORDER BY since_on)
    ),
    stages_of_days AS (
        SELECT opportunity_id, pipeline, stage, snapshot_on AS since_on
        FROM conformed.opportunity_snapshots
        WHERE opportunity_id IN (SELECT opportunity_id FROM stays)
        QUALIFY (pipeline, stage) IS DISTINCT FROM
                lag((pipeline, stage)) OVER (PARTITION BY opportunity_id ORDER BY snapshot_on)
    )
    SELECT o.opportunity_id AS subject, unnest(list_filter([{_ARMS}], lambda r: r IS NOT NULL))
               AS reason
    FROM conformed.opportunities o LEFT JOIN histories s ON s.opportunity_id = o.opportunity_id
    UNION ALL
    SELECT opportunity_id, 'other_stages_then'
    FROM (SELECT * FROM stays_of_days UNION ALL BY NAME SELECT * FROM stages_of_days)
    WHERE opportunity_id IN (SELECT opportunity_id FROM conformed.opportunity_snapshots)
    GROUP BY opportunity_id, pipeline, stage, since_on HAVING count(*) = 1
"""

ENTITY = Entity(
    name="opportunity_snapshots",
    contract=OpportunitySnapshots,
    owner="sales",
    resolved=OF_LEADING_DEALS,
    reads=("opportunities", "opportunity_stage_history"),
    examination=Examination(
        name="deal_history_agrees",
        holds="Each deal's history begins on the day of its creation, ends as its record stands "
        "and was in the stages of its stage history; the others are in ops.untrusted_deals.",
        table="untrusted_deals",
        subject="opportunity_id",
        broken=_BROKEN,
    ),
)
