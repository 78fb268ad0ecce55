"""What `[sources.marketo]` in revops.toml may say.

Belongs here: every figure and name that differs between Marketo subscriptions, with the reason for
its default. Does not: the client's id and secret (`MARKETO_CLIENT_ID`, `MARKETO_CLIENT_SECRET`).
"""

from __future__ import annotations

from datetime import date

from pydantic import Field

from revops_pipelines.engine.declarations import SourceOptions


class MarketoOptions(SourceOptions):
    """How Marketo is reached, how much of it is read, and what its records mean to us."""

    base_url: str = Field(
        "",
        description="Where the API is: https://<munchkin id>.mktorest.com (Admin > Web Services), "
        "without /rest.",
    )
    app_url: str = Field(
        "",
        description="Where people work, for links to leads: https://app-<pod>.marketo.com.",
    )
    allow_private_address: bool = Field(
        False, description="Let the base URL lead to a private address (a server of your own)."
    )
    credentials_in_url: bool = Field(
        False,
        description="Ask for tokens by the address, as the vendor's examples do; proxies keep "
        "addresses in their logs.",
    )

    requests_per_20_seconds: float = Field(
        100, gt=0, description="A subscription may call 100 times in any 20 s, by all its users."
    )
    burst_requests: float = Field(
        20,
        ge=1,
        description="How many of these may come at once; the others are spread, so that no 20 s "
        "hold more than allowed.",
    )
    rate_reached_seconds: float = Field(
        5,
        ge=0,
        description="Pause after error 606: by then a quarter of the 20 s counted has passed.",
    )
    concurrent_requests: int = Field(10, ge=1, description="More at once are refused with 615.")
    tries: int = Field(6, ge=1, description="Tries of one request before its stream fails.")

    page_records: int = Field(
        300, ge=1, le=300, description="Marketo's largest page of activities and leads."
    )
    program_page_records: int = Field(
        200, ge=1, le=200, description="Marketo's largest page of programs."
    )
    activity_types_a_call: int = Field(
        10, ge=1, le=10, description="Marketo takes ten types of activity in one call."
    )
    empty_pages: int = Field(
        1_000,
        ge=1,
        description="Pages may be empty while there are more; so many in a row are believed.",
    )

    began_on: date | None = Field(
        None,
        description="Day of the oldest record; found by the oldest program and the oldest new "
        "person where it is not given.",
    )
    export_days: float = Field(31, gt=0, le=31, description="A bulk extract spans at most 31 days.")
    programs_an_export: int = Field(
        10, ge=1, le=10, description="Marketo extracts the members of ten programs in one job."
    )
    opportunities: bool = Field(
        False,
        description="Read opportunities and roles. Subscriptions that sync with a CRM refuse them, "
        "and the CRM's own connector tells more.",
    )
    opportunities_every_days: float = Field(
        7,
        gt=0,
        description="How often these are read: they have no list and no log, and cost extracts of "
        "all leads' ids and a call for each 300.",
    )
    exports_at_once: int = Field(
        8, ge=1, le=10, description="Marketo queues ten extracts of all users and runs two."
    )
    poll_seconds: float = Field(
        60, gt=0, description="An extract's status changes once a minute; asking sooner is waste."
    )
    export_minutes: float = Field(
        180, gt=0, description="An extract that is not done after this long has failed."
    )
    download_megabytes: float = Field(
        16, gt=0, description="Files are fetched in parts of this size; a lost part is asked again."
    )

    bulk_after_hours: float = Field(
        72,
        gt=0,
        description="Activities of a longer gap are extracted in bulk: 300 a call take too long.",
    )
    costs_by_id: bool = Field(
        True,
        description="Where the list of programs leaves out their costs, ask for each that changed.",
    )

    look_back_minutes: float = Field(
        30, ge=0, description="How far a pull reaches back over the last: activities appear late."
    )
    lag_seconds: float = Field(
        5, ge=0, description="How long before now a window ends, so that clocks may differ."
    )
    full_every_days: float = Field(
        30,
        gt=0,
        description="All leads are extracted anew: formula fields and some deletes are told "
        "nowhere.",
    )
    deletions_kept_days: float = Field(
        13,
        gt=0,
        description="Marketo may forget deleted leads after 14 days; older cursors start over.",
    )
    lead_changing_types: tuple[int, ...] = Field(
        (9, 12, 13, 22, 32),
        description="Activities that change a lead: unsubscribed, new, data value, score, merge.",
    )

    raising_forms: str = Field(
        r"contact|demo|trial|pricing|quote|talk to|book a|get started",
        description="Names of forms (lower case) by which a person raises a hand, as a regular "
        "expression (RE2); other forms are only touches.",
    )
    currency: str = Field(
        "USD", pattern="^[A-Z]{3}$", description="Currency of program costs, which carry none."
    )
    channels: dict[str, str] = Field(
        {},
        description="Marketo's names of channels and sources, and the words that our other "
        "systems use for them; others become lower case with underscores.",
    )
