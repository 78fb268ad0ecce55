"""HubSpot: the CRM's people, companies, deals with their history, and what was done with them."""

from __future__ import annotations

from revops_pipelines.engine.declarations import Source
from revops_pipelines.resources.sources.hubspot.check import check
from revops_pipelines.resources.sources.hubspot.client import connect
from revops_pipelines.resources.sources.hubspot.offers import offers
from revops_pipelines.resources.sources.hubspot.options import HubSpotOptions
from revops_pipelines.resources.sources.hubspot.streams import streams

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
    sandbox_options=lambda urls: {"base_url": urls["hubspot"]},
)
