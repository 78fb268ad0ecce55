"""What `[sources.chargebee]` in revops.toml may say.

Belongs here: options, their defaults and the reason for each. Does not: how they are used.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from revops_pipelines.engine.declarations import SourceOptions


class ChargebeeOptions(SourceOptions):
    """Options of a Chargebee site."""

    site: str = Field(
        "", pattern=r"^[a-z0-9-]*$", description="Name of the site: https://SITE.chargebee.com."
    )
    base_url: str = Field(
        "", description="Origin of the API where it is not SITE.chargebee.com, as behind a proxy."
    )
    product_catalog: Literal["2.0", "1.0"] = Field(
        "2.0",
        description="Product Catalog of the site: items and item prices (2.0) or plans and add-ons "
        "(1.0). Chargebee answers `configuration_incompatible` for the wrong one.",
    )
    page_size: int = Field(100, ge=1, le=100, description="Records asked for per page.")
    # The least that any site has. Going over it is noticed by Chargebee's staff on live sites.
    requests_per_minute: float = Field(
        150,
        gt=0,
        description="Calls a minute that the site allows: 150 (test, starter), 1000 (performance), "
        "3500 (enterprise).",
    )
    lag_seconds: int = Field(
        60, ge=0, description="How far before now a window ends, so that nothing arrives in it."
    )
    look_back_minutes: int = Field(
        60, ge=0, description="How far an incremental pull reaches back before the last one's end."
    )
    # Rows that no filter by `updated_at` returns, and records removed without a trace, are found
    # only by reading everything.
    reload_days: int = Field(
        30, ge=1, description="After so many days everything is read anew, to find what is missing."
    )
    external_account_keys: tuple[str, ...] = Field(
        (
            "cf_crm_account_id",
            "cf_hubspot_company_id",
            "cf_hubspot_id",
            "cf_salesforce_account_id",
            "cf_account_id",
            "cf_company_id",
        ),
        description="Custom fields of a customer that may hold the CRM's company id; first wins.",
    )
    past_due_days: int = Field(
        30,
        ge=0,
        description="Days after an unpaid invoice is due for which its subscription counts as past "
        "due; then it is unpaid. Not set, it follows [billing] past_due_days.",
    )
    allow_private_address: bool = Field(
        False, description="Let `base_url` be an address inside a private network."
    )

    @property
    def origin(self) -> str:
        """Where the API is; empty when neither `site` nor `base_url` is set."""
        if self.base_url:
            return self.base_url.rstrip("/")
        return f"https://{self.site}.chargebee.com" if self.site else ""

    @property
    def is_first_catalog(self) -> bool:
        """Does the site have plans and add-ons instead of items?"""
        return self.product_catalog == "1.0"
