"""What Plausible gives to the conformed entities.

Belongs here: SQL over the raw tables. Does not: pulling.

Plausible's words for nothing, `(not set)`, `(none)` and `Direct / None`, become null. It counts
everybody, so nothing is approximate; it names nobody, so there are no touchpoints. Its sources are
names ("Google"), in lower case like other systems' tags.
"""

from __future__ import annotations

from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.plausible.options import PlausibleOptions

_NOTHING = "'', '(not set)', '(none)', 'Direct / None'"


def offers(options: PlausibleOptions) -> tuple[Offer, ...]:
    """Every offer, its SQL written by the options."""
    return (Offer("web_traffic", _web_traffic(options), ("visits", "conversions")),)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _word(column: str, options: PlausibleOptions) -> str:
    """SQL for a channel: the settings' word, else lower case with underscores."""
    arms = "".join(
        f" WHEN {_literal(theirs.lower())} THEN {_literal(ours)}"
        for theirs, ours in sorted(options.channels.items())
    )
    plain = f"nullif(trim(regexp_replace(lower({column}), '[^a-z0-9]+', '_', 'g'), '_'), '')"
    return f"CASE lower(trim({column})){arms} ELSE {plain} END" if arms else plain


def _dimension(position: int) -> str:
    """SQL for a dimension's value, null where Plausible has none."""
    value = f"v.dimensions[{position}]"
    return f"CASE WHEN {value} NOT IN ({_NOTHING}) THEN {value} END"


def _rows(stream: str) -> str:
    """SQL for a stream's rows; a day that has fewer parts than before leaves its last behind."""
    return f"""
        SELECT s.day, s._updated_at, s._deleted_at, unnest(s.rows) AS r
        FROM raw.@source__{stream} s
        JOIN raw.@source__{stream} f ON f.day = s.day AND f.part = '0' AND f._deleted_at IS NULL
        WHERE CAST(s.part AS INTEGER) < f.parts"""


def _web_traffic(options: PlausibleOptions) -> str:
    goals = ", ".join(_literal(goal) for goal in options.goals)
    only = f"WHERE r.dimensions[7] IN ({goals})" if goals else ""
    return f"""
    WITH visited AS ({_rows("visits")}
    ), converted AS ({_rows("conversions")}
    ), visits AS (
        SELECT r.dimensions AS dimensions, CAST(r.metrics[1] AS BIGINT) AS visits,
               CAST(r.metrics[2] AS BIGINT) AS visitors, _updated_at, _deleted_at
        FROM visited
    ), conversions AS (
        SELECT r.dimensions[1:6] AS dimensions, sum(CAST(r.metrics[1] AS BIGINT)) AS conversions,
               max(_updated_at) AS _updated_at
        FROM converted {only} GROUP BY ALL
    ), named AS (
        -- Read a moment later, a conversion may belong to a visit that was not there yet.
        SELECT coalesce(v.dimensions, c.dimensions) AS dimensions,
               coalesce(v.visits, 0) AS visits, coalesce(v.visitors, 0) AS visitors,
               coalesce(c.conversions, 0) AS conversions,
               greatest(v._updated_at, c._updated_at) AS _updated_at, v._deleted_at
        FROM visits v FULL JOIN conversions c ON c.dimensions = v.dimensions
    ), keyed AS (
        SELECT *, dimensions[1] || ':' || md5(array_to_string(dimensions[2:6], chr(31))) AS id
        FROM named
    )
    SELECT '@source:' || id AS traffic_id,
           CAST(v.dimensions[1] AS DATE) AS visited_on,
           {_word("v.dimensions[2]", options)} AS channel,
           lower({_dimension(3)}) AS traffic_source,
           lower({_dimension(4)}) AS medium,
           {_dimension(5)} AS campaign,
           {_dimension(6)} AS landing_page,
           visits AS sessions, visitors AS users, conversions,
           false AS is_approximate,
           id AS source_id, _updated_at, _deleted_at
    FROM keyed v
    """
