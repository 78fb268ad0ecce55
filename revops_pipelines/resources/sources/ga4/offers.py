"""What Google Analytics 4 gives to the conformed entities.

Belongs here: SQL over the raw table. Does not: pulling.

Google's words for nothing, `(not set)`, `(none)` and `(direct)`, become null. `(other)` stays: it
is where Google folds the rows beyond its limit, and they must be seen. Nobody is named, so there
are no touchpoints.
"""

from __future__ import annotations

from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.ga4.options import Ga4Options

_NOTHING = "'', '(not set)', '(none)', '(direct)', '(organic)', '(referral)'"


def offers(options: Ga4Options) -> tuple[Offer, ...]:
    """Every offer, its SQL written by the options."""
    return (Offer("web_traffic", _web_traffic(options), ("traffic",)),)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _word(column: str, options: Ga4Options) -> str:
    """SQL for a channel: the settings' word, else lower case with underscores."""
    arms = "".join(
        f" WHEN {_literal(theirs.lower())} THEN {_literal(ours)}"
        for theirs, ours in sorted(options.channels.items())
    )
    plain = f"nullif(trim(regexp_replace(lower({column}), '[^a-z0-9]+', '_', 'g'), '_'), '')"
    return f"CASE lower(trim({column})){arms} ELSE {plain} END" if arms else plain


def _dimension(position: int) -> str:
    """SQL for a dimension's value, null where Google has none."""
    value = f'r."dimensionValues"[{position}].value'
    return f"CASE WHEN {value} NOT IN ({_NOTHING}) THEN {value} END"


def _web_traffic(options: Ga4Options) -> str:
    values = ", ".join(f'r."dimensionValues"[{at}].value' for at in range(1, 6))
    return f"""
    WITH days AS (
        -- A day that has fewer pages than before leaves its last ones behind.
        SELECT day, pages FROM raw.@source__traffic WHERE page = '0' AND _deleted_at IS NULL
    ), counted AS (
        SELECT t.day, t._updated_at, t._deleted_at, unnest(t.rows) AS r,
               coalesce(t.is_thresholded, false) OR coalesce(t.is_folded, false)
                   OR coalesce(json_array_length(t.samples), 0) > 0 AS is_approximate
        FROM raw.@source__traffic t JOIN days USING (day)
        WHERE CAST(t.page AS INTEGER) < days.pages
    ), named AS (
        SELECT *, day || ':' || md5(concat_ws(chr(31), {values})) AS id FROM counted
    )
    SELECT '@source:' || id AS traffic_id,
           CAST(day AS DATE) AS visited_on,
           {_word('r."dimensionValues"[1].value', options)} AS channel,
           lower({_dimension(2)}) AS traffic_source,
           lower({_dimension(3)}) AS medium,
           {_dimension(4)} AS campaign,
           {_dimension(5)} AS landing_page,
           r."metricValues"[1].value AS sessions,
           r."metricValues"[2].value AS users,
           r."metricValues"[3].value AS conversions,
           is_approximate,
           id AS source_id, _updated_at, _deleted_at
    FROM named
    """
