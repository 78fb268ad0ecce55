"""What `[sources.plausible]` in revops.toml may say.

Belongs here: options, their defaults and the reason for each. Does not: the API key
(`PLAUSIBLE_API_KEY`).
"""

from __future__ import annotations

from datetime import date

from pydantic import Field

from revops_pipelines.engine.declarations import SourceOptions


class PlausibleOptions(SourceOptions):
    """How a site is reached, how much of it is read, and what its words mean to us."""

    site_id: str = Field("", description="The site's domain, as it was added to Plausible.")
    base_url: str = Field(
        "https://plausible.io", description="Origin of the API; your own where you host it."
    )
    allow_private_address: bool = Field(
        False, description="Let the base URL lead to a private address (a server of your own)."
    )

    goals: tuple[str, ...] = Field(
        (),
        description="Goals (display names) that count as conversions; none named: all, among them "
        "those of visited pages.",
    )
    began_on: date | None = Field(
        None, description="First day to read; found by a query where it is not given."
    )
    restated_days: int = Field(
        1,
        ge=0,
        description="Days before the last one that are read again: a visit that goes on past "
        "midnight still changes yesterday, and the site's day may end after ours.",
    )
    window_days: int = Field(
        28,
        ge=1,
        description="Days of one query: 600 an hour would not do for a query a day at first.",
    )
    windows_at_once: int = Field(
        8, ge=1, description="Windows that are read side by side before the next checkpoint."
    )
    page_rows: int = Field(
        10_000, ge=1, le=10_000, description="Rows of a page; 10,000 is what Plausible gives."
    )
    part_rows: int = Field(
        10_000, ge=1, description="Rows of a day that are landed as one record at most."
    )
    requests_per_hour: float = Field(600, gt=0, description="What a key may ask in an hour.")
    burst_requests: float = Field(
        60, ge=1, description="How many of these may come at once; a night needs fewer."
    )
    tries: int = Field(6, ge=1, description="Tries of one request before its stream fails.")

    channels: dict[str, str] = Field(
        {"Email": "email_marketing"},
        description="Plausible's channels, and the words that our other systems use for them; "
        "others become lower case with underscores.",
    )
