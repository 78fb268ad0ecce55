"""What `[sources.hubspot_marketing]` in revops.toml may say.

Belongs here: every figure and name that differs between HubSpot accounts, with the reason for its
default. Does not: the access token (a secret), what is shared with the CRM's connector.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from revops_pipelines.resources.sources.hubspot.options import HubSpotReach, PropertyName

EventType = Literal["SENT", "DELIVERED", "BOUNCE", "OPEN", "CLICK", "STATUSCHANGE", "SPAMREPORT"]


class HubSpotMarketingOptions(HubSpotReach):
    """How HubSpot is reached, how much of its marketing is read, and what it means to us."""

    forms_version: str = Field(
        "v3",
        pattern=r"^(v3|\d{4}-\d{2}(-beta)?)$",
        description="Version in the path of forms: the dated one was still a beta (2026-09-beta) "
        "in autumn 2026.",
    )
    email_page_records: int = Field(
        50, ge=1, le=100, description="Marketing e-mails a page; each carries its whole content."
    )
    submission_page_records: int = Field(
        50, ge=1, le=50, description="HubSpot's largest page of a form's submissions."
    )
    event_page_records: int = Field(
        1_000, ge=1, le=1_000, description="HubSpot's largest page of e-mail events."
    )
    list_page_records: int = Field(
        500, ge=1, le=500, description="HubSpot's largest page of lists."
    )
    member_page_records: int = Field(
        250, ge=1, le=250, description="HubSpot's largest page of a list's members."
    )
    campaign_batch: int = Field(
        50, ge=1, le=50, description="Campaigns a request for assets names; at most 50."
    )
    event_look_back_minutes: float = Field(
        120,
        ge=0,
        description="How far e-mail events and submissions are read again: they appear late.",
    )
    spend_open_days: float = Field(
        120,
        ge=0,
        description="Budget and spend are read each night until so long after a campaign's last "
        "day: HubSpot does not say whether an entry counts as a change of the campaign. Others "
        "are read when they changed, and weekly.",
    )

    with_email_events: bool = Field(
        True,
        description="Read what was sent, opened and clicked, from the e-mail events API. It has "
        "no dated version, and HubSpot supports v1 until September 2027.",
    )
    email_event_types: tuple[EventType, ...] = Field(
        ("SENT", "BOUNCE", "OPEN", "CLICK", "STATUSCHANGE"),
        description="Types of e-mail events to read; without SENT a mail is no activity.",
    )
    with_every_list: bool = Field(
        False,
        description="Read the members of every list of contacts, not only of those that belong "
        "to a campaign.",
    )

    raising_forms: str = Field(
        r"contact|demo|trial|pricing|quote|talk to|book a|get started|meeting",
        description="Names of forms (lower case) by which a person raises a hand, as a regular "
        "expression (RE2); other forms are only touches.",
    )
    inbound_record_sources: tuple[str, ...] = Field(
        ("CONVERSATIONS", "BOT"),
        description="Sources of a record (hs_object_source) by which the person came to us without "
        "a form: the record itself is the raised hand.",
    )
    channel_property: PropertyName | Literal[""] = Field(
        "",
        description="Property of campaigns that holds their channel, if there is one of your own; "
        "HubSpot has none.",
    )
    campaign_properties: tuple[PropertyName, ...] = Field(
        (), description="Further properties of campaigns to keep."
    )
    spend_month_pattern: str = Field(
        r"\b(20[0-9]{2})[-/. ](0[1-9]|1[0-2])\b",
        description="Year and month in a spend item's name or description (RE2, two groups); "
        "without one an item belongs to the month it was entered in.",
    )
    currency: str = Field(
        "USD",
        pattern="^[A-Z]{3}$",
        description="Currency of campaigns that name none.",
    )
    channels: dict[str, str] = Field(
        {},
        description="Names of channels, and the words that our other systems use for them; others "
        "become lower case with underscores.",
    )
