"""Plausible: visits and conversions of a website, by day, origin and landing page.

Belongs here: the declaration. The parts: `options` what may be configured, `client` how queries are
asked, `streams` and `pull` what is read and how, `offers` what it gives to the conformed entities,
`check` whether it can be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from revops_pipelines.engine.declarations import Source
from revops_pipelines.resources.sources.plausible.check import check
from revops_pipelines.resources.sources.plausible.client import connect
from revops_pipelines.resources.sources.plausible.offers import offers
from revops_pipelines.resources.sources.plausible.options import PlausibleOptions
from revops_pipelines.resources.sources.plausible.streams import streams


def _sandbox_options(urls: Mapping[str, str]) -> Mapping[str, Any]:
    """The sandbox's site has another goal beside the ones by which a hand is raised."""
    return {
        "base_url": urls["plausible"],
        "site_id": "northbeam.example",
        "goals": ("Contact Sales", "Request a Demo", "Start a Trial"),
    }


SOURCE = Source(
    name="plausible",
    title="Plausible",
    area="web",
    secrets={"api_key": "PLAUSIBLE_API_KEY"},
    options=PlausibleOptions,
    connect=connect,
    check=check,
    streams=streams,
    offers=offers,
    sandbox_options=_sandbox_options,
)
