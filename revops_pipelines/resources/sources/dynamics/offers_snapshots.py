"""What Dynamics' audits say of how an opportunity stood on each day.

Belongs here: days of opportunities. Does not: the stays in stages (`offers_deals.py`), which decide
the stage of a day as well.

A column that is audited is told by its audits, the first of which says what was there before. One
that is not is told by the versions of the row that we have seen and by the closing activities; what
was seen first was so from the beginning.
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
from revops_pipelines.resources.sources.dynamics import sql
from revops_pipelines.resources.sources.dynamics.offers_deals import DELETED_AT, stays
from revops_pipelines.resources.sources.dynamics.options import DynamicsOptions

_OF_STAGE = ("pipeline", "stage")
# Our word, the column, and how its raw table calls it.
_COLUMNS = (
    ("estimate", "estimatedvalue", "estimatedvalue"),
    ("revenue", "actualvalue", "actualvalue"),
    ("expected_on", "estimatedclosedate", "estimatedclosedate"),
    ("ended_on", "actualclosedate", "actualclosedate"),
    ("owner", "ownerid", "ownerid_id"),
    ("category", "msdyn_forecastcategory", "msdyn_forecastcategory"),
    ("probability", "closeprobability", "closeprobability"),
    ("money", "transactioncurrencyid", "transactioncurrencyid_id"),
)


def snapshots(options: DynamicsOptions) -> Offer:
    """Deals as they stood at the end of each day on which they changed."""
    fields = (*_OF_STAGE, *(name for name, _, _ in _COLUMNS))
    is_closed = "x.stage IN ('won', 'lost')"
    text = f"""
    WITH {sql.STAFF}, {sql.CHANGES}, {sql.DELETED}, {stays(options)},
    lives AS (
        SELECT d.id, d.created_at AS born_at, {DELETED_AT} AS ended_at
        FROM raw.@source__opportunities d LEFT JOIN deleted g ON g.id = d.id
    ),
    {_MARKS},
    {days_of_marks(fields)},
    category_names AS (
        SELECT msdyn_forecastcategory AS category, any_value(msdyn_forecastcategory_label) AS label
        FROM raw.@source__opportunities__versions GROUP BY ALL
    ),
    states AS (
        SELECT {sql.named("x.id")} AS opportunity_id, x.snapshot_on,
               x.pipeline, x.stage,
               CASE WHEN x.stage = 'won' THEN coalesce({money("x.revenue")}, {money("x.estimate")})
                    ELSE {money("x.estimate")} END AS amount,
               upper(coalesce(y.isocurrencycode, b.isocurrencycode)) AS currency,
               CASE WHEN {is_closed} THEN coalesce({_day("x.ended_on")}, {_day("x.expected_on")})
                    ELSE {_day("x.expected_on")} END AS close_on,
               {_category(options)} AS forecast_category,
               TRY_CAST(x.probability AS DOUBLE) / 100 AS probability,
               {sql.named("o.id")} AS owner_id,
               {is_closed} AS is_closed, x.stage = 'won' AS is_won,
               concat_ws(':', x.id, x.snapshot_on) AS source_id,
               x.changed_at AS _updated_at, l.ended_at AS _deleted_at
        FROM days x
        JOIN lives l ON l.id = x.id
        LEFT JOIN category_names n ON n.category = x.category
        LEFT JOIN staff o ON o.id = x.owner
        LEFT JOIN (SELECT any_value(basecurrencyid_id) AS id FROM raw.@source__organizations) k
          ON true
        LEFT JOIN raw.@source__transactioncurrencies b ON b.id = k.id
        LEFT JOIN raw.@source__transactioncurrencies y ON y.id = x.money
    )
    {changed_days("states")}
    """
    return Offer(
        "opportunity_snapshots",
        text,
        (
            "opportunities",
            "opportunitycloses",
            "audits",
            "systemusers",
            "transactioncurrencies",
            "organizations",
        ),
    )


def _category(options: DynamicsOptions) -> str:
    """By the label, or by the number where labels are in another language."""
    by_label, by_number = (
        forecast_category(
            column,
            options.forecast_categories,
            is_won="x.stage = 'won'",
            is_closed="x.stage = 'lost'",
        )
        for column in ("n.label", "x.category")
    )
    return f"coalesce({by_label}, {by_number})"


def _day(text: str) -> str:
    """A day: as audits write it, in American order, or ISO 8601; other text as it is."""
    american = f"TRY_STRPTIME({text}, '%m/%d/%Y %H:%M:%S')"
    day = f"CAST(coalesce({american}, TRY_CAST({text} AS TIMESTAMP)) AS DATE)"
    return f"coalesce(CAST({day} AS VARCHAR), {text})"


def _plain(text: str) -> str:
    """A value; of a lookup, which audits write as `table,identifier`, the identifier."""
    return told(f"split_part({text}, ',', -1)")


def _audited(name: str, column: str, said: str) -> str:
    return f"CASE WHEN name = '{column}' THEN {_plain(said)} END AS {name}"


def _unaudited(name: str, column: str, said: str) -> str:
    is_audited = f"coalesce(list_contains(t.names, '{column}'), false)"
    return f"CASE WHEN NOT {is_audited} THEN {said} END AS {name}"


# CTE `marks`: what became of opportunities, of stages by their stays.
_MARKS = f"""
    said AS (
        SELECT id, moment, operation, name, before, after
        FROM changes
        WHERE entity = 'opportunity' AND name IN {sql.listed(column for _, column, _ in _COLUMNS)}
    ),
    said_first AS (
        SELECT id, name,
               arg_min(struct_pack(said := CASE WHEN operation = '1' THEN after ELSE before END),
                       moment).said AS said
        FROM said GROUP BY id, name
    ),
    tracked AS (SELECT id, list(name) AS names FROM said_first GROUP BY id),
    watched AS (
        SELECT v.id, v._updated_at AS told_at,
               row_number() OVER (PARTITION BY v.id ORDER BY v._updated_at, v._extracted_at)
                   AS place,
               {", ".join(_unaudited(name, of, told(f"v.{raw}")) for name, of, raw in _COLUMNS)}
        FROM raw.@source__opportunities__versions v
        LEFT JOIN tracked t ON t.id = v.id
    ),
    marks AS (
        SELECT id, entered_at AS told_at, 0 AS place, {told("pipeline")} AS pipeline,
               {told("stage")} AS stage
        FROM stays
        UNION ALL BY NAME
        SELECT f.id, l.born_at AS told_at, 0 AS place,
               {", ".join(_audited(name, column, "f.said") for name, column, _ in _COLUMNS)}
        FROM said_first f JOIN lives l ON l.id = f.id
        UNION ALL BY NAME
        SELECT id, moment AS told_at, 1 AS place,
               {", ".join(_audited(name, column, "after") for name, column, _ in _COLUMNS)}
        FROM said WHERE operation <> '1'
        UNION ALL BY NAME
        SELECT c.opportunityid_id AS id, coalesce(c.actualend_at, c.created_at) AS told_at,
               0 AS place,
               {_unaudited("revenue", "actualvalue", told("c.actualrevenue"))},
               {_unaudited("ended_on", "actualclosedate", told("CAST(c.actualend_at AS DATE)"))}
        FROM raw.@source__opportunitycloses c
        LEFT JOIN tracked t ON t.id = c.opportunityid_id
        WHERE c._deleted_at IS NULL AND c.opportunitystatecode IN ('1', '2')
        UNION ALL BY NAME
        SELECT s.* REPLACE (CASE WHEN s.place = 1 THEN l.born_at ELSE s.told_at END AS told_at)
        FROM watched s JOIN lives l ON l.id = s.id
    )"""
