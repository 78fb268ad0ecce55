"""What `[sources.ga4]` in revops.toml may say.

Belongs here: options, their defaults and the reason for each. Does not: the service account's
e-mail and private key (`GA4_CLIENT_EMAIL`, `GA4_PRIVATE_KEY`).
"""

from __future__ import annotations

from datetime import date

from pydantic import Field

from revops_pipelines.engine.declarations import SourceOptions


class Ga4Options(SourceOptions):
    """How a property is reached, how much of it is read, and what its words mean to us."""

    property_id: str = Field(
        "",
        pattern="^[0-9]*$",
        description="Number of the property (Admin > Property details); not the G- measurement id.",
    )
    base_url: str = Field(
        "https://analyticsdata.googleapis.com", description="Origin of the Data API."
    )
    token_url: str = Field(
        "https://oauth2.googleapis.com/token",
        description="Where the service account's signed assertion is exchanged for a token.",
    )
    allow_private_address: bool = Field(
        False, description="Let the URLs lead to a private address (a server of your own)."
    )

    conversion_metric: str = Field(
        "keyEvents",
        pattern="^[A-Za-z0-9_:]+$",
        description="What counts as a conversion: all key events, or one of them as "
        "`keyEvents:generate_lead`.",
    )
    began_on: date | None = Field(
        None, description="First day to read; found by a report where it is not given."
    )
    restated_days: int = Field(
        3,
        ge=0,
        description="Days before the last one that are read again: Google says that processing "
        "takes 24 to 48 hours, and a property's day ends up to 12 hours after ours.",
    )
    page_rows: int = Field(
        10_000,
        ge=1,
        le=250_000,
        description="Rows of a page; Google's largest is 250,000, but a page is landed as one "
        "record and should stay small.",
    )
    days_at_once: int = Field(
        112, ge=1, description="Days that are read side by side before the next checkpoint."
    )
    concurrent_requests: int = Field(
        8,
        ge=1,
        le=50,
        description="A property takes ten at once, of all that ask it: two are left to dashboards.",
    )
    tries: int = Field(
        3,
        ge=1,
        description="Tries of one request: ten server errors in an hour block the property for it.",
    )
    spare_tokens: int = Field(
        500,
        ge=0,
        description="Tokens of the hour that are left to dashboards, which share the quota; "
        "`spare_calls` is the same for the day, also in tokens.",
    )

    channels: dict[str, str] = Field(
        {"Email": "email_marketing"},
        description="Google's channel groups, and the words that our other systems use for them; "
        "others become lower case with underscores.",
    )
