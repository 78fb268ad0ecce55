"""What `[sources.salesforce]` in revops.toml may say.

Belongs here: every figure and name that differs between Salesforce orgs, with the reason for its
default. Does not: the consumer key and the secret (`SALESFORCE_CLIENT_ID`,
`SALESFORCE_CLIENT_SECRET`).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from revops_pipelines.contracts.opportunity_snapshots import ForecastCategory
from revops_pipelines.engine.declarations import SourceOptions

# Names of objects and fields as Salesforce allows them; they go into SOQL and SQL.
ApiName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
OptionalApiName = Annotated[str, StringConstraints(pattern=r"^([A-Za-z][A-Za-z0-9_]*)?$")]


class SalesforceOptions(SourceOptions):
    """How the org is reached, how much of it is read, and what its records mean to us."""

    base_url: str = Field(
        "",
        description="The org's My Domain, https://NAME.my.salesforce.com; a login there gives the "
        "address of its API.",
    )
    api_version: str = Field(
        "68.0",
        pattern=r"^\d{2,3}\.0$",
        description="Version in the paths; retired ones answer 410.",
    )
    username: str = Field(
        "", description="User of the JWT bearer flow; client credentials have their own in the org."
    )
    audience: str = Field(
        "https://login.salesforce.com",
        description="Audience of the JWT; https://test.salesforce.com for a Salesforce sandbox.",
    )
    allow_private_address: bool = Field(
        False, description="Let the base URL lead to a private address (a server of your own)."
    )

    concurrent_requests: int = Field(
        8, ge=1, le=25, description="Salesforce allows 25 long requests at once to the whole org."
    )
    tries: int = Field(6, ge=1, description="Tries of one request before its stream fails.")
    spare_calls: int = Field(
        1_000,
        ge=0,
        description="Calls of the last 24 hours' allowance that are left to the org's others.",
    )
    page_records: int = Field(
        2_000, ge=200, le=2_000, description="Salesforce's largest page of a query; 200 the least."
    )
    bulk_above_records: int = Field(
        2_000,
        ge=0,
        description="More records than this are read by a Bulk job: one page is one call.",
    )
    bulk_page_records: int = Field(
        10_000,
        ge=1,
        description="Records a page of a Bulk job's results; a page is held in memory.",
    )
    bulk_page_megabytes: int = Field(
        256, ge=1, description="No page of a Bulk job's results may be larger."
    )
    bulk_page_seconds: float = Field(
        300, gt=0, description="No page of a Bulk job's results may take longer."
    )
    poll_seconds: float = Field(
        10, gt=0, description="Longest pause between looks at a Bulk job; the first ones are short."
    )
    bulk_minutes: float = Field(
        120, gt=0, description="A Bulk job that takes longer fails its stream."
    )
    url_characters: int = Field(
        15_000,
        ge=500,
        description="A query's address and headers may have 16,384 bytes; a longer query goes by "
        "Bulk, which takes it in the body.",
    )

    look_back_minutes: float = Field(
        10, ge=0, description="How far a window reaches back over the last: long transactions."
    )
    lag_seconds: float = Field(
        5, ge=0, description="How long before now a window ends, so that clocks may differ."
    )
    full_every_days: float = Field(
        7,
        gt=0,
        description="All is read anew: formula and roll-up fields change without a trace.",
    )
    deleted_every_hours: float = Field(
        20, ge=0, description="How often deletes are asked for: each night, not each pulse."
    )
    deletes_kept_days: float = Field(
        15, gt=0, description="Salesforce tells of deletes for so long; later all ids are compared."
    )
    skip_fields: dict[ApiName, tuple[ApiName, ...]] = Field(
        {
            "EmailMessage": ("TextBody", "HtmlBody", "Headers"),
            "Task": ("Description",),
            "Event": ("Description",),
        },
        description="Fields by object that are not read: what people wrote is not needed.",
    )

    currency: str = Field(
        "USD",
        pattern=r"^[A-Z]{3}$",
        description="Currency of an org without multiple currencies, which names none.",
    )
    qualified_stages: tuple[str, ...] = Field(
        (), description="Stages from which an opportunity counts as qualified; the first counts."
    )
    qualified_probability: float = Field(
        40,
        ge=0,
        le=100,
        description="Where no stage is named: the first stage this probable, in percent.",
    )
    deal_kinds: dict[str, str] = Field(
        {
            "new business": "new",
            "new customer": "new",
            "existing business": "expansion",
            "existing customer - upgrade": "expansion",
            "existing customer - replacement": "expansion",
            "existing customer - downgrade": "other",
            "add-on business": "expansion",
            "expansion": "expansion",
            "upsell": "expansion",
            "renewal": "renewal",
        },
        description="Values of Opportunity.Type (lower case) and what they are: new, expansion, "
        "renewal or other.",
    )
    default_deal_kind: str = Field(
        "new",
        pattern="^(new|expansion|renewal|other)$",
        description="Kind of an opportunity without a type.",
    )
    forecast_categories: dict[str, ForecastCategory] = Field(
        {
            "Omitted": "omitted",
            "Pipeline": "pipeline",
            "Best Case": "best_case",
            "BestCase": "best_case",
            "Most Likely": "best_case",
            "MostLikely": "best_case",
            "Commit": "commit",
            "Forecast": "commit",
            "Closed": "closed",
        },
        description="Values of ForecastCategory and ForecastCategoryName in the words that all "
        "systems share; others count as none. Won is closed and lost omitted, whatever they say.",
    )
    renewal_record_types: tuple[str, ...] = Field(
        ("Renewal", "Renewals"),
        description="Names or ids of opportunity record types that hold renewals.",
    )
    lost_reason_field: OptionalApiName = Field(
        "", description="Field of opportunities with the reason for losing, if there is one."
    )
    qualified_field: OptionalApiName = Field(
        "",
        description="Field of leads and contacts that dates sales' acceptance; without one the "
        "conversion of a lead does.",
    )
    region_field: OptionalApiName = Field(
        "",
        description="Field of accounts, leads and contacts with the sales region, if there is one.",
    )
    account_field: OptionalApiName = Field(
        "",
        description="Field of leads with the account they were matched to, if there is one.",
    )
    team_field: OptionalApiName = Field(
        "", description="Field of users with their team, if it is not their role."
    )
    channels: dict[str, str] = Field(
        {
            "Social Media": "organic_social",
            "Partner Referral": "referral",
            "Purchased List": "offline",
        },
        description="Values of LeadSource and of campaign types in the words that all systems "
        "share; others stay as they are, in lower case.",
    )

    inbound_sources: tuple[str, ...] = Field(
        ("Web", "Website", "Web Form", "Contact Us", "Chat", "Meeting Link", "Phone Inquiry"),
        description="Values of LeadSource by which the person came to us.",
    )
    raised_field: OptionalApiName = Field(
        "",
        description="Field of leads and contacts that dates the raised hand; without one an "
        "inbound source does.",
    )
    internal_domains: tuple[str, ...] = Field(
        (), description="Our own mail domains; people with such an address are no leads."
    )
    test_pattern: str = Field(
        r"(^|[._+-])test[0-9]*([._+-].*)?@|@(example\.(com|org|net)|mailinator\.com)$",
        description="Addresses (lower case) of test leads, as a regular expression (RE2).",
    )
    excluded_when: dict[str, dict[ApiName, tuple[str, ...]]] = Field(
        {"spam": {"Status": ("Spam", "Junk")}},
        description="Reason, field and values of leads and contacts that do not count as leads.",
    )
    imported_sources: tuple[str, ...] = Field(
        ("Import", "Purchased List", "List Import", "Trade Show", "Event"),
        description="Values of LeadSource of people who were put on a list, not raising a hand.",
    )
    small_below_employees: int = Field(100, ge=1, description="Fewer employees: segment SMB.")
    mid_below_employees: int = Field(1_000, ge=1, description="Fewer: MID; as many or more: ENT.")

    conversations: tuple[str, ...] = Field(
        ("connected", "interested", "meeting scheduled"),
        description="Results of calls (CallDisposition) in which both sides talked.",
    )
    message_types: tuple[str, ...] = Field(
        ("LinkedIn", "SMS", "WhatsApp", "Message"),
        description="Values of Task.Type of messages to a person.",
    )
    note_types: tuple[str, ...] = Field(("Note",), description="Values of Task.Type of notes.")
    automated_fields: tuple[ApiName, ...] = Field(
        (), description="Fields of tasks that are filled where a sequence did it."
    )
    automated_subject: str = Field(
        r"^\[(cadence|sequence)\]",
        description="Subjects (lower case) of what sequences log, as a regular expression (RE2).",
    )
    meeting_outcome_field: OptionalApiName = Field(
        "", description="Field of events with their outcome; without one a meeting counts as held."
    )
    meeting_held: tuple[str, ...] = Field(
        ("Completed", "Held"), description="Outcomes of meetings that took place."
    )
    meeting_void: tuple[str, ...] = Field(
        ("Canceled", "Cancelled", "Rescheduled", "No Show"),
        description="Outcomes of meetings that did not.",
    )
    booking_field: OptionalApiName = Field(
        "", description="Field of events that is filled where the prospect took the slot."
    )
    auto_reply_subject: str = Field(
        r"^(automatic reply|auto[ -]?reply|out of (the )?office|abwesenheit|automatische antwort"
        r"|r[eé]ponse automatique|respuesta autom[aá]tica|risposta automatica|自動応答)",
        description="Subjects (lower case) of absence notices, as a regular expression (RE2).",
    )
