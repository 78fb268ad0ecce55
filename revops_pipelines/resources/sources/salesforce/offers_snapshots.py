"""What Salesforce's histories say of how an opportunity stood on each day.

Belongs here: days of opportunities. Does not: the stays in stages (`offers_deals.py`), which decide
the stage of a day as well.

OpportunityHistory writes stage, amount, close date, probability and forecast category down at every
change of one of them; the owner is in OpportunityFieldHistory where it is tracked. The rest, and
what has no history, is told by the versions of the record that we have seen; what was seen first
was so from the beginning.
"""

from __future__ import annotations

from revops_pipelines.engine.conform.deal_days import (
    changed_days,
    days_of_marks,
    forecast_category,
    money,
    told,
)
from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.salesforce import sql
from revops_pipelines.resources.sources.salesforce.offers_deals import STAYS, stages
from revops_pipelines.resources.sources.salesforce.options import SalesforceOptions

_OF_STAGE = ("pipeline", "stage", "is_closed", "is_won")
_WRITTEN_DOWN = ("amount", "close_on", "category", "probability")


def snapshots(options: SalesforceOptions) -> Offer:
    """Deals as they stood at the end of each day on which they changed."""
    category = forecast_category(
        "x.category",
        options.forecast_categories,
        is_won="x.is_won = 'true'",
        is_closed="x.is_closed = 'true'",
    )
    chance = "TRY_CAST(x.probability AS DOUBLE)"
    text = f"""
    WITH {stages(options)}, {STAYS}, {sql.MACHINES},
    lives AS (
        SELECT id, created_at AS born_at, _deleted_at AS ended_at
        FROM raw.@source__opportunities
    ),
    {_MARKS},
    {days_of_marks((*_OF_STAGE, *_WRITTEN_DOWN, "owner", "currency"))},
    states AS (
        SELECT {sql.named("x.id")} AS opportunity_id, x.snapshot_on,
               x.pipeline, x.stage,
               {money("x.amount")} AS amount,
               upper(coalesce(x.currency, '{options.currency}')) AS currency,
               x.close_on,
               {category} AS forecast_category,
               coalesce({chance}, s.probability) / 100 AS probability,
               CASE WHEN {sql.is_person("x.owner")} THEN {sql.named("x.owner")} END AS owner_id,
               coalesce(x.is_closed = 'true', false) AS is_closed,
               coalesce(x.is_won = 'true', false) AS is_won,
               concat_ws(':', x.id, x.snapshot_on) AS source_id,
               x.changed_at AS _updated_at, l.ended_at AS _deleted_at
        FROM days x
        JOIN lives l ON l.id = x.id
        LEFT JOIN stages s ON s.name = x.stage
    )
    {changed_days("states")}
    """
    return Offer(
        "opportunity_snapshots",
        text,
        (
            "opportunities",
            "opportunity_history",
            "opportunity_field_history",
            "opportunity_stages",
            "users",
        ),
    )


def _seen(column: str, name: str) -> str:
    """What a version says, of an opportunity that has no history."""
    return f"CASE WHEN k.id IS NULL THEN {told(f'v.{column}')} END AS {name}"


# CTE `marks`: what became of opportunities, of stages by their stays. A field history writes a
# lookup twice, once as names and once as identifiers.
_MARKS = f"""
    kept AS (
        SELECT DISTINCT opportunity_id AS id FROM raw.@source__opportunity_history
        WHERE opportunity_id IS NOT NULL
    ),
    owner_changes AS (
        SELECT opportunity_id AS id, created_at AS told_at, old_value, new_value,
               row_number() OVER (PARTITION BY opportunity_id ORDER BY created_at, id) AS place
        FROM raw.@source__opportunity_field_history
        WHERE field = 'Owner' AND regexp_matches(new_value, '^00[5G][A-Za-z0-9]{{12,15}}$')
    ),
    watched AS (
        SELECT v.id, v._updated_at AS told_at,
               row_number() OVER (PARTITION BY v.id ORDER BY v._updated_at, v._extracted_at)
                   AS place,
               {_seen("amount", "amount")}, {_seen("close_on", "close_on")},
               {_seen("forecast_category", "category")}, {_seen("probability", "probability")},
               CASE WHEN o.id IS NULL THEN {told("v.owner_id")} END AS owner,
               {told("v.currency")} AS currency
        FROM raw.@source__opportunities__versions v
        LEFT JOIN kept k ON k.id = v.id
        LEFT JOIN owner_changes o ON o.id = v.id AND o.place = 1
    ),
    marks AS (
        SELECT id, entered_at AS told_at, step AS place, {told("pipeline")} AS pipeline,
               {told("stage")} AS stage, CAST(is_closed AS VARCHAR) AS is_closed,
               CAST(is_won AS VARCHAR) AS is_won
        FROM stays
        UNION ALL BY NAME
        SELECT opportunity_id AS id, created_at AS told_at,
               row_number() OVER (PARTITION BY opportunity_id ORDER BY created_at, id) AS place,
               {told("amount")} AS amount, {told("close_on")} AS close_on,
               {told("forecast_category")} AS category, probability
        FROM raw.@source__opportunity_history
        UNION ALL BY NAME
        SELECT c.id, l.born_at AS told_at, 0 AS place, {told("c.old_value")} AS owner
        FROM owner_changes c JOIN lives l ON l.id = c.id WHERE c.place = 1
        UNION ALL BY NAME
        SELECT id, told_at, place, {told("new_value")} AS owner FROM owner_changes
        UNION ALL BY NAME
        SELECT s.* REPLACE (CASE WHEN s.place = 1 THEN l.born_at ELSE s.told_at END AS told_at)
        FROM watched s JOIN lives l ON l.id = s.id
    )"""
