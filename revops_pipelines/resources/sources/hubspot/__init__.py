"""HubSpot: the CRM's people, companies, deals with their history, and what was done with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from revops_pipelines.engine.declarations import Source
from revops_pipelines.resources.sources.hubspot.check import check
from revops_pipelines.resources.sources.hubspot.client import connect
from revops_pipelines.resources.sources.hubspot.offers import offers
from revops_pipelines.resources.sources.hubspot.options import HubSpotOptions
from revops_pipelines.resources.sources.hubspot.streams import streams


def _sandbox_options(urls: Mapping[str, str]) -> Mapping[str, Any]:
    """Where the simulated company is, and what its people would write into revops.toml."""
    return {
        "base_url": urls["hubspot"],
        "internal_domains": ("northbeam.example",),
        "small_below_employees": 200,
        "mid_below_employees": 1_500,
        "with_forecasts": True,
    }


SOURCE = Source(
    name="hubspot",
    title="HubSpot",
    area="CRM",
    secrets={"access_token": "HUBSPOT_ACCESS_TOKEN"},
    options=HubSpotOptions,
    connect=connect,
    check=check,
    streams=streams,
    offers=offers,
    sandbox_options=_sandbox_options,
)
