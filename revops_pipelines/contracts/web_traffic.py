"""Visits to the website, counted by day, origin and landing page."""

from __future__ import annotations

from typing import Any, ClassVar

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Day, Flag, Integer, Quantity, Text
from revops_pipelines.contracts.contract import Contract, identity


class WebTraffic(Contract):
    """Visits to the website, counted by day, origin and landing page.

    Rows are counts: nobody is named, so no row is anybody's touchpoint. Users of two rows may be
    the same people and must not be added up; sessions and conversions may.
    """

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "web_traffic"
        metadata: ClassVar[dict[str, Any]] = identity(("traffic_id",))

    traffic_id: Text = col.key(
        "The row's identifier, `source:source_id`, made of its day and dimensions: a day that is "
        "counted anew replaces the same day."
    )
    visited_on: Day = col.day("Day of the visits, in the site's own time zone.", nullable=False)
    channel: Text = col.text(
        "Acquisition channel in the words that leads have, for example paid_search."
    )
    traffic_source: Text = col.text(
        "Site or tag that visitors came from, lower case, for example google; null for direct "
        "visits and where it is not known."
    )
    medium: Text = col.text("How they came, for example cpc; null where nothing says it.")
    campaign: Text = col.text("Campaign's name, as the link was tagged with it.")
    landing_page: Text = col.text("Path of the visit's first page; `(other)` where folded.")
    sessions: Integer = col.integer("Visits.", nullable=False, ge=0)
    users: Integer = col.integer("Different visitors among them.", ge=0)
    conversions: Quantity = col.quantity(
        "Conversions in these visits: key events or goals.", nullable=False, ge=0
    )
    is_approximate: Flag = col.flag(
        "The day was sampled, thresholded or folded into `(other)` by the source."
    )
