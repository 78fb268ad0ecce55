"""What HubSpot's histories of properties say of how a deal stood on each day.

Belongs here: days of deals. Does not: the stays in stages (`offers_deals.py`), which decide the
stage of a day as well.

HubSpot tells every value of a property with its moment. Of a property without any entry, the
versions of the record that we have seen tell, and what was seen first was so from the beginning.
"""

from __future__ import annotations

from revops_pipelines.engine.conform.deal_days import (
    LAST_PLACE,
    changed_days,
    days_of_marks,
    forecast_category,
    money,
    told,
)
from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.hubspot import sql
from revops_pipelines.resources.sources.hubspot.histories import before
from revops_pipelines.resources.sources.hubspot.offers_deals import stages, stays
from revops_pipelines.resources.sources.hubspot.options import HubSpotOptions

# Our word, the property, and the column that holds its value as it stands.
_PROPERTIES = (
    ("amount", "amount", "amount"),
    ("closes", "closedate", "close_at"),
    ("owner", "hubspot_owner_id", "owner_id"),
    ("currency", "deal_currency_code", "currency"),
    ("category", "hs_manual_forecast_category", "forecast_category"),
    ("probability", "hs_deal_stage_probability", "probability"),
)
_OF_STAGE = ("pipeline", "stage", "is_closed", "is_won")


def snapshots(options: HubSpotOptions) -> Offer:
    """Deals as they stood at the end of each day on which they changed."""
    fields = (*_OF_STAGE, *(name for name, _, _ in _PROPERTIES))
    category = forecast_category(
        "x.category",
        options.forecast_categories,
        is_won="x.is_won = 'true'",
        is_closed="x.is_closed = 'true'",
    )
    text = f"""
    WITH RECURSIVE {sql.merged("deals")}, {stages(options)}, {stays(options)},
    lives AS (
        SELECT d.id, coalesce(d.created_on_record_at, d.created_at) AS born_at,
               d._deleted_at AS ended_at
        FROM raw.@source__deals d WHERE d.id NOT IN (SELECT loser FROM deals_merged)
    ),
    {", ".join(before(told_of, options) for _, told_of, _ in _PROPERTIES)},
    {_MARKS},
    {days_of_marks(fields)},
    states AS (
        SELECT {sql.named("x.id")} AS opportunity_id, x.snapshot_on,
               x.pipeline, x.stage,
               {money("x.amount")} AS amount,
               upper(coalesce(x.currency, account.currency)) AS currency,
               coalesce(CAST(CAST({_moment("x.closes")} AS DATE) AS VARCHAR), x.closes)
                   AS close_on,
               {category} AS forecast_category,
               coalesce(TRY_CAST(x.probability AS DOUBLE), s.probability) AS probability,
               {sql.named("x.owner")} AS owner_id,
               coalesce(x.is_closed = 'true', false) AS is_closed,
               coalesce(x.is_won = 'true', false) AS is_won,
               concat_ws(':', x.id, x.snapshot_on) AS source_id,
               x.changed_at AS _updated_at, l.ended_at AS _deleted_at
        FROM days x
        JOIN lives l ON l.id = x.id
        LEFT JOIN stages s ON s.pipeline_id = x.pipeline AND s.stage_id = x.stage
        {sql.ACCOUNT}
    )
    {changed_days("states")}
    """
    return Offer("opportunity_snapshots", text, ("deals", "pipelines", "account"))


def _moment(text: str) -> str:
    """A datetime's value: ISO 8601, or milliseconds as older histories write it."""
    from_milliseconds = f"make_timestamp(1000 * TRY_CAST({text} AS BIGINT))"
    return f"coalesce(TRY_CAST({text} AS TIMESTAMP), {from_milliseconds})"


def _entries(name: str, told_of: str) -> str:
    """Marks of one property: a history lists the newest first. Needs `before`."""
    return f"""
        SELECT id, TRY_CAST(e.timestamp AS TIMESTAMP) AS told_at,
               {LAST_PLACE} - age AS place, {told("e.value")} AS {name}
        FROM (SELECT id, unnest(steps) AS e, generate_subscripts(steps, 1) AS age
              FROM (SELECT d.id, list_concat(d.{told_of}_history, b.entries) AS steps
                    FROM raw.@source__deals d LEFT JOIN {told_of}_before b ON b.id = d.id))"""


def _seen(name: str, told_of: str, column: str) -> str:
    return f"CASE WHEN {_lacks(f'd.{told_of}')} THEN {told(f'v.{column}')} END AS {name}"


def _lacks(told_of: str) -> str:
    return f"NOT coalesce(len({told_of}_history) > 0, false)"


# CTE `marks`: what became of deals, of stages by their stays.
_MARKS = f"""
    watched AS (
        SELECT v.id, v._updated_at AS told_at,
               row_number() OVER (PARTITION BY v.id ORDER BY v._updated_at, v._extracted_at)
                   AS place,
               {", ".join(_seen(*each) for each in _PROPERTIES)}
        FROM raw.@source__deals__versions v
        JOIN (SELECT * FROM raw.@source__deals
              WHERE {" OR ".join(_lacks(told_of) for _, told_of, _ in _PROPERTIES)}) d
          ON d.id = v.id
    ),
    marks AS (
        SELECT id, entered_at AS told_at, place, {told("pipeline_id")} AS pipeline,
               {told("stage_id")} AS stage,
               CAST(coalesce(is_closed, false) AS VARCHAR) AS is_closed,
               CAST(coalesce(is_won, false) AS VARCHAR) AS is_won
        FROM stays
        UNION ALL BY NAME
        SELECT s.* REPLACE (CASE WHEN s.place = 1 THEN l.born_at ELSE s.told_at END AS told_at)
        FROM watched s JOIN lives l ON l.id = s.id
        UNION ALL BY NAME
        {" UNION ALL BY NAME ".join(_entries(name, told_of) for name, told_of, _ in _PROPERTIES)}
    )"""
