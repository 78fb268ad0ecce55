"""The tables of revops.toml that the house itself has: every key with its default and meaning.

Belongs here: their shapes. Does not: reading the file (`settings`), or the tables of a particular
source, channel or rule (they declare their own).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field, field_validator

from revops_pipelines.engine.conform.precedence import Precedence
from revops_pipelines.engine.plugin_folder import Plugins
from revops_pipelines.settings_calendars import BusinessCalendar, Day, Table, known_zone
from revops_pipelines.settings_people import Escalation, Person, Team


class Company(Table):
    """Who we are."""

    name: str = Field("Our company", description="Shown on the report and in alerts.")
    base_currency: str = Field(
        "USD", pattern=r"^[A-Z]{3}$", description="Currency of every total, ISO 4217."
    )
    time_zone: str = Field("UTC", description="IANA zone in which days, weeks and months begin.")
    week_starts_on: Day = Field("mon", description="First day of the week.")
    fiscal_year_starts_in: int = Field(
        1, ge=1, le=12, description="First month of the fiscal year."
    )
    internal_domains: tuple[str, ...] = Field(
        (), description="Our own mail domains; leads from them are left out."
    )
    generic_domains: tuple[str, ...] = Field(
        (), description="More free-mail domains that never identify a company."
    )

    _known_zone = field_validator("time_zone")(known_zone)


class Quality(Table):
    """When bad rows stop the line."""

    max_quarantined_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Share of an entity's rows in quarantine that blocks its check.",
    )
    max_vanished_share: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Share of a table that may vanish in one pull before it is an alarm.",
    )


class Response(Table):
    """How fast a lead must be answered."""

    target_minutes: int = Field(
        60, gt=0, description="Minutes within which a lead must be answered."
    )
    clock: Literal["business", "calendar"] = Field(
        "business", description="Count minutes of the team's working hours, or all minutes."
    )


class Billing(Table):
    """What counts as recurring revenue."""

    past_due_days: int = Field(
        30, ge=0, description="Days for which an unpaid subscription still counts in MRR."
    )
    policy: Literal["ours", "stripe", "chartmogul", "profitwell", "chargebee", "revenuecat"] = (
        Field("ours", description="Whose conventions MRR and all that rests on it follow.")
    )


class Pipeline(Table):
    """How deals are judged."""

    lead_to_opportunity_days: int = Field(
        90,
        gt=0,
        description="Days a lead has to become an opportunity; younger cohorts are immature.",
    )
    contact_days: int = Field(14, gt=0, description="Days a qualified lead has to be contacted.")
    created_cohort_days: int = Field(
        180, gt=0, description="Days after which a cohort of created deals counts as mature."
    )


class Forecasting(Table):
    """How forecasts and targets are judged."""

    horizon_days: int = Field(
        30, gt=0, description="Days before a period's end at which its forecast is judged."
    )
    history_days: int = Field(
        365, gt=0, description="Days of decided deals from which chances of winning are taken."
    )
    ramp_months: int = Field(
        6, ge=0, description="Months after a seller's first quota in which they are new."
    )


class Engagement(Table):
    """How marketing's work is credited."""

    window_days: int = Field(
        90, gt=0, description="Days back in which a target account's activity counts."
    )
    min_contacts: int = Field(
        2, ge=1, description="Engaged people that make a target account engaged."
    )
    lookback_days: int = Field(
        365, gt=0, description="Touchpoints older than this before a milestone get no credit."
    )
    half_life_days: int = Field(
        7, gt=0, description="Days after which a touchpoint's credit halves in time decay."
    )


