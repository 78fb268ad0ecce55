"""Marketo: people and what marketing did with them, programs and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from revops_pipelines.engine.declarations import Source
from revops_pipelines.resources.sources.marketo.check import check
from revops_pipelines.resources.sources.marketo.client import connect
from revops_pipelines.resources.sources.marketo.offers import offers
from revops_pipelines.resources.sources.marketo.options import MarketoOptions
from revops_pipelines.resources.sources.marketo.streams import streams


def _sandbox_options(urls: Mapping[str, str]) -> Mapping[str, Any]:
    """The sandbox runs extracts in a tenth of a second and counts calls by a bucket of 100."""
    return {
        "base_url": urls["marketo"],
        "poll_seconds": 0.2,
        "rate_reached_seconds": 1,
        "requests_per_20_seconds": 200,
        "burst_requests": 100,
        "opportunities": True,
    }


SOURCE = Source(
    name="marketo",
    title="Marketo",
    area="marketing",
    secrets={"client_id": "MARKETO_CLIENT_ID", "client_secret": "MARKETO_CLIENT_SECRET"},
    options=MarketoOptions,
    connect=connect,
    check=check,
    streams=streams,
    offers=offers,
    sandbox_options=_sandbox_options,
)
