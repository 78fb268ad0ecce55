"""What is read from Plausible.

Belongs here: the streams and their columns. Does not: how they are pulled (`pull.py`) or what they
mean to us (`offers.py`).
"""

from __future__ import annotations

from revops_pipelines.engine.declarations import Column, Stream
from revops_pipelines.resources.sources.plausible.options import PlausibleOptions
from revops_pipelines.resources.sources.plausible.pull import pull_conversions, pull_visits

_COLUMNS = (
    Column("day", "VARCHAR", "/day", "The day, in the site's time zone."),
    Column("part", "VARCHAR", "/part", "Number of the part of the day, from 0."),
    Column("parts", "INTEGER", "/parts", "Parts that the day has; later ones are gone."),
    Column(
        "rows",
        "STRUCT(metrics JSON[], dimensions VARCHAR[])[]",
        "/rows",
        "Values in the order asked for; the first dimension is the day.",
    ),
)

_STREAMS = (
    Stream(
        "visits",
        "Visits and visitors of a day by channel, source, medium, campaign and entry page.",
        ("day", "part"),
        _COLUMNS,
        pull_visits,
        scopes=("Stats API",),
    ),
    Stream(
        "conversions",
        "Conversions of a day by the same and by goal.",
        ("day", "part"),
        _COLUMNS,
        pull_conversions,
        scopes=("Stats API",),
    ),
)


def streams(options: PlausibleOptions) -> tuple[Stream, ...]:
    """Every stream; the options do not change which there are."""
    del options
    return _STREAMS