class Economics(Table):
    """What customers cost and leave over."""

    gross_margin_share: Decimal = Field(
        Decimal("0.80"), gt=0, le=1, description="Share of revenue left after the cost of serving."
    )
    cac_lag_months: int = Field(
        1, ge=0, description="Months between the cost of selling and the customers won by it."
    )
    leakage_grace_days: int = Field(
        14, ge=0, description="Days a won deal or a failed payment may wait before it is leakage."
    )
    leakage_tolerance_share: Decimal = Field(
        Decimal("0.01"), ge=0, lt=1, description="Difference of bill and contract that is none."
    )
    renewal_window_days: int = Field(
        30, ge=0, description="Days around its date within which a renewal counts as on time."
    )
    recovery_days: int = Field(
        30, gt=0, description="Days within which a failed payment counts as recovered."
    )


class Statistics(Table):
    """How small numbers are treated."""

    min_n: int = Field(20, ge=1, description="Fewer cases than this are shown as too few to judge.")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Confidence of the intervals shown.")


class Pulling(Table):
    """How systems are pulled."""

    threads: int = Field(8, ge=1, le=64, description="Requests under way at once, per source.")
    lock_timeout_seconds: int = Field(
        300, ge=1, description="How long a writer waits for the warehouse before it gives up."
    )


class Freshness(Table):
    """When data is too old to rely on."""

    max_age_hours: int = Field(
        26, ge=1, description="A source whose last load is older than this is told to people."
    )


class Heartbeat(Table):
    """When `revops doctor --heartbeat` calls the machinery dead, stuck or blocked."""

    daemon_minutes: float = Field(
        3, gt=0, description="Minutes without a sign of life after which the daemon counts as dead."
    )
    relay_minutes: float = Field(
        4, gt=0, description="Minutes without a good turn of the relay that are too many."
    )
    overdue_minutes: float = Field(
        15, gt=0, description="Minutes that a message may be due and not sent."
    )
    starting_minutes: float = Field(
        5, gt=0, description="Minutes that a run may take to start or to be cancelled."
    )
    silent_run_minutes: float = Field(
        60, gt=0, description="Minutes after which a run that nothing was heard of is told."
    )
    snapshot_hours: float = Field(
        26, gt=0, description="Hours after which what is published is too old."
    )
    free_gigabytes: float = Field(2, gt=0, description="Disk space that must be free.")
    repeat_hours: float = Field(
        6, gt=0, description="Hours after which `--tell` says again what is still wrong."
    )
    ping_variable: str = Field(
        "REVOPS_HEARTBEAT_URL",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Environment variable with an address that is called when all is well.",
    )


class Sandbox(Table):
    """Which company's systems are simulated while no source is configured."""

    systems: tuple[str, ...] = Field(
        ("hubspot", "marketo", "stripe"),
        min_length=1,
        description="Systems that the simulated company runs: one CRM, then any others.",
    )


class Document(Table):
    """All tables of revops.toml that are not a plug-in's."""

    company: Company = Company()
    quality: Quality = Quality()
    calendars: dict[str, BusinessCalendar] = Field(
        default_factory=lambda: {"default": BusinessCalendar()},
        description="Working hours: `default`, and one table per team that differs.",
    )
    people: dict[str, Person] = Field(
        default_factory=dict,
        description="Our own people by mail address: who is away, who works at other hours.",
    )
    teams: dict[str, Team] = Field(
        default_factory=dict, description="Teams by the CRM's name: who leads them."
    )
    escalation: Escalation = Escalation()
    response: Response = Response()
    billing: Billing = Billing()
    pipeline: Pipeline = Pipeline()
    forecasting: Forecasting = Forecasting()
    engagement: Engagement = Engagement()
    economics: Economics = Economics()
    statistics: Statistics = Statistics()
    pulling: Pulling = Pulling()
    freshness: Freshness = Freshness()
    heartbeat: Heartbeat = Heartbeat()
    sandbox: Sandbox = Sandbox()
    plugins: Plugins = Plugins()
    precedence: dict[str, Precedence] = Field(
        default_factory=dict, description="Which source is believed, per entity and field."
    )
    targets: dict[str, Decimal] = Field(
        default_factory=dict, description="Target per metric, in the metric's unit."
    )
