"""What `[sources.stripe]` in revops.toml may say.

Belongs here: options, their defaults and the reason for each. Does not: how they are used.
"""

from __future__ import annotations

from pydantic import Field

from revops_pipelines.engine.declarations import SourceOptions


class StripeOptions(SourceOptions):
    """Options of a Stripe account."""

    base_url: str = Field("https://api.stripe.com", description="Origin of the API.")
    version: str = Field(
        "2026-10-28.endive",
        description="Stripe-Version header: pins the shape of every object.",
    )
    page_size: int = Field(100, ge=1, le=100, description="Records asked for per page.")
    # Live accounts are allowed 100 requests a second, sandboxes 25.
    requests_per_second: float = Field(
        100, gt=0, description="Limit of the whole account; 25 for a Stripe sandbox."
    )
    # Documented in one place only, so it is a setting.
    endpoint_requests_per_second: float = Field(
        25, gt=0, description="Limit of each endpoint beside the account's."
    )
    look_back_minutes: int = Field(
        60, ge=0, description="How far an incremental pull reaches back before the last event."
    )
    # Stripe keeps events for 30 days; a day is left for the time that a pull takes.
    event_days: int = Field(
        29, ge=1, le=30, description="Older than this, a cursor means a full reload."
    )
    settling_days: int = Field(
        7,
        ge=0,
        description="Days of the balance that are read again: pending money becomes available two "
        "to seven days after its payment, by country, and no event tells of it.",
    )
    subscription_statuses: tuple[str, ...] = Field(
        ("all", "canceled"),
        description="Status filters listed on a full load; `canceled` also returns those of "
        "deleted customers.",
    )
    external_account_keys: tuple[str, ...] = Field(
        (
            "crm_account_id",
            "hubspot_company_id",
            "hubspot_id",
            "salesforce_account_id",
            "account_id",
            "company_id",
        ),
        description="Metadata keys of a customer that may hold the CRM's company id; first wins.",
    )
    past_due_days: int = Field(
        30,
        ge=0,
        description="Days after an unpaid bill's issue for which its subscription counts as past "
        "due; then it is unpaid. Not set, it follows [billing] past_due_days.",
    )
    allow_private_address: bool = Field(
        False, description="Let `base_url` be an address inside a private network."
    )
    dashboard_url: str = Field(
        "https://dashboard.stripe.com", description="Where links to records lead."
    )
