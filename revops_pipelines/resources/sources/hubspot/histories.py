"""Histories of properties that are longer than HubSpot keeps them.

Belongs here: what earlier versions of a deal still told of a history that was cut off since. Does
not: what a history means.
"""

from __future__ import annotations

from revops_pipelines.resources.sources.hubspot.options import HubSpotOptions


def before(name: str, options: HubSpotOptions) -> str:
    """CTE `<name>_before(id, entries)`: entries older than those that are told now, newest first.

    Only of histories as long as HubSpot keeps them: in a shorter one nothing was cut off, and what
    is missing in it was taken back.
    """
    history = f"{name}_history"
    return f"""
    {name}_full AS (
        SELECT id, {history}[-1].timestamp AS begins FROM raw.@source__deals
        WHERE len({history}) >= {options.kept_values}
    ),
    {name}_before AS (
        SELECT id, list(e ORDER BY e.timestamp DESC) AS entries
        FROM (
            SELECT DISTINCT v.id, e
            FROM (SELECT id, unnest({history}) AS e FROM raw.@source__deals__versions
                  WHERE id IN (SELECT id FROM {name}_full)) v
            JOIN {name}_full f ON f.id = v.id
            WHERE TRY_CAST(v.e.timestamp AS TIMESTAMP) < TRY_CAST(f.begins AS TIMESTAMP)
        )
        GROUP BY id
    )"""
