"""What is read from Google Analytics 4.

Belongs here: the stream and its columns. Does not: how it is pulled (`pull.py`) or what it means to
us (`offers.py`).
"""

from __future__ import annotations

from revops_pipelines.engine.declarations import Column, Stream
from revops_pipelines.resources.sources.ga4.options import Ga4Options
from revops_pipelines.resources.sources.ga4.pull import pull_traffic

_VALUES = "STRUCT(value VARCHAR)[]"
_STREAMS = (
    Stream(
        "traffic",
        "Reports of single days by channel, source, medium, campaign and landing page; a record is "
        "a page of a day's report.",
        ("day", "page"),
        (
            Column("day", "VARCHAR", "/day", "The day, in the property's time zone."),
            Column("page", "VARCHAR", "/page", "Number of the page, from 0."),
            Column("pages", "INTEGER", "/pages", "Pages that the day has; later ones are gone."),
            Column("row_count", "BIGINT", "/rowCount", "Rows that the day has."),
            Column("time_zone", "VARCHAR", "/metadata/timeZone", "The property's time zone."),
            Column(
                "is_thresholded",
                "BOOLEAN",
                "/metadata/subjectToThresholding",
                "Rows of few users may be left out, so that nobody can be told by them.",
            ),
            Column(
                "is_folded",
                "BOOLEAN",
                "/metadata/dataLossFromOtherRow",
                "Rows beyond the property's limit are folded into `(other)`.",
            ),
            Column(
                "samples",
                "JSON",
                "/metadata/samplingMetadatas",
                "Events read and events there are, where the report is a sample.",
            ),
            Column(
                "rows",
                f'STRUCT("dimensionValues" {_VALUES}, "metricValues" {_VALUES})[]',
                "/rows",
                "Values in the order asked for.",
            ),
        ),
        pull_traffic,
        scopes=("https://www.googleapis.com/auth/analytics.readonly",),
    ),
)


def streams(options: Ga4Options) -> tuple[Stream, ...]:
    """Every stream; the options do not change which there are."""
    del options
    return _STREAMS
