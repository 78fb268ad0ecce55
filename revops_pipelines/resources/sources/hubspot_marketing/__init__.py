"""HubSpot's marketing hub: contacts, campaigns and what they cost, mails, forms, lists.

For companies that run marketing in HubSpot, with HubSpot or another system as their CRM. Reads with
the same private app as the CRM's connector, from which it takes the client and the reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from revops_pipelines.engine.declarations import Source
from revops_pipelines.resources.sources.hubspot_marketing.check import check
from revops_pipelines.resources.sources.hubspot_marketing.client import connect
from revops_pipelines.resources.sources.hubspot_marketing.offers import offers
from revops_pipelines.resources.sources.hubspot_marketing.options import HubSpotMarketingOptions
from revops_pipelines.resources.sources.hubspot_marketing.streams import streams


def _sandbox_options(urls: Mapping[str, str]) -> Mapping[str, Any]:
    """Where the simulated company is; it keeps a campaign's channel in a property of its own."""
    return {
        "base_url": urls.get("hubspot_marketing") or urls["hubspot"],
        "channel_property": "channel",
    }


SOURCE = Source(
    name="hubspot_marketing",
    title="HubSpot Marketing",
    area="marketing",
    secrets={"access_token": "HUBSPOT_MARKETING_ACCESS_TOKEN"},
    options=HubSpotMarketingOptions,
    connect=connect,
    check=check,
    streams=streams,
    offers=offers,
    sandbox_options=_sandbox_options,
)
