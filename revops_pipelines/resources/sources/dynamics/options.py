"""What `[sources.dynamics]` in revops.toml may say.

Belongs here: every figure and name that differs between environments, with the reason for its
default. Does not: the app registration's id and secret (`DYNAMICS_CLIENT_ID`,
`DYNAMICS_CLIENT_SECRET`).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from revops_pipelines.contracts.opportunity_snapshots import ForecastCategory
from revops_pipelines.engine.declarations import SourceOptions

# A column's logical name as Dataverse allows it; it goes into SQL and into addresses.
ColumnName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
OptionalColumn = Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9_]*)?$")]

# Dynamics' own lead sources, in the words that all systems share; others become `lower_case`.
CHANNELS = {
    "Advertisement": "advertising",
    "Employee Referral": "referral",
    "External Referral": "referral",
    "Word of Mouth": "referral",
    "Seminar": "event",
    "Trade Show": "event",
}


class DynamicsOptions(SourceOptions):
    """How Dynamics 365 is reached, how much of it is read, and what its records mean to us."""

    base_url: str = Field(
        "", description="The environment: https://<org>.crm<region>.dynamics.com."
    )
    tenant_id: str = Field(
        "", description="Directory (tenant) id of the app registration in Microsoft Entra."
    )
    login_url: str = Field(
        "https://login.microsoftonline.com",
        description="Where tokens are issued; national clouds have their own host.",
    )
    api_version: str = Field(
        "9.2", pattern=r"^9\.\d$", description="Version in the paths; 9.2 is the current one."
    )
    allow_private_address: bool = Field(
        False, description="Let the addresses lead to private ones (a server of your own)."
    )

    requests_per_5_minutes: float = Field(
        5_400,
        gt=0,
        description="Dataverse serves 6,000 a user and web server; a tenth is left as reserve.",
    )
    concurrent_requests: int = Field(
        8, ge=1, le=52, description="52 may be under way; more than these gain nothing."
    )
    tries: int = Field(6, ge=1, description="Tries of one request before its stream fails.")
    page_records: int = Field(5_000, ge=1, le=5_000, description="Dataverse's largest page.")
    party_batch: int = Field(
        200,
        ge=1,
        le=500,
        description="Activities whose participants are asked for at once: 200 identifiers are "
        "8,000 characters, a quarter of what an address may have.",
    )
    url_characters: int = Field(
        30_000,
        ge=2_000,
        description="A longer list of columns is not sent and all come: addresses end at 32,768.",
    )

    token_days: float = Field(
        6.5,
        gt=0,
        description="Change tokens older than this are not tried: Dataverse keeps changes 7 days "
        "(organization.expirechangetrackingindays).",
    )
    look_back_minutes: float = Field(
        10, ge=0, description="How far a window reaches back over the last, where one is read."
    )
    lag_seconds: float = Field(
        5, ge=0, description="How long before now a window ends, so that clocks may differ."
    )
    full_every_days: float = Field(
        7,
        gt=0,
        description="Tables without change tracking are read anew: their deletes are told nowhere.",
    )
    sweep_every_days: float = Field(
        28, gt=0, description="Tables with change tracking are read anew this often, to be sure."
    )
    all_columns: bool = Field(
        False,
        description="Read every column, not only those we use and the company's own: ten times "
        "as much to transfer.",
    )

    stage_column: ColumnName = Field(
        "stepname",
        description="Column of opportunities that holds the stage; auditing must be on for it. "
        "stepname is the Pipeline Phase that business process flows fill.",
    )
    pipeline_column: OptionalColumn = Field(
        "", description="Column of opportunities that tells pipelines apart, if there are several."
    )
    pipelines: dict[str, tuple[str, ...]] = Field(
        {},
        description="Stages of each pipeline in their order, by value or label; where it is not "
        "given, the number before the phase and the stages seen decide.",
    )
    qualified_stages: tuple[str, ...] = Field(
        (),
        description="Stages from which an opportunity counts as qualified; where none is named, "
        "the second of its pipeline.",
    )
    kind_column: OptionalColumn = Field(
        "", description="Column of opportunities that says what kind of business it is."
    )
    deal_kinds: dict[str, str] = Field(
        {
            "New business": "new",
            "New customer": "new",
            "Existing business": "expansion",
            "Expansion": "expansion",
            "Renewal": "renewal",
        },
        description="Labels of that column and what they are: new, expansion, renewal or other.",
    )
    default_deal_kind: str = Field(
        "new",
        pattern="^(new|expansion|renewal|other)$",
        description="Kind of an opportunity that does not say.",
    )

    forecast_categories: dict[str, ForecastCategory] = Field(
        {
            "Pipeline": "pipeline",
            "Best case": "best_case",
            "Committed": "commit",
            "Omitted": "omitted",
            "Won": "closed",
            "Lost": "omitted",
            "100000001": "pipeline",
            "100000002": "best_case",
            "100000003": "commit",
            "100000004": "omitted",
            "100000005": "closed",
            "100000006": "omitted",
        },
        description="Labels or values of msdyn_forecastcategory in the words that all systems "
        "share; others count as none. Won is closed and lost omitted, whatever they say.",
    )

    inbound_when: dict[ColumnName, tuple[str, ...]] = Field(
        {"leadsourcecode": ("Web",)},
        description="Columns of leads (and of contacts that never were one) with the labels or "
        "values that mean that the person came to us; raised when the record was made.",
    )
    excluded_when: dict[str, dict[ColumnName, tuple[str, ...]]] = Field(
        {
            "spam": {"statuscode": ("Spam", "Junk")},
            "invalid_email": {"statuscode": ("Invalid e-mail", "Invalid email", "Bounced")},
        },
        description="Reason, column and labels of leads that do not count.",
    )
    qualified_columns: tuple[ColumnName, ...] = Field(
        (),
        description="Date columns of leads and contacts that say when sales accepted the person; "
        "beside them a lead's qualification counts.",
    )
    internal_domains: tuple[str, ...] = Field(
        (), description="Our own mail domains; people with such an address are no leads."
    )
    test_pattern: str = Field(
        r"(^|[._+-])test[0-9]*([._+-].*)?@|@(example\.(com|org|net)|mailinator\.com)$",
        description="Addresses (lower case) of test leads, as a regular expression (RE2).",
    )
    channels: dict[str, str] = Field(
        CHANNELS, description="Labels of the lead source and the channel that each means."
    )
    countries: dict[str, str] = Field(
        {},
        description="Spellings of countries that are not English and their two-letter codes.",
    )
    region_column: OptionalColumn = Field(
        "", description="Column of accounts, leads and contacts that holds the sales region."
    )
    small_below_employees: int = Field(100, ge=1, description="Fewer employees: segment SMB.")
    mid_below_employees: int = Field(1_000, ge=1, description="Fewer: MID; as many or more: ENT.")

    call_outcomes: dict[str, str] = Field(
        {
            "Connected": "connected",
            "Received": "connected",
            "No answer": "no_answer",
            "Busy": "busy",
            "Wrong number": "wrong_number",
        },
        description="Status reasons of completed calls and what they mean; others are `made`.",
    )
    conversations: tuple[str, ...] = Field(
        ("connected",), description="Outcomes of calls in which both sides talked."
    )
    auto_reply_subject: str = Field(
        r"^(automatic reply|auto[ -]?reply|out of (the )?office|abwesenheit|automatische antwort"
        r"|r[eé]ponse automatique|respuesta autom[aá]tica|risposta automatica|自動応答)",
        description="Subjects (lower case) of absence notices, as a regular expression (RE2).",
    )
    missed_meetings: tuple[str, ...] = Field(
        ("No show", "No-show"),
        description="Status reasons of canceled appointments to which nobody came.",
    )
