"""What `[sources.hubspot]` in revops.toml may say.

Belongs here: every figure and name that differs between HubSpot accounts, with the reason for its
default. Does not: the access token (a secret, `HUBSPOT_ACCESS_TOKEN`).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from revops_pipelines.contracts.opportunity_snapshots import ForecastCategory
from revops_pipelines.engine.declarations import SourceOptions

# A property's name as HubSpot allows it; it goes into SQL.
PropertyName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$")]

# HubSpot's own outcomes of a call, the same in every account; accounts may add others.
# https://developers.hubspot.com/docs/api-reference/crm-calls-v3/guide
CALL_OUTCOMES = {
    "9d9162e7-6cf3-4944-bf63-4dff82258764": "busy",
    "f240bbac-87c9-4f6e-bf70-924b57d47db7": "connected",
    "a4c4c377-d246-4b32-a13b-75a56a4cd0ff": "left_live_message",
    "b2cf5968-551e-4856-9783-52b3da59a7d0": "voicemail",
    "73a0d17f-1163-4015-bdd5-ec830791da20": "no_answer",
    "17b47fee-58de-441e-a44c-c6300d46f273": "wrong_number",
}


class HubSpotReach(SourceOptions):
    """How HubSpot is reached and how much of it is read: the same for CRM and marketing."""

    base_url: str = Field(
        "https://api.hubapi.com", description="Where the API is; a compatible server may stand in."
    )
    api_version: str = Field(
        "2026-09",
        pattern=r"^(v3|\d{4}-\d{2})$",
        description="Version in the paths; v3 (with v4 associations) works until September 2027.",
    )
    allow_private_address: bool = Field(
        False, description="Let the base URL lead to a private address (a server of your own)."
    )

    requests_per_10_seconds: float = Field(
        190, gt=0, description="Private apps may ask 190 times in 10 s, OAuth apps 110 times."
    )
    search_requests_per_second: float = Field(
        4,
        gt=0,
        description="HubSpot allows 5 in a second to the whole account; one is left to others.",
    )
    concurrent_requests: int = Field(
        8, ge=1, description="More in flight than the limit needs at 150 ms each gain nothing."
    )
    tries: int = Field(6, ge=1, description="Tries of one request before its stream fails.")

    page_records: int = Field(100, ge=1, le=100, description="HubSpot's largest page of a list.")
    history_page_records: int = Field(
        50, ge=1, le=50, description="HubSpot's largest page with the history of properties."
    )
    search_page_records: int = Field(
        200, ge=1, le=200, description="HubSpot's largest page of a search."
    )
    association_batch: int = Field(
        200, ge=1, le=1000, description="Records a request for associations names; at most 1,000."
    )
    url_characters: int = Field(
        15_000,
        ge=500,
        description="Longer lists of properties fail with 414 at about 16,000; they are split.",
    )

    look_back_minutes: float = Field(
        10,
        ge=0,
        description="How far a window reaches back over the last: the search index is late.",
    )
    lag_seconds: float = Field(
        5, ge=0, description="How long before now a window ends, so that clocks may differ."
    )
    full_every_days: float = Field(
        7,
        gt=0,
        description="All is read anew: new associations do not count as changes, and some "
        "deletes are told nowhere.",
    )
    archived_every_hours: float = Field(
        20, ge=0, description="How often archived records are listed: each night, not each pulse."
    )

    only_needed_properties: bool = Field(
        False,
        description="Ask for the properties we use and the account's own, and leave out HubSpot's "
        "other hundreds.",
    )


class HubSpotOptions(HubSpotReach):
    """The same, and what the CRM's records mean to us."""

    qualified_stages: tuple[str, ...] = Field(
        (),
        description="Labels or ids of the stages from which a deal counts as qualified; the first "
        "in a pipeline counts.",
    )
    qualified_probability: float = Field(
        0.4,
        ge=0,
        le=1,
        description="Where no stage is named: the first stage this probable (HubSpot's "
        "Qualified To Buy).",
    )
    qualified_lifecycle_stages: tuple[str, ...] = Field(
        ("salesqualifiedlead", "opportunity", "customer"),
        description="Lifecycle stages that mean that sales accepted the person.",
    )
    deal_kinds: dict[str, str] = Field(
        {"newbusiness": "new", "existingbusiness": "expansion", "renewal": "renewal"},
        description="Values of dealtype and what they are: new, expansion, renewal or other.",
    )
    default_deal_kind: str = Field(
        "new",
        pattern="^(new|expansion|renewal|other)$",
        description="Kind of a deal without a type: most accounts fill it for old customers only.",
    )
    kept_values: int = Field(
        20,
        ge=1,
        description="Values of a property that HubSpot may keep at least: where a history is as "
        "long, older values come from what we saw of it before.",
    )
    forecast_categories: dict[str, ForecastCategory] = Field(
        {
            "OMIT": "omitted",
            "PIPELINE": "pipeline",
            "BEST_CASE": "best_case",
            "MOST_LIKELY": "best_case",
            "COMMIT": "commit",
            "CLOSED": "closed",
        },
        description="Values of hs_manual_forecast_category in the words that all systems share; "
        "others count as none. Won deals are closed, lost ones omitted, whatever it says.",
    )
    renewal_pipelines: tuple[str, ...] = Field(
        ("Renewal", "Renewals"), description="Labels or ids of pipelines that hold renewals."
    )

    inbound_record_sources: tuple[str, ...] = Field(
        ("FORM", "LEADIN", "CONVERSATIONS", "BOT", "MEETINGS"),
        description="Sources of a record (hs_object_source) by which the person came to us.",
    )
    internal_domains: tuple[str, ...] = Field(
        (), description="Our own mail domains; contacts with such an address are no leads."
    )
    test_pattern: str = Field(
        r"(^|[._+-])test[0-9]*([._+-].*)?@|@(example\.(com|org|net)|mailinator\.com)$",
        description="Addresses (lower case) of test leads, as a regular expression (RE2).",
    )
    excluded_when: dict[str, dict[PropertyName, tuple[str, ...]]] = Field(
        {"spam": {"hs_lead_status": ("SPAM", "JUNK"), "hs_email_quarantined": ("true",)}},
        description="Reason, property and values of contacts that do not count as leads.",
    )
    small_below_employees: int = Field(100, ge=1, description="Fewer employees: segment SMB.")
    mid_below_employees: int = Field(1_000, ge=1, description="Fewer: MID; as many or more: ENT.")
    region_property: str = Field(
        "",
        pattern=r"^[a-z0-9_]*$",
        description="Property of companies and contacts that holds the sales region, if there is.",
    )
    call_outcomes: dict[str, str] = Field(
        CALL_OUTCOMES, description="Outcomes of calls by their id; add the account's own."
    )
    conversations: tuple[str, ...] = Field(
        ("connected",), description="Outcomes of calls in which both sides talked."
    )
    automated_sources: tuple[str, ...] = Field(
        ("SEQUENCES", "AUTOMATION_PLATFORM", "WORKFLOWS", "BOT", "MARKETING_EMAIL"),
        description="Sources of an activity (hs_object_source) that are no person's doing.",
    )
    auto_reply_subject: str = Field(
        r"^(automatic reply|auto[ -]?reply|out of (the )?office|abwesenheit|automatische antwort"
        r"|r[eé]ponse automatique|respuesta autom[aá]tica|risposta automatica|自動応答)",
        description="Subjects (lower case) of absence notices, as a regular expression (RE2).",
    )
    booking_sources: tuple[str, ...] = Field(
        ("MEETINGS_PUBLIC", "MEETINGS_EMBEDDED"),
        description="Sources of a meeting (hs_meeting_source) that the prospect booked.",
    )
    quota_goal_types: tuple[str, ...] = Field(
        ("sales_quota", "revenue"),
        description="Types of goals (hs_goal_type) whose target is money to be won; goals of no "
        "type count as well.",
    )
    with_forecasts: bool = Field(
        False,
        description="Read the forecasts that people hand in: Sales Hub Professional, and a beta.",
    )
